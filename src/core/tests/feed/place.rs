//! When the channel stands among the timers: exactly while somebody is parked and a tick is to come (T10).

use crate::kit::{Kit, Tally};
use gochan_core::Waiter;
use gochan_core::channel::RecvStart;
use std::sync::Arc;

#[test]
fn nowhere_while_nobody_is_parked() {
    let kit = Kit::ticker(10);
    assert_eq!((kit.attend(), kit.place()), (None, None));
    kit.advance(10);
    kit.recv();
    assert_eq!((kit.attend(), kit.place()), (None, None));
}

#[test]
fn from_the_first_to_the_last_that_is_parked() {
    let kit = Kit::timer(10);
    let (first, second) = (kit.park(), kit.park());
    assert_eq!(kit.place(), Some(10));
    assert!(first.cancel(&kit));
    assert_eq!(kit.place(), Some(10), "one is left");
    assert!(second.cancel(&kit));
    assert_eq!(kit.place(), None, "nothing holds the channel any more");
    kit.advance(10);
    assert_eq!(kit.recv(), Some(10), "the tick is there all the same");
}

/// Only who comes first has to wake whoever sleeps until the next timer.
#[test]
fn it_says_whether_it_is_the_first_of_all_timers() {
    let kit = Kit::timer(10);
    kit.timers.add(
        gochan_core::clock::Instant::from_nanos(crate::kit::START + 5),
        "sooner",
    );
    let waiter = Arc::new(Waiter::new());
    let start = kit.feed.recv_or_park(&waiter, Tally::default());
    assert!(matches!(start, RecvStart::Parked(_)));
    assert_eq!(kit.attend(), None);
    assert!(kit.feed.arm(crate::kit::span(3), None));
    assert_eq!(kit.attend(), Some(3));
    assert_eq!(kit.attend(), None, "it stands there already");
}

/// C6: whoever comes while the tick is overdue does not get ahead of one that is parked for it.
#[test]
fn who_comes_does_not_overtake_who_is_parked() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(15);
    assert_eq!(kit.recv(), None);
    assert_eq!((party.got(), party.tally.wakes()), (Some(10), 1));
    // The place is still there, and does no harm.
    assert_eq!(kit.run_timers(), 1);
    assert_eq!(kit.place(), None);
}

#[test]
fn a_parked_one_that_has_left_is_passed_by() {
    let kit = Kit::timer(10);
    let (gone, party) = (kit.park(), kit.park());
    assert!(gone.waiter.cancel(), "and it has not left the queue yet");
    kit.advance(10);
    assert_eq!(kit.run_timers(), 1);
    assert_eq!(party.got(), Some(10));
    assert_eq!(gone.tally.wakes(), 0);
}

/// Those who are parked are all gone: the tick waits for the next who comes.
#[test]
fn nobody_wants_it_any_more() {
    let kit = Kit::timer(10);
    let gone = kit.park();
    assert!(gone.waiter.cancel());
    kit.advance(10);
    assert_eq!(kit.run_timers(), 1);
    assert_eq!(kit.place(), None);
    assert_eq!(kit.recv(), Some(10));
}
