//! `Semaphore`.

use crate::acquire::{Acquire, Gives};
use crate::awaitable::Awaitable;
use crate::block;
use crate::gc;
use crate::goexit;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::value::Ref;
use crate::wake::SemaphoreCore;
use crate::whole;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// So many permits, taken some at a time, first come first served. Go's x/sync semaphore.Weighted.
///
/// The first who waits holds back everyone behind, also those who want less: else a large wish would wait for ever.
/// `with` and `async with` hold one permit.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Semaphore {
    core: Arc<SemaphoreCore>,
}

impl Semaphore {
    pub fn core(&self) -> &Arc<SemaphoreCore> {
        &self.core
    }

    pub fn describe(&self, object: *const pyo3::ffi::PyObject) -> String {
        let (size, held, waiters) = (self.core.size(), self.core.held(), self.core.parked());
        format!(
            "<gochan.Semaphore at {:#x} size={size} held={held} waiters={waiters}>",
            object.addr()
        )
    }

    fn give(slf: &Bound<'_, Self>, permits: u64) -> PyResult<()> {
        let core = slf.get().core();
        core.release(permits).map_err(|_| {
            PyValueError::new_err(format!(
                "Semaphore.release({permits}): released more than held, on {}",
                slf.get().describe(slf.as_ptr())
            ))
        })
    }

    fn operation(
        slf: &Bound<'_, Self>,
        permits: u64,
        limit: Limit,
        ctx: Option<&Bound<'_, PyAny>>,
        name: &str,
    ) -> PyResult<Operation> {
        let gives = Gives::Nothing;
        let semaphore = Ref::new(slf.clone());
        let acquire = Acquire::Permits {
            semaphore,
            permits,
            gives,
        };
        let operation = Operation::Acquire(acquire).under(ctx, name)?;
        let size = slf.get().core.size();
        if permits > size && limit == Limit::Never && !operation.has_arms() {
            return Err(PyValueError::new_err(format!(
                "{name}: {permits} permits of a semaphore of {size} can never be had; give a timeout or a ctx that ends the wait"
            )));
        }
        Ok(operation)
    }

    /// One permit, for `async with`.
    fn entering(slf: &Bound<'_, Self>) -> Operation {
        Operation::Acquire(Acquire::Permits {
            semaphore: Ref::new(slf.clone()),
            permits: 1,
            gives: Gives::Itself,
        })
    }
}

/// A number of permits, as users give it.
#[derive(Clone, Copy)]
struct Permits(u64);

impl<'py> FromPyObject<'_, 'py> for Permits {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let int = whole::int(&given, "Semaphore: a number of permits must be an int")?;
        let fits = int.extract::<i64>().ok().and_then(|n| u64::try_from(n).ok());
        fits.map(Self).ok_or_else(|| {
            whole::unfit(&int, |int| {
                format!(
                    "Semaphore: a number of permits must be between 0 and {}, not {int}",
                    i64::MAX
                )
            })
        })
    }
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (size, /))]
    fn new(size: Permits) -> Self {
        Self {
            core: Arc::new(SemaphoreCore::new(size.0)),
        }
    }

    /// Takes `n` permits; waits until they are free and everybody who came before has been served.
    ///
    /// Raises TimeoutError after `timeout` seconds; the context's error when `ctx` is done, also if the permits came at the same time;
    /// ValueError if `n` is more than there is and nothing would end the wait; BlockingError if it would block a running event loop.
    #[pyo3(signature = (n=Permits(1), /, *, timeout=None, ctx=None), text_signature = "($self, n=1, /, *, timeout=None, ctx=None)")]
    fn acquire(
        slf: &Bound<'_, Self>,
        n: Permits,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let name = "Semaphore.acquire()";
        let (permits, limit) = (n.0, Limit::parse(timeout, name)?);
        let operation = Self::operation(slf, permits, limit, ctx, name)?;
        block::wait(slf.py(), operation, limit).map(drop)
    }

    /// Awaitable twin of `acquire`.
    #[pyo3(signature = (n=Permits(1), /, *, timeout=None, ctx=None), text_signature = "($self, n=1, /, *, timeout=None, ctx=None)")]
    fn aacquire<'py>(
        slf: &Bound<'py, Self>,
        n: Permits,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let name = "Semaphore.aacquire()";
        let (permits, limit) = (n.0, Limit::parse(timeout, name)?);
        let operation = Self::operation(slf, permits, limit, ctx, name)?;
        Awaitable::new(slf.py(), operation, limit)
    }

    /// Takes `n` permits if they are free and nobody waits; says whether it did. Never waits.
    #[pyo3(signature = (n=Permits(1), /), text_signature = "($self, n=1, /)")]
    fn try_acquire(&self, py: Python<'_>, n: Permits) -> PyResult<bool> {
        goexit::check_exit(py)?;
        Ok(self.core.try_acquire(n.0))
    }

    /// Gives `n` permits back, whoever took them. ValueError, with nothing changed, when more than are held.
    #[pyo3(signature = (n=Permits(1), /), text_signature = "($self, n=1, /)")]
    fn release(slf: &Bound<'_, Self>, n: Permits) -> PyResult<()> {
        Self::give(slf, n.0)
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        goexit::check_exit(slf.py())?;
        if !slf.get().core.try_acquire(1) {
            let operation = Self::operation(&slf, 1, Limit::Never, None, "with semaphore")?;
            block::wait_after_attempt(slf.py(), operation, Limit::Never)?;
        }
        Ok(slf)
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(slf: &Bound<'_, Self>, _exc: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::give(slf, 1)
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        // For the same reason as above: it would wait for ever.
        Self::operation(slf, 1, Limit::Never, None, "async with semaphore")?;
        Awaitable::new(slf.py(), Self::entering(slf), Limit::Never)
    }

    #[pyo3(signature = (*_exc))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, _exc: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Awaitable>> {
        Self::give(slf, 1)?;
        Awaitable::nothing(slf.py())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        slf.get().describe(slf.as_ptr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Semaphore: its permits are one lot that many share; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_waiters(visit, |show| self.core.try_visit(show))
    }

    fn __clear__(&self) {
        self.core.clear();
    }
}
