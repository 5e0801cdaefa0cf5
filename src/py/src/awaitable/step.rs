//! How an [`Awaitable`] goes on: one step of it, for a task of asyncio and for a goroutine.
//!
//! A ready operation completes within the first step. One that has to wait parks the task or the goroutine, and each later step looks
//! whether its end has come. All of it runs with the state locked, which only means that nobody else steps meanwhile.

use super::Awaitable;
use crate::aio_waiter::AioWaiter;
use crate::current;
use crate::deferred;
use crate::error;
use crate::goexit;
use crate::goroutine::{Goroutine, flag};
use crate::goroutine_wait::{Found, Start, Wait};
use crate::host;
use crate::limit::Limit;
use crate::loop_host::LoopHost;
use crate::operation::{Operation, Parked};
use crate::wake::{Place, ValueWaiter, Waker};
use gochan_core::sys::Arc;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

#[derive(Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    /// `Yield`, which holds nothing, once it is over.
    pub(super) operation: Operation,
    pub(super) limit: Limit,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Not awaited yet.
    New,
    /// A task waits.
    Task(Py<AioWaiter>),
    /// A goroutine waits.
    Goroutine(Wait),
    /// `agosched()`: the others have their turn.
    Yielded,
    /// A step is under way, or the operation is over.
    Over,
    /// It ended from outside while it waited. The operation is kept for whoever asks what its goroutine waited for.
    Aborted,
}

/// How one step ended, apart from an error.
#[derive(Debug)]
pub(super) enum Step {
    Return(Py<PyAny>),
    /// What a task waits for; the awaitable itself for a goroutine.
    Yield(Py<PyAny>),
}

impl State {
    #[inline]
    pub(super) fn is_over(&mut self) {
        self.stage = Stage::Over;
        self.operation = Operation::Yield;
    }

    #[inline]
    pub(super) fn begin(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        goexit::check_exit(py)?;
        if let Some(result) = self.operation.select_at_once(py) {
            // Before anything is asked or made ready for a wait.
            self.is_over();
            return result.map(Step::Return);
        }
        if let Some(goroutine) = stepped {
            if !host::loop_inside(py)? {
                return self.begin_in_goroutine(slf, &goroutine);
            }
        }
        if matches!(self.operation, Operation::Yield) {
            if current::is_closing() && !current::was_refused_often() {
                // There is nobody to give way to; but one that does nothing else must not go on for ever.
                current::count_refusal();
                self.is_over();
                return Ok(Step::Return(py.None()));
            }
            // One turn of the loop, as asyncio.sleep(0) does it.
            self.stage = Stage::Yielded;
            return Ok(Step::Yield(py.None()));
        }
        if let Some(end) = self.try_now(py)? {
            return Ok(end);
        }
        if current::is_closing() {
            if current::was_refused_often() {
                // It swallows every error and tries again. A yield ends that: Python says that it ignored GeneratorExit.
                self.is_over();
                return Ok(Step::Yield(py.None()));
            }
            current::refuse_while_closing(|| self.operation.title(py, self.operation.names().1))?;
        }
        self.park_task(py, self.limit)
    }

    #[inline]
    fn begin_in_goroutine(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        goroutine: &Bound<'_, Goroutine>,
    ) -> PyResult<Step> {
        let py = slf.py();
        if matches!(self.operation, Operation::Yield) {
            // Marked as woken before it parks: so its place is in the queue at once.
            goroutine.get().set(flag::GAVE_WAY);
            goroutine.get().word.wake();
            self.stage = Stage::Yielded;
            return Ok(Step::Yield(slf.to_owned().into_any().unbind()));
        }
        if !self.operation.is_plain() || self.limit.is_now() {
            if let Some(end) = self.try_now(py)? {
                return Ok(end);
            }
        }
        self.wait_in(slf, goroutine, self.limit)
    }

    /// Done at once, or its time is up already. None: it has to wait.
    #[inline]
    fn try_now(&mut self, py: Python<'_>) -> PyResult<Option<Step>> {
        let result = match self.operation.attempt(py)? {
            Some(result) => result,
            None if self.limit.is_now() => self.expired(py)?,
            None => return Ok(None),
        };
        self.is_over();
        Ok(Some(Step::Return(result)))
    }

    /// Completes the operation, or parks the goroutine in it.
    #[inline]
    fn wait_in(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        goroutine: &Bound<'_, Goroutine>,
        limit: Limit,
    ) -> PyResult<Step> {
        match Wait::begin(goroutine, &mut self.operation, limit)? {
            Start::Done(result) => {
                self.is_over();
                Ok(Step::Return(result))
            }
            Start::Waits(wait) => {
                self.stage = Stage::Goroutine(wait);
                Ok(Step::Yield(slf.to_owned().into_any().unbind()))
            }
        }
    }

    #[inline]
    pub(super) fn resume_goroutine(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        let Stage::Goroutine(wait) = &mut self.stage else {
            return Err(used_up());
        };
        if stepped.is_some_and(|stepped| !wait.is_of(&stepped)) {
            return Err(awaited_elsewhere());
        }
        match wait.outcome(&self.operation) {
            Found::Outcome(outcome, arm) => {
                self.stage = Stage::Over;
                let end = self.operation.finish(py, outcome, arm);
                self.ended(slf, stepped, end)
            }
            Found::TimedOut => {
                self.stage = Stage::Over;
                let end = self.expired(py).map(Some);
                self.ended(slf, stepped, end)
            }
            Found::Nothing if stepped.is_some() => Ok(Step::Yield(slf.to_owned().into_any().unbind())),
            Found::Nothing => Err(awaited_elsewhere()),
        }
    }

