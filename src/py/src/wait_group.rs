//! `WaitGroup`.

use crate::awaitable::Awaitable;
use crate::block;
use crate::error;
use crate::gc;
use crate::goexit;
use crate::goroutine::Goroutine;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::spawn;
use crate::told::Told;
use crate::wake::GroupCore;
use crate::whole;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Waits for a number of goroutines to finish. Go's sync.WaitGroup.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct WaitGroup {
    core: Arc<GroupCore>,
}

impl WaitGroup {
    pub fn core(&self) -> &Arc<GroupCore> {
        &self.core
    }

    pub fn describe(&self, object: *const pyo3::ffi::PyObject) -> String {
        let (count, waiters) = (self.core.count(), self.core.parked());
        format!(
            "<gochan.WaitGroup at {:#x} count={count} waiters={waiters}>",
            object.addr()
        )
    }

    pub fn change(&self, py: Python<'_>, delta: i64) -> PyResult<()> {
        let count = self.core.count();
        self.core
            .add(delta)
            .map_err(|error| error::add(py, error, delta, count))
    }
}

/// What is added, as users give it.
#[derive(Clone, Copy)]
struct Delta(i64);

impl<'py> FromPyObject<'_, 'py> for Delta {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let int = whole::int(&given, "WaitGroup.add(): delta must be an int")?;
        int.extract::<i64>().map(Self).map_err(|_| {
            whole::unfit(&int, |int| {
                format!("WaitGroup.add(): delta must fit 64 bits, which {int} does not")
            })
        })
    }
}

/// Whether leaving a `with` block should wait: not when Ctrl-C, a cancellation or an exit is on its way
/// out, which waiting could hold up for ever.
fn leaving_waits(kind: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    match kind.filter(|kind| !kind.is_none()) {
        None => Ok(true),
        Some(kind) => kind
            .cast::<pyo3::types::PyType>()?
            .is_subclass_of::<PyException>(),
    }
}

#[pymethods]
impl WaitGroup {
    #[new]
    pub fn new() -> Self {
        Self {
            core: Arc::new(GroupCore::new()),
        }
    }

    /// Adds `delta`, which may be negative, to the counter; zero releases all waiters.
    ///
    /// Raises WaitGroupError, with the counter unchanged, if it would become negative.
    #[pyo3(signature = (delta=Delta(1), /), text_signature = "($self, delta=1, /)")]
    fn add(&self, py: Python<'_>, delta: Delta) -> PyResult<()> {
        goexit::check_exit(py)?;
        self.change(py, delta.0)
    }

    /// Takes one from the counter. Raises WaitGroupError, with the counter unchanged, if it is zero.
    fn done(&self, py: Python<'_>) -> PyResult<()> {
        goexit::check_exit(py)?;
        self.change(py, -1)
    }

    /// Waits until the counter is zero; returns at once when it is. `await wg` is the awaitable form.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn wait(
        slf: Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let name = "WaitGroup.wait()";
        let limit = Limit::parse(timeout, name)?;
        let py = slf.py();
        let wait = Operation::Wait { group: slf.unbind() }.under(ctx, name)?;
        block::wait(py, wait, limit).map(drop)
    }

    fn __await__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Awaitable>> {
        let py = slf.py();
        Awaitable::new(py, Operation::Wait { group: slf.unbind() }, Limit::Never)
    }

    /// Runs `fn(*args, **kwargs)` in a goroutine that is counted from now until it ends, also when it
    /// raises: the error is on the handle.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn go<'py>(
        slf: &Bound<'py, Self>,
        r#fn: &Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Goroutine>> {
        let told = Told::WaitGroup(slf.clone().unbind());
        spawn::spawn("WaitGroup.go()", r#fn, args, kwargs, Some(&told))
    }

    /// The counter, at some instant during the call.
    #[getter]
    fn count(&self) -> i64 {
        self.core.count()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (kind=None, /, *_exc))]
    fn __exit__(
        slf: Bound<'_, Self>,
        kind: Option<&Bound<'_, PyAny>>,
        _exc: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if leaving_waits(kind)? {
            return Self::wait(slf, None, None);
        }
        Ok(())
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        let result = Some(slf.clone().into_any().unbind());
        Awaitable::new(slf.py(), Operation::Ready { result }, Limit::Never)
    }

    #[pyo3(signature = (kind=None, /, *_exc))]
    fn __aexit__<'py>(
        slf: Bound<'py, Self>,
        kind: Option<&Bound<'py, PyAny>>,
        _exc: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        if leaving_waits(kind)? {
            return Self::__await__(slf);
        }
        let py = slf.py();
        Awaitable::new(
            py,
            Operation::Ready {
                result: Some(py.None()),
            },
            Limit::Never,
        )
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        slf.get().describe(slf.as_ptr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a WaitGroup: its counter is one place that many share; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_waiters(visit, |show| self.core.try_visit(show))
    }

    fn __clear__(&self) {
        self.core.clear();
    }
}
