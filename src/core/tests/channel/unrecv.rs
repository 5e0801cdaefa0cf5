//! Values that come back from receivers that could not keep them.

use crate::kit::Bench;
use crate::kit::Event::{WakerDropped, Woken};
use gochan_core::Outcome;
use gochan_core::error::{TryRecvError, TrySendError};

#[test]
fn goes_to_the_head() {
    let bench = Bench::holding(3, [1, 2]);
    let first = bench.channel.try_recv().unwrap();
    bench.channel.unrecv(first);
    assert_eq!([(); 2].map(|()| bench.try_recv()), [Ok(1), Ok(2)]);
}

#[test]
fn goes_to_the_receiver_that_waits_longest() {
    for capacity in [0, 2] {
        let bench = Bench::new(capacity);
        let receivers = ["a", "b"].map(|name| bench.park_receiver(name));
        bench.channel.unrecv(bench.value(1));
        assert_eq!(bench.events(), [Woken("a")]);
        let outcomes = receivers.map(|receiver| receiver.outcome());
        assert_eq!(outcomes, [Some(Outcome::Received(1)), None]);
        assert_eq!(bench.channel.len(), 0);
    }
}

#[test]
fn passes_by_a_receiver_that_left() {
    let bench = Bench::new(0);
    let receivers = ["gone", "there"].map(|name| bench.park_receiver(name));
    assert!(receivers[0].waiter.cancel());
    bench.channel.unrecv(bench.value(1));
    assert_eq!(bench.events(), [Woken("there"), WakerDropped("gone")]);
    assert_eq!(receivers[1].outcome(), Some(Outcome::Received(1)));

    let last = bench.park_receiver("gone too");
    assert!(last.waiter.cancel());
    bench.channel.unrecv(bench.value(2));
    assert_eq!(bench.events(), [WakerDropped("gone too")]);
    assert_eq!((bench.channel.len(), bench.try_recv()), (1, Ok(2)));
}

#[test]
fn is_received_after_a_close() {
    let bench = Bench::holding(1, [1]);
    bench.channel.close().unwrap();
    let value = bench.channel.try_recv().unwrap();
    assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
    bench.channel.unrecv(value);
    assert_eq!(bench.try_recv(), Ok(1));
    assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
}

/// A buffer above its capacity takes nothing, and lets no parked sender in, until it is below again.
#[test]
fn may_exceed_the_capacity_until_it_drains() {
    let bench = Bench::holding(1, [1]);
    let sender = bench.park_sender("s", 2);
    let value = bench.channel.try_recv().unwrap();
    assert!(!sender.waits(), "its value has the free place");
    let next = bench.park_sender("t", 3);
    bench.channel.unrecv(value);
    assert_eq!((bench.channel.len(), bench.channel.parked()), (2, (0, 1)));
    assert_eq!(bench.try_send(9), Err(TrySendError::Full(9)));

    assert_eq!(bench.try_recv(), Ok(1));
    assert!(next.waits());
    assert_eq!(
        (bench.channel.len(), bench.try_send(9)),
        (1, Err(TrySendError::Full(9)))
    );

    assert_eq!(bench.try_recv(), Ok(2));
    assert_eq!(next.outcome(), Some(Outcome::Sent));
    assert_eq!((bench.channel.len(), bench.try_recv()), (1, Ok(3)));
}

/// Without a buffer what came back lies in one all the same, before all parked senders.
#[test]
fn unbuffered_it_comes_before_the_parked_senders() {
    let bench = Bench::new(0);
    let sender = bench.park_sender("s", 2);
    bench.channel.unrecv(bench.value(1));
    assert_eq!(
        (bench.channel.len(), bench.try_send(9)),
        (1, Err(TrySendError::Full(9)))
    );

    assert_eq!(bench.try_recv(), Ok(1));
    assert!(sender.waits(), "room above the capacity is no room");
    assert_eq!(bench.channel.len(), 0);
    assert_eq!(bench.try_recv(), Ok(2));
    assert_eq!(sender.outcome(), Some(Outcome::Sent));
}

/// The latest one to come back is the next to go.
#[test]
fn several_come_back_one_before_the_other() {
    let bench = Bench::holding(3, [1, 2, 3]);
    let (one, two) = (
        bench.channel.try_recv().unwrap(),
        bench.channel.try_recv().unwrap(),
    );
    bench.channel.unrecv(two);
    bench.channel.unrecv(one);
    assert_eq!(bench.recv_available(9).0, [1, 2, 3]);
}
