//! One tick: when it can be received, what it says, and that it costs nothing until somebody waits (T2, T3, T9, T10).

use crate::kit::{Kit, Tally, span};
use gochan_core::Waiter;
use gochan_core::channel::RecvStart;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn nothing_before_its_time_and_one_tick_after() {
    let kit = Kit::timer(10);
    kit.advance(9);
    assert_eq!(kit.recv(), None);
    kit.advance(1);
    assert_eq!(kit.recv(), Some(10));
    kit.advance(1_000);
    assert_eq!(kit.recv(), None, "there is one only");
}

/// T3.
#[test]
fn it_says_when_it_was_due_however_late_it_is_received() {
    let kit = Kit::timer(10);
    kit.advance(500);
    assert_eq!(kit.recv(), Some(10));
}

/// T2: Go's zero timer.
#[test]
fn due_at_once() {
    let kit = Kit::timer(0);
    assert_eq!(kit.recv(), Some(0));
}

/// T9.
#[test]
fn its_length_is_always_zero() {
    let kit = Kit::timer(10);
    for _ in 0..2 {
        assert_eq!((kit.feed.len(), kit.feed.capacity()), (0, 0));
        assert!(kit.feed.is_empty() && !kit.feed.is_closed());
        kit.advance(10);
    }
    let start = kit.feed.recv_or_park(&Arc::new(Waiter::new()), Tally::default());
    assert_eq!(
        start,
        RecvStart::Received(10),
        "looking at the length took nothing"
    );
}

#[test]
fn every_way_to_receive_looks_at_the_clock() {
    let mut many = Vec::new();
    let kit = Kit::timer(10);
    assert!(kit.feed.recv_available(3, &mut many).is_err() && many.is_empty());
    kit.advance(12);
    let ended = kit.feed.recv_available(3, &mut many);
    assert!(ended.is_err(), "there was no more to come");
    assert_eq!(many, [10]);

    kit.reset(10);
    kit.advance(10);
    assert!(
        kit.feed.recv_available(1, &mut many).is_ok(),
        "as many as were wanted"
    );
    assert_eq!(many, [10]);
    assert_eq!(kit.recv(), Some(22));
}

#[test]
fn far_away_is_never() {
    for long in [Duration::MAX, Duration::from_secs(u64::MAX)] {
        let kit = Kit::new();
        kit.feed.arm(long, None);
        kit.advance(u64::MAX - 2_000);
        assert_eq!(kit.recv(), None);
        let party = kit.park();
        assert_eq!((kit.run_timers(), kit.place()), (0, None));
        assert!(kit.stop(), "armed all the same");
        assert!(party.cancel(&kit));
    }
}

#[test]
fn one_that_was_never_armed_sends_nothing() {
    let kit = Kit::new();
    kit.advance(1 << 40);
    assert_eq!(kit.recv(), None);
    assert_eq!(kit.feed.due(), None);
    assert!(!kit.stop());
}

#[test]
fn due_says_when() {
    let kit = Kit::timer(10);
    let due = kit.feed.due().unwrap();
    kit.advance(15);
    assert_eq!(kit.feed.due(), Some(due), "received by nobody yet");
    kit.recv();
    assert_eq!(kit.feed.due(), None);
    kit.feed.arm(span(5), None);
    assert_eq!(kit.feed.due(), Some(due.saturating_add(span(10))));
}

#[test]
fn an_ordinary_channel_has_no_feed() {
    let plain: gochan_core::Channel<u64, Tally> = gochan_core::Channel::new(0);
    assert!(!plain.is_fed() && Kit::new().feed.is_fed());
    assert!(!plain.arm(span(1), None) && !plain.disarm());
    assert_eq!(plain.due(), None);
    plain.fire();
    let timers = gochan_core::timers::Timers::new();
    assert_eq!(plain.attend(&timers, || ()), None);
}
