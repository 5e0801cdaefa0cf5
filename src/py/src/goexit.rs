//! `goexit()`: a goroutine ends itself. Every operation of gochan raises in it until it has ended.

use crate::current;
use crate::goroutine::flag;
use crate::kept::Kept;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Goroutines that were told to exit and have not ended: while there are none, operations do not look further.
static EXITING: AtomicUsize = AtomicUsize::new(0);

pub fn exit_is_over() {
    EXITING.fetch_sub(1, Ordering::AcqRel);
}

fn goexit_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: Kept<Py<PyAny>> = Kept::new();
    CLASS
        .get_or_try_init(py, || Ok(py.import("gochan.errors")?.getattr("GoExit")?.unbind()))
        .map(|class| class.bind(py))
}

pub fn is_goexit(py: Python<'_>, error: &Bound<'_, PyAny>) -> bool {
    EXITING.load(Ordering::Acquire) != 0
        && goexit_class(py).is_ok_and(|class| error.is_instance(class).unwrap_or(false))
}

fn goexit_error(py: Python<'_>) -> PyErr {
    match goexit_class(py).and_then(PyAnyMethods::call0) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Ends the calling goroutine: its `finally` blocks run, nothing else of it. Go's runtime.Goexit.
///
/// Its result is None, and it counts as ended without an error. In the main goroutine of `run()` it ends that one only:
/// the others go on. RuntimeError outside of a goroutine.
#[pyfunction]
pub fn goexit(py: Python<'_>) -> PyResult<()> {
    let Some(goroutine) = current::goroutine(py) else {
        return Err(PyRuntimeError::new_err(
            "goexit() ends the calling goroutine, and this thread runs none: use it in a function started with go() or run()",
        ));
    };
    if goroutine.get().set(flag::EXITING) {
        EXITING.fetch_add(1, Ordering::AcqRel);
    }
    Err(goexit_error(py))
}

/// Raises again in a goroutine that has swallowed its `goexit()`. At the entrance of every operation.
#[inline]
pub fn check_exit(py: Python<'_>) -> PyResult<()> {
    if EXITING.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    check_exit_here(py)
}

/// Whether the fast front of an operation has to leave it to the slow one, which checks.
#[inline]
pub fn some_exit() -> bool {
    EXITING.load(Ordering::Relaxed) != 0
}

#[cold]
fn check_exit_here(py: Python<'_>) -> PyResult<()> {
    match current::goroutine(py) {
        Some(goroutine) if goroutine.get().has(flag::EXITING) && !is_on_its_way(py) => Err(goexit_error(py)),
        _ => Ok(()),
    }
}

/// Whether a `finally` or `except` block runs because of it: there a goroutine may do what it likes. It is swallowed only
/// when no such block is left.
fn is_on_its_way(py: Python<'_>) -> bool {
    // SAFETY: attached; a new reference or null.
    let mut handled = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetHandledException()) };
    while let Some(error) = handled.filter(|error| !error.is_none()) {
        if is_goexit(py, &error) {
            return true;
        }
        // An error on the way out: what it was raised in the course of.
        // SAFETY: attached, an exception; a new reference or null.
        handled = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetContext(error.as_ptr())) };
    }
    false
}
