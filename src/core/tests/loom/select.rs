//! A select and those who come to its channels: one arm fires, whoever comes first, and nobody is left behind (S4, S5, S10).

use crate::common::{Host, SelectEnd, Tally, W};
use crate::{bounded_model, model};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::select::{self, Arm, Did, Order, Start};
use gochan_core::sys::{Arc, thread};
use gochan_core::{Channel, Outcome, Party, Waiter};

type Noted<'a> = Arm<&'a Channel<u32, Tally>, u32>;

const ORDERS: [Order; 2] = [Order::Written, Order::Random(3)];

fn channels<K>() -> [Arc<Channel<u32, K>>; 2]
where
    K: gochan_core::Wake,
{
    // A select locks in the order of addresses, and loom has to find the same order each time it runs the model. Other tests allocate too.
    let mut both = [Arc::new(Channel::new(0)), Arc::new(Channel::new(0))];
    both.sort_by_key(|channel| std::ptr::from_ref(&**channel).addr());
    both
}

fn park(arms: &mut [Noted<'_>], waiter: &Arc<Waiter<u32>>, tally: &Tally) {
    let mut party = |arm| Party {
        waiter: Arc::clone(waiter),
        waker: tally.clone(),
        arm,
    };
    let start = select::select_or_park(arms, Order::Random(1), &mut party);
    assert_eq!(start, Start::NoneReady);
}

/// Two peers at two arms of one select: one hands its value over, the other one keeps it.
#[test]
fn claim_or_claim() {
    model(|| {
        let ([a, b], waiter, tally) = (channels(), Arc::new(Waiter::new()), Tally::new());
        let mut arms = [Arm::recv(&*a), Arm::recv(&*b)];
        park(&mut arms, &waiter, &tally);
        let peer = thread::spawn({
            let a = Arc::clone(&a);
            move || a.try_send(1)
        });
        let here = b.try_send(2);
        let there = peer.join().unwrap();
        let (arm, value) = match (there, here) {
            (Ok(()), Err(TrySendError::Full(2))) => (0, 1),
            (Err(TrySendError::Full(1)), Ok(())) => (1, 2),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (waiter.take(), waiter.arm()),
            (Some(Outcome::Received(value, 0)), arm)
        );
        select::leave(&arms);
        assert_eq!((a.parked(), b.parked(), tally.wakes()), ((0, 0), (0, 0), 1));
    });
}

/// One takes the value of the arm that sends, another one gives one to the arm that receives, on the same channel.
#[test]
fn claim_from_both_sides() {
    model(|| {
        let ([a, _], waiter, tally) = (channels(), Arc::new(Waiter::new()), Tally::new());
        let mut arms = [Arm::send(&*a, 5), Arm::recv(&*a)];
        park(&mut arms, &waiter, &tally);
        let peer = thread::spawn({
            let a = Arc::clone(&a);
            move || a.try_recv()
        });
        let sent = a.try_send(2);
        let end = match (peer.join().unwrap(), sent) {
            (Ok(5), Err(TrySendError::Full(2))) => (Outcome::Sent, 0),
            (Err(TryRecvError::Empty), Ok(())) => (Outcome::Received(2, 0), 1),
            other => panic!("{other:?}"),
        };
        assert_eq!((waiter.take().unwrap(), waiter.arm()), end);
        select::leave(&arms);
        assert_eq!((a.parked(), tally.wakes()), ((0, 0), 1));
    });
}

/// A close at one arm and a peer at the other.
#[test]
fn claim_or_close() {
    model(|| {
        let ([a, b], waiter, tally) = (channels(), Arc::new(Waiter::new()), Tally::new());
        let mut arms = [Arm::send(&*a, 5), Arm::recv(&*b)];
        park(&mut arms, &waiter, &tally);
        let closer = thread::spawn({
            let b = Arc::clone(&b);
            move || b.close().unwrap()
        });
        let end = match a.try_recv() {
            Ok(5) => (Outcome::Sent, 0),
            Err(TryRecvError::Empty) => (Outcome::Closed, 1),
            other => panic!("{other:?}"),
        };
        closer.join().unwrap();
        assert_eq!((waiter.take().unwrap(), waiter.arm()), end);
        select::leave(&arms);
        assert_eq!((a.parked(), b.parked(), tally.wakes()), ((0, 0), (0, 0), 1));
    });
}

/// Both channels are closed: it is woken once, by one of the two.
#[test]
fn close_or_close() {
    model(|| {
        let ([a, b], waiter, tally) = (channels(), Arc::new(Waiter::new()), Tally::new());
        let mut arms = [Arm::send(&*a, 5), Arm::recv(&*b)];
        park(&mut arms, &waiter, &tally);
        let closer = thread::spawn({
            let b = Arc::clone(&b);
            move || b.close().unwrap()
        });
        a.close().unwrap();
        closer.join().unwrap();
        assert_eq!(waiter.take(), Some(Outcome::Closed));
        select::leave(&arms);
        assert_eq!((a.parked(), b.parked(), tally.wakes()), ((0, 0), (0, 0), 1));
    });
}

/// A peer and the timer of this turn; the value is in exactly one hand, and a leaving host meets a peer that passes it by.
#[test]
fn claim_or_timeout() {
    model(|| {
        let ([a, b], waiter, tally) = (channels(), Arc::new(Waiter::new()), Tally::new());
        let mut arms = [Arm::recv(&*a), Arm::recv(&*b)];
        park(&mut arms, &waiter, &tally);
        let peer = thread::spawn({
            let b = Arc::clone(&b);
            move || b.try_send(1)
        });
        let timed_out = waiter.cancel_turn(waiter.turn());
        if timed_out {
            select::leave(&arms);
        }
        let sent = peer.join().unwrap();
        if timed_out {
            assert_eq!((sent, waiter.rearm()), (Err(TrySendError::Full(1)), None));
        } else {
            assert_eq!(sent, Ok(()));
            assert_eq!((waiter.arm(), waiter.is_settled()), (1, true));
            select::leave(&arms);
            assert_eq!(waiter.rearm(), Some(Outcome::Received(1, 0)));
        }
        assert_eq!(tally.wakes(), usize::from(!timed_out));
        assert_eq!((a.parked(), b.parked()), ((0, 0), (0, 0)));
    });
}

/// The next turn of a host that has left: what comes to the other arms of the last one does not reach it.
#[test]
fn no_old_place_leads_to_the_next_turn() {
    model(|| {
        let ([a, b], tally) = (channels(), Tally::new());
        let (c, waiter) = (Arc::new(Channel::new(0)), Arc::new(Waiter::new()));
        let mut arms = [Arm::recv(&*a), Arm::recv(&*b)];
        park(&mut arms, &waiter, &tally);
        let peer = thread::spawn({
            let (a, b) = (Arc::clone(&a), Arc::clone(&b));
            move || {
                assert_eq!(a.try_send(1), Ok(()));
                assert_eq!(b.try_send(2), Err(TrySendError::Full(2)));
                b.close().unwrap();
            }
        });
        if waiter.is_settled() {
            select::leave(&arms);
            assert_eq!(waiter.rearm(), Some(Outcome::Received(1, 0)));
            let mut next = [Arm::recv(&*c)];
            park(&mut next, &waiter, &tally);
            peer.join().unwrap();
            assert!(!waiter.is_settled(), "the last turn's arm reached this one");
            assert_eq!(c.try_send(3), Ok(()));
            assert_eq!(waiter.take(), Some(Outcome::Received(3, 0)));
        } else {
            peer.join().unwrap();
            select::leave(&arms);
        }
        assert_eq!((a.parked(), b.parked(), c.parked()), ((0, 0), (0, 0), (0, 0)));
    });
}

/// S10: two that face each other over two channels, and name them the other way round: one pair, and nobody sleeps for ever.
#[test]
fn two_that_face_each_other() {
    for order in ORDERS {
        model(move || {
            let [a, b] = channels::<W>();
            let peer = thread::spawn({
                let (a, b) = (Arc::clone(&a), Arc::clone(&b));
                move || Host::new().select(&mut [Arm::send(&*a, 1), Arm::send(&*b, 2)], order)
            });
            let here = Host::new().select(&mut [Arm::recv(&*b), Arm::recv(&*a)], order);
            let there = peer.join().unwrap();
            assert!(matches!(
                (there, here),
                (SelectEnd::Sent(0), SelectEnd::Value(1, 1)) | (SelectEnd::Sent(1), SelectEnd::Value(0, 2))
            ));
            assert_eq!((a.parked(), b.parked()), ((0, 0), (0, 0)));
        });
    }
}

/// S9: two threads run the same select, which sends and receives: they meet, each is served once, by the other.
#[test]
fn two_of_the_same() {
    for order in ORDERS {
        model(move || {
            let [a, _] = channels::<W>();
            let peer = thread::spawn({
                let a = Arc::clone(&a);
                move || Host::new().select(&mut [Arm::send(&*a, 1), Arm::recv(&*a)], order)
            });
            let here = Host::new().select(&mut [Arm::send(&*a, 2), Arm::recv(&*a)], order);
            let there = peer.join().unwrap();
            assert!(matches!(
                (there, here),
                (SelectEnd::Sent(0), SelectEnd::Value(1, 1)) | (SelectEnd::Value(1, 2), SelectEnd::Sent(0))
            ));
            assert_eq!(a.parked(), (0, 0));
        });
    }
}

/// Three that meet at two channels: two selects that face each other, and a plain sender in between who must not be lost.
#[test]
fn two_that_face_each_other_and_a_third() {
    bounded_model(|| {
        let [a, b] = channels::<W>();
        let receives = thread::spawn({
            let (a, b) = (Arc::clone(&a), Arc::clone(&b));
            move || {
                let (host, mut values) = (Host::new(), [0, 0]);
                for value in &mut values {
                    match host.select(&mut [Arm::recv(&*a), Arm::recv(&*b)], Order::Random(1)) {
                        SelectEnd::Value(_, got) => *value = got,
                        other => panic!("{other:?}"),
                    }
                }
                values.sort_unstable();
                values
            }
        });
        let sends = thread::spawn({
            let b = Arc::clone(&b);
            move || Host::new().send(&b, 3)
        });
        let here = Host::new().select(&mut [Arm::send(&*b, 2), Arm::send(&*a, 1)], Order::Random(1));
        sends.join().unwrap();
        let values = receives.join().unwrap();
        match here {
            SelectEnd::Sent(0) => assert_eq!(values, [2, 3]),
            SelectEnd::Sent(1) => assert_eq!(values, [1, 3]),
            other => panic!("{other:?}"),
        }
        assert_eq!((a.parked(), b.parked()), ((0, 0), (0, 0)));
    });
}

/// S4: while at every moment one of its channels is ready, a select never finds none (TestNonblockSelectRace).
#[test]
fn one_is_always_ready() {
    for order in ORDERS {
        model(move || {
            let [a, b] = [0; 2].map(|_| Arc::new(Channel::<u32, Tally>::new(1)));
            a.try_send(1).unwrap();
            let peer = thread::spawn({
                let (a, b) = (Arc::clone(&a), Arc::clone(&b));
                move || {
                    b.try_send(2).unwrap();
                    a.try_recv().is_ok()
                }
            });
            let start = select::try_select(&mut [Arm::recv(&*a), Arm::recv(&*b)], order);
            let took_first = peer.join().unwrap();
            match start {
                Start::Fired(0, Did::Received(1)) => assert!(!took_first),
                Start::Fired(1, Did::Received(2)) => assert!(took_first),
                other => panic!("{other:?}"),
            }
        });
    }
}

/// The same with a close, the other way round (TestNonblockSelectRace2), by a select that would park.
#[test]
fn one_is_always_ready_closed() {
    for order in ORDERS {
        model(move || {
            let [a, b] = [0; 2].map(|_| Arc::new(Channel::<u32, W>::new(1)));
            b.try_send(1).unwrap();
            let peer = thread::spawn({
                let (a, b) = (Arc::clone(&a), Arc::clone(&b));
                move || {
                    a.close().unwrap();
                    b.try_recv().is_ok()
                }
            });
            let mut arms = [Arm::recv(&*a), Arm::recv(&*b)];
            let end = Host::new().select_at_once(&mut arms, order, &Arc::new(Waiter::new()));
            let took = peer.join().unwrap();
            match end {
                Some(SelectEnd::Closed(0)) => {}
                Some(SelectEnd::Value(1, 1)) => assert!(!took),
                other => panic!("{other:?}"),
            }
        });
    }
}

/// With priority: an arm fires only in a moment in which those before it are not ready. What comes to the first after the second
/// was ready is not seen, what came before is.
#[test]
fn priority_is_decided_in_one_moment() {
    model(|| {
        let [a, b] = [0; 2].map(|_| Arc::new(Channel::<u32, Tally>::new(1)));
        let peer = thread::spawn({
            let (a, b) = (Arc::clone(&a), Arc::clone(&b));
            move || {
                a.try_send(1).unwrap();
                b.try_send(2).unwrap();
            }
        });
        let start = select::try_select(&mut [Arm::recv(&*a), Arm::recv(&*b)], Order::Written);
        peer.join().unwrap();
        // Whenever the second is ready, so is the first.
        assert!(
            matches!(start, Start::NoneReady | Start::Fired(0, Did::Received(1))),
            "{start:?}"
        );
    });
}
