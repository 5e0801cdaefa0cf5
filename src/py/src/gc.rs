//! What the garbage collector sees of gochan's objects.
//!
//! Rule 4 of the design: every reference to a Python object is counted once and shown once. A channel's
//! values and wakers are shown by the one Python object that owns the core; views and waiters show that
//! owner instead. A lock over Python objects is only taken by attached threads, so during a collection
//! it is free, or held by the collecting thread itself in all phases of that collection; then the
//! object shows nothing, in all phases, and counts as reachable.

use crate::value::Value;
use crate::wake::{ChanCore, Waker};
use gochan_core::channel::Held;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::mem::ManuallyDrop;

pub fn visit_value(visit: PyVisit<'_>, value: &Value) -> Result<(), PyTraverseError> {
    // SAFETY: a second owner of the reference for the time of the visit, never dropped: the count
    // stays what it is, as a collector's visit demands.
    let object = ManuallyDrop::new(unsafe { std::ptr::read((&raw const *value).cast::<Py<PyAny>>()) });
    visit.call(&*object)
}

pub fn visit_waker(visit: PyVisit<'_>, waker: &Waker) -> Result<(), PyTraverseError> {
    match waker {
        Waker::Thread(..) => Ok(()),
        Waker::Asyncio(task) => visit.call(&task.host),
        Waker::Goroutine(_, routine) => visit_value(visit, routine.value()),
        Waker::GoroutineBesides(wait) => visit_value(visit, wait.host.value()),
    }
}

pub fn visit_chan(visit: PyVisit<'_>, core: &ChanCore) -> Result<(), PyTraverseError> {
    let mut result = Ok(());
    core.try_visit(&mut |held| {
        if result.is_ok() {
            result = match held {
                Held::Value(value) => visit_value(visit, value),
                Held::Waker(waker) => visit_waker(visit, waker),
            };
        }
    });
    result
}

/// Of a primitive that keeps nothing but who waits. `show` is its `try_visit`.
pub fn visit_waiters(
    visit: PyVisit<'_>,
    show: impl FnOnce(&mut dyn FnMut(&Waker)) -> bool,
) -> Result<(), PyTraverseError> {
    let mut result = Ok(());
    show(&mut |waker| {
        if result.is_ok() {
            result = visit_waker(visit, waker);
        }
    });
    result
}
