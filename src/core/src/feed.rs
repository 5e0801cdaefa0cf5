//! Channels that a clock sends on: Go's timers and tickers.
//!
//! Invariants, whenever the channel's lock is free:
//! * A feed sends nothing by itself (T10). What is due is looked for by whoever receives; nothing stands among the scheduler's timers
//!   while nobody is parked, so one that nobody waits for costs nothing, and goes when its last reference does.
//! * One tick at most is pending: `due`. It is received at most once in all, and not at all when the feed was stopped or
//!   armed anew before (T4, T7): both happen under the channel's lock, and so does every receive.
//! * A ticker's ticks stay on the grid it was started with. Who comes late gets the first one he missed, then the next that
//!   is to come (T8).
//! * Whoever is parked comes before whoever comes (C6): a receive looks first whether a parked receiver is to have what is due.
//! * The channel's place among the timers is put right by [`RawChannel::attend`] or [`RawChannel::leave_timers`] after whatever
//!   may have changed it, under the channel's lock; so the last of several such calls has seen it all, and no timer is lost (T15). In
//!   between the place may be too early, which costs a look, but never too late.
//!
//! The buffer of such a channel is never used: its length and its capacity are 0 (T9).

use crate::channel::{After, Dead, RawChannel, State};
use crate::clock::{Clock, Instant};
use crate::timers::{Key, Timers};
use crate::waiter::{Outcome, epoch};
use crate::wake_list::Parked;
use std::time::Duration;

/// Who says what time it is.
pub type AnyClock = Box<dyn Clock + Send + Sync>;

/// One tick that a receiver was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was due, which is what it says (T3).
    pub due: Instant,
    /// Of which arming: one that comes back is worth nothing after the next.
    arming: u64,
}

/// Guarded by the channel's lock.
#[derive(Debug)]
pub(crate) struct Feed {
    clock: AnyClock,
    /// The pending tick, or the next one. `None`: not armed, or a timer's only tick was received.
    due: Option<Instant>,
    /// In nanoseconds, at least one. `None`: there is one tick only.
    period: Option<u64>,
    /// Counts how often it was armed or stopped.
    arming: u64,
    /// Its place among the timers, and in which process: see [`epoch`].
    place: Option<(Key, u32)>,
}

impl Feed {
    fn new(clock: AnyClock) -> Self {
        Self {
            clock,
            due: None,
            period: None,
            arming: 0,
            place: None,
        }
    }

    /// What is due, and what time it is.
    fn pending(&self) -> Option<(Tick, Instant)> {
        let due = self.due.filter(|&due| due != Instant::NEVER)?;
        let now = self.clock.now();
        let arming = self.arming;
        (due <= now).then_some((Tick { due, arming }, now))
    }

    /// The pending tick was received at `now`.
    fn consume(&mut self, now: Instant) {
        let next = |(due, period): (Instant, u64)| {
            let late = now.as_nanos() - due.as_nanos();
            let passed = (late / period).saturating_add(1).saturating_mul(period);
            Instant::from_nanos(due.as_nanos().saturating_add(passed))
        };
        self.due = self.due.zip(self.period).map(next);
    }

    fn set(&mut self, due: Option<Instant>) -> bool {
        self.arming += 1;
        std::mem::replace(&mut self.due, due).is_some()
    }

    fn place(&self) -> Option<Key> {
        let (key, made_in) = self.place?;
        (made_in == epoch::current()).then_some(key)
    }
}

impl<T, P: Parked<T>> RawChannel<T, P> {
    /// A channel that a clock sends on, once it is armed. `make` makes what is received out of the time a tick was due; it
    /// runs with no lock held.
    pub fn fed(clock: AnyClock, make: fn(Instant) -> T) -> Self {
        let mut channel = Self::new(0);
        channel.make = Some(make);
        channel.state.lock().feed = Some(Box::new(Feed::new(clock)));
        channel
    }

    /// Whether a clock sends on it. Never changes, and needs no lock.
    #[inline]
    pub fn is_fed(&self) -> bool {
        self.make.is_some()
    }

    /// Sends once after a span, then every `period` if there is one. True: it was armed already, with a tick
    /// that nobody received (T5), and that nobody will receive now. To be followed by [`Self::attend`].
    pub fn arm(&self, after: Duration, period: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        let Some(feed) = &mut state.feed else {
            return false;
        };
        let nanos = |period: Duration| u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
        feed.period = period.map(nanos);
        let due = feed.clock.now().saturating_add(after);
        feed.set(Some(due))
    }

