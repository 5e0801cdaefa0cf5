//! What a signal handler shares with those who want signals.
//!
//! Pending signals are a set: one that comes again before it was fetched is not counted twice (G3).
//!
//! Invariants:
//! * [`Mailbox::arrive`] and [`Mailbox::mark`] may be called in a signal handler: only atomics, no lock, nothing allocated.
//! * No signal is lost (G4). A handler announces itself in `running` before it looks whether its signal is wanted. Who makes a signal
//!   unwanted puts the old disposition back first, then calls [`Mailbox::want_no_more`], then [`Mailbox::settle`], and
//!   fetches after that: what was found wanted is pending by then. A handler that comes later finds the signal unwanted,
//!   and has it raised once more, so that it meets the old disposition.
//! * In the same way who makes a signal wanted calls [`Mailbox::want`], then [`Mailbox::settle`], and then sets the handler: one that
//!   found its signal unwanted may be about to put the old disposition back.
//! * All but a handler's part is called under one lock, of the caller's.

use crate::sys::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::sys::thread;

/// As the system numbers signals: from 1 to [`SignalSet::MOST`].
pub type Number = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    pub const MOST: Number = 64;
    pub const EMPTY: Self = Self(0);
    pub const ALL: Self = Self(u64::MAX);

    pub fn of(number: Number) -> Self {
        debug_assert!((1..=Self::MOST).contains(&number));
        Self(1 << (number - 1))
    }

    pub fn has(self, number: Number) -> bool {
        self.and(Self::of(number)) != Self::EMPTY
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// In numeric order.
    pub fn iter(self) -> impl Iterator<Item = Number> {
        (1..=Self::MOST).filter(move |&number| self.has(number))
    }
}

impl FromIterator<Number> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Number>>(numbers: I) -> Self {
        let each = numbers.into_iter().map(Self::of);
        each.fold(Self::EMPTY, Self::plus)
    }
}

#[derive(Debug)]
pub struct Mailbox {
    wanted: AtomicU64,
    pending: AtomicU64,
    /// Handlers at work, per signal: between their announcement and the end of their looking.
    running: [AtomicU32; SignalSet::MOST as usize],
}

impl Mailbox {
    #[cfg(not(any(loom, shuttle)))]
    #[allow(clippy::new_without_default)] // there is one, and it is a static
    pub const fn new() -> Self {
        Self {
            wanted: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            running: [const { AtomicU32::new(0) }; SignalSet::MOST as usize],
        }
    }

    /// A model's atomics are not made at compile time.
    #[cfg(any(loom, shuttle))]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            wanted: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            running: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    fn running(&self, number: Number) -> &AtomicU32 {
        &self.running[usize::from(number) - 1]
    }

    pub fn wanted(&self) -> SignalSet {
        SignalSet(self.wanted.load(Ordering::SeqCst))
    }

    pub fn want(&self, number: Number) {
        self.wanted.fetch_or(SignalSet::of(number).0, Ordering::SeqCst);
    }

    pub fn want_no_more(&self, number: Number) {
        self.wanted.fetch_and(!SignalSet::of(number).0, Ordering::SeqCst);
    }

    /// In a signal handler. True: the signal is pending. False: nobody wants it, `unwanted` has run, and it is to be raised again.
    pub fn arrive(&self, number: Number, unwanted: impl FnOnce()) -> bool {
        let running = self.running(number);
        running.fetch_add(1, Ordering::SeqCst);
        // The announcement before the look at `wanted`; in `settle` it is the other way round, and one sees the other.
        fence(Ordering::SeqCst);
        let marked = self.mark(number);
        if !marked {
            unwanted();
        }
        running.fetch_sub(1, Ordering::SeqCst);
        marked
    }

    /// As [`Self::arrive`], where nobody settles: a handler of Python's.
    pub fn mark(&self, number: Number) -> bool {
        let wanted = self.wanted().has(number);
        if wanted {
            self.pending.fetch_or(SignalSet::of(number).0, Ordering::SeqCst);
        }
        wanted
    }

    /// Waits until no handler of these signals is between its announcement and the end of its looking: some hundred
    /// nanoseconds, if it is not interrupted itself.
    pub fn settle(&self, signals: SignalSet) {
        fence(Ordering::SeqCst);
        for number in signals.iter() {
            while self.running(number).load(Ordering::SeqCst) != 0 {
                thread::yield_now();
            }
        }
    }

    /// Takes out all that has come.
    pub fn fetch(&self) -> SignalSet {
        SignalSet(self.pending.swap(0, Ordering::SeqCst))
    }

    /// As new: for a forked child, where the handlers that were at work do not exist.
    pub fn clear(&self) {
        self.wanted.store(0, Ordering::SeqCst);
        self.pending.store(0, Ordering::SeqCst);
        for running in &self.running {
            running.store(0, Ordering::SeqCst);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_is_fetched_once_and_in_order() {
        let mailbox = Mailbox::new();
        for number in [64, 1, 15] {
            mailbox.want(number);
        }
        for number in [64, 15, 1, 15] {
            assert!(mailbox.arrive(number, || unreachable!()));
        }
        assert_eq!(mailbox.fetch().iter().collect::<Vec<_>>(), [1, 15, 64]);
        assert_eq!(mailbox.fetch(), SignalSet::EMPTY);
    }

    #[test]
    fn what_nobody_wants_is_not_kept() {
        let mailbox = Mailbox::new();
        mailbox.want(2);
        let mut unwanted = 0;
        assert!(!mailbox.arrive(15, || unwanted += 1));
        mailbox.want_no_more(2);
        assert!(!mailbox.arrive(2, || unwanted += 1));
        assert_eq!((unwanted, mailbox.fetch()), (2, SignalSet::EMPTY));
    }

    #[test]
    fn sets() {
        let some: SignalSet = [1, 2, 64].into_iter().collect();
        let other: SignalSet = [2, 3].into_iter().collect();
        assert_eq!(some.and(other), SignalSet::of(2));
        assert_eq!(some.without(other).iter().collect::<Vec<_>>(), [1, 64]);
        assert_eq!(some.plus(other).iter().count(), 4);
        assert_eq!(SignalSet::ALL.iter().count(), 64);
    }
}
