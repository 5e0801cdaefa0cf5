//! `AtomicInt`, `AtomicBool`, `AtomicRef`.
//!
//! All operations are sequentially consistent (A1).

use crate::gc::visit_value;
use crate::text;
use crate::value::Value;
use crate::whole;
use gochan_core::lock::{Lock, Rank};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool as StdBool, AtomicI64, Ordering::SeqCst};

fn no_copy(name: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "cannot copy or pickle an {name}: it is one place that many share; pass the object itself"
    ))
}

/// 64 bits, as users give them.
#[derive(Debug, Clone, Copy)]
struct Word(i64);

impl<'py> FromPyObject<'_, 'py> for Word {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let int = whole::int(&given, "AtomicInt needs an int")?;
        int.extract::<i64>().map(Self).map_err(|_| {
            whole::unfit(&int, |int| {
                format!("AtomicInt holds 64 bits with a sign, which {int} does not fit")
            })
        })
    }
}

/// An int of 64 bits that many may change at the same time. Go's atomic.Int64.
///
/// `add` wraps around: the largest int plus one is the smallest.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct AtomicInt {
    value: AtomicI64,
}

#[pymethods]
impl AtomicInt {
    #[new]
    #[pyo3(signature = (value=Word(0), /), text_signature = "(value=0, /)")]
    fn new(value: Word) -> Self {
        Self {
            value: AtomicI64::new(value.0),
        }
    }

    /// The value.
    fn load(&self) -> i64 {
        self.value.load(SeqCst)
    }

    /// Sets the value.
    #[pyo3(signature = (value, /))]
    fn store(&self, value: Word) {
        self.value.store(value.0, SeqCst);
    }

    /// Adds `delta`, and returns the new value.
    #[pyo3(signature = (delta, /))]
    fn add(&self, delta: Word) -> i64 {
        self.value.fetch_add(delta.0, SeqCst).wrapping_add(delta.0)
    }

    /// Sets the value, and returns the old one.
    #[pyo3(signature = (value, /))]
    fn swap(&self, value: Word) -> i64 {
        self.value.swap(value.0, SeqCst)
    }

    /// Sets the value to `new` if it is `old`; says whether it was.
    #[pyo3(signature = (old, new, /))]
    fn compare_and_swap(&self, old: Word, new: Word) -> bool {
        self.value.compare_exchange(old.0, new.0, SeqCst, SeqCst).is_ok()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (address, value) = (slf.as_ptr().addr(), slf.get().load());
        format!("<gochan.AtomicInt at {address:#x} value={value}>")
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy("AtomicInt"))
    }
}

/// A bool, and nothing that merely counts as one.
#[derive(Debug, Clone, Copy)]
struct Flag(bool);

impl<'py> FromPyObject<'_, 'py> for Flag {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        given.cast::<pyo3::types::PyBool>().map_or_else(
            |_| {
                let kind = text::type_name(&given);
                Err(PyTypeError::new_err(format!(
                    "AtomicBool needs a bool, not {kind}"
                )))
            },
            |flag| Ok(Self(flag.is_true())),
        )
    }
}

/// A bool that many may change at the same time. Go's atomic.Bool.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct AtomicBool {
    value: StdBool,
}

#[pymethods]
impl AtomicBool {
    #[new]
    #[pyo3(signature = (value=Flag(false), /), text_signature = "(value=False, /)")]
    fn new(value: Flag) -> Self {
        Self {
            value: StdBool::new(value.0),
        }
    }

    /// The value.
    fn load(&self) -> bool {
        self.value.load(SeqCst)
    }

    /// Sets the value.
    #[pyo3(signature = (value, /))]
    fn store(&self, value: Flag) {
        self.value.store(value.0, SeqCst);
    }

    /// Sets the value, and returns the old one.
    #[pyo3(signature = (value, /))]
    fn swap(&self, value: Flag) -> bool {
        self.value.swap(value.0, SeqCst)
    }

    /// Sets the value to `new` if it is `old`; says whether it was.
    #[pyo3(signature = (old, new, /))]
    fn compare_and_swap(&self, old: Flag, new: Flag) -> bool {
        self.value.compare_exchange(old.0, new.0, SeqCst, SeqCst).is_ok()
    }

    /// An object, not its value: that is `load()`.
    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let value = if slf.get().load() { "True" } else { "False" };
        format!("<gochan.AtomicBool at {:#x} value={value}>", slf.as_ptr().addr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy("AtomicBool"))
    }
}

/// A reference to an object that many may change at the same time. Go's atomic.Pointer.
///
/// `compare_and_swap` compares by identity, as `is` does.
#[pyclass(frozen, weakref, generic, module = "gochan")]
#[derive(Debug)]
pub struct AtomicRef {
    /// What may not happen under it: a drop of a value, any Python. `None` when the collector has cleared it.
    value: Lock<Option<Value>>,
}

impl AtomicRef {
    fn copy(value: &Value) -> Value {
        // SAFETY: attached, as every owner of a value; it is a live object.
        unsafe { Value::from_borrowed(value.as_ptr()) }
    }
}

#[pymethods]
impl AtomicRef {
    #[new]
    #[pyo3(signature = (value, /))]
    fn new(value: Bound<'_, PyAny>) -> Self {
        Self {
            value: Lock::new(Rank::Hold, Some(Value::new(value))),
        }
    }

    /// The object.
    fn load(&self, py: Python<'_>) -> Py<PyAny> {
        let value = self.value.lock().as_ref().map(Self::copy);
        value.map_or_else(|| py.None(), |value| value.into_bound(py).unbind())
    }

    /// Sets the object.
    #[pyo3(signature = (value, /))]
    fn store(&self, value: Bound<'_, PyAny>) {
        let value = Value::new(value);
        let old = self.value.lock().replace(value);
        drop(old);
    }

    /// Sets the object, and returns the old one.
    #[pyo3(signature = (value, /))]
    fn swap(&self, value: Bound<'_, PyAny>) -> Py<PyAny> {
        let py = value.py();
        let value = Value::new(value);
        let old = self.value.lock().replace(value);
        old.map_or_else(|| py.None(), |old| old.into_bound(py).unbind())
    }

    /// Sets the object to `new` if it is `old` itself; says whether it was.
    #[pyo3(signature = (old, new, /))]
    fn compare_and_swap(&self, old: &Bound<'_, PyAny>, new: Bound<'_, PyAny>) -> bool {
        let new = Value::new(new);
        let mut value = self.value.lock();
        let is_old = value.as_ref().is_some_and(|value| value.as_ptr() == old.as_ptr());
        let unused = if is_old { value.replace(new) } else { Some(new) };
        drop(value);
        drop(unused);
        is_old
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    /// The kind of the object only: its own repr may run anything.
    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let kind = text::type_name(slf.get().load(slf.py()).bind(slf.py()));
        format!("<gochan.AtomicRef at {:#x} of {kind}>", slf.as_ptr().addr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy("AtomicRef"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.value.try_lock().as_deref() {
            Some(Some(value)) => visit_value(visit, value),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        let value = self.value.lock().take();
        drop(value);
    }
}
