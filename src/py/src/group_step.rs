//! What waits for a [`Group`]: a call that begins when a slot is free, and who waits for all.

use crate::acquire::Held;
use crate::gc::visit_value;
use crate::group::Group;
use crate::operation::Queued;
use crate::registration::Queue;
use crate::value::Value;
use crate::wake::Waker;
use gochan_core::Outcome;
use gochan_core::semaphore::AcquireStart;
use gochan_core::sys::Arc;
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A function and its arguments.
#[derive(Debug)]
pub struct Call {
    function: Value,
    args: Value,
    kwargs: Option<Value>,
}

type Opened<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>);

impl Call {
    pub fn new(
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<Bound<'_, PyDict>>,
    ) -> Self {
        Self {
            function: Value::new(function),
            args: Value::new(args.into_any()),
            kwargs: kwargs.map(|kwargs| Value::new(kwargs.into_any())),
        }
    }

    pub fn open(self, py: Python<'_>) -> PyResult<Opened<'_>> {
        let args = self.args.into_bound(py).cast_into::<PyTuple>()?;
        let kwargs = match self.kwargs {
            Some(kwargs) => Some(kwargs.into_bound(py).cast_into::<PyDict>()?),
            None => None,
        };
        Ok((self.function.into_bound(py), args, kwargs))
    }

    fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit_value(visit, &self.function)?;
        visit_value(visit, &self.args)?;
        self.kwargs
            .as_ref()
            .map_or(Ok(()), |kwargs| visit_value(visit, kwargs))
    }
}

#[derive(Debug)]
pub enum Step {
    /// A goroutine, as soon as there is a slot for it.
    Go { group: Py<Group>, call: Option<Call> },
    Wait {
        group: Py<Group>,
        /// Of the `with` block that it leaves: then only that error is raised.
        body_failed: bool,
    },
    /// Leaving a `with` block: as `Wait`, but an error that ends the wait ends the group's context too, as one in the body does.
    Leave { group: Py<Group> },
}

impl Step {
    pub fn go(group: &Bound<'_, Group>, call: Call) -> Self {
        Self::Go {
            group: group.clone().unbind(),
            call: Some(call),
        }
    }

    fn group(&self) -> &Py<Group> {
        match self {
            Self::Go { group, .. } | Self::Wait { group, .. } | Self::Leave { group } => group,
        }
    }

    /// With all it waits for.
    fn result(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Go { group, call } => {
                let group = group.bind(py);
                let Some(call) = call.take() else {
                    group.get().gives_slot();
                    return Err(PyRuntimeError::new_err("this operation was awaited already"));
                };
                Group::start(group, call).map(|goroutine| goroutine.into_any().unbind())
            }
            Self::Wait { group, body_failed } => Group::over(group.bind(py), *body_failed),
            Self::Leave { group } => Group::over(group.bind(py), false),
        }
    }

    pub fn attempt(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let group = self.group().get();
        let has = match self {
            Self::Go { .. } => group.slots().is_none_or(|slots| slots.try_acquire(1)),
            Self::Wait { .. } | Self::Leave { .. } => group.running().count() == 0,
        };
        if has { self.result(py).map(Some) } else { Ok(None) }
    }

    pub fn queue(&mut self, py: Python<'_>, waker: &mut dyn FnMut(u32) -> Waker) -> PyResult<Queued> {
        let group = self.group().get();
        let parked = match (&*self, group.slots()) {
            (Self::Go { .. }, Some(slots)) => match slots.acquire_or_park_with(1, || waker(0)) {
                AcquireStart::Acquired => None,
                AcquireStart::Parked(ticket) => Some(ticket),
            },
            (Self::Go { .. }, None) => None,
            (Self::Wait { .. } | Self::Leave { .. }, _) => {
                match group.running().wait_or_park_with(|| waker(0)) {
                    WaitStart::Released => None,
                    WaitStart::Parked(ticket) => Some(ticket),
                }
            }
        };
        match parked {
            None => self.result(py).map(Queued::Not),
            Some(ticket) => Ok(Queued::In(ticket)),
        }
    }

    /// A peer ended the wait: a slot is ours, or nothing runs any more.
    pub fn finish(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.result(py)
    }

    /// The wait ended with an error.
    pub fn interrupted(&self, py: Python<'_>, error: PyErr) -> PyErr {
        if let Self::Leave { group } = self {
            let cause = error.value(py).clone().into_any();
            if let Err(failed) = group.get().cancel(py, Some(cause)) {
                crate::guard::write_unraisable(py, failed, Some(group.bind(py).as_any()));
            }
        }
        error
    }

    /// Whether an error that ends it has something to do first.
    pub fn is_leaving(&self) -> bool {
        matches!(self, Self::Leave { .. })
    }

    pub fn stays_in(&self) -> Option<Queue> {
        let group = self.group().get();
        match self {
            Self::Go { .. } => group
                .slots()
                .map(|slots| Queue::Held(Held::Permits(Arc::clone(slots), 1))),
            Self::Wait { .. } | Self::Leave { .. } => Some(Queue::Group(Arc::clone(group.running()))),
        }
    }

    pub fn forget(&self, ticket: Ticket) {
        let group = self.group().get();
        match self {
            Self::Go { .. } => {
                if let Some(slots) = group.slots() {
                    slots.forget(ticket);
                }
            }
            Self::Wait { .. } | Self::Leave { .. } => group.running().forget(ticket),
        }
    }

    pub fn give_back(&self, outcome: &Outcome<Value>) {
        if let (Self::Go { group, .. }, Outcome::Granted) = (self, outcome) {
            group.get().gives_slot();
        }
    }

    pub fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Go { .. } => ("Group.go()", "Group.ago()"),
            Self::Wait {
                body_failed: false, ..
            } => ("Group.wait()", "Group.__await__()"),
            Self::Wait {
                body_failed: true, ..
            }
            | Self::Leave { .. } => ("leaving `with group`", "leaving `async with group`"),
        }
    }

    pub fn advice(&self) -> &'static str {
        match self {
            Self::Go { .. } => "await group.ago(function)",
            Self::Wait { .. } | Self::Leave { .. } => "await group` or `async with group",
        }
    }

    pub fn on(&self, py: Python<'_>) -> String {
        Group::describe(self.group().bind(py))
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.group())?;
        match self {
            Self::Go { call: Some(call), .. } => call.traverse(visit),
            _ => Ok(()),
        }
    }
}
