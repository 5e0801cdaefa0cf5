//! The class `Chan` itself, and its fast front.
//!
//! `Chan` has two bases, which PyO3 can not express, so it is made by calling `type`, as a class
//! statement would do. The methods on the hot path are put in front of the inherited ones as bare C
//! functions of exactly this class: they do the one thing that completes at once, and leave all else
//! (waiting, errors, keywords) to the method they stand in front of.

use crate::awaitable::Awaitable;
use crate::chan::{ChanBase, RecvChan, SendChan};
use crate::face::Face;
use crate::front::{self, front};
use crate::goexit;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::value::{Ref, Value};
use crate::wake::ChanCore;
use gochan_core::error::TrySendError;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::ptr::null_mut;

const SIGNATURE: &str = "Chan(capacity=0)\n--\n\n";
const DOC: &str = "A typed conduit between goroutines, threads and asyncio tasks. \
Go's make(chan T, capacity).\n\n`Chan[int](3)` is the typed spelling. With capacity 0 each send waits for its \
receiver.";

/// The methods in front, and what stands behind each.
static BEHIND_SEND: Kept<Py<PyAny>> = Kept::new();
static BEHIND_RECV: Kept<Py<PyAny>> = Kept::new();

static BEHIND_ASEND: Kept<Py<PyAny>> = Kept::new();
static BEHIND_ARECV: Kept<Py<PyAny>> = Kept::new();

static CHAN: Kept<Py<PyType>> = Kept::new();

/// Whether a class is `Chan` or derives from it.
pub fn is_chan(class: &Bound<'_, PyType>) -> PyResult<bool> {
    match CHAN.get(class.py()) {
        Some(chan) => class.is_subclass(chan.bind(class.py())),
        None => Ok(false),
    }
}

/// A channel that receives, if it is one.
#[inline]
pub fn receiver_of<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, RecvChan>> {
    let is_chan = CHAN
        .get(object.py())
        .is_some_and(|chan| object.get_type_ptr() == chan.as_ptr().cast());
    if is_chan {
        // Nearly always. Its base would be found by a walk through the classes it is made of.
        // SAFETY: `Chan` derives from `RecvChan`.
        return Some(unsafe { object.cast_unchecked() });
    }
    object.cast().ok()
}

/// Whether it is one of the three classes themselves.
pub fn is_ours(class: &Bound<'_, PyType>) -> bool {
    let py = class.py();
    CHAN.get(py).is_some_and(|chan| class.is(chan))
        || class.is(py.get_type::<SendChan>())
        || class.is(py.get_type::<RecvChan>())
}

pub fn make(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let (sends, receives) = (py.get_type::<SendChan>(), py.get_type::<RecvChan>());
    let body = PyDict::new(py);
    body.set_item("__slots__", PyTuple::empty(py))?;
    body.set_item("__module__", "gochan")?;
    body.set_item("__doc__", format!("{SIGNATURE}{DOC}"))?;
    for (name, getter, doc) in [
        (
            "sender",
            wrap_pyfunction!(sender, py)?,
            "The same channel, for sending only.",
        ),
        (
            "receiver",
            wrap_pyfunction!(receiver, py)?,
            "The same channel, for receiving only.",
        ),
    ] {
        let property = py.import("builtins")?.getattr("property")?;
        body.set_item(name, property.call1((getter, py.None(), py.None(), doc))?)?;
    }
    let class = py
        .get_type::<PyType>()
        .call1(("Chan", (&sends, &receives), body))?
        .cast_into::<PyType>()?;
    // What `inspect.signature` reads is in place now; what people read has no need of it.
    class.setattr("__doc__", DOC)?;
    front::method(&class, c"send", send, &BEHIND_SEND)?;
    front::method(&class, c"recv", recv, &BEHIND_RECV)?;
    front::method(&class, c"asend", asend, &BEHIND_ASEND)?;
    front::method(&class, c"arecv", arecv, &BEHIND_ARECV)?;
    Ok(CHAN.get_or_init(py, || class.unbind()).bind(py).clone())
}

