//! The slots of an [`Awaitable`]'s type that are filled by hand.
//!
//! Up to 3.11 `await` calls `am_send`, from 3.12 on `tp_iternext`. PyO3 offers no `am_send`, and its `__next__` makes an exception
//! object for each value that is returned. So both are set in the type after it was made.

use super::step::Step;
use super::{Awaitable, POOL};
use crate::current;
use crate::goroutine::Goroutine;
use crate::value::Value;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PySystemError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::panic::AssertUnwindSafe;

/// # Safety
/// To be called once, attached, while nobody uses the type yet.
pub unsafe fn fill_slots(py: Python<'_>) {
    let class = py.get_type::<Awaitable>().as_type_ptr();
    // SAFETY: a heap type has its own `tp_as_async`; nobody looks at it concurrently.
    unsafe {
        (*class).tp_iternext = Some(iternext);
        (*class).tp_iter = Some(itself);
        (*(*class).tp_as_async).am_await = Some(itself);
        (*class).tp_dealloc = Some(dealloc);
        (*(*class).tp_as_async).am_send = Some(am_send);
        ffi::PyType_Modified(class);
    }
}

/// Runs one step for a slot and gives its end to `put`. A panic becomes a Python exception, as in
/// PyO3's own trampolines. Attached already; attaching once more only tells PyO3, and is refused
/// when the interpreter is nearly gone.
///
/// # Safety
/// Called in a slot of this type with the slot's object.
unsafe fn step<R>(
    object: *mut ffi::PyObject,
    put: impl FnOnce(Python<'_>, PyResult<Step>) -> R,
) -> Option<R> {
    let stepped = current::stepped_ptr();
    let run = |py: Python<'_>| {
        // SAFETY: the caller's promise: an instance of the type, which is alive, and the caller holds it.
        let slf = unsafe { Borrowed::from_ptr(py, object).cast_unchecked::<Awaitable>() };
        // SAFETY: set by the runner that resumes it on this thread, and holds it meanwhile.
        let stepped = (!stepped.is_null())
            .then(|| unsafe { Borrowed::from_ptr(py, stepped).cast_unchecked::<Goroutine>() });
        let end = std::panic::catch_unwind(AssertUnwindSafe(|| Awaitable::step(slf, stepped)));
        put(
            py,
            end.unwrap_or_else(|_| Err(PySystemError::new_err("panic in an operation of gochan"))),
        )
    };
    if !stepped.is_null() {
        // A runner called Python, so PyO3 knows of this thread already.
        // SAFETY: attached, as every slot.
        return Some(run(unsafe { Python::assume_attached() }));
    }
    Python::try_attach(run)
}

/// An awaitable that raises StopIteration would return a value instead: as in a generator, it
/// becomes a RuntimeError.
pub fn not_a_result(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let raised = PyRuntimeError::new_err("the awaited operation raised StopIteration");
    raised.set_cause(py, Some(error));
    raised
}

/// What a slot says when the interpreter is nearly gone.
///
/// # Safety
/// Attached.
#[cold]
unsafe fn too_late() {
    // SAFETY: attached, a constant string.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"the interpreter is exiting".as_ptr()) };
}

/// `__await__` and `__iter__`.
unsafe extern "C" fn itself(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called as a slot, with a live object.
    unsafe { ffi::Py_NewRef(object) }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called as this type's slot; it has no subclasses.
    unsafe { POOL.dealloc(object, Awaitable::is_empty, true) };
}

/// The first step, if it is one of those that are over at once. PyO3 need not know of it: what is dropped here is not PyO3's.
///
/// # Safety
/// Called in a slot of this type with the slot's object.
#[inline(always)] // as `move_at_once`
#[allow(clippy::inline_always)]
unsafe fn step_at_once(object: *mut ffi::PyObject) -> Option<Value> {
    // SAFETY: the caller's promise: attached, an instance of the type, which is alive, and the caller holds it.
    unsafe {
        let py = Python::assume_attached();
        let slf = Borrowed::from_ptr(py, object).cast_unchecked::<Awaitable>();
        slf.get().step_at_once(py)
    }
}

