//! A waiter's place in a queue, held by its host.
//!
//! Invariant: dropping a [`Registration`] ends the wait in the right way, whatever happened before
//! (rule 5 of the design, "commit wins over cancel"):
//! * nobody has claimed it: it is cancelled and leaves the queue, and a value it wanted to send is
//!   dropped;
//! * a peer handed it a value that was not taken yet: the value goes back to the head of its channel,
//!   in its old order;
//! * a peer took its value: that stays so.
//!
//! So an exception, a cancelled task, a closed loop or a collected coroutine need no code of their own.

use crate::value::Value;
use crate::wake::{ChanCore, GroupCore, ValueWaiter};
use gochan_core::Outcome;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;

#[derive(Debug)]
pub enum Place {
    Sender(Arc<ChanCore>),
    Receiver(Arc<ChanCore>),
    Group(Arc<GroupCore>),
}

#[derive(Debug)]
pub struct Registration {
    place: Place,
    ticket: Ticket,
    waiter: Arc<ValueWaiter>,
    /// Cancelled, or the outcome was taken: nothing is left to do.
    over: bool,
}

impl Registration {
    pub fn new(place: Place, ticket: Ticket, waiter: Arc<ValueWaiter>) -> Self {
        Self {
            place,
            ticket,
            waiter,
            over: false,
        }
    }

    /// Ends the wait. False when a peer was first: then [`Self::take`] has its outcome.
    pub fn cancel(&mut self) -> bool {
        if self.over || !self.waiter.cancel() {
            return false;
        }
        self.over = true;
        match &self.place {
            Place::Sender(chan) => chan.forget_sender(self.ticket),
            Place::Receiver(chan) => chan.forget_receiver(self.ticket),
            Place::Group(group) => group.forget(self.ticket),
        }
        true
    }

    /// The outcome, if a peer settled the wait.
    pub fn take(&mut self) -> Option<Outcome<Value>> {
        let outcome = self.waiter.take()?;
        self.over = true;
        Some(outcome)
    }

    pub fn waiter(&self) -> &Arc<ValueWaiter> {
        &self.waiter
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.over || self.cancel() {
            return;
        }
        if let (Place::Receiver(chan), Some(Outcome::Received(value, ordinal))) =
            (&self.place, self.waiter.take())
        {
            chan.unrecv(value, ordinal);
        }
    }
}
