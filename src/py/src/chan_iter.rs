//! `for value in channel` and `async for value in channel`.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::ChanBase;
use crate::coroutine;
use crate::gc;
use crate::limit::Limit;
use crate::operation::{Face, Operation};
use crate::value::Ref;
use gochan_core::error::TryRecvError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

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

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        coroutine::check_exit(py)?;
        match self.chan.get().core().try_recv() {
            Ok(value) => Ok(Some(value.into_bound(py).unbind())),
            // None is StopIteration.
            Err(TryRecvError::Closed) => Ok(None),
            Err(TryRecvError::Empty) => self.wait(py),
        }
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

    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Awaitable>> {
        let receive = Operation::Recv {
            chan: Ref::new(self.chan.bind(py).clone()),
            face: Face::AsyncNext,
        };
        Awaitable::new(py, receive, Limit::Never)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_value(visit, self.chan.value())
    }
}