unsafe extern "C" fn am_send(
    object: *mut ffi::PyObject,
    _argument: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: called as a slot; `result` is the caller's out-parameter.
    unsafe {
        if let Some(value) = step_at_once(object) {
            *result = value.into_ptr();
            return ffi::PySendResult::PYGEN_RETURN;
        }
    }
    let mut out = std::ptr::null_mut();
    let put = |py: Python<'_>, end| match end {
        Ok(Step::Return(value)) => {
            out = Py::into_ptr(value);
            ffi::PySendResult::PYGEN_RETURN
        }
        Ok(Step::Yield(waiter)) => {
            out = Py::into_ptr(waiter);
            ffi::PySendResult::PYGEN_NEXT
        }
        Err(error) => {
            PyErr::restore(error, py);
            ffi::PySendResult::PYGEN_ERROR
        }
    };
    // SAFETY: called as a slot; `result` is the caller's out-parameter.
    unsafe {
        let sent = step(object, put).unwrap_or_else(|| {
            too_late();
            ffi::PySendResult::PYGEN_ERROR
        });
        *result = out;
        sent
    }
}

unsafe extern "C" fn iternext(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called as a slot.
    unsafe {
        if let Some(value) = step_at_once(object) {
            raise_stop_iteration(value.into_ptr());
            return std::ptr::null_mut();
        }
    }
    let put = |py: Python<'_>, end| match end {
        Ok(Step::Yield(waiter)) => Py::into_ptr(waiter),
        Ok(Step::Return(value)) => {
            // SAFETY: attached, in a slot.
            unsafe { raise_stop_iteration(Py::into_ptr(value)) };
            std::ptr::null_mut()
        }
        Err(error) => {
            PyErr::restore(error, py);
            std::ptr::null_mut()
        }
    };
    // SAFETY: called as a slot.
    unsafe {
        step(object, put).unwrap_or_else(|| {
            too_late();
            std::ptr::null_mut()
        })
    }
}

pub fn stop_iteration(value: Bound<'_, PyAny>) -> PyErr {
    let py = value.py();
    // Called with one argument even for a tuple or an exception, which would be taken apart else.
    match py.get_type::<PyStopIteration>().call1((value,)) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Sets `StopIteration(value)`. From 3.12 on every `await` of a ready operation comes through here
/// and takes the exception apart at once, so it is made without its constructor, and without
/// arguments: only `value` is looked at.
///
/// # Safety
/// Attached; the reference to `value` goes over.
unsafe fn raise_stop_iteration(value: *mut ffi::PyObject) {
    // SAFETY: attached, and StopIteration is a plain exception class with a `tp_new`.
    unsafe {
        let class = ffi::PyExc_StopIteration.cast::<ffi::PyTypeObject>();
        let empty = ffi::PyTuple_New(0);
        let error = match (*class).tp_new {
            Some(new) if !empty.is_null() => new(class, empty, std::ptr::null_mut()),
            _ => std::ptr::null_mut(),
        };
        ffi::Py_XDECREF(empty);
        if error.is_null() {
            ffi::Py_DECREF(value);
            return;
        }
        let slot = &raw mut (*error.cast::<ffi::PyStopIterationObject>()).value;
        let old = std::mem::replace(&mut *slot, value);
        ffi::Py_XDECREF(old);
        #[cfg(Py_3_12)]
        ffi::PyErr_SetRaisedException(error);
        #[cfg(not(Py_3_12))]
        {
            ffi::Py_INCREF(ffi::PyExc_StopIteration);
            ffi::PyErr_Restore(ffi::PyExc_StopIteration, error, std::ptr::null_mut());
        }
    }
}
