//! The parker over the real clock and the real sleep: deadlines and tokens that come close to them.
//!
//! What loom can not show, as a model has no clock.
#![cfg(not(any(loom, shuttle)))]

use gochan_core::Parker;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::parker::Woken;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn in_micros(micros: u64) -> Instant {
    Monotonic.now().saturating_add(Duration::from_micros(micros))
}

/// Returns when the deadline passed or the token came; a signal of the machine is not the subject.
fn park(parker: &Parker, deadline: Instant) -> Woken {
    loop {
        let woken = parker.park(Some(deadline));
        if woken != Woken::Interrupted {
            return woken;
        }
    }
}

#[test]
fn a_timeout_leaves_nothing_behind() {
    let parker = Parker::new();
    for _ in 0..3 {
        assert_eq!(park(&parker, in_micros(500)), Woken::TimedOut);
        assert_eq!(park(&parker, in_micros(0)), Woken::TimedOut);
    }
    parker.unpark();
    assert_eq!(park(&parker, in_micros(500)), Woken::Unparked);
    assert_eq!(park(&parker, in_micros(500)), Woken::TimedOut);
}

#[test]
fn a_token_wins_over_a_deadline_that_has_passed() {
    let parker = Parker::new();
    let past = Monotonic.now();
    parker.unpark();
    assert_eq!(park(&parker, past), Woken::Unparked);
    assert_eq!(park(&parker, past), Woken::TimedOut);
}

/// Each round's unpark comes around the deadline of a timed park. Whatever that park says, the token is
/// either in it or found by the next, also when a poll lies between.
#[test]
fn a_token_that_races_a_deadline_is_not_lost() {
    const ROUNDS: u32 = 5_000;
    let [here, there] = [(); 2].map(|()| Arc::new((Parker::new(), AtomicU32::new(0))));
    let peer = std::thread::spawn({
        let (here, there) = (Arc::clone(&here), Arc::clone(&there));
        move || {
            for round in 1..=ROUNDS {
                here.1.store(round, Ordering::Release);
                here.0.unpark();
                wait_for(&there, round);
            }
        }
    });
    for round in 1..=ROUNDS {
        park(&here.0, in_micros(u64::from(round % 16)));
        if round % 3 == 0 {
            here.0.poll();
        }
        wait_for(&here, round);
        there.1.store(round, Ordering::Release);
        there.0.unpark();
    }
    peer.join().unwrap();
}

/// Parks until the round is reached. Nobody needs ten seconds to reach it.
fn wait_for((parker, round): &(Parker, AtomicU32), number: u32) {
    while round.load(Ordering::Acquire) < number {
        assert_ne!(
            park(parker, in_micros(10_000_000)),
            Woken::TimedOut,
            "a token was lost"
        );
    }
}
