//! `aio`: somebody else's asyncio code in a goroutine.
//!
//! The awaitable runs as a task of gochan's own asyncio loop, which has a thread of its own from the first use on;
//! pyo3-async-runtimes turns that task into a Rust future. The future is polled by whoever completes it (the loop's
//! thread), and its result goes into a channel of capacity one: so waiting for it is a receive, in any host.

use crate::aio_warm;
use crate::awaitable::Awaitable;
use crate::current;
use crate::exit;
use crate::guard;
use crate::kept::{Kept, intern};
use crate::limit::Limit;
use crate::operation::Operation;
use crate::scope::Scope;
use crate::spawn;
use crate::text;
use crate::value::Value;
use crate::wake::ChanCore;
use gochan_core::sys::Arc;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3_async_runtimes::TaskLocals;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake};

type Running = Pin<Box<dyn Future<Output = PyResult<Py<PyAny>>> + Send>>;

/// Runs an awaitable of asyncio on gochan's own asyncio loop: `await aio(session.get(url))` in a goroutine.
///
/// Its result, or its exception, comes back. It has a copy of the caller's contextvars. When nobody waits for it any more (Ctrl-C, a
/// task that is cancelled, a goroutine that is closed, a `run()` that ends) it is cancelled.
#[pyfunction]
#[pyo3(signature = (awaitable, /))]
pub fn aio<'py>(awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Awaitable>> {
    let py = awaitable.py();
    let is_awaitable = awaitable.get_type().hasattr(intern!(py, "__await__"))?
        || py
            .import("inspect")?
            .call_method1("isawaitable", (awaitable,))?
            .is_truthy()?;
    if !is_awaitable {
        let kind = text::type_name(awaitable);
        return Err(PyTypeError::new_err(format!(
            "aio() needs something to await, a coroutine or a future of asyncio, not {kind}"
        )));
    }
    let call = Call {
        awaitable: Some(awaitable.clone().unbind()),
        task: Task::default(),
        result: Arc::new(ChanCore::new(1)),
    };
    Awaitable::new(py, Operation::Aio(Box::new(call)), Limit::Never)
}

/// The loop, which runs in a thread of its own. Made at the first use; a forked child makes its own. What may not happen under its
/// lock: any Python, a drop.
static LOOP: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

fn known_loop(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    Some(LOOP.lock().as_ref()?.clone_ref(py).into_bound(py))
}

fn event_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static START: Kept<Py<PyAny>> = Kept::new();
    if let Some(known) = known_loop(py) {
        return Ok(known);
    }
    exit::prepare(py)?;
    // Python code, which may let another thread in: that one's loop counts if it was first.
    let new = START.import(py, "gochan._aio", "start")?.call0()?;
    let first = {
        let mut slot = LOOP.lock();
        if slot.is_none() {
            *slot = Some(new.clone().unbind());
            None
        } else {
            slot.as_ref().map(|first| first.clone_ref(py))
        }
    };
    match first {
        None => Ok(new),
        Some(first) => {
            py.import("gochan._aio")?.call_method1("stop", (new,))?;
            Ok(first.into_bound(py))
        }
    }
}

/// Stops the loop, at exit.
pub fn stop(py: Python<'_>) {
    let old = LOOP.lock().take();
    if let Some(old) = old {
        let stopped = py
            .import("gochan._aio")
            .and_then(|aio| aio.call_method1("stop", (old,)));
        if let Err(error) = stopped {
            guard::write_unraisable(py, error, None);
        }
    }
}

pub fn after_fork_in_child() {
    // The parent's loop is not closed here: its selector is the parent's too.
    std::mem::forget(LOOP.lock().take());
}

/// Nothing is started at exit, nor by a goroutine that is being closed.
pub fn refuse() -> PyResult<()> {
    exit::refuse("aio()")?;
    current::refuse_while_closing(|| "aio() on gochan's asyncio loop".into())
}

/// One `aio()`, as whoever waits for it has it.
#[derive(Debug)]
pub struct Call {
    /// Until it is started.
    pub awaitable: Option<Py<PyAny>>,
    pub task: Task,
    pub result: Arc<ChanCore>,
}

/// A task on the loop that has not ended as far as the waiting side knows. Dropped then, the task is cancelled.
#[derive(Debug, Default)]
pub struct Task {
    /// The `_aio.Call`.
    call: Option<Py<PyAny>>,
    epoch: u32,
}

impl Task {
    /// What the goroutine gets.
    pub fn finish(&mut self, py: Python<'_>, pair: Value) -> PyResult<Py<PyAny>> {
        drop(self.call.take());
        let (ok, value): (bool, Bound<'_, PyAny>) = pair.into_bound(py).extract()?;
        if ok {
            Ok(value.unbind())
        } else {
            Err(PyErr::from_value(value))
        }
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call)
    }
}

