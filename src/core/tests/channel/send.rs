//! C1, C2, C3, C6, C7, C8, C14, C19: what a send does.

use crate::kit::Event::{WakerDropped, Woken};
use crate::kit::{Bench, End, Value};
use gochan_core::error::{TryRecvError, TrySendError};

#[test]
fn capacity_never_changes_and_takes_no_memory_before_it_is_used() {
    for capacity in [0, 1, 3, usize::MAX] {
        let bench = Bench::new(capacity);
        assert_eq!((bench.channel.capacity(), bench.channel.len()), (capacity, 0));
        let _ = bench.try_send(1);
        assert!(bench.channel.close().is_ok());
        assert_eq!(bench.channel.capacity(), capacity);
    }
}

#[test]
fn fills_up_to_the_capacity_and_no_further() {
    for capacity in [0, 1, 3] {
        let room = u32::try_from(capacity).unwrap();
        let bench = Bench::new(capacity);
        for number in 0..room {
            assert_eq!(bench.try_send(number), Ok(()));
        }
        assert_eq!(bench.try_send(99), Err(TrySendError::Full(99)));
        assert_eq!((bench.channel.len(), bench.channel.parked()), (capacity, (0, 0)));
        for number in 0..room {
            assert_eq!(bench.try_recv(), Ok(number));
        }
        assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn the_form_that_may_wait_does_at_once_what_the_other_can() {
    let bench = Bench::new(1);
    assert_eq!(bench.send("a", 1).unwrap(), Ok(()));
    assert_eq!(
        bench.events(),
        [WakerDropped("a")],
        "a waker that is not needed is let go of, unwoken"
    );

    let parked = bench.park_sender("b", 2);
    assert!(parked.waits());
    assert_eq!((bench.channel.len(), bench.channel.parked()), (1, (0, 1)));
    assert_eq!(bench.events(), []);

    bench.channel.close().unwrap();
    bench.events();
    assert_eq!(bench.send("c", 3).unwrap(), Err(TrySendError::Closed(3)));
    assert_eq!(bench.events(), [WakerDropped("c")]);
}

/// C3: closed, then a parked receiver, then room, then full. Each row has the later conditions true as well.
#[test]
fn the_order_of_the_checks() {
    let closed_with_room = Bench::new(2);
    closed_with_room.channel.close().unwrap();
    assert_eq!(closed_with_room.try_send(1), Err(TrySendError::Closed(1)));

    let closed_and_full = Bench::holding(1, [0]);
    closed_and_full.channel.close().unwrap();
    assert_eq!(closed_and_full.try_send(1), Err(TrySendError::Closed(1)));

    let receiver_and_room = Bench::new(2);
    let receiver = receiver_and_room.park_receiver("r");
    assert_eq!(receiver_and_room.try_send(1), Ok(()));
    assert_eq!(receiver.outcome(), Some(End::Received(1)));
    assert_eq!(
        receiver_and_room.channel.len(),
        0,
        "handed over, not through the buffer"
    );

    let receiver_without_room = Bench::new(0);
    let receiver = receiver_without_room.park_receiver("r");
    assert_eq!(receiver_without_room.try_send(1), Ok(()));
    assert_eq!(receiver.outcome(), Some(End::Received(1)));
}

/// C2: a send without a buffer ends when its value was taken, not before.
#[test]
fn unbuffered_send_ends_with_its_receive() {
    let bench = Bench::new(0);
    let sender = bench.park_sender("s", 5);
    assert!(sender.waits());
    assert_eq!(sender.outcome(), None);
    assert_eq!(bench.events(), []);
    assert_eq!(bench.try_recv(), Ok(5));
    assert_eq!(sender.outcome(), Some(End::Sent));
    assert_eq!(bench.events(), [Woken("s")]);
}

/// C19: two ends that do not wait never meet.
#[test]
fn two_nonblocking_ends_never_meet() {
    let bench = Bench::new(0);
    assert_eq!(bench.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(bench.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(bench.channel.parked(), (0, 0));
}

/// C14: what parked senders hold is not in the buffer.
#[test]
fn len_counts_the_buffer_only() {
    for capacity in [0, 1] {
        let bench = Bench::holding(capacity, (0..).take(capacity));
        let _parked = (bench.park_sender("a", 8), bench.park_sender("b", 9));
        assert_eq!((bench.channel.len(), bench.channel.parked()), (capacity, (0, 2)));
        assert_eq!(bench.channel.is_empty(), capacity == 0);
    }
}

/// C6: whoever waits longest is served first.
#[test]
fn receivers_are_served_in_the_order_they_came() {
    for capacity in [0, 2] {
        let bench = Bench::new(capacity);
        let receivers = ["a", "b", "c"].map(|name| bench.park_receiver(name));
        for number in 1..=3 {
            assert_eq!(bench.try_send(number), Ok(()));
        }
        assert_eq!(bench.events(), [Woken("a"), Woken("b"), Woken("c")]);
        let outcomes = receivers.map(|receiver| receiver.outcome());
        assert_eq!(outcomes, [1, 2, 3].map(|number| Some(End::Received(number))));
    }
}

/// C7: what was handed over belongs to the woken party, also before it runs. A newcomer waits.
#[test]
fn a_newcomer_can_not_steal() {
    for capacity in [0, 1] {
        let bench = Bench::new(capacity);
        let first = bench.park_receiver("first");
        assert_eq!(bench.try_send(1), Ok(()));

        assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
        let newcomer = bench.park_receiver("newcomer");
        assert_eq!(bench.try_send(2), Ok(()));

        assert_eq!(newcomer.outcome(), Some(End::Received(2)));
        assert_eq!(first.outcome(), Some(End::Received(1)));
    }
}

/// The same on the other side: a place that came free was given to the parked sender.
#[test]
fn a_newcomer_can_not_steal_a_place() {
    let bench = Bench::holding(1, [0]);
    let parked = bench.park_sender("parked", 1);
    assert_eq!(bench.try_recv(), Ok(0));
    assert_eq!(bench.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(parked.outcome(), Some(End::Sent));
    assert_eq!(bench.try_recv(), Ok(1));
}

/// C8: nobody is woken without an outcome, nobody twice, and nobody else.
#[test]
fn only_the_served_are_woken_and_once() {
    let bench = Bench::new(0);
    let receivers = ["a", "b"].map(|name| bench.park_receiver(name));
    assert_eq!(bench.events(), []);
    assert_eq!(bench.try_send(1), Ok(()));
    assert_eq!(bench.events(), [Woken("a")]);
    assert!(!receivers[0].waits() && receivers[1].waits());
    assert_eq!(bench.try_send(2), Ok(()));
    assert_eq!(bench.events(), [Woken("b")]);
    assert_eq!(bench.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(bench.events(), []);
}

/// Each row has something for the long way to do, and the shortcut leaves all as it was.
#[test]
fn the_shortcut_sends_only_into_a_buffer_that_nobody_waits_at() {
    let (full, unbuffered) = (Bench::holding(1, [1]), Bench::new(0));
    let closed = Bench::new(1);
    closed.channel.close().unwrap();
    let awaited = Bench::new(1);
    let receiver = awaited.park_receiver("r");
    for bench in [&full, &unbuffered, &closed, &awaited] {
        let mut value = Some(bench.value(9));
        let before = bench.channel.len();
        assert!(!bench.channel.send_at_once(&mut value));
        assert_eq!(value.map(Value::open), Some(9), "it is given back");
        assert_eq!((bench.channel.len(), bench.events()), (before, vec![]));
    }
    assert!(receiver.waits());

    let free = Bench::holding(2, [1]);
    let mut value = Some(free.value(2));
    assert!(free.channel.send_at_once(&mut value) && value.is_none());
    assert!(!free.channel.send_at_once(&mut Some(free.value(3))), "full");
    assert_eq!((free.try_recv(), free.try_recv()), (Ok(1), Ok(2)));
    assert!(!free.channel.send_at_once(&mut None), "nothing to send");
}
