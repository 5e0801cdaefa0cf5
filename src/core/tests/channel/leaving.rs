//! Parties that leave before they are served: tickets, and nodes whose host has gone.

use crate::kit::Event::{ValueDropped, WakerDropped, Woken};
use crate::kit::{Bench, End, Party};
use gochan_core::error::{TryRecvError, TrySendError};

#[test]
fn from_anywhere_in_the_queue_and_the_others_keep_their_order() {
    let bench = Bench::new(0);
    let receivers = ["a", "b", "c"].map(|name| bench.park_receiver(name));
    assert!(receivers[1].waiter.cancel());
    bench.channel.forget_receiver(receivers[1].ticket);
    assert_eq!(
        (bench.events(), bench.channel.parked()),
        (vec![WakerDropped("b")], (2, 0))
    );

    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    assert_eq!(bench.try_send(3), Err(TrySendError::Full(3)));
    let outcomes = receivers.map(|receiver| receiver.outcome());
    assert_eq!(outcomes, [Some(End::Received(1)), None, Some(End::Received(2))]);
}

#[test]
fn a_senders_value_goes_with_it() {
    for capacity in [0, 1] {
        let bench = Bench::holding(capacity, (0..).take(capacity));
        let senders = [bench.park_sender("a", 8), bench.park_sender("b", 9)];
        assert!(senders[0].waiter.cancel());
        bench.channel.forget_sender(senders[0].ticket);
        let mut events = bench.events();
        events.sort_by_key(|event| matches!(event, WakerDropped(_)));
        assert_eq!(events, [ValueDropped(8), WakerDropped("a")]);
        assert_eq!(bench.channel.parked(), (0, 1));
        assert_eq!(bench.recv_available(9).0.last(), Some(&9));
        assert_eq!(senders.map(|sender| sender.outcome()), [None, Some(End::Sent)]);
    }
}

/// A host cancels first and takes its node out after that; in between a peer passes it by.
#[test]
fn a_send_passes_by_a_receiver_that_left() {
    let bench = Bench::new(0);
    let receivers = ["gone", "there"].map(|name| bench.park_receiver(name));
    assert!(receivers[0].waiter.cancel());
    assert_eq!(bench.channel.parked(), (2, 0), "its node is still there");

    assert_eq!(bench.try_send(1), Ok(()));
    assert_eq!(
        receivers.each_ref().map(Party::outcome),
        [None, Some(End::Received(1))]
    );
    assert_eq!(bench.events(), [Woken("there"), WakerDropped("gone")]);
    bench.channel.forget_receiver(receivers[0].ticket);
    assert_eq!((bench.channel.parked(), bench.events()), ((0, 0), vec![]));
}

#[test]
fn a_send_finds_that_all_receivers_left() {
    for capacity in [0, 1] {
        let bench = Bench::new(capacity);
        let receivers = ["a", "b"].map(|name| bench.park_receiver(name));
        assert!(receivers.iter().all(|receiver| receiver.waiter.cancel()));
        let expected = if capacity == 0 {
            Err(TrySendError::Full(1))
        } else {
            Ok(())
        };
        assert_eq!(bench.try_send(1), expected);
        assert_eq!((bench.channel.len(), bench.channel.parked()), (capacity, (0, 0)));
        assert_eq!(bench.events(), [WakerDropped("a"), WakerDropped("b")]);
    }
}

#[test]
fn a_receive_passes_by_a_sender_that_left() {
    let bench = Bench::new(0);
    let senders = [bench.park_sender("gone", 1), bench.park_sender("there", 2)];
    assert!(senders[0].waiter.cancel());
    assert_eq!(bench.try_recv(), Ok(2));
    let events = bench.events();
    assert_eq!(events[0], Woken("there"));
    assert!(events.contains(&ValueDropped(1)) && events.contains(&WakerDropped("gone")));
    bench.channel.forget_sender(senders[0].ticket);
    assert_eq!((bench.channel.parked(), bench.events()), ((0, 0), vec![]));
}

#[test]
fn a_place_goes_to_a_sender_that_is_still_there() {
    let bench = Bench::holding(1, [0]);
    let senders = [bench.park_sender("gone", 1), bench.park_sender("there", 2)];
    assert!(senders[0].waiter.cancel());
    assert_eq!(bench.try_recv(), Ok(0));
    assert_eq!(senders[1].outcome(), Some(End::Sent));
    assert_eq!(
        (bench.try_recv(), bench.try_recv()),
        (Ok(2), Err(TryRecvError::Empty))
    );

    let bench = Bench::holding(1, [0]);
    let sender = bench.park_sender("gone", 1);
    assert!(sender.waiter.cancel());
    assert_eq!(bench.try_recv(), Ok(0));
    assert_eq!(
        (bench.channel.len(), bench.channel.parked()),
        (0, (0, 0)),
        "its place stays free"
    );
    assert_eq!(bench.try_send(2), Ok(()));
}

/// A slot is used again at once; the ticket of its last tenant is worth nothing there.
#[test]
fn an_old_ticket_takes_nobody_out() {
    let bench = Bench::new(0);
    let old = bench.park_receiver("old");
    assert!(old.waiter.cancel());
    assert_eq!(
        bench.try_send(1),
        Err(TrySendError::Full(1)),
        "this takes the node out"
    );
    let new = bench.park_receiver("new");
    bench.channel.forget_receiver(old.ticket);
    assert_eq!(bench.channel.parked(), (1, 0));
    assert_eq!(bench.try_send(2), Ok(()));
    assert_eq!(new.outcome(), Some(End::Received(2)));

    let old = bench.park_sender("old", 3);
    assert!(old.waiter.cancel());
    assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
    let _new = bench.park_sender("new", 4);
    bench.channel.forget_sender(old.ticket);
    assert_eq!(bench.try_recv(), Ok(4));
}

/// Whoever was served can not leave any more, and has its outcome.
#[test]
fn served_is_served() {
    let bench = Bench::new(0);
    let receiver = bench.park_receiver("r");
    assert_eq!(bench.try_send(1), Ok(()));
    assert!(!receiver.waiter.cancel());
    assert_eq!(receiver.outcome(), Some(End::Received(1)));

    let sender = bench.park_sender("s", 2);
    assert_eq!(bench.try_recv(), Ok(2));
    assert!(!sender.waiter.cancel());
    assert_eq!(sender.outcome(), Some(End::Sent));
}
