//! `Cond`.

use crate::acquire::{Acquire, Signal};
use crate::awaitable::Awaitable;
use crate::block;
use crate::gc;
use crate::limit::Limit;
use crate::mutex::Mutex;
use crate::operation::Operation;
use crate::text;
use crate::wake::CondCore;
use gochan_core::sys::Arc;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// Waits for something that others announce, under a lock. Go's sync.Cond.
///
/// `lock` is a Mutex, an RWMutex or the `reader` of one; a new Mutex if none is given. Wait in a loop, because the lock is
/// free in between: `with cond.lock: while not ready(): cond.wait()`. `await cond` is the awaitable form of `wait`.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Cond {
    core: Arc<CondCore>,
    lock: Py<Mutex>,
}

impl Cond {
    pub fn core(&self) -> &Arc<CondCore> {
        &self.core
    }

    pub fn mutex(&self) -> &Py<Mutex> {
        &self.lock
    }

    /// For messages and `repr`.
    pub fn describe(slf: &Bound<'_, Self>) -> String {
        let this = slf.get();
        format!(
            "<gochan.Cond at {:#x} waiters={} lock={}>",
            slf.as_ptr().addr(),
            this.core.parked(),
            Mutex::describe(this.lock.bind(slf.py()))
        )
    }
}

#[pymethods]
impl Cond {
    #[new]
    #[pyo3(signature = (lock=None))]
    fn new(py: Python<'_>, lock: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let lock = match lock {
            None => py.get_type::<Mutex>().call0()?.cast_into::<Mutex>()?,
            Some(lock) => lock.cast::<Mutex>().cloned().map_err(|_| {
                let kind = text::type_name(lock);
                PyTypeError::new_err(format!(
                    "Cond(): lock must be a Mutex, an RWMutex or its reader, not {kind}"
                ))
            })?,
        };
        Ok(Self {
            core: Arc::new(CondCore::new()),
            lock: lock.unbind(),
        })
    }

    /// The lock that `wait` unlocks and locks again.
    #[getter]
    fn lock(&self, py: Python<'_>) -> Py<Mutex> {
        self.lock.clone_ref(py)
    }

    /// Unlocks the lock, waits for a signal, and locks it again, also before it raises.
    ///
    /// Raises UnlockError if the lock is not locked; TimeoutError after `timeout` seconds; the context's error when `ctx` is done;
    /// BlockingError if it would block a running event loop. The time it takes to lock again is not counted.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn wait(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let name = "Cond.wait()";
        let limit = Limit::parse(timeout, name)?;
        let signal = Acquire::Signal(Box::new(Signal::new(slf)));
        block::wait(slf.py(), Operation::Acquire(signal).under(ctx, name)?, limit).map(drop)
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        let signal = Acquire::Signal(Box::new(Signal::new(slf)));
        Awaitable::new(slf.py(), Operation::Acquire(signal), Limit::Never)
    }

    /// Wakes the one who waits longest, if somebody does. The caller need not hold the lock.
    fn signal(&self) {
        self.core.signal();
    }

    /// Wakes all who wait. The caller need not hold the lock.
    fn broadcast(&self) {
        self.core.broadcast();
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Cond: its waiters wait in one place; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.lock)?;
        gc::visit_waiters(visit, |show| self.core.try_visit(show))
    }

    fn __clear__(&self) {
        self.core.clear();
    }
}
