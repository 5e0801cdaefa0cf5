//! Go's `sync.WaitGroup`: a counter that many add to and many wait for to be zero.
//!
//! Invariants, whenever the lock is free:
//! * The counter is never negative.
//! * While the counter is zero nobody is parked; reaching zero releases all waiters at once (W3). So
//!   the misuse that Go can only guess at (an add that races with the release, W4) can not happen:
//!   whoever waits after the release waits for the next round.

use crate::error::AddError;
use crate::lock::{Lock, Rank};
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::marker::PhantomData;

/// A group whose parked parties are a waiter beside a waker.
pub type WaitGroup<T, W> = RawWaitGroup<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawWaitGroup<T, P: Parked<T>> {
    /// What may not happen under it: a wake, a drop of a `W`, any Python.
    state: Lock<State<T, P>>,
}

/// Guarded by `WaitGroup::state`, all of it.
#[derive(Debug)]
struct State<T, P> {
    count: i64,
    waiters: WaitQueue<P>,
    of: PhantomData<T>,
}

/// How a wait began.
#[derive(Debug, PartialEq, Eq)]
pub enum WaitStart {
    Released,
    Parked(Ticket),
}

/// As the tests and models use it.
impl<T, W: Wake> RawWaitGroup<T, Party<T, W>> {
    /// Returns at once when the counter is zero, else parks; then `waker` is woken.
    pub fn wait_or_park(&self, waiter: &Arc<Waiter<T>>, waker: W) -> WaitStart {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.wait_or_park_with(|| party.take().expect("one party, one park"));
        drop(party);
        start
    }
}

impl<T, P: Parked<T>> RawWaitGroup<T, P> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::Group,
                State {
                    count: 0,
                    waiters: WaitQueue::new(),
                    of: PhantomData,
                },
            ),
        }
    }

    pub fn count(&self) -> i64 {
        self.state.lock().count
    }

    /// Number of parked waiters.
    pub fn parked(&self) -> usize {
        self.state.lock().waiters.len()
    }

    /// Adds to the counter, where that is all there is to do: it stays above zero, so nobody is released. Else nothing changes.
    #[inline]
    pub fn add_at_once(&self, delta: i64) -> bool {
        let mut state = self.state.lock();
        match state.count.checked_add(delta) {
            Some(count) if count > 0 => {
                state.count = count;
                true
            }
            _ => false,
        }
    }

    /// Adds to the counter. An error leaves it as it was.
    pub fn add(&self, delta: i64) -> Result<(), AddError> {
        let mut after: WakeList<P, P> = WakeList::new();
        {
            let mut state = self.state.lock();
            let count = state.count.checked_add(delta).ok_or(AddError::Overflow)?;
            if count < 0 {
                return Err(AddError::Negative);
            }
            state.count = count;
            if count == 0 {
                while let Some(parked) = state.waiters.pop_front() {
                    if parked.settle(Outcome::Released).is_ok() {
                        after.wake_later(parked);
                    } else {
                        after.drop_later(parked);
                    }
                }
            }
        }
        after.run();
        Ok(())
    }

    /// Returns at once when the counter is zero, else parks `party`, whose waiter is settled with
    /// [`Outcome::Released`]. It is made only if it is needed, under the lock.
    pub fn wait_or_park_with(&self, party: impl FnOnce() -> P) -> WaitStart {
        let mut state = self.state.lock();
        if state.count == 0 {
            return WaitStart::Released;
        }
        WaitStart::Parked(state.waiters.push_back(party()))
    }

    /// Takes the node of a cancelled waiter out. Call only after [`Waiter::cancel`] returned true.
    pub fn forget(&self, ticket: Ticket) {
        let node = self.state.lock().waiters.remove(ticket);
        drop(node);
    }

    /// Shows every waker, once each. False, with nothing shown, when the lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(&P)) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        state.waiters.iter().for_each(visit);
        true
    }

    /// Lets go of all waiters, for a garbage collector that found the group unreachable.
    pub fn clear(&self) {
        let waiters = self.state.lock().waiters.take_all();
        for parked in waiters.iter() {
            parked.waiter().cancel();
        }
        drop(waiters);
    }
}
