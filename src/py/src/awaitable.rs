//! The awaitable face of an [`Operation`]: what `ch.arecv()` returns.
//!
//! It is its own iterator and has the methods of a coroutine (`send`, `throw`, `close`), so asyncio
//! takes it wherever it takes a coroutine: `create_task`, `gather`, `wait_for`, `asyncio.run`.
//!
//! What happens in a step is in [`step`]; `await` calls the slots in [`slots`].
//!
//! Invariants:
//! * `state` is locked for the whole of a step, by `try_lock` only: a second thread or a reentrant
//!   call gets an error, nobody ever waits for it.
//! * An operation is used once. A value that was not handed over goes with it.

mod slots;
mod step;

pub use slots::fill_slots;

use crate::collection;
use crate::current;
use crate::goexit;
use crate::goroutine::{Goroutine, flag};
use crate::guard;
use crate::limit::Limit;
use crate::monitor;
use crate::operation::Operation;
use crate::pool::Pool;
use crate::step_lock::StepLock;
use crate::value::Value;
use gochan_core::clock::Instant;
use pyo3::exceptions::{PyGeneratorExit, PyRuntimeError, PyRuntimeWarning, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use step::{Stage, State, Step};

#[pyclass(frozen, weakref, module = "gochan", name = "_Operation")]
#[derive(Debug)]
pub struct Awaitable {
    state: StepLock<State>,
}

static POOL: Pool = Pool::new();

impl Awaitable {
    #[inline]
    pub fn new(py: Python<'_>, operation: Operation, limit: Limit) -> PyResult<Bound<'_, Self>> {
        let state = State {
            stage: Stage::New,
            operation,
            limit,
        };
        POOL.make(
            py,
            Self {
                state: StepLock::new(state),
            },
        )
    }

    /// The result of the first step, where that only moves a value into a buffer or out of it: on a buffered channel most do. `None`:
    /// the step is still to be made.
    #[inline(always)] // as `move_at_once`
    #[allow(clippy::inline_always)]
    fn step_at_once(&self, py: Python<'_>) -> Option<Value> {
        if goexit::some_exit() {
            return None;
        }
        let mut state = self.state.try_lock(py)?;
        if !matches!(state.stage, Stage::New) {
            return None;
        }
        let result = state.operation.move_at_once(py)?;
        // What it was holds nothing, so nothing is dropped.
        std::mem::forget(std::mem::replace(&mut state.stage, Stage::Over));
        match state.operation.take() {
            // As it is, and known here: nothing else is asked.
            Operation::Send { chan, value: None } | Operation::Recv { chan, .. } => drop(chan),
            other => drop(other),
        }
        Some(result)
    }

    #[inline]
    fn step(slf: Borrowed<'_, '_, Self>, stepped: Option<Borrowed<'_, '_, Goroutine>>) -> PyResult<Step> {
        let Some(mut guard) = slf.get().state.try_lock(slf.py()) else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited by another task already",
            ));
        };
        let state = &mut *guard;
        let step = match state.stage {
            Stage::New => state.begin(slf, stepped),
            Stage::Goroutine(_) => state.resume_goroutine(slf, stepped),
            _ => state.go_on(slf),
        };
        if step.is_err() && !matches!(state.stage, Stage::Task(_) | Stage::Goroutine(_)) {
            state.stage = Stage::Over;
            // Its end may call Python, and that is free to look at this.
            let operation = state.operation.take();
            drop(guard);
            drop(operation);
        }
        step
    }

    /// Of an operation that was done already.
    pub fn nothing(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        let result = Some(py.None());
        Self::new(py, Operation::Ready { result }, Limit::Never)
    }

    /// Whether nothing is left to give back.
    #[inline]
    fn is_empty(&mut self) -> bool {
        let state = self.state.get_mut();
        matches!(
            (&state.stage, &state.operation),
            (Stage::Over | Stage::Yielded, Operation::Yield)
        )
    }

    /// Whether `yielded`, which came out of a step of the goroutine, is a park of it.
    #[inline]
    pub fn is_parked(yielded: &Bound<'_, PyAny>, goroutine: &Goroutine) -> bool {
        yielded.cast_exact::<Self>().is_ok_and(|awaits| {
            goroutine.waits() || goroutine.has(flag::GAVE_WAY) || awaits.get().is_wait_of(goroutine)
        })
    }

    /// Whether the goroutine waits for this. It may wait beside an operation that it steps by hand, and then its own waiter, if that
    /// one is over, says nothing.
    #[cold]
    pub fn is_wait_of(&self, goroutine: &Goroutine) -> bool {
        let state = self.state.try_look();
        state.is_some_and(|state| matches!(&state.stage, Stage::Goroutine(wait) if std::ptr::eq(wait.goroutine(), goroutine)))
    }

    /// What a goroutine that awaits this waits for, and since when.
    pub fn waits_in(&self, py: Python<'_>) -> Option<(String, Instant)> {
        let state = self.state.try_look()?;
        let since = match &state.stage {
            Stage::Goroutine(wait) => wait.since(),
            Stage::Aborted => monitor::now(),
            _ => return None,
        };
        let (_, name) = state.operation.names();
        Some((state.operation.title(py, name), since))
    }

    /// Ends the operation from outside: a wait is cancelled, a value that was handed over goes back.
    pub fn abort(&self, py: Python<'_>) -> PyResult<()> {
        let Some(mut state) = self.state.try_lock(py) else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited right now",
            ));
        };
        let ended = match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Goroutine(mut wait) => {
                if collection::is_on() {
                    // Its goroutine, which is to say what it waited for, may come after its coroutine.
                    let (_, name) = state.operation.names();
                    wait.goroutine().note_broken_off(state.operation.title(py, name));
                }
                wait.end(&state.operation);
                state.stage = Stage::Aborted;
                let left = state.operation.abandon();
                drop(state);
                drop(left);
                return Ok(());
            }
            stage => (stage, state.operation.take()),
        };
        drop(state);
        if let Stage::Task(waiter) = &ended.0 {
            waiter.get().give_up(py);
        }
        drop(ended);
        Ok(())
    }
}

