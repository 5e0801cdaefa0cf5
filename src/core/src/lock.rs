//! A mutex that knows its place.
//!
//! Invariants:
//! * A thread takes locks in the order of their [`Rank`]. Two locks of one rank are taken in the
//!   order of their addresses (a select does that; nothing else holds two of one rank).
//! * While a thread holds any of these locks it runs no foreign code: no Python, no wake, no drop of
//!   a value that may have a destructor, no attach or detach of the interpreter.
//!   [`assert_none_held`] is called at the entrance of each such thing.
//! * No poisoning: critical sections only move memory, they do not panic half-way.
//!
//! Both rules are checked in builds with debug assertions, and cost nothing in others. Under loom and
//! shuttle all threads of a model share one system thread, so the check is left out there.

use crate::sys;
use std::ops::{Deref, DerefMut};

/// The whole lock order of the crate, outermost first.
///
/// ```text
/// Context  ->  Channel | Group | Hold  ->  Waiter
/// Channel  ->  Timers
/// Seats, RunQueue           (alone: nothing is locked inside them, and they inside nothing)
/// ```
///
/// A primitive settles waiters while it holds its own lock; a waiter's lock is always the last. A context closes its channel
/// while it holds its own; no two contexts are locked at once. Waking comes after the unlock, so the scheduler's locks never
/// meet those of a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// State of one context. Its `done` channel is closed inside.
    Context,
    /// State of one channel. Several at once only in address order.
    Channel,
    /// State of one wait group.
    Group,
    /// State of one mutex, semaphore or the like.
    Hold,
    /// Threads that wait for something to do.
    Seats,
    /// One queue of the scheduler.
    RunQueue,
    /// What is to happen at a time of its own. A channel that a clock sends on has a place there, which changes under its lock.
    Timers,
    /// State of one waiter. Nothing is ever locked inside it.
    Waiter,
}

#[derive(Debug)]
pub struct Lock<T> {
    #[cfg(debug_assertions)]
    rank: Rank,
    inner: sys::Mutex<T>,
}

#[derive(Debug)]
pub struct Guard<'a, T> {
    inner: sys::MutexGuard<'a, T>,
    // After `inner`: fields drop in order, and the note goes when the lock is free.
    #[cfg(debug_assertions)]
    _note: held::Note,
}

impl<T> Lock<T> {
    #[cfg_attr(not(debug_assertions), allow(unused_variables))]
    pub fn new(rank: Rank, value: T) -> Self {
        Self {
            #[cfg(debug_assertions)]
            rank,
            inner: sys::Mutex::new(value),
        }
    }

    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        #[cfg(debug_assertions)]
        let note = held::Note::take(self.rank, std::ptr::from_ref(self).addr());
        Guard {
            inner: match self.inner.try_lock() {
                Some(inner) => inner,
                None => self.wait(),
            },
            #[cfg(debug_assertions)]
            _note: note,
        }
    }

    /// Out of the way of those who find it free, who keep their registers.
    #[cold]
    #[inline(never)]
    fn wait(&self) -> sys::MutexGuard<'_, T> {
        self.inner.lock()
    }

    /// For a garbage collector's visit: the lock is free, or held by the collecting thread itself.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let inner = self.inner.try_lock()?;
        Some(Guard {
            inner,
            #[cfg(debug_assertions)]
            _note: held::Note::take(self.rank, std::ptr::from_ref(self).addr()),
        })
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Panics in debug builds when this thread holds a lock of the core while it is about to do `what`.
#[inline]
pub fn assert_none_held(what: &str) {
    #[cfg(debug_assertions)]
    held::assert_none(what);
    #[cfg(not(debug_assertions))]
    let _ = what;
}

#[cfg(all(debug_assertions, not(any(loom, shuttle))))]
mod held {
    use super::Rank;
    use std::cell::RefCell;

    thread_local! {
        /// Rank and address of each lock this thread holds, in the order it took them.
        static HELD: RefCell<Vec<(Rank, usize)>> = const { RefCell::new(Vec::new()) };
    }

    #[derive(Debug)]
    pub struct Note(Rank, usize);

    impl Note {
        pub fn take(rank: Rank, address: usize) -> Self {
            HELD.with_borrow_mut(|held| {
                if let Some(&last) = held.last() {
                    assert!(
                        last < (rank, address),
                        "lock order: {rank:?} taken while {:?} is held",
                        last.0
                    );
                }
                held.push((rank, address));
            });
            Self(rank, address)
        }
    }

    impl Drop for Note {
        fn drop(&mut self) {
            // From the end: a select holds many, and lets go of them all.
            HELD.with_borrow_mut(|held| {
                if let Some(at) = held.iter().rposition(|&entry| entry == (self.0, self.1)) {
                    held.remove(at);
                }
            });
        }
    }

    pub fn assert_none(what: &str) {
        HELD.with_borrow(|held| {
            assert!(held.is_empty(), "{what} while holding {held:?}");
        });
    }
}

#[cfg(all(debug_assertions, any(loom, shuttle)))]
mod held {
    #[derive(Debug)]
    pub struct Note;
    impl Note {
        pub fn take(_: super::Rank, _: usize) -> Self {
            Self
        }
    }
    pub fn assert_none(_: &str) {}
}

#[cfg(all(test, debug_assertions, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn outer_then_inner_is_fine() {
        let (a, b) = (Lock::new(Rank::Channel, ()), Lock::new(Rank::Waiter, ()));
        let _a = a.lock();
        let _b = b.lock();
    }

    #[test]
    #[should_panic(expected = "lock order")]
    fn inner_then_outer_is_refused() {
        let (a, b) = (Lock::new(Rank::Channel, ()), Lock::new(Rank::Waiter, ()));
        let _b = b.lock();
        let _a = a.lock();
    }

    #[test]
    #[should_panic(expected = "running Python while holding")]
    fn foreign_code_under_a_lock_is_refused() {
        let a = Lock::new(Rank::Channel, ());
        let _a = a.lock();
        assert_none_held("running Python");
    }

    #[test]
    fn released_locks_are_forgotten() {
        let a = Lock::new(Rank::Channel, ());
        drop(a.lock());
        assert_none_held("running Python");
        assert!(a.try_lock().is_some());
    }
}
