//! The queue of Go's `sync.Cond`. The lock that goes with it is its user's business: stand in the queue, unlock, wait, lock again (D1).
//!
//! Invariants:
//! * A signal goes to the one who waits longest, and to nobody else (D2, D3). If nobody waits it is not remembered.
//! * A waiter stands in the queue before its lock is unlocked, so a signal in between is not lost.
//! * A signal whose receiver was cancelled goes on to the next ([`RawCond::signal`] again); a call of all has nobody left to go to.

use crate::lock::{Lock, Rank};
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::marker::PhantomData;

/// A condition whose parked parties are a waiter beside a waker.
pub type Cond<T, W> = RawCond<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawCond<T, P: Parked<T>> {
    /// What may not happen under it: a wake, a drop of a `P`, any Python.
    waiters: Lock<WaitQueue<P>>,
    of: PhantomData<fn() -> T>,
}

type After<P> = WakeList<P, P>;

/// As the tests and models use it.
impl<T, W: Wake> RawCond<T, Party<T, W>> {
    /// Parks; then `waker` is woken.
    pub fn park(&self, waiter: &Arc<Waiter<T>>, waker: W) -> Ticket {
        let waiter = Arc::clone(waiter);
        self.park_with(|| Party {
            waiter,
            waker,
            arm: 0,
        })
    }
}

impl<T, P: Parked<T>> RawCond<T, P> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            waiters: Lock::new(Rank::Hold, WaitQueue::new()),
            of: PhantomData,
        }
    }

    /// Number of parked waiters.
    pub fn parked(&self) -> usize {
        self.waiters.lock().len()
    }

    /// Parks `party` at the tail. Its waiter is settled with [`Outcome::Granted`] by a signal, with [`Outcome::Released`] when all
    /// are called.
    pub fn park_with(&self, party: impl FnOnce() -> P) -> Ticket {
        let mut waiters = self.waiters.lock();
        waiters.push_back(party())
    }

    /// Calls the one who waits longest.
    pub fn signal(&self) {
        let mut after = After::new();
        {
            let mut waiters = self.waiters.lock();
            while let Some(party) = waiters.pop_front() {
                if party.settle(Outcome::Granted).is_ok() {
                    after.wake_later(party);
                    break;
                }
                after.drop_later(party);
            }
        }
        after.run();
    }

    /// Calls all who wait at this instant.
    pub fn broadcast(&self) {
        let mut after = After::new();
        {
            let mut waiters = self.waiters.lock();
            while let Some(party) = waiters.pop_front() {
                if party.settle(Outcome::Released).is_ok() {
                    after.wake_later(party);
                } else {
                    after.drop_later(party);
                }
            }
        }
        after.run();
    }

    /// Takes the node of a cancelled waiter out. Call only after [`Waiter::cancel`] returned true.
    pub fn forget(&self, ticket: Ticket) {
        let node = self.waiters.lock().remove(ticket);
        drop(node);
    }

    /// Shows every waker, once each. False, with nothing shown, when the lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(&P)) -> bool {
        let Some(waiters) = self.waiters.try_lock() else {
            return false;
        };
        waiters.iter().for_each(visit);
        true
    }

    /// Lets go of all waiters, for a garbage collector that found the condition unreachable.
    pub fn clear(&self) {
        let waiters = self.waiters.lock().take_all();
        for party in waiters.iter() {
            party.waiter().cancel();
        }
        drop(waiters);
    }
}
