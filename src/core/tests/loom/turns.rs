//! A waiter that serves one wait after the other.

use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::sys::{Arc, thread};
use gochan_core::{Outcome, Waiter};

/// The timer of the first wait comes at any moment, also when the next wait has begun: it ends the first one or nothing.
#[test]
fn a_late_timer_ends_no_other_wait() {
    model(|| {
        let waiter = Arc::new(Waiter::new());
        let first = waiter.turn();
        let timer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.cancel_turn(first)
        });
        let settled = waiter.settle(Outcome::Received(1, 0)).is_ok();
        let left = waiter.rearm();
        assert_eq!(left, settled.then_some(Outcome::Received(1, 0)));
        assert!(waiter.is_waiting() && !waiter.is_settled());
        assert_eq!(
            waiter.settle(Outcome::Received(2, 1)),
            Ok(()),
            "ended by the old timer"
        );
        assert_eq!(timer.join().unwrap(), !settled);
        assert_eq!(waiter.take(), Some(Outcome::Received(2, 1)));
    });
}

/// A host that was resumed for something else looks at any moment. It begins the next wait as soon as it sees an outcome, with the
/// peer still on its way out: the outcome is whole, and the next wait has nothing of it.
#[test]
fn settle_then_rearm() {
    model(|| {
        let (waiter, before) = (Arc::new(Waiter::new()), plain());
        let peer = thread::spawn({
            let (waiter, before) = (Arc::clone(&waiter), Arc::clone(&before));
            move || {
                set(&before);
                waiter.settle(Outcome::Received(1, 0))
            }
        });
        if waiter.is_settled() {
            assert!(is_set(&before));
            assert_eq!(waiter.rearm(), Some(Outcome::Received(1, 0)));
            assert!(!waiter.is_settled() && waiter.is_waiting());
            assert_eq!(peer.join().unwrap(), Ok(()));
            assert!(waiter.cancel(), "the new wait was settled by the old peer");
        } else {
            assert_eq!(peer.join().unwrap(), Ok(()));
            assert_eq!(waiter.rearm(), Some(Outcome::Received(1, 0)));
        }
        assert!(!waiter.is_settled());
    });
}

/// A peer, the timer, and the host that gives up: one of the three ends the wait, and the others know it.
#[test]
fn peer_timer_and_host() {
    bounded_model(|| {
        let waiter = Arc::new(Waiter::new());
        let turn = waiter.turn();
        let peer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.settle(Outcome::Received(1, 0)).is_ok()
        });
        let timer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.cancel_turn(turn)
        });
        let gave_up = waiter.cancel();
        let settled_now = waiter.is_settled();
        let (settled, timed_out) = (peer.join().unwrap(), timer.join().unwrap());
        assert_eq!(
            [gave_up, settled, timed_out].iter().filter(|&&won| won).count(),
            1
        );
        // Who lost against the peer sees the outcome at once; nobody else sees one.
        assert_eq!(settled_now, settled);
        assert_eq!(waiter.rearm(), settled.then_some(Outcome::Received(1, 0)));
    });
}