    /// Sends no more. True: it was armed, with a tick that nobody received, and that nobody will receive now (T5).
    /// To be followed by [`Self::leave_timers`].
    pub fn disarm(&self) -> bool {
        let mut state = self.state.lock();
        state.feed.as_mut().is_some_and(|feed| feed.set(None))
    }

    /// A ticker's.
    pub fn period(&self) -> Option<Duration> {
        let nanos = self.state.lock().feed.as_ref()?.period?;
        Some(Duration::from_nanos(nanos))
    }

    /// When the pending tick is due, or the next one: `None` when there will be none.
    pub fn due(&self) -> Option<Instant> {
        self.state.lock().feed.as_ref()?.due
    }

    /// Hands what is due to the one that waits longest. To be followed by [`Self::attend`].
    pub fn fire(&self) {
        let mut after = After::new();
        self.state.lock().feed_parked(&mut after);
        after.run();
    }

    /// Puts the channel's place among the timers right: there while somebody is parked and a tick is to come, with `job`, and
    /// not otherwise. The time it stands there for, if it is a new place and no timer comes before it.
    pub fn attend<J>(&self, timers: &Timers<J>, job: impl FnOnce() -> J) -> Option<Instant> {
        let mut state = self.state.lock();
        let wanted = state.wanted();
        let feed = state.feed.as_mut()?;
        let place = feed.place();
        if place.map(Key::at) == wanted {
            return None;
        }
        let left = place.and_then(|key| timers.cancel(key));
        let added = wanted.map(|at| timers.add(at, job()));
        feed.place = added.map(|(key, _)| (key, epoch::current()));
        drop(state);
        drop(left);
        added.and_then(|(key, is_first)| is_first.then_some(key.at()))
    }

    /// As [`Self::attend`], after something that can not have brought a tick nearer: a receiver left, or gave a tick back that the
    /// last other one may have now, or it was stopped.
    pub fn leave_timers<J>(&self, timers: &Timers<J>) {
        let mut state = self.state.lock();
        if state.wanted().is_some() {
            return;
        }
        let place = state.feed.as_mut().and_then(|feed| {
            let key = feed.place();
            feed.place = None;
            key
        });
        let left = place.and_then(|key| timers.cancel(key));
        drop(state);
        drop(left);
    }

    /// What is received where a tick was due at that time. With no lock held.
    pub fn made(&self, due: Instant) -> T {
        let make = self.make.expect("only a channel with a feed ticks");
        make(due)
    }

    /// A receiver gives back a tick that it could not keep, because its host cancelled it. After the feed was stopped or armed
    /// anew it is worth nothing.
    pub(crate) fn untick(&self, tick: Tick) {
        let mut after = After::new();
        {
            let mut state = self.state.lock();
            if let Some(feed) = state.feed.as_mut().filter(|feed| feed.arming == tick.arming) {
                feed.due = Some(feed.due.map_or(tick.due, |due| due.min(tick.due)));
                state.feed_parked(&mut after);
            }
        }
        after.run();
    }
}

/// These run under the lock.
impl<T, P: Parked<T>> State<T, P> {
    /// As [`State::poll`], for a channel with a feed.
    #[cold]
    pub(crate) fn poll_feed(&mut self, after: &mut After<T, P>) -> Option<Instant> {
        if !self.receivers.is_empty() {
            self.feed_parked(after);
        }
        let feed = self.feed.as_mut()?;
        let (tick, now) = feed.pending()?;
        feed.consume(now);
        Some(tick.due)
    }

    /// Hands what is due to the first parked receiver that still wants it.
    fn feed_parked(&mut self, after: &mut After<T, P>) {
        let Some(feed) = &mut self.feed else { return };
        let Some((tick, now)) = feed.pending() else {
            return;
        };
        while let Some(receiver) = self.receivers.pop_front() {
            if receiver.settle(Outcome::Ticked(tick)).is_ok() {
                feed.consume(now);
                after.wake_later(receiver);
                return;
            }
            after.drop_later(Dead::Receiver(receiver));
        }
    }

    /// When somebody is to call [`RawChannel::fire`].
    fn wanted(&self) -> Option<Instant> {
        let feed = self.feed.as_ref()?;
        feed.due.filter(|_| !self.receivers.is_empty())
    }
}
