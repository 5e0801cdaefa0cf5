//! A feed, the clock it goes by, and the timers it may stand among.

use gochan_core::channel::{Channel, RecvStart};
use gochan_core::clock::{Clock, Instant, Manual};
use gochan_core::error::TryRecvError;
use gochan_core::timers::Timers;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, Waiter, Wake};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where the clock starts: so that nothing is right only because it is zero.
pub const START: u64 = 1_000;

/// Counts how often it was woken.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<AtomicUsize>);

impl Tally {
    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Tally {
    fn wake(self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub const fn span(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// A value says when its tick was due, counted from the start of the clock.
pub type Feed = Channel<u64, Tally>;

#[derive(Debug)]
pub struct Kit {
    pub clock: Manual,
    pub feed: Arc<Feed>,
    pub timers: Timers<&'static str>,
}

/// One that waits for a tick.
#[derive(Debug)]
pub struct Party {
    pub waiter: Arc<Waiter<u64>>,
    pub ticket: Ticket,
    pub tally: Tally,
}

fn made(due: Instant) -> u64 {
    due.as_nanos() - START
}

impl Kit {
    pub fn new() -> Self {
        let clock = Manual::starting_at(Instant::from_nanos(START));
        Self {
            feed: Arc::new(Feed::fed(Box::new(clock.clone()), made)),
            clock,
            timers: Timers::new(),
        }
    }

    /// A timer that is due after so many nanoseconds.
    pub fn timer(nanos: u64) -> Self {
        let kit = Self::new();
        assert!(!kit.feed.arm(span(nanos), None), "it was not armed before");
        kit
    }

    pub fn ticker(nanos: u64) -> Self {
        let kit = Self::new();
        kit.feed.arm(span(nanos), Some(span(nanos)));
        kit
    }

    pub fn advance(&self, nanos: u64) {
        self.clock.advance(span(nanos));
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        self.clock.now().as_nanos() - START
    }

    pub fn recv(&self) -> Option<u64> {
        match self.feed.try_recv() {
            Ok(tick) => Some(tick),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => panic!("a clock closes nothing"),
        }
    }

    /// Parks, and sees to the channel's place, as a host does.
    pub fn park(&self) -> Party {
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::default());
        match self.feed.recv_or_park(&waiter, tally.clone()) {
            RecvStart::Parked(ticket) => {
                self.attend();
                Party {
                    waiter,
                    ticket,
                    tally,
                }
            }
            other => panic!("there was something to receive: {other:?}"),
        }
    }

    pub fn attend(&self) -> Option<u64> {
        let first = self.feed.attend(&self.timers, || "feed")?;
        Some(first.as_nanos() - START)
    }

    /// As a runner does it between two steps: how often something was due.
    pub fn run_timers(&self) -> usize {
        let mut fired = 0;
        while self.timers.pop_due(self.clock.now()).is_some() {
            fired += 1;
            self.feed.fire();
            self.attend();
        }
        fired
    }

    pub fn reset(&self, nanos: u64) -> bool {
        let was = self.feed.arm(span(nanos), None);
        self.attend();
        was
    }

    pub fn stop(&self) -> bool {
        let was = self.feed.disarm();
        self.feed.leave_timers(&self.timers);
        was
    }

    /// For when the channel stands among the timers.
    pub fn place(&self) -> Option<u64> {
        let at = self.timers.earliest();
        (at != Instant::NEVER).then(|| at.as_nanos() - START)
    }
}

impl Party {
    /// What it was given.
    pub fn got(&self) -> Option<u64> {
        match self.waiter.take()? {
            Outcome::Ticked(tick) => Some(made(tick.due)),
            other => panic!("not a tick: {other:?}"),
        }
    }

    /// Its host lets go of it. True: nothing had come.
    pub fn cancel(&self, kit: &Kit) -> bool {
        let won = self.waiter.cancel();
        if won {
            kit.feed.forget_receiver(self.ticket);
        } else {
            kit.feed
                .give_back(self.waiter.take().expect("settled, and nobody took it"));
        }
        kit.feed.leave_timers(&kit.timers);
        won
    }
}
