//! S7: how a select leaves the queues it still stands in.

use crate::kit::Event::{ValueDropped, WakerDropped};
use crate::kit::{Bench, End};
use crate::stand::{Made, park, recv, send};
use gochan_core::Outcome;
use gochan_core::error::TrySendError;

/// TestSelectDuplicateChannel: from the middle and from both ends, and the others keep their order.
#[test]
fn from_anywhere_in_the_queue() {
    for place in 0..3 {
        let (a, b) = (Bench::new(0), Bench::new(0));
        let mut others = Vec::new();
        let mut selecting = None;
        for at in 0..3 {
            if at == place {
                selecting = Some(park(&a, "s", vec![recv(&a), recv(&b), recv(&a)]));
            } else {
                others.push(a.park_receiver("r"));
            }
        }
        let selecting = selecting.unwrap();
        b.try_send(9).unwrap();
        assert_eq!(selecting.finish(), Some((1, Made::Received(9))));
        assert_eq!(a.channel.parked(), (2, 0));
        assert_eq!((a.try_send(1), a.try_send(2)), (Ok(()), Ok(())));
        assert_eq!(a.try_send(3), Err(TrySendError::Full(3)));
        let outcomes: Vec<_> = others.iter().map(crate::kit::Party::outcome).collect();
        assert_eq!(outcomes, [Some(End::Received(1)), Some(End::Received(2))]);
    }
}

/// The value of an arm that did not fire ends when the select leaves, once, and so does each place.
#[test]
fn values_that_were_not_sent_end_with_the_places() {
    let a = Bench::new(0);
    let b = a.beside(0);
    let selecting = park(&a, "s", vec![send(&a, 1), send(&b, 2), recv(&b)]);
    assert!(selecting.waiter.cancel());
    assert_eq!(a.events(), []);
    selecting.leave();
    let mut events = a.events();
    events.sort_unstable();
    assert_eq!(
        events,
        [
            WakerDropped("s"),
            WakerDropped("s"),
            WakerDropped("s"),
            ValueDropped(1),
            ValueDropped(2)
        ]
    );
    assert_eq!((a.channel.parked(), b.channel.parked()), ((0, 0), (0, 0)));

    selecting.leave();
    drop(selecting);
    assert_eq!(a.events(), [], "once");
}

/// A place whose slot has a new tenant is not its any more.
#[test]
fn it_takes_nobody_elses_place() {
    let (a, b) = (Bench::new(0), Bench::new(0));
    let selecting = park(&a, "s", vec![recv(&a), recv(&b)]);
    b.try_send(1).unwrap();
    assert_eq!(
        a.try_send(2),
        Err(TrySendError::Full(2)),
        "passes the dead place by"
    );
    let tenant = a.park_receiver("tenant");
    assert_eq!(selecting.finish(), Some((1, Made::Received(1))));
    assert_eq!(a.channel.parked(), (1, 0));
    a.try_send(3).unwrap();
    assert_eq!(tenant.outcome(), Some(End::Received(3)));
}

/// After it has left, nobody reaches the waiter through a place of the last turn.
#[test]
fn the_next_turn_is_not_settled_through_an_old_place() {
    let (a, b) = (Bench::new(0), Bench::new(0));
    let first = park(&a, "s", vec![recv(&a), recv(&b)]);
    a.try_send(1).unwrap();
    first.leave();
    assert!(matches!(first.waiter.rearm(), Some(Outcome::Received(..))));
    assert_eq!(b.try_send(2), Err(TrySendError::Full(2)));
    b.channel.close().unwrap();
    assert!(first.waits());
}

/// A channel that a collector empties cancels the select, and what it leaves behind elsewhere is passed by.
#[test]
fn a_collected_channel_cancels_it() {
    let (a, b) = (Bench::new(0), Bench::new(0));
    let selecting = park(&a, "s", vec![recv(&a), recv(&b)]);
    a.channel.clear();
    assert!(!selecting.waiter.cancel());
    assert_eq!(b.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!((selecting.outcome(), b.channel.parked()), (None, (0, 0)));
}
