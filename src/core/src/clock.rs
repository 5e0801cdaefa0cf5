//! Time inside gochan: nanoseconds on a monotonic clock, as `u64`, saturating.
//!
//! Invariant: arithmetic never wraps. A deadline too far away to be counted is [`Instant::NEVER`], so
//! a very long timeout waits for ever and can not fire early.

use crate::sys::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::fmt::Debug;
use std::time::Duration;

/// A point on a [`Clock`]; only instants of one clock compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// 584 years after the clock's start, which stands for "no limit".
    pub const NEVER: Self = Self(u64::MAX);

    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(by))
    }

    /// Time from `earlier` to `self`, zero when `self` is not the later one.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

pub trait Clock: Debug {
    fn now(&self) -> Instant;
}

/// The system's monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    /// No state of our own: a thread that is inside a lock when the process forks leaves it locked in the
    /// child for ever.
    #[cfg(target_os = "linux")]
    fn now(&self) -> Instant {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
        Instant(
            seconds
                .unwrap_or(0)
                .saturating_mul(1_000_000_000)
                .saturating_add(nanos.unwrap_or(0)),
        )
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Instant {
        use std::sync::OnceLock;
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        let nanos = START.get_or_init(std::time::Instant::now).elapsed().as_nanos();
        Instant(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A clock that only moves when it is told to; clones show the same time.
#[derive(Debug, Clone)]
pub struct Manual(Arc<AtomicU64>);

impl Manual {
    pub fn starting_at(start: Instant) -> Self {
        Self(Arc::new(AtomicU64::new(start.0)))
    }

    pub fn advance(&self, by: Duration) {
        let next = self.now().saturating_add(by);
        self.0.store(next.0, Ordering::SeqCst);
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn far_deadlines_saturate_instead_of_firing_early() {
        let start = Instant::from_nanos(5);
        assert_eq!(start.saturating_add(Duration::MAX), Instant::NEVER);
        assert_eq!(
            start.saturating_add(Duration::from_secs(u64::MAX)),
            Instant::NEVER
        );
        assert_eq!(Instant::from_nanos(0).saturating_since(start), Duration::ZERO);
    }

    #[test]
    fn manual_clock_moves_by_hand_and_is_shared() {
        let clock = Manual::starting_at(Instant::from_nanos(0));
        let twin = clock.clone();
        assert_eq!(clock.now(), Instant::from_nanos(0));
        twin.advance(Duration::from_nanos(7));
        assert_eq!(clock.now(), Instant::from_nanos(7));
    }

    #[test]
    fn monotonic_does_not_go_back() {
        let first = Monotonic.now();
        assert!(Monotonic.now() >= first);
    }
}
