//! A waiter's places in its queues, held by its host.
//!
//! Invariant: dropping a [`Registration`] ends the wait in the right way, whatever happened before
//! (rule 5 of the design, "commit wins over cancel"):
//! * nobody has claimed it: it is cancelled and leaves its queues, and a value it wanted to send is
//!   dropped;
//! * a peer handed it a value that was not taken yet: the value goes back to the head of its channel,
//!   in its old order;
//! * a peer handed it a lock, permits or a signal: these go back or on as well (see `acquire`);
//! * a peer took its value: that stays so.
//!
//! So an exception, a cancelled task, a closed loop or a collected coroutine need no code of their own. A wait that has several
//! arms stands in one queue for each; once it has ended it leaves all of them.

use crate::acquire::Held;
use crate::fed;
use crate::value::Value;
use crate::wake::{ChanCore, GroupCore, ValueWaiter};
use gochan_core::Outcome;
use gochan_core::select::{Side, leave_all};
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use smallvec::SmallVec;

#[derive(Debug)]
pub enum Queue {
    Sender(Arc<ChanCore>),
    Receiver(Arc<ChanCore>),
    Group(Arc<GroupCore>),
    Held(Held),
}

/// One arm's place.
#[derive(Debug)]
pub struct Stay {
    pub queue: Queue,
    pub ticket: Ticket,
    pub arm: u32,
}

/// Most waits have one arm, or two: a context besides.
pub type Stays = SmallVec<[Stay; 2]>;

#[derive(Debug)]
pub struct Registration {
    stays: Stays,
    waiter: Arc<ValueWaiter>,
    /// Cancelled, or the outcome was taken: nothing is left to do.
    over: bool,
}

impl Registration {
    pub fn new(stays: Stays, waiter: Arc<ValueWaiter>) -> Self {
        Self {
            stays,
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
        self.leave(None);
        true
    }

    /// The outcome and the arm it came by, if a peer settled the wait.
    pub fn take(&mut self) -> Option<(Outcome<Value>, u32)> {
        let outcome = self.waiter.take()?;
        let arm = self.waiter.arm();
        self.over = true;
        self.leave(Some(arm));
        Some((outcome, arm))
    }

    pub fn waiter(&self) -> &Arc<ValueWaiter> {
        &self.waiter
    }

    /// Leaves all queues but the one it was taken out of. A value that goes with a place may run a `__del__`, which finds none of
    /// the places any more.
    fn leave(&self, fired: Option<u32>) {
        let places = self.stays.iter().filter(|stay| fired != Some(stay.arm));
        leave_all(places.filter_map(|stay| match &stay.queue {
            Queue::Sender(chan) => Some((&**chan, Side::Senders, stay.ticket)),
            Queue::Receiver(chan) => Some((&**chan, Side::Receivers, stay.ticket)),
            Queue::Group(_) | Queue::Held(_) => None,
        }));
        for stay in &self.stays {
            match &stay.queue {
                Queue::Receiver(chan) => fed::left(chan),
                Queue::Group(group) if fired != Some(stay.arm) => group.forget(stay.ticket),
                Queue::Held(held) if fired != Some(stay.arm) => held.forget(stay.ticket),
                _ => {}
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.over || self.cancel() {
            return;
        }
        let Some((outcome, arm)) = self.take() else {
            return;
        };
        let stay = self.stays.iter().find(|stay| stay.arm == arm);
        match stay.map(|stay| &stay.queue) {
            Some(Queue::Receiver(chan)) => fed::give_back(chan, outcome),
            Some(Queue::Held(held)) => held.give_back(&outcome),
            _ => {}
        }
    }
}
