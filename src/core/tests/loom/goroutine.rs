//! A goroutine's wait as a whole: its word, its waiter, a timer and a channel.

use crate::{bounded_model, model};
use gochan_core::channel::{RawChannel, RecvStart, SendStart};
use gochan_core::clock::Instant;
use gochan_core::sched::{ParkWord, Timers};
use gochan_core::sys::{Arc, Mutex, thread};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, Parked, Waiter};

const SOON: Instant = Instant::from_nanos(1);

/// Receives once. Who gets the right to resume it steps it, there and then.
struct Goroutine {
    word: ParkWord,
    waiter: Waiter<u32>,
    timeout: bool,
    /// Of its coroutine; only whoever steps it looks at it, so nobody ever waits for it.
    step: Mutex<Step>,
    ended: Mutex<Vec<End>>,
}

enum Step {
    New,
    Waits(Ticket),
    Over,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Value(u32),
    Closed,
    TimedOut,
}

struct Place {
    channel: RawChannel<u32, Routine>,
    /// The turn that a timer ends.
    timers: Timers<(Routine, u32)>,
}

struct Routine(Arc<Goroutine>, Arc<Place>);

impl Parked<u32> for Routine {
    fn waiter(&self) -> &Waiter<u32> {
        &self.0.waiter
    }

    fn wake(self) {
        if self.0.word.wake() {
            self.drive();
        }
    }
}

impl Routine {
    fn new(timeout: bool) -> Self {
        let goroutine = Goroutine {
            word: ParkWord::new(),
            waiter: Waiter::new(),
            timeout,
            step: Mutex::new(Step::New),
            ended: Mutex::new(Vec::new()),
        };
        let place = Place {
            channel: RawChannel::new(0),
            timers: Timers::new(),
        };
        Self(Arc::new(goroutine), Arc::new(place))
    }

    fn again(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.1))
    }

    /// By the one who has the right to resume it, until it waits or has ended.
    fn drive(&self) {
        loop {
            assert!(self.0.word.start());
            if let Some(end) = self.step() {
                self.0.ended.lock().push(end);
                return self.0.word.end();
            }
            if self.0.word.park() {
                return;
            }
        }
    }

    fn step(&self) -> Option<End> {
        let mut step = self.0.step.try_lock().expect("two step it at once");
        let end = match &*step {
            Step::New => self.begin(&mut step),
            Step::Waits(ticket) => self.look(*ticket),
            Step::Over => panic!("stepped after its end"),
        };
        if end.is_some() {
            *step = Step::Over;
        }
        end
    }

    fn begin(&self, step: &mut Step) -> Option<End> {
        match self.1.channel.recv_or_park_with(|| self.again()) {
            RecvStart::Received(value) => Some(End::Value(value)),
            RecvStart::Closed => Some(End::Closed),
            RecvStart::Parked(ticket) => {
                if self.0.timeout {
                    let turn = self.0.waiter.turn();
                    self.1.timers.add(SOON, (self.again(), turn));
                }
                *step = Step::Waits(ticket);
                None
            }
        }
    }

    /// It was resumed, for an outcome or for something else.
    fn look(&self, ticket: Ticket) -> Option<End> {
        let waiter = &self.0.waiter;
        if !waiter.is_settled() {
            if !self.0.timeout || waiter.is_waiting() {
                return None;
            }
            // It waits no longer; but between the two looks a peer may have come, and not the timer.
            if !waiter.is_settled() {
                self.1.channel.forget_receiver(ticket);
                assert_eq!(waiter.rearm(), None, "a value was lost");
                return Some(End::TimedOut);
            }
        }
        match waiter.rearm() {
            Some(Outcome::Received(value, _)) => Some(End::Value(value)),
            Some(Outcome::Closed) => Some(End::Closed),
            other => panic!("{other:?}"),
        }
    }

    /// What a runner does when it looks at the clock.
    fn expire(place: &Place) {
        if let Some((routine, turn)) = place.timers.pop_due(SOON) {
            if routine.0.waiter.cancel_turn(turn) {
                routine.wake();
            }
        }
    }

    fn end(self) -> End {
        let mut ended = std::mem::take(&mut *self.0.ended.lock());
        let end = ended.pop().expect("it sleeps for ever");
        assert!(ended.is_empty(), "ended twice");
        assert_eq!(self.1.channel.parked(), (0, 0));
        // It holds the goroutine.
        drop(self.1.timers.pop_due(SOON));
        end
    }
}

/// A sender comes at any moment, also while the goroutine parks: it is handed the value and wakes up.
#[test]
fn a_peer_while_it_parks() {
    model(|| {
        let routine = Routine::new(false);
        let sender = thread::spawn({
            let routine = routine.again();
            move || routine.1.channel.try_send(7).is_ok()
        });
        routine.drive();
        let sent = sender.join().unwrap();
        if !sent {
            routine.1.channel.close().unwrap();
        }
        assert_eq!(routine.end(), if sent { End::Value(7) } else { End::Closed });
    });
}

/// A sender and the timer at once: the value arrives exactly when the sender was told so, and otherwise the wait has timed out.
#[test]
fn a_peer_or_the_timer() {
    model(|| {
        let routine = Routine::new(true);
        routine.drive();
        let sender = thread::spawn({
            let routine = routine.again();
            move || routine.1.channel.try_send(7).is_ok()
        });
        Routine::expire(&routine.1);
        let sent = sender.join().unwrap();
        assert_eq!(routine.end(), if sent { End::Value(7) } else { End::TimedOut });
    });
}

/// The same while it is woken for something else, which makes it look at any moment, in the middle of all that.
#[test]
fn a_peer_or_the_timer_and_a_stray_wake() {
    bounded_model(|| {
        let routine = Routine::new(true);
        routine.drive();
        let sender = thread::spawn({
            let routine = routine.again();
            move || routine.1.channel.try_send(7).is_ok()
        });
        let stray = thread::spawn({
            let routine = routine.again();
            move || routine.wake()
        });
        Routine::expire(&routine.1);
        let sent = sender.join().unwrap();
        stray.join().unwrap();
        assert_eq!(routine.end(), if sent { End::Value(7) } else { End::TimedOut });
    });
}

/// A stray wake and a peer, without a timer: the peer finds the goroutine queued, running or parked.
#[test]
fn a_peer_and_a_stray_wake() {
    model(|| {
        let routine = Routine::new(false);
        routine.drive();
        let stray = thread::spawn({
            let routine = routine.again();
            move || routine.wake()
        });
        let sent = routine
            .1
            .channel
            .send_or_park_with(7, || panic!("a receiver waits"));
        assert_eq!(sent, SendStart::Sent);
        stray.join().unwrap();
        assert_eq!(routine.end(), End::Value(7));
    });
}
