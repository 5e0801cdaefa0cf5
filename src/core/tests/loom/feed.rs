//! A channel that a clock sends on: somebody fires it while its owner stops or moves it, or while its receiver leaves.

use crate::common::Tally;
use crate::{bounded_model, model};
use gochan_core::channel::RecvStart;
use gochan_core::clock::{Clock, Instant, Manual};
use gochan_core::sys::{Arc, thread};
use gochan_core::timers::Timers;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter};
use std::time::Duration;

const START: Instant = Instant::from_nanos(1);
const DUE: Duration = Duration::from_nanos(1);
const LATER: Duration = Duration::from_nanos(100);

struct Kit {
    clock: Manual,
    feed: Channel<u64, Tally>,
    timers: Timers<()>,
    waiter: Arc<Waiter<u64>>,
    tally: Tally,
}

impl Kit {
    /// One receiver is parked, and the tick is due.
    fn due() -> (Arc<Self>, Ticket) {
        let clock = Manual::starting_at(START);
        let kit = Self {
            feed: Channel::fed(Box::new(clock.clone()), Instant::as_nanos),
            clock,
            timers: Timers::new(),
            waiter: Arc::new(Waiter::new()),
            tally: Tally::new(),
        };
        kit.feed.arm(DUE, None);
        let RecvStart::Parked(ticket) = kit.feed.recv_or_park(&kit.waiter, kit.tally.clone()) else {
            panic!("nothing is due yet");
        };
        kit.feed.attend(&kit.timers, || ());
        kit.clock.advance(DUE);
        (Arc::new(kit), ticket)
    }

    /// As a runner does it.
    fn look(&self) {
        while self.timers.pop_due(self.clock.now()).is_some() {
            self.feed.fire();
            self.feed.attend(&self.timers, || ());
        }
    }

    fn looker(kit: &Arc<Self>) -> thread::JoinHandle<()> {
        let kit = Arc::clone(kit);
        thread::spawn(move || kit.look())
    }

    fn has_ticked(&self) -> bool {
        match self.waiter.take() {
            Some(Outcome::Ticked(_)) => true,
            Some(outcome) => panic!("{outcome:?}"),
            None => false,
        }
    }
}

/// T7: stop says true exactly if the receiver gets nothing.
#[test]
fn fire_or_stop() {
    model(|| {
        let (kit, _) = Kit::due();
        let runner = Kit::looker(&kit);
        let stopped = kit.feed.disarm();
        kit.feed.leave_timers(&kit.timers);
        runner.join().unwrap();
        assert_eq!(kit.has_ticked(), !stopped);
        assert_eq!(kit.tally.wakes(), usize::from(!stopped));
        assert!(kit.timers.is_empty());
        assert!(kit.feed.try_recv().is_err());
    });
}

/// T7, T15: a reset to later meets the firing of the old setting. Whoever is still parked then is found at the new time.
#[test]
fn fire_or_reset() {
    model(|| {
        let (kit, _) = Kit::due();
        let runner = Kit::looker(&kit);
        let was = kit.feed.arm(LATER, None);
        kit.feed.attend(&kit.timers, || ());
        runner.join().unwrap();
        assert_eq!(kit.has_ticked(), !was);
        let due = kit.clock.now().saturating_add(LATER);
        assert_eq!(kit.timers.earliest(), if was { due } else { Instant::NEVER });
        kit.clock.advance(LATER);
        kit.look();
        assert_eq!(kit.has_ticked(), was);
        assert!(kit.timers.is_empty());
    });
}

/// The receiver's host cancels while the tick comes: it has the tick, or the channel has it still; and nothing stands among the timers
/// any more.
#[test]
fn fire_or_leave() {
    model(|| {
        let (kit, ticket) = Kit::due();
        let runner = Kit::looker(&kit);
        let cancelled = kit.waiter.cancel();
        if cancelled {
            kit.feed.forget_receiver(ticket);
        } else {
            let outcome = kit.waiter.take().expect("a peer was first");
            kit.feed.give_back(outcome);
        }
        kit.feed.leave_timers(&kit.timers);
        runner.join().unwrap();
        assert_eq!(kit.tally.wakes(), usize::from(!cancelled));
        assert!(kit.timers.is_empty());
        assert_eq!(kit.feed.try_recv(), Ok(2), "received by nobody");
    });
}

/// Two moves at once, each followed by a look at the channel's place: the place is that of the move that was last.
#[test]
fn two_resets() {
    model(|| {
        let (kit, _) = Kit::due();
        let other = thread::spawn({
            let kit = Arc::clone(&kit);
            move || {
                kit.feed.arm(LATER, None);
                kit.feed.attend(&kit.timers, || ());
            }
        });
        kit.feed.arm(DUE, None);
        kit.feed.attend(&kit.timers, || ());
        other.join().unwrap();
        assert_eq!(Some(kit.timers.earliest()), kit.feed.due());
        kit.clock.advance(LATER);
        kit.look();
        assert!(kit.has_ticked() && kit.timers.is_empty());
    });
}

/// A second receiver parks while the first one's tick is handed over: of two ticks each has one, whoever came first, and the ticker
/// stands among the timers as long as one of them waits.
#[test]
fn two_receivers_of_a_ticker() {
    bounded_model(|| {
        let (kit, _) = Kit::due();
        kit.feed.arm(DUE, Some(DUE));
        kit.feed.attend(&kit.timers, || ());
        kit.clock.advance(DUE);
        let runner = Kit::looker(&kit);
        let second = Arc::new(Waiter::new());
        let got = match kit.feed.recv_or_park(&second, kit.tally.clone()) {
            RecvStart::Received(_) => panic!("it would have overtaken the first"),
            RecvStart::Closed => panic!("a clock closes nothing"),
            RecvStart::Parked(_) => {
                kit.feed.attend(&kit.timers, || ());
                second.take().is_some()
            }
        };
        runner.join().unwrap();
        assert!(!got, "there was one tick");
        assert!(kit.has_ticked());
        kit.clock.advance(DUE);
        kit.look();
        assert!(matches!(second.take(), Some(Outcome::Ticked(_))));
        assert_eq!(kit.tally.wakes(), 2);
        assert!(kit.timers.is_empty());
    });
}
