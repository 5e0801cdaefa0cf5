//! `ctx=`: an operation that also ends when a context does.
//!
//! It is a select of two: the operation itself, and a receive from the context's `done`. A context that is done already wins over
//! an operation that is ready; once the wait has begun, whoever comes first does.

use crate::chan::ChanBase;
use crate::context_ask;
use crate::fed;
use crate::gc::visit_value;
use crate::operation::{Operation, Queued};
use crate::registration::{Queue, Stay, Stays};
use crate::value::{Ref, Value};
use crate::wake::{ChanCore, Waker};
use gochan_core::channel::RecvStart;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, Parked as _};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// The arm by which the context ends a wait. No select has so many of its own.
pub const CONTEXT: u32 = u32::MAX;

/// A context that may be done some day.
#[derive(Debug)]
pub struct Guard {
    done: Arc<ChanCore>,
    /// The object that shows `done` to the collector, if that is not the context itself: a context of the user's own may
    /// keep none, and a collector that finds it alone in the world would empty the channel and cancel the wait.
    shown_by: Option<Ref<ChanBase>>,
    ctx: Value,
}

impl Guard {
    /// `None`: the context can never be done, or there is none.
    pub fn of(ctx: Option<&Bound<'_, PyAny>>, operation: &str) -> PyResult<Option<Self>> {
        let Some(ctx) = ctx.filter(|ctx| !ctx.is_none()) else {
            return Ok(None);
        };
        let done = context_ask::done_core(ctx, operation)?;
        Ok(done.map(|(done, shown_by)| Self {
            done,
            shown_by: shown_by.map(Ref::new),
            ctx: Value::new(ctx.clone()),
        }))
    }

    pub fn is_done(&self) -> bool {
        self.done.is_closed()
    }

    /// What the operation raises when the context is done.
    pub fn error(&self, py: Python<'_>) -> PyErr {
        // SAFETY: attached, a live object.
        let ctx = unsafe { Bound::from_borrowed_ptr(py, self.ctx.as_ptr()) };
        context_ask::fresh_error(&ctx)
    }
}

/// An operation under a context.
#[derive(Debug)]
pub struct Under {
    pub operation: Operation,
    guard: Guard,
    /// The operation's place, and the one at the context, while it waits.
    ticket: Ticket,
    at_context: Ticket,
}

impl Under {
    pub fn new(operation: Operation, guard: Guard) -> Self {
        Self {
            operation,
            guard,
            ticket: Ticket::NOWHERE,
            at_context: Ticket::NOWHERE,
        }
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.guard.is_done() {
            return Err(self.guard.error(py));
        }
        Ok(())
    }

    pub fn attempt(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.check(py)?;
        self.operation.attempt(py)
    }

    pub fn queue(&mut self, py: Python<'_>, waker: &mut dyn FnMut(u32) -> Waker) -> PyResult<Queued> {
        if self.operation.is_bound() {
            // Not ended by the context any more.
            return Ok(match self.operation.queue(py, &mut *waker)? {
                Queued::Not(result) => Queued::Not(result),
                Queued::In(ticket) => {
                    self.ticket = ticket;
                    Queued::In(Ticket::NOWHERE)
                }
            });
        }
        self.check(py)?;
        match self.operation.queue(py, &mut *waker)? {
            Queued::Not(result) => return Ok(Queued::Not(result)),
            Queued::In(ticket) => self.ticket = ticket,
        }
        let mut party = None;
        match self.guard.done.recv_or_park_with(|| waker(CONTEXT)) {
            RecvStart::Parked(ticket) => {
                self.at_context = ticket;
                if let Some(done) = &self.guard.shown_by {
                    fed::attend(done.bind(py));
                }
            }
            RecvStart::Closed => party = Some(waker(CONTEXT)),
            // Nobody sends on the `done` of a context; a foreign one that does means the same by it.
            RecvStart::Received(value) => {
                drop(value);
                party = Some(waker(CONTEXT));
            }
        }
        if let Some(party) = party {
            // Done since the look above. It ends the wait as it would have a moment later, unless a peer was first.
            if party.settle(Outcome::Closed).is_ok() {
                party.wake();
            }
        }
        Ok(Queued::In(Ticket::NOWHERE))
    }

    pub fn finish(
        &mut self,
        py: Python<'_>,
        outcome: Outcome<Value>,
        arm: u32,
    ) -> PyResult<Option<Py<PyAny>>> {
        if arm == CONTEXT {
            return Err(self.guard.error(py));
        }
        if self.operation.yields_to_context() && self.guard.is_done() {
            self.operation.give_back(outcome, arm);
            return Err(self.guard.error(py));
        }
        self.operation.finish(py, outcome, arm)
    }

    pub fn forget(&self) {
        // First: with the operation's place a value may go, whose `__del__` finds no place any more.
        fed::forget_receiver(&self.guard.done, self.at_context);
        self.operation.forget(self.ticket);
    }

    /// Whether its time is up is all it is about, so that is no error.
    pub fn expired(&mut self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.operation.expired(py)
    }

    pub fn give_back(&self, outcome: Outcome<Value>, arm: u32) {
        if arm != CONTEXT {
            self.operation.give_back(outcome, arm);
        }
    }

    pub fn stays(&self) -> Stays {
        let mut stays = self.operation.stays(self.ticket);
        stays.push(Stay {
            queue: Queue::Receiver(Arc::clone(&self.guard.done)),
            ticket: self.at_context,
            arm: CONTEXT,
        });
        stays
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit_value(visit, &self.guard.ctx)?;
        if let Some(done) = &self.guard.shown_by {
            visit_value(visit, done.value())?;
        }
        self.operation.traverse(visit)
    }
}
