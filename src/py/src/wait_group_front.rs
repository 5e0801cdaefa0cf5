//! `WaitGroup.add` and `done` as bare C functions, for the steps that release nobody: all but the last of a group.

use crate::front::{self, front};
use crate::goexit;
use crate::kept::Kept;
use crate::wait_group::WaitGroup;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyInt;

static BEHIND_ADD: Kept<Py<PyAny>> = Kept::new();
static BEHIND_DONE: Kept<Py<PyAny>> = Kept::new();

pub fn put_in_front(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<WaitGroup>();
    front::method(&class, c"add", add, &BEHIND_ADD)?;
    front::method(&class, c"done", done, &BEHIND_DONE)
}

front!(add, BEHIND_ADD, add_now);
front!(done, BEHIND_DONE, done_now);

/// # Safety
/// Attached, and `object` is a live WaitGroup.
#[inline]
unsafe fn add_now(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    let delta = match given {
        [] => 1,
        [delta] if delta.is_exact_instance_of::<PyInt>() => delta.extract().ok()?,
        _ => return None,
    };
    // SAFETY: the caller's promise.
    unsafe { step(object, delta) }
}

/// # Safety
/// As for [`add_now`].
#[inline]
unsafe fn done_now(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    if !given.is_empty() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe { step(object, -1) }
}

/// None where the counter did not take the step, or somebody has to be woken for it.
///
/// # Safety
/// As for [`add_now`].
#[inline]
unsafe fn step(object: *mut ffi::PyObject, delta: i64) -> Option<*mut ffi::PyObject> {
    // SAFETY: the caller's promise.
    let group =
        unsafe { Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<WaitGroup>() };
    let done = !goexit::some_exit() && group.get().core().add_at_once(delta);
    done.then(|| group.py().None().into_ptr())
}
