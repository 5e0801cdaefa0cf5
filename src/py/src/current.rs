//! What runs on this thread.
//!
//! One thread-local for all of it, because each look at a thread-local of an extension module is a function call.

use crate::collection;
use crate::goroutine::Goroutine;
use crate::scope::Scope;
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sys::Arc;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::Cell;
use std::ptr::null_mut;

#[derive(Debug)]
struct Current {
    /// The goroutine, borrowed from whoever runs it; null outside of goroutines.
    goroutine: Cell<*mut ffi::PyObject>,
    /// Whether it is resumed step by step, so that its awaitables may park it.
    stepped: Cell<bool>,
    /// The permit this thread resumes goroutines with.
    permit: Cell<Option<(Permit, RunnerId)>>,
    /// While a goroutine is closed on this thread: how many operations of its were refused.
    closing: Cell<Option<u32>>,
    /// The event loop that was running in this thread when `run()` was called (in a Jupyter cell): borrowed,
    /// and only compared.
    outer_loop: Cell<*mut ffi::PyObject>,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            goroutine: Cell::new(null_mut()),
            stepped: Cell::new(false),
            permit: Cell::new(None),
            closing: Cell::new(None),
            outer_loop: Cell::new(null_mut()),
        }
    };
}

/// Makes a goroutine this thread's current one for as long as it lives.
#[derive(Debug)]
pub struct Running {
    outer: (*mut ffi::PyObject, bool),
}

impl Running {
    #[inline]
    pub fn enter(goroutine: &Bound<'_, Goroutine>, stepped: bool) -> Self {
        Self::swap(goroutine.as_ptr(), stepped)
    }

    #[inline]
    fn swap(goroutine: *mut ffi::PyObject, stepped: bool) -> Self {
        CURRENT.with(|current| Self {
            outer: (
                current.goroutine.replace(goroutine),
                current.stepped.replace(stepped),
            ),
        })
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| {
            current.goroutine.set(self.outer.0);
            current.stepped.set(self.outer.1);
        });
    }
}

/// A goroutine is closed on this thread for as long as this lives: what runs then belongs to no goroutine, and can not
/// wait. It may be in the middle of another goroutine, or of an event loop: the collector comes anywhere.
#[derive(Debug)]
pub struct Closing {
    _nobody: Running,
    outer: Option<u32>,
}

impl Closing {
    pub fn enter() -> Self {
        Self {
            _nobody: Running::swap(null_mut(), false),
            outer: CURRENT.with(|current| current.closing.replace(Some(0))),
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        CURRENT.with(|current| current.closing.set(self.outer));
    }
}

/// How many operations were refused to what is closed on this thread, by us or by the garbage collector; none if nothing is.
fn refused() -> Option<u32> {
    CURRENT
        .with(|current| current.closing.get())
        .or_else(collection::refused)
}

pub fn is_closing() -> bool {
    refused().is_some()
}

/// After so many refusals a coroutine that is being closed will not see reason.
const OFTEN: u32 = 100;

pub fn was_refused_often() -> bool {
    refused().is_some_and(|refused| refused >= OFTEN)
}

pub fn count_refusal() {
    CURRENT.with(|current| match current.closing.get() {
        Some(refused) => current.closing.set(Some(refused + 1)),
        None => collection::count_refusal(),
    });
}

/// What would have to wait is refused in a goroutine that is being closed: nobody would ever resume it.
pub fn refuse_while_closing(title: impl FnOnce() -> String) -> PyResult<()> {
    if !is_closing() {
        return Ok(());
    }
    count_refusal();
    let title = title();
    Err(PyRuntimeError::new_err(format!(
        "{title} has to wait, and this goroutine is being closed: nothing can wake it any more. In its `finally` \
         blocks use only what completes at once"
    )))
}

/// For the bottom of a goroutine thread, where a job begins and ends in different calls.
pub fn set_goroutine(goroutine: Option<&Bound<'_, Goroutine>>) {
    CURRENT.with(|current| {
        current.goroutine.set(goroutine.map_or(null_mut(), Bound::as_ptr));
        current.stepped.set(false);
    });
}

fn borrowed(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, Goroutine>> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: set from a live goroutine by the one who runs it, who holds it until after it is set back.
    Some(unsafe { Bound::from_borrowed_ptr(py, pointer).cast_into_unchecked() })
}

/// The goroutine that runs on this thread.
pub fn goroutine(py: Python<'_>) -> Option<Bound<'_, Goroutine>> {
    borrowed(py, CURRENT.with(|current| current.goroutine.get()))
}

/// The goroutine that this thread resumes, if it is one that can park by yielding; else null.
#[inline]
pub fn stepped_ptr() -> *mut ffi::PyObject {
    CURRENT.with(|current| {
        if current.stepped.get() {
            current.goroutine.get()
        } else {
            null_mut()
        }
    })
}

/// Whether this thread is in a step of a goroutine, perhaps in an event loop inside of that.
pub fn is_in_stepped(py: Python<'_>) -> bool {
    // SAFETY: attached, and it is this thread that resumes it.
    goroutine(py).is_some_and(|goroutine| unsafe { goroutine.get().body() }.is_some())
}

/// Whether awaitables may park the goroutine that runs on this thread; returns what was before.
pub fn set_stepped(stepped: bool) -> bool {
    CURRENT.with(|current| current.stepped.replace(stepped))
}

#[inline]
pub fn stepped(py: Python<'_>) -> Option<Bound<'_, Goroutine>> {
    borrowed(py, stepped_ptr())
}

/// The `run()` that what is started on this thread belongs to.
pub fn scope(py: Python<'_>) -> Option<Arc<Scope>> {
    goroutine(py)?.get().scope().cloned()
}

#[inline]
pub fn permit() -> Option<(Permit, RunnerId)> {
    CURRENT.with(|current| current.permit.get())
}

pub fn set_permit(permit: Option<(Permit, RunnerId)>) {
    CURRENT.with(|current| current.permit.set(permit));
}

pub fn outer_loop() -> *mut ffi::PyObject {
    CURRENT.with(|current| current.outer_loop.get())
}

pub fn set_outer_loop(outer: *mut ffi::PyObject) -> *mut ffi::PyObject {
    CURRENT.with(|current| current.outer_loop.replace(outer))
}

pub fn after_fork_in_child() {
    set_permit(None);
}
