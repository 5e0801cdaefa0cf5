//! A goroutine's wait for one operation.
//!
//! Invariant: dropping a [`Wait`] ends it in the right way, as for [`crate::registration::Registration`]: what nobody
//! claimed is cancelled and leaves its queue, what was handed over and not taken goes back.
//!
//! A goroutine uses one waiter for all its waits, one after the other, so a park allocates nothing. Only one that steps
//! two operations by hand at the same time gets a waiter of its own for the second.

use crate::error;
use crate::gc::visit_value;
use crate::goroutine::Goroutine;
use crate::limit::Limit;
use crate::monitor;
use crate::operation::{Operation, Queued};
use crate::wake::{ValueWaiter, Waker};
use crate::world::{self, Expiry, Routine};
use gochan_core::clock::{Clock, Instant, Monotonic, coarse_now};
use gochan_core::sched::timers::Key;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::time::Duration;

#[derive(Debug)]
pub struct Wait {
    operation: Operation,
    ticket: Ticket,
    routine: Routine,
    /// `None`: the goroutine's own.
    extra: Option<Arc<ValueWaiter>>,
    timeout: Option<Box<(Key, Duration)>>,
    since: Instant,
    /// Its outcome was taken, or it was cancelled: nothing is left to do.
    over: bool,
}

/// How an operation in a goroutine went on.
#[derive(Debug)]
pub enum Start {
    Done(Py<PyAny>),
    Waits(Wait),
}

/// How a resumed wait went on.
#[derive(Debug)]
pub enum Resumed {
    Done(Py<PyAny>),
    /// It was resumed for something else.
    NotYet(Wait),
}

impl Wait {
    /// Completes the operation, or queues the goroutine's waiter.
    pub fn begin(
        py: Python<'_>,
        goroutine: Bound<'_, Goroutine>,
        mut operation: Operation,
        limit: Limit,
    ) -> PyResult<Start> {
        let this = goroutine.get();
        let extra = this.waits().then(|| Arc::new(ValueWaiter::new()));
        let waiter = extra.as_ref().unwrap_or_else(|| this.waiter());
        let waker = Waker::Goroutine(Routine::new(goroutine.clone()));
        let ticket = match operation.queue(py, waiter, waker)? {
            Queued::Not(result) => return Ok(Start::Done(result)),
            Queued::In(ticket) => ticket,
        };
        let timeout = match limit {
            Limit::After(span) => Some(Box::new((expire_after(&goroutine, waiter, span), span))),
            Limit::Never | Limit::Now => None,
        };
        if extra.is_none() {
            this.set_waits(true);
        }
        Ok(Start::Waits(Self {
            operation,
            ticket,
            routine: Routine::new(goroutine),
            extra,
            timeout,
            since: coarse_now(),
            over: false,
        }))
    }

    /// The goroutine goes on: with the outcome, if there is one.
    pub fn resume(mut self, py: Python<'_>) -> PyResult<Resumed> {
        let waiter = self.waiter();
        if !waiter.is_settled() {
            if self.timeout.is_none() || waiter.is_waiting() {
                return Ok(Resumed::NotYet(self));
            }
            let span = self.timeout.as_ref().map_or(Duration::ZERO, |timeout| timeout.1);
            self.leave();
            let (_, name) = self.operation.names();
            return Err(error::timed_out(name, span, &self.operation.on(py)));
        }
        let outcome = waiter.rearm();
        self.is_over();
        match outcome {
            Some(outcome) => self.operation.finish(py, outcome).map(Resumed::Done),
            None => unreachable!("a settled waiter has an outcome, and only its host takes it"),
        }
    }

    #[inline]
    fn waiter(&self) -> &Arc<ValueWaiter> {
        // SAFETY: a wait is used and dropped by attached threads only.
        self.extra
            .as_ref()
            .unwrap_or_else(|| unsafe { self.routine.get() }.waiter())
    }

    /// The waiter is cancelled, and nobody will settle it.
    fn leave(&mut self) {
        self.operation.forget(self.ticket);
        let left = self.waiter().rearm();
        debug_assert!(left.is_none(), "a cancelled waiter has no outcome");
        self.is_over();
    }

    fn is_over(&mut self) {
        self.over = true;
        if let Some(timeout) = self.timeout.take() {
            drop(world::get().timers.cancel(timeout.0));
        }
        if self.extra.is_none() {
            // SAFETY: as in `waiter`.
            unsafe { self.routine.get() }.set_waits(false);
        }
    }

    pub fn into_operation(mut self) -> Operation {
        self.end();
        std::mem::replace(&mut self.operation, Operation::Yield)
    }

    fn end(&mut self) {
        if self.over {
            return;
        }
        if self.waiter().cancel() || !self.waiter().is_settled() {
            return self.leave();
        }
        let outcome = self.waiter().rearm();
        self.is_over();
        if let Some(outcome) = outcome {
            self.operation.give_back(outcome);
        }
    }

    /// The operation as a person reads it, and since when it waits.
    pub fn describe(&self, py: Python<'_>) -> (String, Instant) {
        let text = format!("{} on {}", self.operation.names().1, self.operation.on(py));
        (text, self.since)
    }

    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.operation.traverse(visit)?;
        visit_value(visit, self.routine.value())?;
        let mut result = Ok(());
        if let Some(extra) = &self.extra {
            extra.try_visit(&mut |value| result = visit_value(visit, value));
        }
        result
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end();
    }
}

fn expire_after(goroutine: &Bound<'_, Goroutine>, waiter: &Arc<ValueWaiter>, span: Duration) -> Key {
    let expiry = Expiry {
        routine: Routine::new(goroutine.clone()),
        turn: waiter.turn(),
        waiter: Arc::clone(waiter),
    };
    let at = Monotonic.now().saturating_add(span);
    let (key, is_first) = world::get().timers.add(at, expiry);
    if is_first {
        monitor::watch();
    }
    key
}

/// Ends the waits whose time is up.
pub fn expire_due(py: Python<'_>) {
    let timers = &world::get().timers;
    if timers.is_empty() {
        return;
    }
    let now = Monotonic.now();
    while let Some(expiry) = timers.pop_due(now) {
        let Expiry {
            routine,
            waiter,
            turn,
        } = expiry;
        if waiter.cancel_turn(turn) {
            routine.wake();
        } else {
            // A peer was first.
            drop(routine);
        }
        drop(waiter);
    }
    let _ = py;
}
