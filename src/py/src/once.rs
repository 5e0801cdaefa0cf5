//! `Once`, `once_func` and `once_value`.

use crate::acquire::Acquire;
use crate::awaitable::Awaitable;
use crate::block;
use crate::callable::{self, Kind};
use crate::current;
use crate::gc;
use crate::goexit;
use crate::goroutine;
use crate::guard;
use crate::host;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::text;
use crate::value::Ref;
use crate::wake::OnceCore;
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::{PyException, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

/// Who runs the function, as far as one can know whether it waits for itself (O3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// In a blocking form: whoever blocks this thread keeps it from its end.
    Thread(ThreadId),
    /// In `ado`: a goroutine or a task, by its address; it lives as long as it runs.
    Party(usize),
}

/// What one who comes finds.
enum Turn {
    /// It is the first, and runs; then [`Gate::finish`] in any case.
    First,
    Done,
    /// Somebody runs: wait.
    Running,
}

/// What runs once, and who waits for it.
#[derive(Debug)]
struct Gate {
    core: Arc<OnceCore>,
    runner: Mutex<Option<Runner>>,
}

impl Gate {
    fn new() -> Self {
        Self {
            core: Arc::new(OnceCore::new()),
            runner: Mutex::new(None),
        }
    }

    fn enter(&self, me: Option<Runner>, name: &str) -> PyResult<Turn> {
        if self.core.is_done() {
            return Ok(Turn::Done);
        }
        if self.core.begin() {
            *self.runner.lock() = me;
            return Ok(Turn::First);
        }
        if me.is_some() && *self.runner.lock() == me && self.core.is_running() {
            return Err(PyRuntimeError::new_err(format!(
                "{name} was called by the function that it runs: it would wait for itself for ever"
            )));
        }
        Ok(Turn::Running)
    }

    fn finish(&self) {
        *self.runner.lock() = None;
        self.core.finish();
    }

    fn state(&self) -> &'static str {
        if self.core.is_done() {
            "done"
        } else if self.core.is_running() {
            "running"
        } else {
            "new"
        }
    }
}

/// Finishes when it is dropped, whatever ended the function.
struct Finish<'a>(&'a Gate);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

fn this_thread() -> Runner {
    Runner::Thread(std::thread::current().id())
}

/// The goroutine or task that awaits.
fn this_party(py: Python<'_>) -> PyResult<Option<Runner>> {
    static TASK: Kept<Py<PyAny>> = Kept::new();
    if let Some(goroutine) = current::stepped(py) {
        if !host::loop_inside(py)? {
            return Ok(Some(Runner::Party(goroutine.as_ptr().addr())));
        }
    }
    if host::running_loop(py)?.is_none() {
        return Ok(None);
    }
    let current_task = TASK.import(py, "asyncio", "current_task")?;
    let task = guard::call(current_task, [])?;
    Ok((!task.is_none()).then(|| Runner::Party(task.as_ptr().addr())))
}

/// Something that runs a function once, however often it is asked. Go's sync.Once.
///
/// All who come while it runs wait for its end. An error counts as done, and goes to the first caller alone.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Once {
    gate: Gate,
}

impl Once {
    pub fn core(&self) -> &Arc<OnceCore> {
        &self.gate.core
    }

    pub fn describe(&self, object: *const pyo3::ffi::PyObject) -> String {
        let waiters = self.gate.core.running().parked();
        format!(
            "<gochan.Once at {:#x} {} waiters={waiters}>",
            object.addr(),
            self.gate.state()
        )
    }
}

#[pymethods]
impl Once {
    #[new]
    fn new() -> Self {
        Self { gate: Gate::new() }
    }

