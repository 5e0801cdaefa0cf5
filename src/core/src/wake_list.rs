//! What is to be done after the unlock.
//!
//! Invariants:
//! * A waker in the list belongs to a waiter that is settled already; each is woken exactly once.
//! * Nothing in the list is woken or dropped while a core lock is held. The list is made before the
//!   lock is taken, so that it outlives the guard even when something panics in between.

use crate::lock;
use smallvec::SmallVec;

/// How to wake whoever waits. `wake` runs with no lock of the core held and may run foreign code.
pub trait Wake {
    fn wake(self);
}

#[derive(Debug)]
pub struct WakeList<W: Wake, D = ()> {
    wakers: SmallVec<[W; 1]>,
    dead: SmallVec<[D; 0]>,
}

impl<W: Wake, D> WakeList<W, D> {
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            wakers: SmallVec::new(),
            dead: SmallVec::new(),
        }
    }

    /// Remembers the waker of a waiter that was just settled.
    #[inline]
    pub fn wake_later(&mut self, waker: W) {
        self.wakers.push(waker);
    }

    /// Remembers something whose drop may run foreign code.
    #[inline]
    pub fn drop_later(&mut self, dead: D) {
        self.dead.push(dead);
    }

    /// Wakes all and drops the rest, in the order in which they came.
    #[inline]
    pub fn run(self) {
        if self.wakers.is_empty() && self.dead.is_empty() {
            return;
        }
        lock::assert_none_held("waking");
        for waker in self.wakers {
            waker.wake();
        }
        drop(self.dead);
    }
}