#[pymethods]
impl Awaitable {
    fn __await__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// Makes the type an iterator; the slot itself is replaced by ``awaitable_slots``.
    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::send(slf, slf.py().None().bind(slf.py()))
    }

    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let stepped = current::stepped(slf.py());
        let stepped = stepped.as_ref().map(Bound::as_borrowed);
        match Self::step(slf.as_borrowed(), stepped).map_err(|error| slots::not_a_result(slf.py(), error))? {
            Step::Yield(waiter) => Ok(waiter),
            Step::Return(result) => Err(slots::stop_iteration(result.into_bound(slf.py()))),
        }
    }

    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let value = value.filter(|value| !value.is_none());
        let error = match value {
            Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => value.clone(),
            Some(value) => kind.call1((value,))?,
            None if kind.is_instance_of::<pyo3::exceptions::PyBaseException>() => kind.clone(),
            None => kind.call0()?,
        };
        if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
            error.setattr("__traceback__", traceback)?;
        }
        let error = PyErr::from_value(error);
        if let Some(mut state) = slf.get().state.try_lock(slf.py()) {
            if state.operation.holds_up_errors() {
                let stepped = current::stepped(slf.py());
                let stepped = stepped.as_ref().map(Bound::as_borrowed);
                return match state.interrupt(slf.as_borrowed(), stepped, error)? {
                    Step::Yield(waiter) => Ok(waiter),
                    Step::Return(result) => Err(slots::stop_iteration(result.into_bound(slf.py()))),
                };
            }
        }
        slf.get().abort(slf.py())?;
        Err(error)
    }

    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if let Some(mut state) = slf.get().state.try_lock(slf.py()) {
            if state.operation.holds_up_errors() {
                // What a coroutine that is closed raises next. It takes the lock if it can.
                let closing = PyGeneratorExit::new_err(());
                drop(state.interrupt(slf.as_borrowed(), None, closing));
                return Ok(());
            }
        }
        slf.get().abort(py)
    }

    /// As of a coroutine: what the repr of a task shows, with `()` behind.
    #[getter(__name__)]
    fn name(&self) -> &'static str {
        let state = self.state.try_look();
        let (_, name) = match state.as_ref().map(|state| (&state.stage, &state.operation)) {
            Some((Stage::New | Stage::Task(_) | Stage::Goroutine(_), operation)) => operation.names(),
            _ => ("", "operation"),
        };
        name.strip_suffix("()").unwrap_or(name)
    }

    #[getter(__qualname__)]
    fn qualified_name(&self) -> &'static str {
        self.name()
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle an operation of gochan: it is awaited once, in this process; pass its result",
        ))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let py = slf.py();
        let Some(state) = slf.get().state.try_look() else {
            return "<gochan operation, running>".into();
        };
        let name = state.operation.names().1;
        match &state.stage {
            Stage::New => format!("<gochan {}>", state.operation.title(py, name)),
            Stage::Task(_) | Stage::Goroutine(_) => {
                format!(
                    "<gochan {}>",
                    state.operation.title(py, &format!("{name} waiting"))
                )
            }
            Stage::Over | Stage::Aborted | Stage::Yielded => "<gochan operation, over>".into(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(state) = self.state.try_look() else {
            return Ok(());
        };
        state.operation.traverse(visit)?;
        match &state.stage {
            Stage::Goroutine(wait) => wait.traverse(visit),
            Stage::Task(waiter) => visit.call(waiter),
            _ => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        let state = self.state.try_lock(py).map(|mut state| {
            let stage = std::mem::replace(&mut state.stage, Stage::Over);
            (stage, state.operation.take())
        });
        if let Some((stage, operation)) = state {
            end(py, stage, operation);
        }
    }
}

impl Drop for Awaitable {
    #[inline]
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if matches!(state.stage, Stage::Over | Stage::Yielded) {
            return;
        }
        let stage = std::mem::replace(&mut state.stage, Stage::Over);
        let operation = state.operation.take();
        // None: the interpreter is nearly gone, and with it whoever could be told or woken.
        Python::try_attach(|py| {
            // Often enough in the middle of somebody's exception.
            guard::with_error_aside(py, || end(py, stage, operation));
        });
    }
}

/// Nobody can await it any more.
fn end(py: Python<'_>, stage: Stage, operation: Operation) {
    match stage {
        Stage::Over | Stage::Yielded | Stage::Aborted => {}
        Stage::New => never_awaited(py, &operation),
        // A coroutine that was destroyed while it waited: its place in the queue goes.
        Stage::Task(waiter) => waiter.get().give_up(py),
        Stage::Goroutine(mut wait) => wait.end(&operation),
    }
    drop(operation);
}

/// What Python says of a coroutine that nobody awaited.
#[cold]
fn never_awaited(py: Python<'_>, operation: &Operation) {
    if matches!(operation, Operation::Ready { .. } | Operation::Close { .. }) {
        return;
    }
    let warn = || -> PyResult<()> {
        let message = format!("{} was never awaited", operation.names().1).into_pyobject(py)?;
        let warn = py.import("warnings")?.getattr("warn")?;
        guard::call(
            &warn,
            [message.as_any(), py.get_type::<PyRuntimeWarning>().as_any()],
        )
        .map(drop)
    };
    if let Err(error) = warn() {
        guard::raise_later(py, error, None);
    }
}
