//! One party that waits for one operation.
//!
//! Invariants:
//! * A waiter is *waiting* until exactly one of two things happens, once: a peer settles it with an
//!   [`Outcome`], or its own host cancels it. Both go through one lock, so exactly one of them wins
//!   and the other learns that it lost. There is no state in between ("claimed, result on its way"):
//!   a canceller that lost finds the result complete.
//! * [`Waiter::is_settled`] becomes true after the outcome is in place; it is the only thing a host
//!   may look at while it is not attached to the interpreter, because the outcome may hold a value
//!   that only attached threads may touch.
//! * A waiter made before a `fork()` has nobody behind it in the child; nobody can settle it there.
//! * A waiter may stand in several queues at once, as a select does; each stay there is an *arm* of the wait. Whoever settles
//!   it says by which arm, and every other arm finds a waiter that is settled already, and passes it by.
//! * A waiter serves one wait after the other ([`Waiter::rearm`]), each with a number of its own, its *turn*.
//!   Its host begins the next turn only when no queue names the waiter any more: the last wait was settled, which
//!   took it out of its queue, or it was cancelled and the host has taken it out. A timer may be late, and come
//!   when the next turn has begun; it names the turn it means ([`Waiter::cancel_turn`]).
//!
//! The tempting alternative is an atomic word for the claim beside an `UnsafeCell` for the result.
//! It costs the same two atomic operations, needs unsafe code and a third state in which a canceller
//! must spin. Measured difference: none that the benchmarks can see.

use crate::feed::Tick;
use crate::lock::{Lock, Rank};
use crate::sys::atomic::{AtomicBool, Ordering};
// std's, also under loom: it changes only in a forked child, where there is one thread.
use std::sync::atomic::AtomicU32;

/// What a waiter was woken with.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The value of a parked sender was taken by a receiver, or moved into the buffer.
    Sent,
    /// A parked receiver was handed this value, as number so many of its channel's hand-overs.
    Received(T, u64),
    /// A parked receiver has this tick of a channel that a clock sends on.
    Ticked(Tick),
    /// The channel was closed.
    Closed,
    /// A wait group's counter reached zero, or all who waited were called.
    Released,
    /// It has the lock, the permits or the signal that it waited for.
    Granted,
    /// A mutex was unlocked: it may try for it, and so may others (see `mutex`).
    Free,
}

#[derive(Debug)]
enum State<T> {
    Waiting,
    Settled(Outcome<T>),
    /// Cancelled by its host, or settled and the outcome taken.
    Over,
}

#[derive(Debug)]
struct Turn<T> {
    state: State<T>,
    number: u32,
    /// By which arm it was settled; means nothing before.
    arm: u32,
}

#[derive(Debug)]
pub struct Waiter<T> {
    /// What may not happen under it: anything but moving an outcome in or out.
    turn: Lock<Turn<T>>,
    /// Written once, after `state` became settled; read without the lock.
    settled: AtomicBool,
    /// Which process made it, or began its last turn: see [`epoch`].
    epoch: AtomicU32,
}

impl<T> Waiter<T> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            turn: Lock::new(
                Rank::Waiter,
                Turn {
                    state: State::Waiting,
                    number: 0,
                    arm: 0,
                },
            ),
            settled: AtomicBool::new(false),
            epoch: AtomicU32::new(epoch::current()),
        }
    }

    /// As [`Self::settle_arm`], for a wait that has one arm only.
    #[inline]
    pub fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        self.settle_arm(outcome, 0)
    }

    /// The peer's side: settles the waiter, or gives the outcome back when there is nobody to take it.
    ///
    /// May be called under a primitive's lock. The caller wakes the waiter's host after the unlock.
    #[inline]
    pub fn settle_arm(&self, outcome: Outcome<T>, arm: u32) -> Result<(), Outcome<T>> {
        if self.epoch.load(Ordering::Relaxed) != epoch::current() {
            return Err(outcome);
        }
        let mut turn = self.turn.lock();
        if !matches!(turn.state, State::Waiting) {
            return Err(outcome);
        }
        turn.state = State::Settled(outcome);
        turn.arm = arm;
        // Under the lock, so that settled implies a readable outcome for whoever sees the flag.
        self.settled.store(true, Ordering::Release);
        Ok(())
    }

    /// The host's side: true when the wait ended here and no peer will ever settle it;
    /// false when a peer was first, so that an outcome is there to be taken.
    #[inline]
    pub fn cancel(&self) -> bool {
        self.turn.lock().cancel()
    }

    /// As [`Self::cancel`], by somebody who may be late: false also when the turn is not the current one.
    pub fn cancel_turn(&self, number: u32) -> bool {
        let mut turn = self.turn.lock();
        turn.number == number && turn.cancel()
    }

    /// The host's side: this process begins a wait with it. A host that was forked while it ran uses its waiter in the child
    /// too; no queue names that one then.
    #[inline]
    pub fn adopt(&self) {
        self.epoch.store(epoch::current(), Ordering::Relaxed);
    }

    /// Whether neither a peer has settled it nor anybody cancelled it.
    pub fn is_waiting(&self) -> bool {
        matches!(self.turn.lock().state, State::Waiting)
    }

    /// Whether a peer could settle it: it waits, and in this process.
    pub fn is_live(&self) -> bool {
        self.epoch.load(Ordering::Relaxed) == epoch::current() && self.is_waiting()
    }

    /// The number of the wait that is under way.
    pub fn turn(&self) -> u32 {
        self.turn.lock().number
    }

    /// The host's side: makes the waiter ready for its next wait. What the last one left is given back.
    ///
    /// To be called when no queue names this waiter any more, see the invariants.
    pub fn rearm(&self) -> Option<Outcome<T>> {
        let mut turn = self.turn.lock();
        turn.number = turn.number.wrapping_add(1);
        self.settled.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut turn.state, State::Waiting) {
            State::Settled(outcome) => Some(outcome),
            State::Waiting | State::Over => None,
        }
    }

    /// Whether an outcome was put here at some time. Needs no lock.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// By which arm the wait was settled. To be asked when it was, before the next turn.
    pub fn arm(&self) -> u32 {
        self.turn.lock().arm
    }

    /// Takes the outcome, once.
    #[inline]
    pub fn take(&self) -> Option<Outcome<T>> {
        let mut turn = self.turn.lock();
        match std::mem::replace(&mut turn.state, State::Over) {
            State::Settled(outcome) => Some(outcome),
            State::Waiting => {
                turn.state = State::Waiting;
                None
            }
            State::Over => None,
        }
    }

    /// Shows the value of an outcome that nobody took yet, for a garbage collector. `visit` runs
    /// under the lock and may only look. False when the lock is held, by this very thread then.
    pub fn try_visit(&self, visit: &mut dyn FnMut(&T)) -> bool {
        let Some(turn) = self.turn.try_lock() else {
            return false;
        };
        if let State::Settled(Outcome::Received(value, _)) = &turn.state {
            visit(value);
        }
        true
    }
}