impl Drop for Task {
    #[inline]
    fn drop(&mut self) {
        let Some(call) = self.call.take() else {
            return;
        };
        // In a forked child the loop is the parent's.
        if self.epoch != epoch::current() {
            return;
        }
        Python::try_attach(|py| {
            guard::run_whole(py, None, || {
                guard::call_method(call.bind(py), intern!(py, "leave"), []).map(drop)
            });
        });
    }
}

/// A `run()` has ended: nobody waits any more for what was started in it.
pub fn leave_run(py: Python<'_>, scope: &Scope) {
    if !scope.uses_aio() {
        return;
    }
    let Some(known) = known_loop(py) else {
        return;
    };
    guard::run_whole(py, None, || {
        let leave = py.import("gochan._aio")?.getattr("leave_run")?;
        let run = scope.id().into_pyobject(py)?;
        guard::call(&leave, [&known, run.as_any()]).map(drop)
    });
}

/// Starts `awaitable` as a task; its end goes into `result` as `(True, value)` or `(False, exception)`.
pub fn start(py: Python<'_>, awaitable: Py<PyAny>, result: &Arc<ChanCore>) -> PyResult<Task> {
    static CALL: Kept<Py<PyAny>> = Kept::new();
    static WRAP: Kept<Py<PyAny>> = Kept::new();
    aio_warm::warm_up(py)?;
    let event_loop = event_loop(py)?;
    let run = current::scope(py).map(|scope| {
        scope.will_use_aio();
        scope.id()
    });
    let call = CALL
        .import(py, "gochan._aio", "Call")?
        .call1((&event_loop, run))?;
    let begin = || {
        let wrap = WRAP.import(py, "gochan._aio", "wrap")?;
        let task = wrap.call1((awaitable, &call))?;
        let context = spawn::copy_context(py)?.into_bound(py);
        let locals = TaskLocals::new(event_loop).with_context(context);
        pyo3_async_runtimes::into_future_with_locals(&locals, task)
    };
    let future = begin().inspect_err(|_| {
        // A Ctrl-C may come when the loop has it already.
        guard::run_whole(py, None, || call.call_method0(intern!(py, "leave")).map(drop));
    })?;
    let polled = std::sync::Arc::new(Polled {
        state: Mutex::new(Polling::Idle(Box::pin(future))),
        result: Arc::clone(result),
    });
    polled.wake();
    Ok(Task {
        call: Some(call.unbind()),
        epoch: epoch::current(),
    })
}

struct Polled {
    /// What may not happen under its lock: a poll, a drop, any Python.
    state: Mutex<Polling>,
    result: Arc<ChanCore>,
}

enum Polling {
    Idle(Running),
    /// Somebody polls it.
    Now,
    /// The same, and it was woken meanwhile: it is polled once more.
    NowAndAgain,
    Over,
}

impl Polled {
    /// The future, for the one who polls it.
    fn take(&self) -> Option<Running> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, Polling::Over) {
            Polling::Idle(future) => {
                *state = Polling::Now;
                return Some(future);
            }
            Polling::Now | Polling::NowAndAgain => *state = Polling::NowAndAgain,
            Polling::Over => {}
        }
        None
    }

    /// It is pending. The future, if it was woken while it was polled.
    fn put_back(&self, future: Running) -> Option<Running> {
        let mut state = self.state.lock();
        if matches!(*state, Polling::NowAndAgain) {
            *state = Polling::Now;
            return Some(future);
        }
        *state = Polling::Idle(future);
        None
    }
}

impl Wake for Polled {
    /// Somebody has completed the future (the loop's thread), or begins it: poll. Runs attached.
    fn wake(self: std::sync::Arc<Self>) {
        let waker = std::sync::Arc::clone(&self).into();
        let mut taken = self.take();
        while let Some(mut future) = taken {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => taken = self.put_back(future),
                Poll::Ready(end) => {
                    *self.state.lock() = Polling::Over;
                    return self.ends(end);
                }
            }
        }
    }
}

impl Polled {
    fn ends(&self, end: PyResult<Py<PyAny>>) {
        Python::try_attach(|py| {
            // `wrap` returns both ends; an error here is the loop's own.
            let pair = end.or_else(|error| {
                let failed = pyo3::types::PyBool::new(py, false).to_owned().into_any();
                let error = error.into_value(py).into_bound(py).into_any();
                PyTuple::new(py, [failed, error]).map(|pair| pair.into_any().unbind())
            });
            match pair {
                // One result, one place: never full, never closed.
                Ok(pair) => drop(self.result.try_send(Value::new(pair.into_bound(py)))),
                Err(error) => guard::write_unraisable(py, error, None),
            }
        });
    }
}
