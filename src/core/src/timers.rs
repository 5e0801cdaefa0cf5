//! What is to happen at a time of its own: timeouts, sleeps, and the ticks that somebody is parked for.
//!
//! Invariants:
//! * A [`Key`] names one timer, never another one later.
//! * `earliest` is the time of the first timer, or [`Instant::NEVER`]; it is written under the lock, and read without, by
//!   runners in every round.
//!
//! An ordered map instead of a heap: nearly every timeout is taken back before it fires, and here that is exact, where a
//! heap would keep what the timer holds until its time has come.

use crate::clock::Instant;
use crate::lock::{Lock, Rank};
use crate::sys::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Instant, u64);

impl Key {
    /// When it is due.
    pub fn at(self) -> Instant {
        self.0
    }
}

#[derive(Debug)]
pub struct Timers<J> {
    /// What may not happen under it: a drop of a job, any foreign code.
    state: Lock<State<J>>,
    earliest: AtomicU64,
}

/// Guarded by `Timers::state`, all of it.
#[derive(Debug)]
struct State<J> {
    jobs: BTreeMap<Key, J>,
    made: u64,
}

impl<J> Timers<J> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::Timers,
                State {
                    jobs: BTreeMap::new(),
                    made: 0,
                },
            ),
            earliest: AtomicU64::new(Instant::NEVER.as_nanos()),
        }
    }

    /// True with the key: this is the first one now, and whoever sleeps until the next one sleeps too long. One for
    /// [`Instant::NEVER`] only stands here.
    pub fn add(&self, at: Instant, job: J) -> (Key, bool) {
        let mut state = self.state.lock();
        state.made += 1;
        let key = Key(at, state.made);
        state.jobs.insert(key, job);
        let first = self.note(&state);
        (key, first == Some(key) && at != Instant::NEVER)
    }

    /// Takes it back, if it has not fired.
    pub fn cancel(&self, key: Key) -> Option<J> {
        let mut state = self.state.lock();
        let job = state.jobs.remove(&key);
        self.note(&state);
        job
    }

    /// Whether it is still to come.
    pub fn has(&self, key: Key) -> bool {
        self.state.lock().jobs.contains_key(&key)
    }

    /// One that is due.
    pub fn pop_due(&self, now: Instant) -> Option<J> {
        let mut state = self.state.lock();
        let first = state.jobs.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let job = first.remove();
        self.note(&state);
        Some(job)
    }

    /// When the first one is due.
    #[inline]
    pub fn earliest(&self) -> Instant {
        Instant::from_nanos(self.earliest.load(Ordering::Acquire))
    }

    pub fn is_empty(&self) -> bool {
        self.earliest() == Instant::NEVER
    }

    fn note(&self, state: &State<J>) -> Option<Key> {
        let first = state.jobs.keys().next().copied();
        let at = first.map_or(Instant::NEVER, Key::at);
        self.earliest.store(at.as_nanos(), Ordering::Release);
        first
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_time_and_then_of_making() {
        let timers = Timers::new();
        let at = Instant::from_nanos;
        assert!(timers.add(at(20), 'b').1);
        assert!(!timers.add(at(30), 'd').1);
        assert!(!timers.add(at(20), 'c').1);
        assert!(!timers.add(Instant::NEVER, 'z').1);
        let (key, first) = timers.add(at(10), 'a');
        assert!(first);
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.cancel(key), Some('a'));
        assert_eq!(timers.cancel(key), None);
        assert_eq!(timers.earliest(), at(20));
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(at(25))).collect();
        assert_eq!(due, ['b', 'c']);
        assert_eq!(timers.pop_due(at(30)), Some('d'));
        assert!(
            timers.is_empty(),
            "what is never due counts for nobody who sleeps"
        );
        assert!(!Timers::new().add(Instant::NEVER, 'z').1);
    }
}
