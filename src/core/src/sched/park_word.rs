//! Where a goroutine stands, in one word: who may resume it, and whether a wake has to queue it.
//!
//! ```text
//!            start              park
//! RUNNABLE --------> RUNNING --------> PARKED
//!     ^                | wake             | wake
//!     |                v                  |
//!     |    park    NOTIFIED               |
//!     +---------------+-------------------+
//! ```
//!
//! Invariants:
//! * Exactly one party owns the right to resume a goroutine: the queue it stands in (RUNNABLE), or the thread that
//!   resumes it (RUNNING, NOTIFIED). While it is PARKED nobody has it; who moves it out of PARKED gets it, and must
//!   queue the goroutine. So a goroutine is never resumed by two threads, and never queued twice.
//! * A wake that comes while it still runs, on its way to parking perhaps, is remembered (NOTIFIED): then its
//!   park fails, and the thread that resumed it queues it again. No wake is lost.
//! * DONE is final.
//! * Who only looks at a parked one, while others may run, holds it (HELD, and CALLED once it is woken) and lets it go again: so it is
//!   never looked at in the middle of a step. A wake in between is remembered, as while it runs.

use crate::sys::atomic::{AtomicU8, Ordering};

const RUNNABLE: u8 = 0;
const RUNNING: u8 = 1;
const NOTIFIED: u8 = 2;
const PARKED: u8 = 3;
const DONE: u8 = 4;
const HELD: u8 = 5;
const CALLED: u8 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Runnable,
    Running,
    Parked,
    Done,
}

#[derive(Debug)]
pub struct ParkWord(AtomicU8);

impl ParkWord {
    /// Of a goroutine that stands in a queue.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(AtomicU8::new(RUNNABLE))
    }

    /// The queue's owner is about to resume it. False: it is done, and stood in the queue in vain.
    #[inline]
    pub fn start(&self) -> bool {
        self.0
            .compare_exchange(RUNNABLE, RUNNING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// It stopped to wait. False: it was woken meanwhile, and the caller queues it again.
    #[inline]
    pub fn park(&self) -> bool {
        self.leave(RUNNING)
    }

    #[inline]
    fn leave(&self, state: u8) -> bool {
        if self
            .0
            .compare_exchange(state, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return true;
        }
        // A swap, to see what the wakers wrote that came until now.
        self.0.swap(RUNNABLE, Ordering::AcqRel);
        false
    }

    /// Holds one that is parked where it is, to look at it from outside: nobody resumes it until [`Self::let_go`].
    pub fn hold(&self) -> bool {
        self.0
            .compare_exchange(PARKED, HELD, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends a hold. False: it was woken meanwhile, and the caller queues it.
    pub fn let_go(&self) -> bool {
        self.leave(HELD)
    }

    /// Somebody has something for it. True: the caller queues it.
    #[inline]
    pub fn wake(&self) -> bool {
        // The common case first: its waker comes when it has long parked.
        let mut seen = PARKED;
        loop {
            let next = match seen {
                PARKED => RUNNABLE,
                RUNNING => NOTIFIED,
                HELD => CALLED,
                DONE => return false,
                // Nothing to change, but it is written all the same: whoever resumes it next then sees what this waker
                // wrote before.
                same => same,
            };
            match self
                .0
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return seen == PARKED,
                Err(now) => seen = now,
            }
        }
    }

    /// It goes on in a queue, by the one who runs it.
    pub fn requeue(&self) {
        self.0.swap(RUNNABLE, Ordering::AcqRel);
    }

    /// It has ended, by the one who resumed it.
    #[inline]
    pub fn end(&self) {
        self.0.store(DONE, Ordering::Release);
    }

    /// Ends one that is parked, or waits to be resumed: nobody will resume it any more. False: somebody resumes it
    /// at this moment, or it has ended.
    pub fn retire(&self) -> bool {
        let from = |state| {
            self.0
                .compare_exchange(state, DONE, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        };
        from(PARKED) || from(RUNNABLE) || from(PARKED)
    }

    pub fn standing(&self) -> Standing {
        match self.0.load(Ordering::Acquire) {
            RUNNABLE => Standing::Runnable,
            // Called, it is neither parked nor in a queue yet.
            RUNNING | NOTIFIED | CALLED => Standing::Running,
            PARKED | HELD => Standing::Parked,
            _ => Standing::Done,
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_while_it_runs_makes_the_park_fail() {
        let word = ParkWord::new();
        assert!(word.start());
        assert!(!word.start(), "never resumed twice");
        assert!(!word.wake());
        assert!(!word.wake());
        assert!(!word.park());
        assert_eq!(word.standing(), Standing::Runnable);
        assert!(word.start());
        assert!(word.park());
    }

    #[test]
    fn only_the_first_wake_of_a_parked_one_queues_it() {
        let word = ParkWord::new();
        assert!(!word.wake(), "in a queue already");
        assert!(word.start() && word.park());
        assert!(word.wake());
        assert!(!word.wake());
    }

    #[test]
    fn one_that_is_held_is_woken_when_it_is_let_go() {
        let word = ParkWord::new();
        assert!(!word.hold(), "in a queue");
        assert!(word.start() && !word.hold(), "it runs");
        assert!(word.park() && word.hold());
        assert!(!word.hold(), "by one at a time");
        assert_eq!(word.standing(), Standing::Parked);
        assert!(!word.wake(), "whoever holds it queues it");
        assert!(!word.start() && !word.let_go());
        assert!(word.start() && word.park() && word.hold() && word.let_go());
        assert!(word.wake());
    }

    #[test]
    fn a_retired_one_is_never_resumed() {
        let word = ParkWord::new();
        assert!(word.start());
        assert!(!word.retire(), "it runs");
        assert!(word.park());
        assert!(word.retire());
        assert!(!word.wake() && !word.start());
        let queued = ParkWord::new();
        assert!(queued.retire());
        assert!(!queued.start());
        assert_eq!(queued.standing(), Standing::Done);
    }
}
