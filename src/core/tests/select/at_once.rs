//! Selects that need not wait: what an arm does, and what the others do not.

use crate::kit::Event::{ValueDropped, WakerDropped, Woken};
use crate::kit::{Bench, End};
use crate::stand::{Made, recv, select, send, try_select};
use gochan_core::select::{Order, Start, Way, try_select as core_try_select};

const ORDERS: [Order; 4] = [
    Order::Written,
    Order::Random(1),
    Order::Random(2),
    Order::Random(3),
];

/// S3: nothing has happened, and the values of the sends are still there.
#[test]
fn none_ready_changes_nothing() {
    for order in ORDERS {
        let bench = Bench::new(0);
        let full = bench.beside(1);
        full.try_send(1).unwrap();
        let mut arms = [recv(&bench), send(&bench, 8), send(&full, 9)];
        assert_eq!(try_select(&mut arms, order), None);
        for (arm, number) in arms[1..].iter().zip([8, 9]) {
            assert!(matches!(&arm.way, Way::Send(Some(value)) if value.number == number));
        }
        assert_eq!((bench.events(), full.channel.len()), (vec![], 1));
        assert_eq!((bench.channel.parked(), full.channel.parked()), ((0, 0), (0, 0)));
        drop(arms);
        assert_eq!(bench.events(), [ValueDropped(8), ValueDropped(9)]);
    }
}

/// S5, at once: only the arm that fires does anything.
#[test]
fn the_other_arms_stay_as_they_are() {
    for order in ORDERS {
        let bench = Bench::holding(2, [1]);
        let other = bench.beside(1);
        let mut arms = [recv(&bench), send(&other, 8), send(&bench, 9)];
        let (at, made) = try_select(&mut arms, order).unwrap();
        assert_eq!(made, [Made::Received(1), Made::Sent, Made::Sent][at]);
        assert_eq!(
            (bench.channel.len(), other.channel.len()),
            [(0, 0), (1, 1), (2, 0)][at]
        );
        let kept = arms
            .iter()
            .filter(|arm| matches!(arm.way, Way::Send(Some(_))))
            .count();
        assert_eq!(kept, if at == 0 { 2 } else { 1 });
    }
}

/// C3, C4 hold for arms: a parked peer comes before the buffer, and is woken once.
#[test]
fn parked_peers_are_served_in_order() {
    for order in ORDERS {
        let bench = Bench::new(0);
        let receivers = ["first", "second"].map(|name| bench.park_receiver(name));
        assert_eq!(try_select(&mut [send(&bench, 5)], order), Some((0, Made::Sent)));
        assert_eq!(bench.events(), [Woken("first")]);
        assert_eq!(
            receivers.map(|receiver| receiver.outcome()),
            [Some(End::Received(5)), None]
        );

        let full = Bench::holding(1, [1]);
        let sender = full.park_sender("sender", 2);
        assert_eq!(
            try_select(&mut [recv(&full)], order),
            Some((0, Made::Received(1)))
        );
        assert_eq!((full.events(), full.channel.len()), (vec![Woken("sender")], 1));
        assert_eq!(sender.outcome(), Some(End::Sent));
    }
}

/// S12, C10: what is buffered comes first, then the end, for ever.
#[test]
fn receiving_from_a_closed_channel_is_ready_for_ever() {
    let bench = Bench::holding(2, [1, 2]);
    bench.channel.close().unwrap();
    let found: Vec<_> = ORDERS
        .iter()
        .map(|&order| try_select(&mut [recv(&bench)], order).unwrap().1)
        .collect();
    assert_eq!(
        found,
        [
            Made::Received(1),
            Made::Received(2),
            Made::FoundClosed,
            Made::FoundClosed
        ]
    );
}

/// S13: the value of a send on a closed channel comes back, if that arm is chosen; otherwise nobody learns of it.
#[test]
fn a_send_on_a_closed_channel_only_if_it_is_chosen() {
    let (shut, ready) = (Bench::new(1), Bench::new(1));
    shut.channel.close().unwrap();
    let mut arms = [send(&ready, 1), send(&shut, 2)];
    assert_eq!(try_select(&mut arms, Order::Written), Some((0, Made::Sent)));
    assert!(matches!(&arms[1].way, Way::Send(Some(_))));
    drop(arms);
    assert_eq!(shut.events(), [ValueDropped(2)]);

    let mut arms = [send(&shut, 3), send(&ready, 4)];
    assert_eq!(try_select(&mut arms, Order::Written), Some((0, Made::Refused(3))));
    drop(arms);
    assert_eq!((shut.events(), ready.events()), (vec![], vec![ValueDropped(4)]));
}

