//! `ObjectPool`.

use crate::callable::{self, Kind};
use crate::gc::visit_value;
use crate::guard;
use crate::text;
use crate::value::Value;
use gochan_core::lock::{Lock, Rank};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// Objects that are dear to make, kept for the next one who needs such a thing. Go's sync.Pool.
///
/// `new` makes one when none is there. Which object `get` returns is not said, and the pool may lose any of them at any time.
#[pyclass(frozen, weakref, generic, module = "gochan")]
#[derive(Debug)]
pub struct ObjectPool {
    new: Option<Py<PyAny>>,
    /// What may not happen under it: any Python, a drop of an item.
    items: Lock<Vec<Value>>,
}

#[pymethods]
impl ObjectPool {
    #[new]
    #[pyo3(signature = (new=None))]
    fn new(new: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        if let Some(new) = new.filter(|new| !new.is_callable()) {
            let kind = text::type_name(new);
            return Err(PyTypeError::new_err(format!(
                "ObjectPool(): new must be a function that makes an object, not {kind}"
            )));
        }
        if let Some(new) = new {
            if callable::kind_of("ObjectPool()", new)? == Kind::Coroutine {
                return Err(PyTypeError::new_err(
                    "ObjectPool(): new must be a function that makes an object, and this `async def` makes a coroutine",
                ));
            }
        }
        Ok(Self {
            new: new.map(|new| new.clone().unbind()),
            items: Lock::new(Rank::Hold, Vec::new()),
        })
    }

    /// An object of the pool, the one that was put last; else what `new()` makes; else None.
    fn get(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let item = self.items.lock().pop();
        match (item, &self.new) {
            (Some(item), _) => Ok(item.into_bound(py).unbind()),
            (None, Some(new)) => guard::call(new.bind(py), []).map(Bound::unbind),
            (None, None) => Ok(py.None()),
        }
    }

    /// Gives an object to the pool. None is ignored.
    #[pyo3(signature = (item, /))]
    fn put(&self, item: Bound<'_, PyAny>) {
        if !item.is_none() {
            let item = Value::new(item);
            self.items.lock().push(item);
        }
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let count = slf.get().items.lock().len();
        format!("<gochan.ObjectPool at {:#x} items={count}>", slf.as_ptr().addr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle an ObjectPool: it is one place that many share; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.new)?;
        let Some(items) = self.items.try_lock() else {
            return Ok(());
        };
        items.iter().try_for_each(|item| visit_value(visit, item))
    }

    fn __clear__(&self) {
        let items = std::mem::take(&mut *self.items.lock());
        drop(items);
    }
}
