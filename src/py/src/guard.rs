//! Calling Python from a thread that the interpreter may let go of.
//!
//! Up to CPython 3.13, a thread that wants the GIL back after finalization began is ended with
//! `pthread_exit`, which unwinds its stack by force. Through a Rust frame that is declared not to
//! unwind, this aborts the process. PyO3 protects its own attach and detach; what it can not protect
//! is a call of ours *into* Python code that lets go of the GIL in there.
//!
//! So each such call goes through a function pointer of the `C-unwind` ABI, with a guard on the stack
//! whose drop never returns: the forced unwind stops there and the thread sleeps until the process is
//! gone, as CPython 3.14 does by itself. The pointer must be opaque: the compiler merges a second
//! `extern` declaration with PyO3's and then knows, wrongly, that the call can not unwind.

use crate::world;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::ffi::c_int;

/// Sleeps for ever when it is dropped, which only a forced unwind does.
pub struct NeverReturn;

impl Drop for NeverReturn {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type Decref = unsafe extern "C-unwind" fn(*mut ffi::PyObject);

/// `callable(*arguments)`, safe in threads that the interpreter lets go of.
pub fn call<'py, const N: usize>(
    callable: &Bound<'py, PyAny>,
    arguments: [&Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyAny>> {
    gochan_core::lock::assert_none_held("calling Python");
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(
                *mut ffi::PyObject,
                *const *mut ffi::PyObject,
                usize,
                *mut ffi::PyObject,
            ) -> *mut ffi::PyObject,
            Vectorcall,
        >(ffi::PyObject_Vectorcall)
    });
    let arguments = arguments.map(Bound::as_ptr);
    let guard = NeverReturn;
    // SAFETY: attached, live objects; the result is a new reference or null with an error.
    let result = unsafe { function(callable.as_ptr(), arguments.as_ptr(), N, std::ptr::null_mut()) };
    std::mem::forget(guard);
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

type Call = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// `callable(*arguments, **keywords)`, safe in threads that the interpreter lets go of.
pub fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    gochan_core::lock::assert_none_held("calling Python");
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(
                *mut ffi::PyObject,
                *mut ffi::PyObject,
                *mut ffi::PyObject,
            ) -> *mut ffi::PyObject,
            Call,
        >(ffi::PyObject_Call)
    });
    let keywords = keywords.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let guard = NeverReturn;
    // SAFETY: attached, live objects; the result is a new reference or null with an error.
    let result = unsafe { function(callable.as_ptr(), arguments.as_ptr(), keywords) };
    std::mem::forget(guard);
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

/// `object.name(*arguments)`, safe in threads that the interpreter lets go of.
pub fn call_method<'py, const N: usize>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    arguments: [&Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyAny>> {
    call(&object.getattr(name)?, arguments)
}

/// Tells `sys.unraisablehook` of an error, safe in threads that the interpreter lets go of: the hook prints, and printing lets go of
/// the GIL.
pub fn write_unraisable(py: Python<'_>, error: PyErr, place: Option<&Bound<'_, PyAny>>) {
    gochan_core::lock::assert_none_held("reporting an error");
    error.restore(py);
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<unsafe extern "C" fn(*mut ffi::PyObject), Decref>(ffi::PyErr_WriteUnraisable)
    });
    let guard = NeverReturn;
    // SAFETY: attached, with an error set; a live object or null.
    unsafe { function(place.map_or(std::ptr::null_mut(), Bound::as_ptr)) };
    std::mem::forget(guard);
}

type HashOf = unsafe extern "C-unwind" fn(*mut ffi::PyObject) -> ffi::Py_hash_t;

/// `hash(object)`, safe in threads that the interpreter lets go of.
pub fn hash(object: &Bound<'_, PyAny>) -> PyResult<ffi::Py_hash_t> {
    gochan_core::lock::assert_none_held("calling Python");
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<unsafe extern "C" fn(*mut ffi::PyObject) -> ffi::Py_hash_t, HashOf>(
            ffi::PyObject_Hash,
        )
    });
    let guard = NeverReturn;
    // SAFETY: attached, a live object.
    let hash = unsafe { function(object.as_ptr()) };
    std::mem::forget(guard);
    if hash == -1 {
        return Err(PyErr::fetch(object.py()));
    }
    Ok(hash)
}

type Compare = unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut ffi::PyObject, c_int) -> c_int;

/// Whether two objects are one or equal, as a dict sees it; safe in threads that the interpreter lets go of.
pub fn equal(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    gochan_core::lock::assert_none_held("calling Python");
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, c_int) -> c_int,
            Compare,
        >(ffi::PyObject_RichCompareBool)
    });
    let guard = NeverReturn;
    // SAFETY: attached, live objects.
    let equal = unsafe { function(one.as_ptr(), other.as_ptr(), ffi::Py_EQ) };
    std::mem::forget(guard);
    if equal < 0 {
        return Err(PyErr::fetch(one.py()));
    }
    Ok(equal == 1)
}

/// For an error in a place that can not raise. Ctrl-C is not lost: it is signalled once more, and comes
/// out of what the main thread runs next. (When the program ends there is no later: it would come out of the next
/// `finally` block, and cut that short.)
pub fn raise_later(py: Python<'_>, error: PyErr, place: Option<&Bound<'_, PyAny>>) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) && !world::is_stopped() {
        // SAFETY: no conditions.
        unsafe { ffi::PyErr_SetInterrupt() };
    } else {
        write_unraisable(py, error, place);
    }
}

/// Runs something in Python that must not be missed, in a place that can not raise. Signal handlers run as a function in Python
/// begins: so they run first, or what one raises would come out in place of the call.
pub fn run_whole(py: Python<'_>, place: Option<&Bound<'_, PyAny>>, run: impl FnOnce() -> PyResult<()>) {
    with_error_aside(py, || {
        let interrupted = py.check_signals().err();
        for error in run().err().into_iter().chain(interrupted) {
            raise_later(py, error, place);
        }
    });
}

/// What a look at somebody's object found, where nothing is an answer too. An `Exception` that its `__getattr__` raises means
/// nothing; what is none, such as a Ctrl-C that came in there, was not the object's and is raised later.
pub fn found<T>(py: Python<'_>, looked: PyResult<T>) -> Option<T> {
    looked
        .map_err(|error| {
            if !error.is_instance_of::<PyException>(py) {
                raise_later(py, error, None);
            }
        })
        .ok()
}

/// Gives up one reference, safe in threads that the interpreter lets go of: a `__del__` may run.
///
/// # Safety
/// The thread is attached and owns a reference to `object`.
#[inline]
pub unsafe fn decref(object: *mut ffi::PyObject) {
    gochan_core::lock::assert_none_held("dropping a Python object");
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed.
    let function = std::hint::black_box(unsafe {
        std::mem::transmute::<unsafe extern "C" fn(*mut ffi::PyObject), Decref>(ffi::Py_DecRef)
    });
    let guard = NeverReturn;
    // SAFETY: the caller's promise.
    unsafe { function(object) };
    std::mem::forget(guard);
}

/// Runs something that may call Python in a place where an exception may be on its way already, such
/// as a drop: the interpreter must not be called with one set. It is put back afterwards.
pub fn with_error_aside<R>(py: Python<'_>, run: impl FnOnce() -> R) -> R {
    let pending = PyErr::take(py);
    let result = run();
    if let Some(pending) = pending {
        pending.restore(py);
    }
    result
}