    /// Calls `fn` if nothing was run yet; else returns when what was run has ended.
    ///
    /// What `fn` raises comes out of this call and counts as done. RuntimeError if `fn` itself calls it: it would wait
    /// for itself. BlockingError if it would block a running event loop.
    #[pyo3(signature = (r#fn, /), text_signature = "($self, fn, /)")]
    fn r#do(slf: &Bound<'_, Self>, r#fn: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        goexit::check_exit(py)?;
        // The common case. What is not called need not be looked at closely.
        if this.gate.core.is_done() && r#fn.is_callable() {
            return Ok(());
        }
        if callable::kind_of("Once.do()", r#fn)? == Kind::Coroutine {
            return Err(PyTypeError::new_err(
                "Once.do() calls a function, and this `async def` has to be awaited: use `await once.ado(function)`",
            ));
        }
        match this.gate.enter(Some(this_thread()), "Once.do()")? {
            Turn::Done => Ok(()),
            Turn::First => {
                let _finish = Finish(&this.gate);
                let result = guard::call(r#fn, [])?;
                refuse_coroutine("Once.do()", "await once.ado(function)", &result)
            }
            Turn::Running => {
                let wait = Acquire::Once {
                    once: Ref::new(slf.clone()),
                };
                block::wait(py, Operation::Acquire(wait), Limit::Never).map(drop)
            }
        }
    }

    /// Awaitable twin of `do`. `fn` may be an `async def`: it is awaited.
    #[pyo3(signature = (r#fn, /), text_signature = "($self, fn, /)")]
    fn ado<'py>(slf: &Bound<'py, Self>, r#fn: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static RUN: Kept<Py<PyAny>> = Kept::new();
        let py = slf.py();
        callable::kind_of("Once.ado()", r#fn)?;
        let run = RUN.import(py, "gochan._once", "run")?;
        let turn = Bound::new(
            py,
            OnceTurn {
                once: slf.clone().unbind(),
                runs: AtomicBool::new(false),
            },
        )?;
        run.call1((turn, r#fn))
    }

    /// Whether what was run has ended.
    #[getter]
    fn done(&self) -> bool {
        self.gate.core.is_done()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        slf.get().describe(slf.as_ptr())
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Once: a copy would run a second time; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        gc::visit_waiters(visit, |show| self.gate.core.running().try_visit(show))
    }

    fn __clear__(&self) {
        self.gate.core.running().clear();
    }
}

/// The parts of `Once.ado` for the coroutine that runs it, in `_once.py`.
#[pyclass(frozen, module = "gochan", name = "_OnceTurn")]
#[derive(Debug)]
pub struct OnceTurn {
    once: Py<Once>,
    /// Whether it is the first, and has not finished.
    runs: AtomicBool,
}

#[pymethods]
impl OnceTurn {
    /// True: it is the first, and runs. None: done. Then, and whatever it raised, `finish`: a Ctrl-C can come between its end and
    /// the next line of Python.
    fn begin(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        goexit::check_exit(py)?;
        let me = this_party(py)?;
        Ok(match self.once.get().gate.enter(me, "Once.ado()")? {
            Turn::First => {
                self.runs.store(true, Ordering::Release);
                Some(true)
            }
            Turn::Running => Some(false),
            Turn::Done => None,
        })
    }

    /// Does nothing for one who did not run.
    fn finish(&self) {
        if self.runs.swap(false, Ordering::AcqRel) {
            self.once.get().gate.finish();
        }
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Awaitable>> {
        let once = Ref::new(self.once.bind(py).clone());
        Awaitable::new(py, Operation::Acquire(Acquire::Once { once }), Limit::Never)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.once)
    }
}

/// A plain function that returned a coroutine: nobody would await it.
fn refuse_coroutine(who: &str, instead: &str, result: &Bound<'_, PyAny>) -> PyResult<()> {
    if !callable::is_coroutine(result) {
        return Ok(());
    }
    guard::call_method(result, crate::kept::intern!(result.py(), "close"), [])?;
    Err(PyTypeError::new_err(format!(
        "{who}: the function returned a coroutine, which nobody awaits here: use `{instead}`"
    )))
}

/// What became of the one run of a `once_func` or `once_value`.
#[derive(Debug)]
enum Ended {
    Open,
    Value(Py<PyAny>),
    /// With its first traceback: each raise would make it longer (O4).
    Raised(Py<PyAny>, Option<Py<PyAny>>),
    /// By what ends a program or a goroutine. Nobody else is to be ended by it.
    Otherwise(String),
}

/// What `once_func` and `once_value` return.
#[pyclass(frozen, weakref, module = "gochan", name = "_OnceCall")]
#[derive(Debug)]
pub struct OnceCall {
    once: Py<Once>,
    /// Let go of when it has run (O5).
    function: Mutex<Option<Py<PyAny>>>,
    ended: Mutex<Ended>,
    gives_value: bool,
    #[pyo3(get, name = "__name__")]
    name: String,
}

impl OnceCall {
    fn of(who: &str, function: &Bound<'_, PyAny>, gives_value: bool) -> PyResult<Self> {
        if callable::kind_of(who, function)? == Kind::Coroutine {
            return Err(PyTypeError::new_err(format!(
                "{who} makes a function that blocks, and this `async def` has to be awaited: use Once.ado()"
            )));
        }
        Ok(Self {
            once: Py::new(function.py(), Once::new())?,
            function: Mutex::new(Some(function.clone().unbind())),
            ended: Mutex::new(Ended::Open),
            gives_value,
            name: text::of(callable::name_of(function).bind(function.py())),
        })
    }

    fn who(&self) -> &'static str {
        if self.gives_value {
            "once_value()"
        } else {
            "once_func()"
        }
    }

    fn run(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let _finish = Finish(&self.once.get().gate);
        let function = self.function.lock().take();
        let Some(function) = function else {
            return Err(PyRuntimeError::new_err("it has run already"));
        };
        let result = guard::call(function.bind(py), [])
            .and_then(|result| refuse_coroutine(self.who(), "Once.ado()", &result).map(|()| result));
        let (ended, result) = match result {
            Ok(value) if self.gives_value => (Ended::Value(value.clone().unbind()), Ok(value.unbind())),
            Ok(_) => (Ended::Value(py.None()), Ok(py.None())),
            Err(error) if error.is_instance_of::<PyException>(py) => {
                let traceback = error.traceback(py).map(|traceback| traceback.into_any().unbind());
                let value = error.value(py).clone().into_any().unbind();
                (Ended::Raised(value, traceback), Err(error))
            }
            Err(error) => (
                Ended::Otherwise(text::type_name(error.value(py).as_any())),
                Err(error),
            ),
        };
        *self.ended.lock() = ended;
        // Before the others go on, so that nobody finds it alive (O5); its end may run Python.
        drop(function.into_bound(py));
        result
    }

    fn end(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (error, traceback) = match &*self.ended.lock() {
            Ended::Value(value) => return Ok(value.clone_ref(py)),
            Ended::Raised(error, traceback) => (
                error.clone_ref(py),
                traceback.as_ref().map(|traceback| traceback.clone_ref(py)),
            ),
            Ended::Otherwise(kind) => {
                return Err(PyRuntimeError::new_err(format!(
                    "{} of {}: its only run was ended by {kind}, and it is not called again",
                    self.who(),
                    self.name
                )));
            }
            Ended::Open => return Err(PyRuntimeError::new_err("it has not run")),
        };
        let error = error.into_bound(py);
        goroutine::set_traceback(&error, traceback.as_ref().map(|traceback| traceback.bind(py)));
        Err(PyErr::from_value(error))
    }
}

