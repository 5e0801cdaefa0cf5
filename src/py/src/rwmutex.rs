//! `RWMutex`.

use crate::awaitable::Awaitable;
use crate::goexit;
use crate::mutex::{Face, Hold, Mutex};
use crate::wake::RwMutexCore;
use gochan_core::sys::Arc;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;

/// Many readers or one writer. Go's sync.RWMutex.
///
/// `lock`, `unlock` and `with rw:` write; `rlock`, `runlock` and `with rw.reader:` read. A writer that waits holds off new
/// readers, so reading twice in one party can wait for itself. There is no way from reading to writing but to unlock first.
#[pyclass(extends = Mutex, frozen, module = "gochan", name = "RWMutex")]
#[derive(Debug)]
pub struct RwMutex;

#[pymethods]
impl RwMutex {
    #[new]
    fn new() -> PyClassInitializer<Self> {
        let core = Arc::new(RwMutexCore::new());
        PyClassInitializer::from(Mutex::writing(&core)).add_subclass(Self)
    }

    /// Locks it for reading; waits while somebody writes, or waits to write.
    ///
    /// Raises TimeoutError after `timeout` seconds; the context's error when `ctx` is done; BlockingError if it would block a
    /// running event loop.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn rlock(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Mutex::lock_now(slf.as_super(), Face::Read, timeout, ctx, "RWMutex.rlock()")
    }

    /// Awaitable twin of `rlock`.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn arlock<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        Mutex::lock_later(slf.as_super(), Face::Read, timeout, ctx, "RWMutex.arlock()")
    }

    /// Locks it for reading if nobody writes or waits to write; says whether it did. Never waits.
    fn try_rlock(slf: &Bound<'_, Self>) -> PyResult<bool> {
        goexit::check_exit(slf.py())?;
        Ok(slf.as_super().get().hold(Face::Read).try_lock())
    }

    /// Undoes one `rlock`. Raises UnlockError if nobody reads.
    fn runlock(slf: &Bound<'_, Self>) -> PyResult<()> {
        Mutex::unlock_now(slf.as_super(), Face::Read)
    }

    /// The reader's side, as a Mutex of its own whose `lock` is `rlock`. Go's RLocker.
    #[getter]
    fn reader<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mutex>> {
        let Hold::Reads(core) = slf.as_super().get().hold(Face::Read) else {
            return Err(PyRuntimeError::new_err("an RWMutex without a reader's side"));
        };
        Bound::new(slf.py(), Mutex::reading(core, slf.clone().into_any().unbind()))
    }
}
