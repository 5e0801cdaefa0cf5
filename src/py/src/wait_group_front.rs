//! `WaitGroup.add` and `done` as bare C functions, for the steps that release nobody: all but the last of a group.

use crate::coroutine;
use crate::front;
use crate::wait_group::WaitGroup;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static BEHIND_ADD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static BEHIND_DONE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

pub fn put_in_front(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<WaitGroup>();
    BEHIND_ADD.get_or_try_init(py, || class.getattr("add").map(Bound::unbind))?;
    BEHIND_DONE.get_or_try_init(py, || class.getattr("done").map(Bound::unbind))?;
    front::method(&class, c"add", add, BEHIND_ADD.get(py))?;
    front::method(&class, c"done", done, BEHIND_DONE.get(py))
}

/// Whether the counter took the step, and nobody has to be woken for it.
///
/// # Safety
/// Attached, and `object` is a live WaitGroup, which the method descriptor has checked.
#[inline]
unsafe fn step(object: *mut ffi::PyObject, delta: i64) -> bool {
    // SAFETY: the caller's promise.
    let group =
        unsafe { Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<WaitGroup>() };
    !coroutine::some_exit() && group.get().core().add_at_once(delta)
}

unsafe extern "C" fn add(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called as a method of this class, so attached and with live arguments.
    unsafe {
        let delta = match count {
            _ if !names.is_null() => None,
            0 => Some(1),
            1 if ffi::PyLong_CheckExact(*arguments) == 1 => {
                let mut overflow = 0;
                let delta = ffi::PyLong_AsLongLongAndOverflow(*arguments, &raw mut overflow);
                // An exact int that fits: no error can be set.
                (overflow == 0).then_some(delta)
            }
            _ => None,
        };
        if delta.is_some_and(|delta| step(object, delta)) {
            return ffi::Py_NewRef(ffi::Py_None());
        }
        front::fall_back(&BEHIND_ADD, object, arguments, count, names)
    }
}

unsafe extern "C" fn done(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `add`.
    unsafe {
        if count == 0 && names.is_null() && step(object, -1) {
            return ffi::Py_NewRef(ffi::Py_None());
        }
        front::fall_back(&BEHIND_DONE, object, arguments, count, names)
    }
}