#[pymethods]
impl OnceCall {
    fn __call__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let gate = &self.once.get().gate;
        if gate.core.is_done() {
            return self.end(py);
        }
        goexit::check_exit(py)?;
        match gate.enter(Some(this_thread()), self.who())? {
            Turn::First => return self.run(py),
            Turn::Done => {}
            Turn::Running => {
                let once = Ref::new(self.once.bind(py).clone());
                block::wait(py, Operation::Acquire(Acquire::Once { once }), Limit::Never)?;
            }
        }
        self.end(py)
    }

    fn __repr__(&self) -> String {
        let who = self.who().trim_end_matches("()");
        format!(
            "<gochan.{who} of {}, {}>",
            self.name,
            self.once.get().gate.state()
        )
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a function of once_func or once_value: a copy would run a second time",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.once)?;
        if let Some(function) = self.function.try_lock() {
            visit.call(&*function)?;
        }
        if let Some(ended) = self.ended.try_lock() {
            match &*ended {
                Ended::Value(value) => visit.call(value)?,
                Ended::Raised(error, traceback) => {
                    visit.call(error)?;
                    visit.call(traceback)?;
                }
                Ended::Open | Ended::Otherwise(_) => {}
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let function = self.function.lock().take();
        let ended = std::mem::replace(&mut *self.ended.lock(), Ended::Open);
        drop((function, ended));
    }
}

/// A function that calls `fn` at its first call only, and raises what that raised at every call. Go's sync.OnceFunc.
///
/// Whoever calls it while `fn` runs waits.
#[pyfunction]
#[pyo3(signature = (r#fn, /), text_signature = "(fn, /)")]
pub fn once_func(r#fn: &Bound<'_, PyAny>) -> PyResult<OnceCall> {
    OnceCall::of("once_func()", r#fn, false)
}

/// A function that calls `fn` at its first call only, and returns what that returned, or raises what it raised, at every
/// call. Go's sync.OnceValue.
///
/// Whoever calls it while `fn` runs waits.
#[pyfunction]
#[pyo3(signature = (r#fn, /), text_signature = "(fn, /)")]
pub fn once_value(r#fn: &Bound<'_, PyAny>) -> PyResult<OnceCall> {
    OnceCall::of("once_value()", r#fn, true)
}