/// A view can not be turned around, not even through the property's own function.
fn check_whole(chan: &Bound<'_, ChanBase>) -> PyResult<()> {
    if is_chan(&chan.get_type())? {
        return Ok(());
    }
    Err(PyTypeError::new_err("only a Chan has views; this is one itself"))
}

#[pyfunction]
fn sender(chan: &Bound<'_, ChanBase>) -> PyResult<Py<SendChan>> {
    check_whole(chan)?;
    let view = ChanBase::view(chan.get().core(), chan.clone().into_any().unbind());
    Py::new(chan.py(), PyClassInitializer::from(view).add_subclass(SendChan))
}

#[pyfunction]
fn receiver(chan: &Bound<'_, ChanBase>) -> PyResult<Py<RecvChan>> {
    check_whole(chan)?;
    let view = ChanBase::view(chan.get().core(), chan.clone().into_any().unbind());
    Py::new(chan.py(), PyClassInitializer::from(view).add_subclass(RecvChan))
}

/// The channel behind `self`.
///
/// # Safety
/// Attached, and `object` is a live instance of `_ChanBase`, which the method descriptor has checked.
#[inline]
unsafe fn core_of<'a>(object: *mut ffi::PyObject) -> &'a ChanCore {
    // SAFETY: the caller's promise; the caller of the method holds the object over the whole call.
    unsafe {
        let py = Python::assume_attached();
        let object = Borrowed::from_ptr(py, object).cast_unchecked::<ChanBase>();
        &*std::ptr::from_ref(object.get().core().as_ref())
    }
}

front!(send, BEHIND_SEND, send_now);
front!(recv, BEHIND_RECV, recv_now);
front!(asend, BEHIND_ASEND, send_later);
front!(arecv, BEHIND_ARECV, recv_later);

/// # Safety
/// As for [`core_of`].
#[inline]
unsafe fn send_now(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    let [value] = given else {
        return None;
    };
    if goexit::some_exit() {
        return None;
    }
    // SAFETY: the caller's promise.
    let core = unsafe { core_of(object) };
    match core.try_send(Value::new(value.clone())) {
        Ok(()) => Some(value.py().None().into_ptr()),
        // The caller holds another reference, so this drop is only a count.
        Err(TrySendError::Full(value) | TrySendError::Closed(value)) => {
            drop(value);
            None
        }
    }
}

/// # Safety
/// As for [`core_of`].
#[inline]
unsafe fn recv_now(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    if !given.is_empty() || goexit::some_exit() {
        return None;
    }
    // SAFETY: the caller's promise.
    let value = unsafe { core_of(object) }.try_recv().ok()?;
    Some(value.into_ptr())
}

/// # Safety
/// As for [`core_of`].
#[inline]
unsafe fn send_later(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    let [value] = given else {
        return None;
    };
    let value = Some(Value::new(value.clone()));
    // SAFETY: the caller's promise.
    Some(unsafe { later(object, |chan| Operation::Send { chan, value }) })
}

/// # Safety
/// As for [`core_of`].
#[inline]
unsafe fn recv_later(object: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    if !given.is_empty() {
        return None;
    }
    let face = Face::Value;
    // SAFETY: the caller's promise.
    Some(unsafe { later(object, |chan| Operation::Recv { chan, face }) })
}

/// An awaitable for an operation on the channel behind `self`.
///
/// # Safety
/// As for [`core_of`].
#[inline]
unsafe fn later(
    object: *mut ffi::PyObject,
    operation: impl FnOnce(Ref<ChanBase>) -> Operation,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    unsafe {
        let py = Python::assume_attached();
        let chan = Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<ChanBase>();
        match Awaitable::new(py, operation(Ref::new(chan)), Limit::Never) {
            Ok(awaitable) => awaitable.into_ptr(),
            Err(error) => {
                error.restore(py);
                null_mut()
            }
        }
    }
}
