//! C9, C10, C11: what a close does.

use crate::kit::Event::{ValueDropped, WakerDropped, Woken};
use crate::kit::{Bench, End, Party};
use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{CloseError, TryRecvError, TrySendError};
use gochan_core::{Channel, Outcome, Waiter, Wake};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// When it is woken, all who waited have their outcome.
struct SeesAllSettled {
    all: Vec<Arc<Waiter<u32>>>,
    looks: Rc<Cell<usize>>,
}

impl Wake for SeesAllSettled {
    fn wake(self) {
        assert!(
            self.all.iter().all(|waiter| waiter.is_settled()),
            "woken before all were settled"
        );
        self.looks.set(self.looks.get() + 1);
    }
}

/// C9.
#[test]
fn all_are_settled_before_the_first_is_woken() {
    for senders in [false, true] {
        let channel = Channel::new(0);
        let all: Vec<Arc<Waiter<u32>>> = (0..3).map(|_| Arc::new(Waiter::new())).collect();
        let looks = Rc::new(Cell::new(0));
        for waiter in &all {
            let waker = SeesAllSettled {
                all: all.clone(),
                looks: Rc::clone(&looks),
            };
            if senders {
                assert!(matches!(
                    channel.send_or_park(1, waiter, waker),
                    SendStart::Parked(_)
                ));
            } else {
                assert!(matches!(
                    channel.recv_or_park(waiter, waker),
                    RecvStart::Parked(_)
                ));
            }
        }
        channel.close().unwrap();
        assert_eq!(looks.get(), 3);
        assert!(all.iter().all(|waiter| waiter.take() == Some(Outcome::Closed)));
        assert_eq!(channel.parked(), (0, 0));
    }
}

/// C10: buffered values stay, in order; those of parked senders are lost, and dropped after the wakes.
#[test]
fn buffered_values_stay_and_parked_ones_are_lost() {
    let bench = Bench::holding(2, [1, 2]);
    let senders = [bench.park_sender("c", 3), bench.park_sender("d", 4)];
    bench.channel.close().unwrap();
    assert_eq!(
        bench.events(),
        [Woken("c"), Woken("d"), ValueDropped(3), ValueDropped(4)]
    );
    assert_eq!(
        senders.map(|sender| sender.outcome()),
        [Some(End::Closed), Some(End::Closed)]
    );

    assert!(bench.channel.is_closed());
    assert_eq!((bench.channel.len(), bench.channel.parked()), (2, (0, 0)));
    assert_eq!((bench.try_recv(), bench.recv("r").unwrap()), (Ok(1), Ok(2)));
    for _ in 0..2 {
        assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(bench.recv("r").unwrap(), Err(TryRecvError::Closed));
    }
    assert_eq!(bench.channel.parked(), (0, 0));
}

#[test]
fn receivers_are_told_in_the_order_they_came() {
    let bench = Bench::new(3);
    let receivers = ["a", "b", "c"].map(|name| bench.park_receiver(name));
    bench.channel.close().unwrap();
    assert_eq!(bench.events(), [Woken("a"), Woken("b"), Woken("c")]);
    assert!(
        receivers
            .iter()
            .all(|receiver| receiver.outcome() == Some(End::Closed))
    );
}

#[test]
fn somebody_who_left_is_not_woken_by_the_close() {
    let bench = Bench::new(0);
    let receivers = ["gone", "there"].map(|name| bench.park_receiver(name));
    assert!(receivers[0].waiter.cancel());
    bench.channel.close().unwrap();
    assert_eq!(bench.events(), [Woken("there"), WakerDropped("gone")]);
    assert_eq!(
        receivers.each_ref().map(Party::outcome),
        [None, Some(End::Closed)]
    );

    let bench = Bench::new(0);
    let senders = [bench.park_sender("gone", 1), bench.park_sender("there", 2)];
    assert!(senders[0].waiter.cancel());
    bench.channel.close().unwrap();
    let events = bench.events();
    assert_eq!(events[0], Woken("there"));
    for end in [WakerDropped("gone"), ValueDropped(1), ValueDropped(2)] {
        assert_eq!(
            events.iter().filter(|&&event| event == end).count(),
            1,
            "{end:?} in {events:?}"
        );
    }
    assert_eq!(events.len(), 4);
}

/// C11.
#[test]
fn a_second_close_is_an_error_without_effect() {
    let bench = Bench::holding(2, [1]);
    assert_eq!(bench.channel.close(), Ok(()));
    assert_eq!(bench.channel.close(), Err(CloseError));
    assert_eq!((bench.try_recv(), bench.events()), (Ok(1), vec![]));
    assert_eq!(bench.channel.close(), Err(CloseError));
}

/// C11, K7: also without waiting, also with room; the value comes back.
#[test]
fn nothing_can_be_sent_after_a_close() {
    for capacity in [0, 2] {
        let bench = Bench::new(capacity);
        bench.channel.close().unwrap();
        assert_eq!(bench.try_send(1), Err(TrySendError::Closed(1)));
        assert_eq!(bench.send("s", 2).unwrap(), Err(TrySendError::Closed(2)));
        assert_eq!((bench.channel.len(), bench.channel.parked()), (0, (0, 0)));
        assert_eq!(bench.events(), [WakerDropped("s")]);
        assert_eq!(bench.try_recv(), Err(TryRecvError::Closed));
    }
}
