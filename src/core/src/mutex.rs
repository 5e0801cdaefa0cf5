//! Go's `sync.Mutex`, with its two modes.
//!
//! *Normal* (M3): an unlock leaves the mutex free and calls the first who waits. Whoever comes first has it: a newcomer that runs
//! already may be faster than the one who was called, and that one goes back to the front of the queue. *Starving* (M4), once
//! somebody called in vain has waited for more than 1 ms: an unlock hands the mutex to the head of the queue, and newcomers stand
//! behind. It ends with the last who waits, or with one that waited for less than 1 ms (M5).
//!
//! This is the one place where rule 1 of the crate, hand over instead of wake-and-retry, does not hold, and for good reason. A mutex
//! that is always handed over makes its parties march in step: with two of them every lock is a park and a change of threads
//! (4-6 us under the GIL), where one that keeps running locks and unlocks in some 50 ns. A channel has no such choice: its
//! values have to change hands. The second mode bounds what that costs those who wait (M7).
//!
//! Invariants, whenever the lock is free. A *live* waiter is one that its host has not cancelled:
//!
//! * A starving mutex is locked.
//! * While the mutex is free and a live waiter is queued, somebody is *called*: it was settled with [`Outcome::Free`], and its host
//!   is on its way to [`RawMutex::retry`], or to [`RawMutex::pass_on`] if it was cancelled. Else nobody would come for it.
//! * One is called at a time, so who was called in vain is the first at the front. But one that does not come soon (a loop that is busy,
//!   or stands still) keeps nobody from a free mutex: an unlock that finds it [`OVERDUE`] calls the next one besides.

use crate::clock::Instant;
use crate::error::NotHeld;
use crate::lock::{Lock, Rank};
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter, epoch};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::marker::PhantomData;
use std::time::Duration;

/// Who waits longer than this does not compete any more. Go's starvationThresholdNs.
pub const PATIENCE: Duration = Duration::from_millis(1);

/// Who was called and has not come for so long is not waited for. Longer than a turn at the GIL takes.
pub const OVERDUE: Duration = Duration::from_millis(20);

/// A mutex whose parked parties are a waiter beside a waker.
pub type Mutex<T, W> = RawMutex<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawMutex<T, P: Parked<T>> {
    /// What may not happen under it: a wake, a drop of a `P`, any Python.
    state: Lock<State<T, P>>,
}

/// Guarded by `RawMutex::state`, all of it.
#[derive(Debug)]
struct State<T, P> {
    locked: bool,
    starving: bool,
    called: Option<Call>,
    waiters: WaitQueue<Node<P>>,
    of: PhantomData<T>,
}

/// Somebody was called.
#[derive(Debug)]
struct Call {
    /// In the process of this epoch: one that a fork left behind does not come.
    epoch: u32,
    at: Instant,
    /// How often the mutex was left free since then, for others to take.
    unlocks: u32,
}

#[derive(Debug)]
struct Node<P> {
    party: P,
    /// When it began to wait, over all its stays in the queue.
    since: Instant,
}

/// How a lock began.
#[derive(Debug, PartialEq, Eq)]
pub enum LockStart {
    Locked,
    Parked(Ticket),
}

/// Since when somebody waits for the mutex, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Stay {
    /// `None`: it comes now. Else it was called in vain.
    pub since: Option<Instant>,
    pub now: Instant,
}

type After<P> = WakeList<P, P>;

/// As the tests and models use it.
impl<T, W: Wake> RawMutex<T, Party<T, W>> {
    /// Locks at once, or parks; then `waker` is woken.
    pub fn lock_or_park(&self, stay: Stay, waiter: &Arc<Waiter<T>>, waker: W) -> LockStart {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.lock_or_park_with(stay, || party.take().expect("one party, one park"));
        drop(party);
        start
    }
}

