//! What is to be done after the unlock.
//!
//! Invariants:
//! * A waker in the list belongs to a waiter that is settled already; each is woken exactly once.
//! * Nothing in the list is woken or dropped while a core lock is held. The list is made before the
//!   lock is taken, so that it outlives the guard even when something panics in between.

use crate::lock;
use crate::sys::Arc;
use crate::waiter::{Outcome, Waiter};

/// How to wake whoever waits. `wake` runs with no lock of the core held and may run foreign code.
pub trait Wake {
    fn wake(self);
}

/// Who is parked in a queue: the waiter that a peer settles, and how to wake its host after that. One value for both, so
/// that a host may keep its waiter inside of itself, and the queue holds one reference.
pub trait Parked<T> {
    fn waiter(&self) -> &Waiter<T>;
    fn wake(self);

    /// Which arm of its host's wait this place is.
    #[inline]
    fn arm(&self) -> u32 {
        0
    }

    /// Settles the waiter by this arm: see [`Waiter::settle_arm`].
    #[inline]
    fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        self.waiter().settle_arm(outcome, self.arm())
    }
}

/// A waiter of its own beside a waker.
#[derive(Debug)]
pub struct Party<T, W> {
    pub waiter: Arc<Waiter<T>>,
    pub waker: W,
    pub arm: u32,
}

impl<T, W: Wake> Parked<T> for Party<T, W> {
    #[inline]
    fn waiter(&self) -> &Waiter<T> {
        &self.waiter
    }

    #[inline]
    fn wake(self) {
        self.waker.wake();
    }

    #[inline]
    fn arm(&self) -> u32 {
        self.arm
    }
}

impl<T, W: Wake> Wake for Party<T, W> {
    #[inline]
    fn wake(self) {
        self.waker.wake();
    }
}

/// The first one to wake stands by itself: nearly always it is the only one, and there is nothing else.
#[derive(Debug)]
pub struct WakeList<P, D = ()> {
    first: Option<P>,
    rest: Option<Box<Rest<P, D>>>,
}

#[derive(Debug)]
struct Rest<P, D> {
    wakers: Vec<P>,
    dead: Vec<D>,
}

impl<P, D> WakeList<P, D> {
    #[inline]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            first: None,
            rest: None,
        }
    }

    /// Remembers who was just settled.
    #[inline]
    pub fn wake_later(&mut self, parked: P) {
        if self.first.is_none() {
            self.first = Some(parked);
        } else {
            self.rest().wakers.push(parked);
        }
    }

    /// Remembers something whose drop may run foreign code.
    pub fn drop_later(&mut self, dead: D) {
        self.rest().dead.push(dead);
    }

    #[cold]
    fn rest(&mut self) -> &mut Rest<P, D> {
        self.rest.get_or_insert_with(|| {
            Box::new(Rest {
                wakers: Vec::new(),
                dead: Vec::new(),
            })
        })
    }

    /// Wakes all and drops the rest, in the order in which they came.
    #[inline]
    pub fn run<T>(self)
    where
        P: Parked<T>,
    {
        let Self { first, rest } = self;
        if let Some(first) = first {
            lock::assert_none_held("waking");
            first.wake();
        }
        if let Some(rest) = rest {
            lock::assert_none_held("waking");
            for parked in rest.wakers {
                parked.wake();
            }
            drop(rest.dead);
        }
    }
}
