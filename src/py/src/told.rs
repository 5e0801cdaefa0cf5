//! Who is told of a goroutine's end, besides those who wait for its handle.

use crate::goroutine::Goroutine;
use crate::group::Group;
use crate::guard;
use crate::wait_group::WaitGroup;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// What counts the goroutine: from before it is put into a queue until its end is on its handle.
#[derive(Debug)]
pub enum Told {
    WaitGroup(Py<WaitGroup>),
    Group(Py<Group>),
}

impl Told {
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::WaitGroup(group) => Self::WaitGroup(group.clone_ref(py)),
            Self::Group(group) => Self::Group(group.clone_ref(py)),
        }
    }

    pub fn begins(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::WaitGroup(group) => group.get().change(py, 1),
            Self::Group(group) => group.get().begins(py),
        }
    }

    /// It was counted, and could not be started.
    pub fn never_began(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::WaitGroup(group) => group.get().change(py, -1),
            Self::Group(group) => group.get().takes_one(py),
        }
    }

    /// Nobody is there to catch an error: the counter of a WaitGroup can be too low through a `done()` of the user's own.
    pub fn ended(self, goroutine: &Bound<'_, Goroutine>, failed: bool) {
        let py = goroutine.py();
        let (object, told) = match self {
            Self::WaitGroup(group) => {
                let told = group.get().change(py, -1);
                (group.into_bound(py).into_any(), told)
            }
            Self::Group(group) => {
                let group = group.into_bound(py);
                let told = Group::ended(&group, failed.then_some(goroutine));
                (group.into_any(), told)
            }
        };
        if let Err(error) = told {
            guard::raise_later(py, error, Some(&object));
        }
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::WaitGroup(group) => visit.call(group),
            Self::Group(group) => visit.call(group),
        }
    }
}