    /// The time is up: what a sleep waits for, and an error for all else.
    fn expired(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let result = self.operation.expired(py);
        result.ok_or_else(|| timed_out(py, &self.operation, self.limit))
    }

    /// A wait has ended: with a result, in vain, or with an error, which may have to wait.
    #[inline]
    fn ended(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
        end: PyResult<Option<Py<PyAny>>>,
    ) -> PyResult<Step> {
        match end {
            Ok(Some(result)) => {
                self.operation = Operation::Yield;
                return Ok(Step::Return(result));
            }
            Ok(None) => {}
            Err(error) => self.operation.interrupted(slf.py(), error)?,
        }
        self.again(slf, stepped)
    }

    #[cold]
    fn again(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        let limit = self.operation.rest_of(self.limit);
        if limit.is_now() {
            return Err(timed_out(py, &self.operation, self.limit));
        }
        let Some(goroutine) = stepped else {
            return self.park_task(py, limit);
        };
        self.wait_in(slf, &goroutine, limit)
    }

    fn park_task(&mut self, py: Python<'_>, limit: Limit) -> PyResult<Step> {
        match park_task(py, &mut self.operation, limit)? {
            Ok(result) => {
                self.is_over();
                Ok(Step::Return(result))
            }
            Err(waiter) => {
                let step = Step::Yield(waiter.clone_ref(py).into_any());
                self.stage = Stage::Task(waiter);
                Ok(step)
            }
        }
    }

    /// Ends a wait that has to go on a little before `error` is raised: see `acquire`.
    pub(super) fn interrupt(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
        error: PyErr,
    ) -> PyResult<Step> {
        let stepped = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Goroutine(mut wait) => {
                wait.end(&self.operation);
                stepped
            }
            Stage::Task(waiter) => {
                waiter.get().give_up(slf.py());
                None
            }
            // Handed back when its `run()` was over. It is closed now, and still leaves a `with` block of its lock.
            Stage::Aborted => None,
            Stage::New | Stage::Yielded | Stage::Over => return Err(error),
        };
        self.ended(slf, stepped, Err(error))
    }

    pub(super) fn go_on(&mut self, slf: Borrowed<'_, '_, Awaitable>) -> PyResult<Step> {
        let py = slf.py();
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Task(waiter) => {
                if !waiter.get().has_ended() {
                    // Not the task that waits: that one is resumed when the wait has ended.
                    self.stage = Stage::Task(waiter);
                    return Err(awaited_elsewhere());
                }
                let (registration, is_timeout) = match waiter.get().end(py) {
                    Ok(end) => end,
                    Err(error) => {
                        // Not lost with the operation: it goes back.
                        waiter.get().give_up(py);
                        return Err(error);
                    }
                };
                let end = if is_timeout {
                    self.expired(py).map(Some)
                } else {
                    match registration.and_then(|mut registration| registration.take()) {
                        Some((outcome, arm)) => self.operation.finish(py, outcome, arm),
                        None => Err(PyRuntimeError::new_err("the wait was cancelled")),
                    }
                };
                self.ended(slf, None, end)
            }
            Stage::Yielded => Ok(Step::Return(py.None())),
            Stage::New | Stage::Goroutine(_) | Stage::Over | Stage::Aborted => Err(used_up()),
        }
    }
}

#[cold]
fn used_up() -> PyErr {
    PyRuntimeError::new_err(
        "cannot await this operation again: an awaitable of gochan works once, make a new one",
    )
}

/// Queues the task that runs in this thread. `Ok`: there was no need to.
fn park_task(
    py: Python<'_>,
    operation: &mut Operation,
    limit: Limit,
) -> PyResult<Result<Py<PyAny>, Py<AioWaiter>>> {
    let (_, name) = operation.names();
    let Some(event_loop) = host::running_loop(py)? else {
        let advice = if host::in_trio(py)? {
            "gochan cannot wait in a trio loop; use the blocking form in another thread (gochan.go, \
             trio.to_thread.run_sync)"
        } else {
            "this is no goroutine, and no asyncio event loop runs in this thread; await it in an `async def` \
             goroutine or a task, or use the blocking form"
        };
        return Err(PyRuntimeError::new_err(format!(
            "{} has to wait, but nothing here can: {advice}",
            operation.title(py, name)
        )));
    };
    let host = LoopHost::of(&event_loop)?;
    let waiter = AioWaiter::new(py, host, name)?;
    let place = Arc::new(ValueWaiter::new());
    let waker = |arm| Waker::Asyncio(Box::new(Place::new(&place, waiter.clone_ref(py), arm)));
    match operation.park(py, &place, waker)? {
        Parked::Not(result) => return Ok(Ok(result)),
        Parked::In(registration) => waiter.get().queued(registration),
    }
    // The loop may now go to sleep in its selector, which knows nothing of threads that wait for a wake.
    deferred::flush();
    if let Limit::After(span) = limit {
        // An error drops the waiter's registration with the awaitable, which takes the wait back.
        if let Err(error) = AioWaiter::expire_after(waiter.bind(py), span) {
            waiter.get().give_up(py);
            return Err(error);
        }
    }
    Ok(Err(waiter))
}

fn awaited_elsewhere() -> PyErr {
    PyRuntimeError::new_err(
        "this operation is being awaited already, by another task: an awaitable of gochan works once, \
         make one for each task",
    )
}

fn timed_out(py: Python<'_>, operation: &Operation, limit: Limit) -> PyErr {
    let (_, name) = operation.names();
    error::timed_out(name, limit.span(), &operation.on(py))
}
