//! Selects that wait: the first peer to come has them, by one arm.

use crate::kit::Event::{ValueDropped, WakerDropped, Woken};
use crate::kit::{Bench, End};
use crate::stand::{Made, park, recv, send};
use gochan_core::error::{TryRecvError, TrySendError};

fn three() -> [Bench; 3] {
    let bench = Bench::new(0);
    [bench.beside(0), bench.beside(0), bench]
}

#[test]
fn it_stands_in_all_its_queues() {
    let [a, b, c] = three();
    let full = a.beside(1);
    full.try_send(1).unwrap();
    let selecting = park(
        &a,
        "s",
        vec![recv(&a), send(&b, 1), recv(&c), send(&full, 2), recv(&a)],
    );
    assert!(selecting.waits());
    let parked = [&a, &b, &c, &full].map(|bench| bench.channel.parked());
    assert_eq!(parked, [(2, 0), (0, 1), (1, 0), (0, 1)]);
    assert_eq!(a.events(), []);
    selecting.waiter.cancel();
    selecting.leave();
}

/// S5, S6: the first peer settles it by its arm, and those who come later pass it by.
#[test]
fn the_first_peer_has_it() {
    for first in 0..3 {
        let [a, b, c] = three();
        let selecting = park(&a, "s", vec![recv(&a), send(&b, 8), recv(&c)]);
        let peer = |at| match at {
            0 => a.try_send(1).is_ok(),
            1 => b.try_recv() == Ok(8),
            _ => c.try_send(3).is_ok(),
        };
        let served = [first, (first + 1) % 3, (first + 2) % 3].map(peer);
        assert_eq!(served, [true, false, false], "arm {first} was first");
        assert_eq!(
            selecting.finish(),
            Some((first, [Made::Received(1), Made::Sent, Made::Received(3)][first]))
        );
        let parked = [&a, &b, &c].map(|bench| bench.channel.parked());
        assert_eq!(parked, [(0, 0); 3]);
        let events = a.events();
        let woken: Vec<_> = events.iter().filter(|event| matches!(event, Woken(_))).collect();
        assert_eq!(woken, [&Woken("s")], "woken once");
        let values: Vec<_> = events
            .iter()
            .filter(|event| matches!(event, ValueDropped(8)))
            .collect();
        assert_eq!(
            values.len(),
            usize::from(first != 1),
            "a value that was not sent ends once"
        );
    }
}

/// C6: selects and plain operations stand in one queue, in the order in which they came.
#[test]
fn first_come_first_served_among_plain_operations() {
    let [a, b, _] = three();
    let before = a.park_receiver("before");
    let selecting = park(&a, "s", vec![recv(&b), recv(&a)]);
    let after = a.park_receiver("after");
    for number in 1..=3 {
        assert_eq!(a.try_send(number), Ok(()));
    }
    assert_eq!(a.try_send(4), Err(TrySendError::Full(4)));
    assert_eq!(
        (before.outcome(), selecting.finish(), after.outcome()),
        (
            Some(End::Received(1)),
            Some((1, Made::Received(2))),
            Some(End::Received(3))
        )
    );
    assert_eq!(
        a.events(),
        [Woken("before"), Woken("s"), Woken("after"), WakerDropped("s")]
    );
}

/// S5: a peer that finds a select settled already goes on to the next in the queue.
#[test]
fn a_peer_that_comes_second_goes_on_to_the_next() {
    let [a, b, _] = three();
    let selecting = park(&a, "s", vec![send(&a, 1), send(&b, 2)]);
    let behind = b.park_sender("behind", 3);
    assert_eq!(a.try_recv(), Ok(1));
    assert_eq!(b.try_recv(), Ok(3), "not the value of an arm that did not fire");
    assert_eq!(
        b.events(),
        [Woken("s"), Woken("behind"), WakerDropped("s"), ValueDropped(2)]
    );
    assert_eq!(b.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        (selecting.finish(), behind.outcome()),
        (Some((0, Made::Sent)), Some(End::Sent))
    );
    assert_eq!(a.events(), []);
}

/// C9, S12, S13: a close settles it by the arm that stood there, and the value of its send is lost.
#[test]
fn a_close_settles_it() {
    let [a, b, _] = three();
    let selecting = park(&a, "s", vec![send(&a, 1), recv(&b)]);
    b.channel.close().unwrap();
    a.channel.close().unwrap();
    assert_eq!(selecting.finish(), Some((1, Made::FoundClosed)));
    assert_eq!(a.events(), [Woken("s"), WakerDropped("s"), ValueDropped(1)]);

    let [a, b, _] = three();
    let selecting = park(&a, "s", vec![send(&a, 1), recv(&b)]);
    a.channel.close().unwrap();
    b.channel.close().unwrap();
    assert_eq!(selecting.finish(), Some((0, Made::SendClosed)));
    let mut events = a.events();
    events.sort_unstable();
    assert_eq!(events, [Woken("s"), WakerDropped("s"), ValueDropped(1)]);
}

/// A close wakes after it has settled all, and a select that stands there twice is woken once.
#[test]
fn a_close_wakes_a_select_that_stands_there_twice_once() {
    let a = Bench::new(0);
    let selecting = park(&a, "s", vec![recv(&a), send(&a, 1), recv(&a), send(&a, 2)]);
    a.channel.close().unwrap();
    let (at, made) = selecting.finish().unwrap();
    assert!(matches!((at, made), (0 | 2, Made::FoundClosed)));
    let mut events = a.events();
    events.sort_unstable();
    let dropped = [WakerDropped("s"); 3];
    assert_eq!(events[0], Woken("s"));
    assert_eq!(events[1..4], dropped);
    assert_eq!(events[4..], [ValueDropped(1), ValueDropped(2)]);
}

/// S8: of two sends on one channel the first one stands first; the second value is not sent after it.
#[test]
fn the_same_channel_twice() {
    let a = Bench::new(0);
    let selecting = park(&a, "s", vec![send(&a, 1), send(&a, 2)]);
    assert_eq!(a.try_recv(), Ok(1));
    assert_eq!(a.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(selecting.finish(), Some((0, Made::Sent)));
    assert_eq!(a.events(), [Woken("s"), WakerDropped("s"), ValueDropped(2)]);

    let selecting = park(&a, "s", vec![recv(&a), recv(&a)]);
    assert_eq!(
        (a.try_send(5), a.try_send(6)),
        (Ok(()), Err(TrySendError::Full(6)))
    );
    assert_eq!(selecting.finish(), Some((0, Made::Received(5))));
    assert_eq!(a.channel.parked(), (0, 0));
}

/// A select fires in the buffer's order too: its parked value takes the place that came free.
#[test]
fn a_parked_send_moves_into_the_buffer() {
    let full = Bench::holding(1, [1]);
    let other = full.beside(0);
    let selecting = park(&full, "s", vec![recv(&other), send(&full, 2)]);
    assert_eq!(full.try_recv(), Ok(1));
    assert_eq!(selecting.finish(), Some((1, Made::Sent)));
    assert_eq!(full.try_recv(), Ok(2));
}

/// A value that comes back to its channel goes to a select that waits there.
#[test]
fn a_value_given_back_settles_it() {
    let [a, b, _] = three();
    let receiver = a.park_receiver("r");
    a.try_send(1).unwrap();
    let selecting = park(&a, "s", vec![recv(&b), recv(&a)]);
    receiver.give_back(&a);
    assert_eq!(selecting.finish(), Some((1, Made::Received(1))));
    assert_eq!(a.try_recv(), Err(TryRecvError::Empty));
}