impl<T, P: Parked<T>> RawMutex<T, P> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::Hold,
                State {
                    locked: false,
                    starving: false,
                    called: None,
                    waiters: WaitQueue::new(),
                    of: PhantomData,
                },
            ),
        }
    }

    /// Whether it is locked, at some instant during the call.
    pub fn is_locked(&self) -> bool {
        self.state.lock().locked
    }

    pub fn is_starving(&self) -> bool {
        self.state.lock().starving
    }

    /// Number of parked waiters. One that was called is none.
    pub fn parked(&self) -> usize {
        self.state.lock().waiters.len()
    }

    /// Locks if that is possible at once, also past those who wait (M6).
    #[inline]
    pub fn try_lock(&self) -> bool {
        // A starving mutex is locked.
        !std::mem::replace(&mut self.state.lock().locked, true)
    }

    /// Locks at once, or parks `party`: at the tail, or at the front when it was called in vain. Its waiter is settled with
    /// [`Outcome::Granted`], or with [`Outcome::Free`]; then its host goes on with [`Self::retry`]. It is made only if it is
    /// needed, under the lock.
    pub fn lock_or_park_with(&self, stay: Stay, party: impl FnOnce() -> P) -> LockStart {
        let mut state = self.state.lock();
        if !state.locked {
            state.locked = true;
            return LockStart::Locked;
        }
        let since = stay.since.unwrap_or(stay.now);
        let node = Node {
            party: party(),
            since,
        };
        if stay.since.is_none() {
            return LockStart::Parked(state.waiters.push_back(node));
        }
        state.starving |= stay.now.saturating_since(since) > PATIENCE;
        LockStart::Parked(state.waiters.push_front(node))
    }

    /// The host of one that was called: whether it has the mutex now. If not, somebody was faster, and sees to the rest.
    #[inline]
    pub fn retry(&self) -> bool {
        let mut state = self.state.lock();
        state.called = None;
        !std::mem::replace(&mut state.locked, true)
    }

    /// The host of one that was called and does not want the mutex any more: the next one is called.
    pub fn pass_on(&self, now: impl FnOnce() -> Instant) {
        let mut after = After::new();
        {
            let mut state = self.state.lock();
            state.called = None;
            if !state.locked {
                state.call(now, &mut after);
            }
        }
        after.run();
    }

    /// Unlocks, whoever locked it (M1). `now` is asked for only if it matters.
    #[inline]
    pub fn unlock(&self, now: impl FnOnce() -> Instant) -> Result<(), NotHeld> {
        let mut state = self.state.lock();
        if !state.locked {
            return Err(NotHeld);
        }
        if state.waiters.is_empty() {
            state.locked = false;
            state.starving = false;
            return Ok(());
        }
        let mut after = After::new();
        if state.starving {
            state.hand_over(now(), &mut after);
        } else {
            state.locked = false;
            state.call(now, &mut after);
        }
        drop(state);
        after.run();
        Ok(())
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
        state.waiters.iter().for_each(|node| visit(&node.party));
        true
    }

    /// Lets go of all waiters, for a garbage collector that found the mutex unreachable.
    pub fn clear(&self) {
        let waiters = self.state.lock().waiters.take_all();
        for node in waiters.iter() {
            node.party.waiter().cancel();
        }
        drop(waiters);
    }
}

/// The rules themselves. All of these run under the lock.
impl<T, P: Parked<T>> State<T, P> {
    /// M3. The mutex is free.
    fn call(&mut self, now: impl FnOnce() -> Instant, after: &mut After<P>) {
        let epoch = epoch::current();
        let at = match &mut self.called {
            Some(call) if call.epoch == epoch => {
                call.unlocks = call.unlocks.saturating_add(1);
                // The clock is looked at after 1, 2, 4, ... unlocks: one who keeps locking and unlocking does not pay for it.
                if !call.unlocks.is_power_of_two() {
                    return;
                }
                let now = now();
                if now.saturating_since(call.at) <= OVERDUE {
                    return;
                }
                now
            }
            _ => now(),
        };
        while let Some(node) = self.waiters.pop_front() {
            if node.party.settle(Outcome::Free).is_ok() {
                self.called = Some(Call {
                    epoch,
                    at,
                    unlocks: 0,
                });
                after.wake_later(node.party);
                return;
            }
            after.drop_later(node.party);
        }
    }

    /// M4, M5. The mutex stays locked if there is somebody to have it.
    fn hand_over(&mut self, now: Instant, after: &mut After<P>) {
        while let Some(node) = self.waiters.pop_front() {
            if node.party.settle(Outcome::Granted).is_ok() {
                self.starving = !self.waiters.is_empty() && now.saturating_since(node.since) > PATIENCE;
                after.wake_later(node.party);
                return;
            }
            after.drop_later(node.party);
        }
        self.locked = false;
        self.starving = false;
    }
}
