//! A weighted semaphore: so many permits, taken some at a time. Go's x/sync semaphore.
//!
//! Invariants, whenever the lock is free. A *live* waiter is one that its host has not cancelled, and not one that was left behind
//! by a fork:
//!
//! * `0 <= held <= size`.
//! * Permits are handed over in the order of arrival (SM1): the first live waiter is one whose wish does not fit, and it holds back
//!   everyone behind, also those whose wish would. Else a stream of small wishes would keep a large one waiting for ever.
//! * While a live waiter is queued nobody takes a permit past it (SM4).
//!
//! A wish for more than `size` can never be granted. It stands in no queue, so it keeps nobody (SM2).
//!
//! The head of the queue may leave, so whoever leaves sees to those behind (SM3): [`RawSemaphore::forget`], and
//! [`RawSemaphore::release`] for one that was handed permits and can not keep them.

use crate::error::NotHeld;
use crate::lock::{Lock, Rank};
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::marker::PhantomData;

/// A semaphore whose parked parties are a waiter beside a waker.
pub type Semaphore<T, W> = RawSemaphore<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawSemaphore<T, P: Parked<T>> {
    /// Never changes.
    size: u64,
    /// What may not happen under it: a wake, a drop of a `P`, any Python.
    state: Lock<State<T, P>>,
}

/// Guarded by `RawSemaphore::state`, all of it.
#[derive(Debug)]
struct State<T, P> {
    held: u64,
    waiters: WaitQueue<Wish<P>>,
    of: PhantomData<T>,
}

#[derive(Debug)]
struct Wish<P> {
    party: P,
    permits: u64,
}

/// How an acquire began.
#[derive(Debug, PartialEq, Eq)]
pub enum AcquireStart {
    Acquired,
    /// [`Ticket::NOWHERE`] if it asks for more than there is.
    Parked(Ticket),
}

type After<P> = WakeList<P, P>;

/// As the tests and models use it.
impl<T, W: Wake> RawSemaphore<T, Party<T, W>> {
    /// Acquires at once, or parks; then `waker` is woken.
    pub fn acquire_or_park(&self, permits: u64, waiter: &Arc<Waiter<T>>, waker: W) -> AcquireStart {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.acquire_or_park_with(permits, || party.take().expect("one party, one park"));
        drop(party);
        start
    }
}

impl<T, P: Parked<T>> RawSemaphore<T, P> {
    pub fn new(size: u64) -> Self {
        Self {
            size,
            state: Lock::new(
                Rank::Hold,
                State {
                    held: 0,
                    waiters: WaitQueue::new(),
                    of: PhantomData,
                },
            ),
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Permits that are out, at some instant during the call.
    pub fn held(&self) -> u64 {
        self.state.lock().held
    }

    /// Number of parked waiters.
    pub fn parked(&self) -> usize {
        self.state.lock().waiters.len()
    }

    /// Acquires if that is possible at once, and nobody waits (SM4).
    #[inline]
    pub fn try_acquire(&self, permits: u64) -> bool {
        let mut state = self.state.lock();
        if state.waiters.is_empty() {
            // The common case, with nobody to look after.
            let fits = permits <= self.size - state.held;
            if fits {
                state.held += permits;
            }
            return fits;
        }
        let mut after = After::new();
        let acquired = state.acquire(self.size, permits, &mut after);
        drop(state);
        after.run();
        acquired
    }

    /// Acquires at once, or parks `party` at the tail, whose waiter is settled with [`Outcome::Granted`]. It is made only if it is
    /// needed, under the lock.
    pub fn acquire_or_park_with(&self, permits: u64, party: impl FnOnce() -> P) -> AcquireStart {
        if permits > self.size {
            return AcquireStart::Parked(Ticket::NOWHERE);
        }
        let mut after = After::new();
        let start = {
            let mut state = self.state.lock();
            if state.acquire(self.size, permits, &mut after) {
                AcquireStart::Acquired
            } else {
                let party = party();
                AcquireStart::Parked(state.waiters.push_back(Wish { party, permits }))
            }
        };
        after.run();
        start
    }

    /// Gives permits back, which go to the heads of the queue as far as they fit (SM5). Also for one that was handed permits
    /// that it can not keep.
    pub fn release(&self, permits: u64) -> Result<(), NotHeld> {
        let mut after = After::new();
        {
            let mut state = self.state.lock();
            state.held = state.held.checked_sub(permits).ok_or(NotHeld)?;
            if !state.waiters.is_empty() {
                state.admit(self.size, &mut after);
            }
        }
        after.run();
        Ok(())
    }

    /// Takes the node of a cancelled waiter out, and lets those in whom it held back (SM3). Call only after [`Waiter::cancel`]
    /// returned true.
    pub fn forget(&self, ticket: Ticket) {
        let mut after = After::new();
        let node = {
            let mut state = self.state.lock();
            let node = state.waiters.remove(ticket);
            state.admit(self.size, &mut after);
            node
        };
        after.run();
        drop(node);
    }

    /// Shows every waker, once each. False, with nothing shown, when the lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(&P)) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        state.waiters.iter().for_each(|wish| visit(&wish.party));
        true
    }

    /// Lets go of all waiters, for a garbage collector that found the semaphore unreachable.
    pub fn clear(&self) {
        let waiters = self.state.lock().waiters.take_all();
        for wish in waiters.iter() {
            wish.party.waiter().cancel();
        }
        drop(waiters);
    }
}

/// The rules themselves. All of these run under the lock.
impl<T, P: Parked<T>> State<T, P> {
    fn acquire(&mut self, size: u64, permits: u64, after: &mut After<P>) -> bool {
        // A dead head holds nobody back.
        self.admit(size, after);
        let acquired = self.waiters.is_empty() && permits <= size - self.held;
        if acquired {
            self.held += permits;
        }
        acquired
    }

    /// Hands over what is free, from the head on, until a wish does not fit.
    fn admit(&mut self, size: u64, after: &mut After<P>) {
        while let Some(head) = self.waiters.front() {
            let permits = head.permits;
            let live = head.party.waiter().is_live();
            if live && permits > size - self.held {
                return;
            }
            let Some(head) = self.waiters.pop_front() else {
                return;
            };
            if live && head.party.settle(Outcome::Granted).is_ok() {
                self.held += permits;
                after.wake_later(head.party);
            } else {
                after.drop_later(head.party);
            }
        }
    }
}
