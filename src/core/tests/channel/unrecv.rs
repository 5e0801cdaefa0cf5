//! Values that come back from receivers that could not keep them.

use crate::kit::Event::{WakerDropped, Woken};
use crate::kit::{Bench, End, Party};
use gochan_core::error::{TryRecvError, TrySendError};

/// Receivers that were handed the values 1, 2, 3 ... in this order and did not run yet.
fn handed<const N: usize>(bench: &Bench, names: [&'static str; N]) -> [Party; N] {
    let receivers = names.map(|name| bench.park_receiver(name));
    for number in (1..).take(N) {
        assert_eq!(bench.try_send(number), Ok(()));
    }
    bench.events();
    receivers
}

#[test]
fn goes_before_all_that_was_sent_later() {
    let bench = Bench::new(2);
    let [receiver] = handed(&bench, ["r"]);
    assert_eq!((bench.try_send(2), bench.try_send(3)), (Ok(()), Ok(())));
    receiver.give_back(&bench);
    assert_eq!(bench.recv_available(9).0, [1, 2, 3]);
}

/// In the order of their hand-overs, whoever gives back first.
#[test]
fn several_come_back_in_their_old_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let bench = Bench::new(1);
        let receivers = handed(&bench, ["a", "b", "c"]);
        assert_eq!(bench.try_send(4), Ok(()));
        for who in order {
            receivers[who].give_back(&bench);
        }
        assert_eq!(bench.channel.len(), 4);
        assert_eq!(
            bench.recv_available(9).0,
            [1, 2, 3, 4],
            "given back in the order {order:?}"
        );
    }
}

/// Also when one goes through several hands.
#[test]
fn a_value_keeps_its_place_from_hand_to_hand() {
    let bench = Bench::new(0);
    let [first, second] = handed(&bench, ["a", "b"]);
    let third = bench.park_receiver("c");
    first.give_back(&bench);
    assert_eq!((bench.events(), bench.channel.len()), (vec![Woken("c")], 0));
    // A hand-over in between, which is the latest of all.
    let fourth = bench.park_receiver("d");
    assert_eq!(bench.try_send(3), Ok(()));

    for party in [second, fourth, third] {
        party.give_back(&bench);
    }
    assert_eq!(bench.recv_available(9).0, [1, 2, 3]);
}

#[test]
fn goes_to_the_receiver_that_waits_longest() {
    for capacity in [0, 2] {
        let bench = Bench::new(capacity);
        let [gone] = handed(&bench, ["gone"]);
        let receivers = ["a", "b"].map(|name| bench.park_receiver(name));
        gone.give_back(&bench);
        assert_eq!(bench.events(), [Woken("a")]);
        let outcomes = receivers.map(|receiver| receiver.outcome());
        assert_eq!(outcomes, [Some(End::Received(1)), None]);
        assert_eq!(bench.channel.len(), 0);
    }
}

#[test]
fn passes_by_a_receiver_that_left() {
    let bench = Bench::new(0);
    let [one, two] = handed(&bench, ["a", "b"]);
    let receivers = ["gone", "there"].map(|name| bench.park_receiver(name));
    assert!(receivers[0].waiter.cancel());
    one.give_back(&bench);
    assert_eq!(bench.events(), [Woken("there"), WakerDropped("gone")]);
    assert_eq!(receivers[1].outcome(), Some(End::Received(1)));

    let last = bench.park_receiver("gone too");
    assert!(last.waiter.cancel());
    two.give_back(&bench);
    assert_eq!(bench.events(), [WakerDropped("gone too")]);
    assert_eq!((bench.channel.len(), bench.try_recv()), (1, Ok(2)));
}

#[test]
fn is_received_after_a_close() {
    let bench = Bench::new(1);
    let [receiver] = handed(&bench, ["r"]);
    bench.channel.close().unwrap();
    assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
    receiver.give_back(&bench);
    assert_eq!(bench.recv("late").unwrap(), Ok(1));
    assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
}

/// What came back takes no room: the buffer holds as many as ever beside it, and no more.
#[test]
fn takes_no_room_from_the_buffer() {
    let bench = Bench::new(1);
    let [receiver] = handed(&bench, ["r"]);
    receiver.give_back(&bench);
    assert_eq!((bench.channel.len(), bench.try_send(2)), (1, Ok(())));
    assert_eq!(
        (bench.channel.len(), bench.try_send(9)),
        (2, Err(TrySendError::Full(9)))
    );

    let sender = bench.park_sender("s", 3);
    assert_eq!(bench.try_recv(), Ok(1));
    assert!(sender.waits(), "no place of the buffer came free");
    assert_eq!(bench.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(bench.try_recv(), Ok(2));
    assert_eq!(sender.outcome(), Some(End::Sent));
    assert_eq!((bench.channel.len(), bench.try_recv()), (1, Ok(3)));
}

/// Without a buffer too, what came back is received before what parked senders hold.
#[test]
fn unbuffered_it_comes_before_the_parked_senders() {
    let bench = Bench::new(0);
    let [receiver] = handed(&bench, ["r"]);
    let sender = bench.park_sender("s", 2);
    receiver.give_back(&bench);
    assert_eq!(
        (bench.channel.len(), bench.try_send(9)),
        (1, Err(TrySendError::Full(9)))
    );

    assert_eq!(bench.try_recv(), Ok(1));
    assert!(sender.waits());
    assert_eq!(bench.channel.len(), 0);
    assert_eq!(bench.try_recv(), Ok(2));
    assert_eq!(sender.outcome(), Some(End::Sent));
}

/// A close and a clear treat it as what it is: a value of the channel.
#[test]
fn is_shown_and_cleared_like_the_others() {
    let bench = Bench::new(1);
    let [receiver] = handed(&bench, ["r"]);
    receiver.give_back(&bench);
    let mut shown = 0;
    assert!(bench.channel.try_visit(&mut |_| shown += 1));
    assert_eq!(shown, 1);
    bench.channel.clear();
    assert_eq!(
        (bench.channel.len(), bench.events()),
        (0, vec![crate::kit::Event::ValueDropped(1)])
    );
}