/// A value that is given up does not go with the result, nor under the lock.
#[test]
fn a_refused_value_is_dropped_once() {
    let shut = Bench::new(0);
    shut.channel.close().unwrap();
    let mut arms = [send(&shut, 3)];
    let start = core_try_select(&mut arms, Order::Random(1));
    assert!(matches!(start, Start::Fired(0, _)));
    assert_eq!(shut.events(), []);
    drop((start, arms));
    assert_eq!(shut.events(), [ValueDropped(3)]);
}

/// Those who have left a queue are passed by, also by a select that then fires nothing; each ends once.
#[test]
fn passes_by_who_has_left() {
    for order in ORDERS {
        let bench = Bench::new(0);
        let other = bench.beside(0);
        let gone = bench.park_receiver("receiver");
        let gone_too = other.park_sender("sender", 6);
        assert!(gone.waiter.cancel() && gone_too.waiter.cancel());
        let mut arms = [send(&bench, 7), recv(&other)];
        assert_eq!(try_select(&mut arms, order), None);
        let mut events = bench.events();
        events.sort_unstable();
        assert_eq!(
            events,
            [WakerDropped("receiver"), WakerDropped("sender"), ValueDropped(6)]
        );
        assert_eq!((bench.channel.parked(), other.channel.parked()), ((0, 0), (0, 0)));
    }
}

/// S19: a select of one arm is the operation itself, on every channel there can be.
#[test]
fn one_arm_is_the_plain_operation() {
    fn scenes() -> Vec<(&'static str, Bench)> {
        let mut scenes = Vec::new();
        for capacity in 0..3 {
            for held in 0..=capacity {
                for shut in [false, true] {
                    let bench = Bench::holding(capacity, (0..).take(held));
                    if shut {
                        bench.channel.close().unwrap();
                    }
                    scenes.push(("nobody there", bench));
                }
            }
            let bench = Bench::new(capacity);
            bench.park_receiver("receiver");
            scenes.push(("a receiver waits", bench));
            let bench = Bench::holding(capacity, (0..).take(capacity));
            bench.park_sender("sender", 50);
            scenes.push(("a sender waits", bench));
        }
        scenes
    }
    for order in ORDERS {
        for ((what, a), (_, b)) in scenes().into_iter().zip(scenes()) {
            let selected = select(&a, "me", vec![recv(&a)], order).map_err(|parked| parked.arms.len());
            let plain = match b.recv("me") {
                Ok(Ok(number)) => Ok((0, Made::Received(number))),
                Ok(Err(_)) => Ok((0, Made::FoundClosed)),
                Err(_) => Err(1),
            };
            assert_eq!(selected, plain, "receive, {what}");
            assert_same(&a, &b, what);
        }
        for ((what, a), (_, b)) in scenes().into_iter().zip(scenes()) {
            let selected = select(&a, "me", vec![send(&a, 9)], order).map_err(|parked| parked.arms.len());
            let plain = match b.send("me", 9) {
                Ok(Ok(())) => Ok((0, Made::Sent)),
                Ok(Err(_)) => Ok((0, Made::Refused(9))),
                Err(_) => Err(1),
            };
            assert_eq!(selected, plain, "send, {what}");
            assert_same(&a, &b, what);
        }
    }
}

fn assert_same(a: &Bench, b: &Bench, what: &str) {
    assert_eq!(a.channel.parked(), b.channel.parked(), "{what}");
    assert_eq!(a.channel.len(), b.channel.len(), "{what}");
    let woken = |bench: &Bench| -> Vec<_> {
        let events = bench.events();
        events
            .into_iter()
            .filter(|event| matches!(event, Woken(_)))
            .collect()
    };
    assert_eq!(woken(a), woken(b), "{what}");
}
