//! `for value in channel` and `async for value in channel`.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::ChanBase;
use crate::face::Face;
use crate::gc;
use crate::goexit;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::value::Ref;
use gochan_core::error::TryRecvError;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

fn no_copy() -> PyErr {
    PyTypeError::new_err(
        "cannot copy or pickle a loop over a channel: it receives in this process; begin another loop, several may share a channel",
    )
}

#[pyclass(frozen, module = "gochan", name = "_ChanIter")]
#[derive(Debug)]
pub struct ChanIter {
    chan: Ref<ChanBase>,
}

impl ChanIter {
    pub fn new(chan: Ref<ChanBase>) -> Self {
        Self { chan }
    }
}

#[pymethods]
impl ChanIter {
    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// Makes the type an iterator; the slot itself is `next`.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        goexit::check_exit(py)?;
        match self.chan.get().core().try_recv() {
            Ok(value) => Ok(Some(value.into_bound(py).unbind())),
            // None is StopIteration.
            Err(TryRecvError::Closed) => Ok(None),
            Err(TryRecvError::Empty) => self.wait(py),
        }
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_value(visit, self.chan.value())
    }
}

impl ChanIter {
    #[cold]
    fn wait(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let receive = Operation::Recv {
            chan: Ref::new(self.chan.bind(py).clone()),
            face: Face::Next,
        };
        match block::wait_after_attempt(py, receive, Limit::Never) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[pyclass(frozen, module = "gochan", name = "_ChanAsyncIter")]
#[derive(Debug)]
pub struct ChanAsyncIter {
    chan: Ref<ChanBase>,
}

impl ChanAsyncIter {
    pub fn new(chan: Ref<ChanBase>) -> Self {
        Self { chan }
    }
}

#[pymethods]
impl ChanAsyncIter {
    fn __aiter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// Makes the type an async iterator; the slot itself is replaced by `anext`.
    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Awaitable>> {
        let chan = Ref::new(self.chan.bind(py).clone());
        let face = Face::AsyncNext;
        Awaitable::new(py, Operation::Recv { chan, face }, Limit::Never)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_value(visit, self.chan.value())
    }
}

/// Puts bare functions into the slots of `__next__` and `__anext__`: they are called for every value of every loop.
///
/// # Safety
/// To be called once, attached, while nobody uses the types yet.
pub unsafe fn fill_slots(py: Python<'_>) {
    let iterator = py.get_type::<ChanIter>().as_type_ptr();
    let class = py.get_type::<ChanAsyncIter>().as_type_ptr();
    // SAFETY: a heap type has its own slots; nobody looks at them concurrently.
    unsafe {
        if let Some(behind) = (*iterator).tp_iternext.replace(next) {
            BEHIND_NEXT.get_or_init(py, || behind);
        }
        ffi::PyType_Modified(iterator);
        (*(*class).tp_as_async).am_anext = Some(anext);
        ffi::PyType_Modified(class);
    }
}

/// PyO3's slot, which does what `next` leaves to it: waiting, the end, errors.
static BEHIND_NEXT: Kept<ffi::iternextfunc> = Kept::new();

unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called as a slot of this type, which has no subclasses: attached, and with a live object.
    unsafe {
        let py = Python::assume_attached();
        let iterator = Borrowed::from_ptr(py, object).cast_unchecked::<ChanIter>();
        if !goexit::some_exit() {
            if let Some(value) = iterator.get().chan.get().core().recv_at_once() {
                return value.into_ptr();
            }
        }
        BEHIND_NEXT
            .get(py)
            .map_or(std::ptr::null_mut(), |behind| behind(object))
    }
}

unsafe extern "C" fn anext(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called as a slot of this type, which has no subclasses: attached, and with a live object.
    let (py, iterator) = unsafe {
        let py = Python::assume_attached();
        (
            py,
            Borrowed::from_ptr(py, object).cast_unchecked::<ChanAsyncIter>(),
        )
    };
    match iterator.get().__anext__(py) {
        Ok(awaitable) => awaitable.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}
