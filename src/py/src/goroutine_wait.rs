//! A goroutine's wait for one operation.
//!
//! Invariant: a wait ends by [`Wait::outcome`], or by [`Wait::end`] if nobody is to have the outcome. Its owner, the
//! awaitable, sees to it that it does: then what nobody claimed is cancelled and leaves its queue, and what was handed over and
//! not taken goes back.
//!
//! A goroutine uses one waiter for all its waits, one after the other, so a park allocates nothing. Only one that steps
//! two operations by hand at the same time gets a waiter of its own for the second.

use crate::due::{self, Due};
use crate::gc::visit_value;
use crate::goroutine::Goroutine;
use crate::limit::Limit;
use crate::monitor;
use crate::operation::{Operation, Queued};
use crate::value::{Ref, Value};
use crate::wake::{Place, ValueWaiter, Waker};
use crate::world::Routine;
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
    timeout: Option<Key>,
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
    /// By which arm it came, too.
    Outcome(Outcome<Value>, u32),
    TimedOut,
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
        let waker = |arm| {
            let routine = Routine::new(goroutine.clone());
            match &extra {
                None => Waker::Goroutine(arm, routine),
                Some(extra) => Waker::GoroutineBesides(Box::new(Place::new(extra, routine, arm))),
            }
        };
        if extra.is_none() {
            // Before it is queued: what is dropped after the unlock may run Python, which may step an operation by hand.
            this.set_waits(true);
        }
        let queued = operation.queue(goroutine.py(), waker);
        if extra.is_none() && !matches!(queued, Ok(Queued::In(_))) {
            this.set_waits(false);
        }
        let ticket = match queued? {
            Queued::Not(result) => return Ok(Start::Done(result)),
            Queued::In(ticket) => ticket,
        };
        let timeout = match limit {
            Limit::After(span) => Some(expire_after(goroutine, extra.as_ref(), span)),
            Limit::Never | Limit::Now => None,
        };
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
            let has_timeout = self.rare.as_ref().is_some_and(|rare| rare.timeout.is_some());
            if !has_timeout || waiter.is_waiting() {
                return Found::Nothing;
            }
            // Between the two looks a peer may have come.
            if !waiter.is_settled() {
                self.leave(operation);
                return Found::TimedOut;
            }
        }
        let Some((outcome, arm)) = self.settled(operation) else {
            return Found::Nothing;
        };
        Found::Outcome(outcome, arm)
    }

    /// Ends the wait where nobody is to have its outcome.
    pub fn end(&mut self, operation: &Operation) {
        if self.waiter().cancel() || !self.waiter().is_settled() {
            return self.leave(operation);
        }
        if let Some((outcome, arm)) = self.settled(operation) {
            operation.give_back(outcome, arm);
        }
    }

    /// The waiter is settled: what it was settled with, and by which arm. The wait is over.
    #[inline]
    fn settled(&mut self, operation: &Operation) -> Option<(Outcome<Value>, u32)> {
        let mut arm = 0;
        if operation.has_arms() {
            arm = self.waiter().arm();
            // Before the next turn no queue may name the waiter.
            operation.forget(self.ticket);
        }
        let outcome = self.waiter().rearm();
        self.is_over();
        outcome.map(|outcome| (outcome, arm))
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
            due::cancel(timeout);
        }
        if rare.extra.is_none() {
            self.goroutine.get().set_waits(false);
        }
    }

    pub fn is_of(&self, goroutine: &Bound<'_, Goroutine>) -> bool {
        self.goroutine.value().as_ptr() == goroutine.as_ptr()
    }

    pub fn goroutine(&self) -> &Goroutine {
        self.goroutine.get()
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

/// A goroutine's timeout: the wait that it ends.
#[derive(Debug)]
pub struct Expiry {
    routine: Routine,
    /// `None`: the goroutine's own waiter.
    extra: Option<Arc<ValueWaiter>>,
    turn: u32,
}

impl Expiry {
    fn waiter(&self) -> &ValueWaiter {
        self.extra
            .as_deref()
            .unwrap_or_else(|| self.routine.get().waiter())
    }

    /// The time is up.
    pub fn happen(self) {
        // Otherwise a peer was first.
        if self.waiter().cancel_turn(self.turn) {
            self.routine.wake();
        }
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
    due::add(goroutine.py(), at, Due::Expiry(expiry))
}
