//! C4, C6, C10, C12: what a receive does.

use crate::kit::Event::{WakerDropped, Woken};
use crate::kit::{Bench, End, Value};
use gochan_core::error::TryRecvError;

/// C4: the head of the buffer is received, and the longest parked sender's value goes to the tail.
#[test]
fn a_parked_senders_value_goes_to_the_tail() {
    let bench = Bench::holding(2, [1, 2]);
    let senders = [bench.park_sender("c", 3), bench.park_sender("d", 4)];

    assert_eq!(bench.try_recv(), Ok(1));
    assert_eq!((bench.channel.len(), bench.channel.parked()), (2, (0, 1)));
    assert_eq!(bench.events(), [Woken("c")]);
    assert_eq!(
        (senders[0].outcome(), senders[1].outcome()),
        (Some(End::Sent), None)
    );

    assert_eq!([(); 3].map(|()| bench.try_recv()), [Ok(2), Ok(3), Ok(4)]);
    assert_eq!(bench.events(), [Woken("d")]);
    assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn without_a_buffer_the_first_sender_itself_is_served() {
    let bench = Bench::new(0);
    let senders = ["a", "b", "c"].map(|name| bench.park_sender(name, u32::from(name.as_bytes()[0])));
    for (sender, name) in senders.iter().zip(["a", "b", "c"]) {
        assert!(sender.waits());
        assert_eq!(bench.try_recv(), Ok(u32::from(name.as_bytes()[0])));
        assert_eq!(sender.outcome(), Some(End::Sent));
        assert_eq!(bench.events(), [Woken(name)]);
    }
    assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn the_form_that_may_wait_does_at_once_what_the_other_can() {
    let bench = Bench::holding(1, [1]);
    let sender = bench.park_sender("s", 2);
    assert_eq!(bench.recv("a").unwrap(), Ok(1));
    assert_eq!(bench.events(), [Woken("s"), WakerDropped("a")]);
    assert_eq!(sender.outcome(), Some(End::Sent));
    assert_eq!(bench.recv("b").unwrap(), Ok(2));
    assert_eq!(bench.events(), [WakerDropped("b")]);

    let parked = bench.park_receiver("c");
    assert!(parked.waits());
    assert_eq!(parked.outcome(), None);
    assert_eq!((bench.channel.parked(), bench.events()), ((1, 0), vec![]));
}

#[test]
fn the_form_that_may_wait_takes_from_a_parked_sender() {
    let bench = Bench::new(0);
    let sender = bench.park_sender("s", 7);
    assert_eq!(bench.recv("r").unwrap(), Ok(7));
    assert_eq!(sender.outcome(), Some(End::Sent));
    assert_eq!(bench.channel.parked(), (0, 0));
}

/// C12: closed says nothing about values; a zero is a value.
#[test]
fn a_zero_is_not_the_end() {
    let bench = Bench::holding(1, [0]);
    bench.channel.close().unwrap();
    assert_eq!(bench.try_recv(), Ok(0));
    assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn available_takes_what_is_there_in_one_instant() {
    let bench = Bench::holding(2, [1, 2]);
    let senders = [bench.park_sender("c", 3), bench.park_sender("d", 4)];
    assert_eq!(
        bench.recv_available(9),
        (vec![1, 2, 3, 4], Err(TryRecvError::Empty))
    );
    assert_eq!(bench.events(), [Woken("c"), Woken("d")]);
    assert_eq!(
        senders.map(|sender| sender.outcome()),
        [Some(End::Sent), Some(End::Sent)]
    );
    assert_eq!((bench.channel.len(), bench.channel.parked()), (0, (0, 0)));
}

#[test]
fn available_stops_at_its_limit() {
    let bench = Bench::holding(2, [1, 2]);
    let sender = bench.park_sender("c", 3);
    assert_eq!(bench.recv_available(0), (vec![], Ok(())));
    assert!(sender.waits());
    assert_eq!(bench.recv_available(1), (vec![1], Ok(())));
    assert!(!sender.waits());
    assert_eq!(bench.recv_available(2), (vec![2, 3], Ok(())));
    assert_eq!(bench.recv_available(2), (vec![], Err(TryRecvError::Empty)));
}

#[test]
fn available_counts_what_the_caller_has_already() {
    let bench = Bench::holding(3, [1, 2, 3]);
    let mut out = vec![bench.value(0)];
    assert_eq!(bench.channel.recv_available(3, &mut out), Ok(()));
    assert_eq!(
        out.iter().map(|value| value.number).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(
        bench.channel.recv_available(3, &mut out),
        Ok(()),
        "nothing more was wanted"
    );
    assert_eq!(bench.channel.len(), 1);
}

#[test]
fn available_without_a_buffer_and_at_the_end() {
    let bench = Bench::new(0);
    let _senders = [bench.park_sender("a", 1), bench.park_sender("b", 2)];
    assert_eq!(bench.recv_available(1), (vec![1], Ok(())));
    assert_eq!(bench.recv_available(5), (vec![2], Err(TryRecvError::Empty)));
    bench.channel.close().unwrap();
    assert_eq!(bench.recv_available(5), (vec![], Err(TryRecvError::Closed)));
}

/// As for sends.
#[test]
fn the_shortcut_receives_only_from_a_buffer_that_nobody_waits_at() {
    let awaited = Bench::holding(1, [1]);
    let sender = awaited.park_sender("s", 2);
    assert!(awaited.channel.recv_at_once().is_none());
    assert!(sender.waits());
    assert_eq!((awaited.try_recv(), awaited.try_recv()), (Ok(1), Ok(2)));

    // A value that came back is older than the buffer.
    let given_back = Bench::new(1);
    let receiver = given_back.park_receiver("r");
    assert_eq!((given_back.try_send(1), given_back.try_send(2)), (Ok(()), Ok(())));
    receiver.give_back(&given_back);
    assert!(given_back.channel.recv_at_once().is_none());
    assert_eq!((given_back.try_recv(), given_back.try_recv()), (Ok(1), Ok(2)));

    // Buffered values outlive the close.
    let plain = Bench::holding(2, [1, 2]);
    plain.channel.close().unwrap();
    let next = || plain.channel.recv_at_once().map(Value::open);
    assert_eq!((next(), next(), next()), (Some(1), Some(2), None));
    assert!(Bench::new(0).channel.recv_at_once().is_none());
}
