//! What a garbage collector does to a channel, and what the type promises.

use crate::kit::Event::{ValueDropped, WakerDropped};
use crate::kit::{Bench, End, Tap, Value};
use gochan_core::channel::Held;
use gochan_core::error::TryRecvError;
use gochan_core::{Channel, Party, WaitGroup, Waiter, Wake};
use std::sync::Arc;

/// Numbers of the values and names of the wakers, as they are shown.
fn shown(bench: &Bench) -> (Vec<u32>, Vec<&'static str>) {
    let (mut values, mut wakers) = (Vec::new(), Vec::new());
    let looked = bench
        .channel
        .try_visit(&mut |held: Held<'_, Value, Party<Value, Tap>>| match held {
            Held::Value(value) => values.push(value.number),
            Held::Waker(waker) => wakers.push(waker.waker.name),
        });
    assert!(looked);
    (values, wakers)
}

#[test]
fn every_value_and_waker_is_shown_once() {
    let bench = Bench::holding(2, [1, 2]);
    let senders = [bench.park_sender("c", 3), bench.park_sender("d", 4)];
    assert_eq!(shown(&bench), (vec![1, 2, 3, 4], vec!["c", "d"]));

    // One that left still holds references until it is taken out.
    assert!(senders[1].waiter.cancel());
    assert_eq!(shown(&bench), (vec![1, 2, 3, 4], vec!["c", "d"]));
    bench.channel.forget_sender(senders[1].ticket);
    assert_eq!(shown(&bench), (vec![1, 2, 3], vec!["c"]));

    assert_eq!(bench.try_recv(), Ok(1));
    assert_eq!(shown(&bench), (vec![2, 3], vec![]));

    let bench = Bench::new(0);
    let _receivers = ["a", "b"].map(|name| bench.park_receiver(name));
    assert_eq!(shown(&bench), (vec![], vec!["a", "b"]));
}

#[test]
fn nothing_is_shown_while_the_lock_is_held() {
    let bench = Bench::holding(1, [1]);
    let mut inner = None;
    let looked = bench.channel.try_visit(&mut |_| {
        inner = Some(bench.channel.try_visit(&mut |_| panic!("shown under the lock")));
    });
    assert_eq!((looked, inner), (true, Some(false)));
}

/// What was handed over lies with the waiter until its host takes it.
#[test]
fn a_waiter_shows_what_it_was_handed() {
    let bench = Bench::new(0);
    let receiver = bench.park_receiver("r");
    let shown = || {
        let mut seen = Vec::new();
        assert!(receiver.waiter.try_visit(&mut |value| {
            seen.push(value.number);
            assert!(!receiver.waiter.try_visit(&mut |_| panic!("shown under the lock")));
        }));
        seen
    };
    assert_eq!(shown(), []);
    assert_eq!(bench.try_send(1), Ok(()));
    assert_eq!(shown(), [1]);
    assert_eq!(receiver.outcome(), Some(End::Received(1)));
    assert_eq!(shown(), []);
}

#[test]
fn clear_lets_go_of_everything_and_wakes_nobody() {
    let bench = Bench::holding(1, [1]);
    let sender = bench.park_sender("s", 2);
    bench.channel.clear();
    let mut events = bench.events();
    events.sort_by_key(|event| matches!(event, WakerDropped(_)));
    assert_eq!(events, [ValueDropped(1), ValueDropped(2), WakerDropped("s")]);
    assert!(
        sender.waits() && !sender.waiter.cancel(),
        "cancelled, not settled"
    );
    assert_eq!(sender.outcome(), None);

    let receiver = bench.park_receiver("r");
    bench.channel.clear();
    assert_eq!(bench.events(), [WakerDropped("r")]);
    assert!(receiver.waits() && !receiver.waiter.cancel());

    assert_eq!((bench.channel.len(), bench.channel.parked()), (0, (0, 0)));
    assert_eq!((bench.try_send(3), bench.try_recv()), (Ok(()), Ok(3)));
    assert_eq!(bench.try_recv(), Err(TryRecvError::Empty));
}

/// A ticket stays dead over a clear too, when slots and generations could start anew.
#[test]
fn a_ticket_from_before_a_clear_takes_nobody_out() {
    let bench = Bench::holding(1, [1]);
    let old = bench.park_sender("old", 2);
    assert!(old.waiter.cancel());
    bench.channel.clear();
    assert_eq!(bench.try_send(3), Ok(()));
    let _new = bench.park_sender("new", 4);
    bench.channel.forget_sender(old.ticket);
    assert_eq!(bench.channel.parked(), (0, 1));

    let bench = Bench::new(0);
    let old = bench.park_receiver("old");
    assert!(old.waiter.cancel());
    bench.channel.clear();
    let _new = bench.park_receiver("new");
    bench.channel.forget_receiver(old.ticket);
    assert_eq!(bench.channel.parked(), (1, 0));
}

/// C17: a channel is a value like any other; request and reply.
#[test]
fn channels_travel_through_channels() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self) {}
    }
    type Reply = Arc<Channel<u32, Nobody>>;
    let requests: Channel<(u32, Reply), Nobody> = Channel::new(1);
    let reply: Reply = Arc::new(Channel::new(1));
    assert!(requests.try_send((20, Arc::clone(&reply))).is_ok());
    let (number, answer) = requests.try_recv().unwrap();
    assert!(Arc::ptr_eq(&answer, &reply), "the same channel, not a copy");
    answer.try_send(number + 1).unwrap();
    assert_eq!(reply.try_recv(), Ok(21));
}

/// All hosts share the primitives, whatever travels needs only to be `Send`.
#[test]
fn the_primitives_are_shared_between_threads() {
    #[derive(Debug)]
    struct OnlySend(#[allow(dead_code)] std::cell::Cell<u8>);
    impl Wake for OnlySend {
        fn wake(self) {}
    }
    fn shared<S: Send + Sync>() {}
    shared::<Channel<OnlySend, OnlySend>>();
    shared::<WaitGroup<OnlySend, OnlySend>>();
    shared::<Waiter<OnlySend>>();
    shared::<gochan_core::Parker>();
}