impl<T> Turn<T> {
    fn cancel(&mut self) -> bool {
        let waiting = matches!(self.state, State::Waiting);
        if waiting {
            self.state = State::Over;
        }
        waiting
    }
}

/// Counts the forks this process descends from.
///
/// After `fork()` only the forking thread lives on, but the queues still hold the waiters of all the
/// others. A waiter remembers the epoch it was made in; one of an earlier epoch can not be settled,
/// so a hand-over passes it by as it would a cancelled one.
pub mod epoch {
    // Always std's: it is written only in a freshly forked child, where there is one thread.
    use std::sync::atomic::{AtomicU32, Ordering};

    static EPOCH: AtomicU32 = AtomicU32::new(0);

    #[inline]
    pub fn current() -> u32 {
        EPOCH.load(Ordering::Relaxed)
    }

    /// To be called in the child, before anything else of gochan.
    pub fn forked() {
        EPOCH.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn settle_once_take_once() {
        let waiter = Waiter::new();
        assert!(!waiter.is_settled());
        assert_eq!(waiter.take(), None);
        assert_eq!(waiter.settle(Outcome::Received(1, 0)), Ok(()));
        assert!(waiter.is_settled());
        assert_eq!(
            waiter.settle(Outcome::Received(2, 0)),
            Err(Outcome::Received(2, 0))
        );
        assert!(!waiter.cancel());
        assert_eq!(waiter.take(), Some(Outcome::Received(1, 0)));
        assert_eq!(waiter.take(), None);
    }

    #[test]
    fn a_new_turn_knows_nothing_of_the_last_one() {
        let waiter = Waiter::new();
        let first = waiter.turn();
        waiter.settle(Outcome::Received(1, 0)).unwrap();
        assert_eq!(waiter.rearm(), Some(Outcome::Received(1, 0)));
        assert!(!waiter.is_settled());
        assert!(!waiter.cancel_turn(first), "a timer of the first turn comes late");
        assert_eq!(waiter.settle(Outcome::Received(2, 1)), Ok(()));
        assert_eq!(waiter.take(), Some(Outcome::Received(2, 1)));
        assert_eq!(waiter.rearm(), None);
        assert!(waiter.cancel_turn(waiter.turn()));
        assert!(waiter.settle(Outcome::Closed).is_err());
    }

    #[test]
    fn the_first_arm_wins_and_is_known() {
        let waiter = Waiter::new();
        assert_eq!(waiter.settle_arm(Outcome::Received(1, 0), 3), Ok(()));
        assert_eq!(waiter.settle_arm(Outcome::Closed, 5), Err(Outcome::Closed));
        assert_eq!((waiter.arm(), waiter.take()), (3, Some(Outcome::Received(1, 0))));
    }

    #[test]
    fn cancelled_gives_the_value_back() {
        let waiter = Waiter::new();
        assert!(waiter.cancel());
        assert!(!waiter.cancel());
        assert_eq!(
            waiter.settle(Outcome::Received(3, 0)),
            Err(Outcome::Received(3, 0))
        );
        assert!(!waiter.is_settled());
    }
}
