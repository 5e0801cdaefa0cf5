//! What is to be done after the unlock.
//!
//! Invariants:
//! * A waker in the list belongs to a waiter that is settled already; each is woken exactly once.
//! * Nothing in the list is woken or dropped while a core lock is held. The list is made before the
//!   lock is taken, so that it outlives the guard even when something panics in between.

use crate::lock;

/// How to wake whoever waits. `wake` runs with no lock of the core held and may run foreign code.
pub trait Wake {
    fn wake(self);
}

/// The first waker stands by itself: nearly always it is the only one, and there is nothing else.
#[derive(Debug)]
pub struct WakeList<W: Wake, D = ()> {
    first: Option<W>,
    more: Vec<W>,
    dead: Vec<D>,
}

impl<W: Wake, D> WakeList<W, D> {
    #[inline]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            first: None,
            more: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Remembers the waker of a waiter that was just settled.
    #[inline]
    pub fn wake_later(&mut self, waker: W) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
    }

    /// Remembers something whose drop may run foreign code.
    #[inline]
    pub fn drop_later(&mut self, dead: D) {
        self.dead.push(dead);
    }

    /// Wakes all and drops the rest, in the order in which they came.
    #[inline]
    pub fn run(self) {
        let Self { first, more, dead } = self;
        if let Some(first) = first {
            lock::assert_none_held("waking");
            first.wake();
        }
        if !more.is_empty() || !dead.is_empty() {
            Self::run_rest(more, dead);
        }
    }

    #[cold]
    fn run_rest(more: Vec<W>, dead: Vec<D>) {
        lock::assert_none_held("waking");
        for waker in more {
            waker.wake();
        }
        drop(dead);
    }
}
