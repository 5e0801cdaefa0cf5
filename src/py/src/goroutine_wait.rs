//! A goroutine's wait for one operation.
//!
//! Invariant: a wait ends by [`Wait::outcome`], or by [`Wait::end`] if nobody is to have the outcome. Its owner, the
//! awaitable, sees to it that it does: then what nobody claimed is cancelled and leaves its queue, and what was handed over and
//! not taken goes back.
//!
//! A goroutine uses one waiter for all its waits, one after the other, so a park allocates nothing. Only one that steps
//! two operations by hand at the same time gets a waiter of its own for the second.

use crate::gc::visit_value;
use crate::goroutine::Goroutine;
use crate::limit::Limit;
use crate::monitor;
use crate::operation::{Operation, Queued};
use crate::value::{Ref, Value};
use crate::wake::{ValueWaiter, Waker};
use crate::world::{self, Expiry, Routine};
use gochan_core::Outcome;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::sched::timers::Key;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::time::Duration;

#[derive(Debug)]
pub struct Wait {
    ticket: Ticket,
    goroutine: Ref<Goroutine>,
    rare: Option<Box<Rare>>,
    since: Instant,
}

/// What few waits have.
#[derive(Debug)]
struct Rare {
    /// `None`: the goroutine's own waiter.
    extra: Option<Arc<ValueWaiter>>,
    timeout: Option<(Key, Duration)>,
}

/// How an operation in a goroutine began.
#[derive(Debug)]
pub enum Start {
    Done(Py<PyAny>),
    Waits(Wait),
}

/// What a resumed goroutine finds.
#[derive(Debug)]
pub enum Found {
    Outcome(Outcome<Value>),
    TimedOut(Duration),
    /// It was resumed for something else.
    Nothing,
}

impl Wait {
    /// Completes the operation, or queues the goroutine's waiter.
    #[inline]
    pub fn begin(
        goroutine: &Bound<'_, Goroutine>,
        operation: &mut Operation,
        limit: Limit,
    ) -> PyResult<Start> {
        let this = goroutine.get();
        let extra = this.waits().then(|| Arc::new(ValueWaiter::new()));
        this.waiter().adopt();
        let waker = || {
            let routine = Routine::new(goroutine.clone());
            match &extra {
                None => Waker::Goroutine(routine),
                Some(extra) => Waker::GoroutineBesides(Box::new((Arc::clone(extra), routine))),
            }
        };
        let ticket = match operation.queue(goroutine.py(), waker)? {
            Queued::Not(result) => return Ok(Start::Done(result)),
            Queued::In(ticket) => ticket,
        };
        let timeout = match limit {
            Limit::After(span) => Some((expire_after(goroutine, extra.as_ref(), span), span)),
            Limit::Never | Limit::Now => None,
        };
        if extra.is_none() {
            this.set_waits(true);
        }
        let rare = extra.is_some() || timeout.is_some();
        Ok(Start::Waits(Self {
            ticket,
            goroutine: Ref::new(goroutine.clone()),
            rare: rare.then(|| Box::new(Rare { extra, timeout })),
            since: monitor::now(),
        }))
    }

    /// What there is for a goroutine that was resumed. The wait is over unless it is [`Found::Nothing`].
    #[inline]
    pub fn outcome(&mut self, operation: &Operation) -> Found {
        let waiter = self.waiter();
        if !waiter.is_settled() {
            let timeout = self.rare.as_ref().and_then(|rare| rare.timeout);
            let Some((_, span)) = timeout.filter(|_| !waiter.is_waiting()) else {
                return Found::Nothing;
            };
            // Between the two looks a peer may have come.
            if !waiter.is_settled() {
                self.leave(operation);
                return Found::TimedOut(span);
            }
        }
        let outcome = waiter.rearm();
        self.is_over();
        outcome.map_or(Found::Nothing, Found::Outcome)
    }

    /// Ends the wait where nobody is to have its outcome.
    pub fn end(&mut self, operation: &Operation) {
        if self.waiter().cancel() || !self.waiter().is_settled() {
            return self.leave(operation);
        }
        let outcome = self.waiter().rearm();
        self.is_over();
        if let Some(outcome) = outcome {
            operation.give_back(outcome);
        }
    }

    #[inline]
    fn waiter(&self) -> &ValueWaiter {
        let extra = self.rare.as_ref().and_then(|rare| rare.extra.as_deref());
        extra.unwrap_or_else(|| self.goroutine.get().waiter())
    }

    /// The waiter is cancelled, and nobody will settle it.
    fn leave(&mut self, operation: &Operation) {
        operation.forget(self.ticket);
        let left = self.waiter().rearm();
        debug_assert!(left.is_none(), "a cancelled waiter has no outcome");
        self.is_over();
    }

    #[inline]
    fn is_over(&mut self) {
        let Some(rare) = &mut self.rare else {
            self.goroutine.get().set_waits(false);
            return;
        };
        if let Some(timeout) = rare.timeout.take() {
            drop(world::get().timers.cancel(timeout.0));
        }
        if rare.extra.is_none() {
            self.goroutine.get().set_waits(false);
        }
    }

    pub fn is_of(&self, goroutine: &Bound<'_, Goroutine>) -> bool {
        self.goroutine.value().as_ptr() == goroutine.as_ptr()
    }

    pub fn since(&self) -> Instant {
        self.since
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit_value(visit, self.goroutine.value())?;
        let mut result = Ok(());
        if let Some(extra) = self.rare.as_ref().and_then(|rare| rare.extra.as_ref()) {
            extra.try_visit(&mut |value| result = visit_value(visit, value));
        }
        result
    }
}

fn expire_after(goroutine: &Bound<'_, Goroutine>, extra: Option<&Arc<ValueWaiter>>, span: Duration) -> Key {
    let mut expiry = Expiry {
        routine: Routine::new(goroutine.clone()),
        extra: extra.map(Arc::clone),
        turn: 0,
    };
    expiry.turn = expiry.waiter().turn();
    let at = Monotonic.now().saturating_add(span);
    let (key, is_first) = world::get().timers.add(at, expiry);
    if is_first {
        // Somebody has to be there when it is due: not every thread that waits here sees to timeouts.
        world::keep_a_spare(goroutine.py());
    }
    key
}

/// Ends the waits whose time is up. Attached.
pub fn expire_due() {
    let timers = &world::get().timers;
    if timers.is_empty() {
        return;
    }
    let now = Monotonic.now();
    while let Some(expiry) = timers.pop_due(now) {
        // Otherwise a peer was first.
        if expiry.waiter().cancel_turn(expiry.turn) {
            expiry.routine.wake();
        }
    }
}
