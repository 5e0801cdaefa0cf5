//! Two that meet at one waiter, with nobody asleep: claim, cancel, close.

use crate::common::Tally;
use crate::{is_set, model, plain, set};
use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::sys::{Arc, thread};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter};

fn park_receiver<T>(channel: &Channel<T, Tally>, waiter: &Arc<Waiter<T>>, tally: &Tally) -> Ticket {
    match channel.recv_or_park(waiter, tally.clone()) {
        RecvStart::Parked(ticket) => ticket,
        RecvStart::Received(_) | RecvStart::Closed => panic!("nothing is there to receive"),
    }
}

fn park_sender<T>(channel: &Channel<T, Tally>, value: T, waiter: &Arc<Waiter<T>>, tally: &Tally) -> Ticket {
    match channel.send_or_park(value, waiter, tally.clone()) {
        SendStart::Parked(ticket) => ticket,
        SendStart::Sent | SendStart::Closed(_) => panic!("nobody is there to receive"),
    }
}

/// A claim and a cancellation that meet: exactly one wins, and the value is in exactly one hand. A
/// canceller that lost finds the outcome complete, without waiting for it.
#[test]
fn claim_or_cancel() {
    model(|| {
        let waiter = Arc::new(Waiter::new());
        let peer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.settle(Outcome::Received(7, 0))
        });
        let cancelled = waiter.cancel();
        let taken = waiter.take();
        if cancelled {
            assert_eq!(taken, None);
        } else {
            assert!(waiter.is_settled());
            assert_eq!(taken, Some(Outcome::Received(7, 0)));
        }
        let settled = peer.join().unwrap();
        assert_eq!(
            settled,
            if cancelled {
                Err(Outcome::Received(7, 0))
            } else {
                Ok(())
            }
        );
    });
}

/// Two peers that meet at one waiter, as two arms of a select will: one wins, the other keeps its value.
#[test]
fn two_claims() {
    model(|| {
        let waiter = Arc::new(Waiter::new());
        let peer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.settle(Outcome::Received(1, 0))
        });
        let here = waiter.settle(Outcome::Received(2, 0));
        let there = peer.join().unwrap();
        let expected = match (here, there) {
            (Ok(()), Err(Outcome::Received(1, 0))) => 2,
            (Err(Outcome::Received(2, 0)), Ok(())) => 1,
            other => panic!("{other:?}"),
        };
        assert_eq!(waiter.take(), Some(Outcome::Received(expected, 0)));
        assert_eq!(waiter.take(), None);
    });
}

/// Whoever sees the settled flag, without the lock, sees the outcome and all that came before it.
#[test]
fn settled_flag_publishes() {
    model(|| {
        let (waiter, before) = (Arc::new(Waiter::<u32>::new()), plain());
        let peer = thread::spawn({
            let (waiter, before) = (Arc::clone(&waiter), Arc::clone(&before));
            move || {
                set(&before);
                waiter.settle(Outcome::Released).unwrap();
            }
        });
        if waiter.is_settled() {
            assert!(is_set(&before));
            assert_eq!(waiter.take(), Some(Outcome::Released));
        }
        peer.join().unwrap();
        assert!(waiter.is_settled());
    });
}

/// A send and a close race for a parked receiver: it gets the value or the close, the sender knows
/// which, and it is woken once.
#[test]
fn claim_or_close() {
    model(|| {
        let (channel, waiter, tally) = (Arc::new(Channel::new(0)), Arc::new(Waiter::new()), Tally::new());
        park_receiver(&channel, &waiter, &tally);
        let closer = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.close().unwrap()
        });
        let sent = channel.try_send(1);
        closer.join().unwrap();
        let expected = match sent {
            Ok(()) => Outcome::Received(1, 0),
            Err(error) => {
                assert_eq!(error, TrySendError::Closed(1));
                Outcome::Closed
            }
        };
        assert_eq!(waiter.take(), Some(expected));
        assert_eq!((tally.wakes(), channel.parked()), (1, (0, 0)));
    });
}

/// A close and the cancellation of a parked sender: it ends once, its value is let go of, and it is
/// woken only if the close ended it.
#[test]
fn cancel_or_close() {
    model(|| {
        let (channel, waiter, tally) = (Arc::new(Channel::new(0)), Arc::new(Waiter::new()), Tally::new());
        let value = Arc::new(());
        let ticket = park_sender(&channel, Arc::clone(&value), &waiter, &tally);
        let closer = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.close().unwrap()
        });
        let cancelled = waiter.cancel();
        if cancelled {
            channel.forget_sender(ticket);
        } else {
            assert!(matches!(waiter.take(), Some(Outcome::Closed)));
        }
        closer.join().unwrap();
        assert_eq!(tally.wakes(), usize::from(!cancelled));
        assert_eq!(channel.parked(), (0, 0));
        assert_eq!(Arc::strong_count(&value), 1, "the channel still holds the value");
    });
}

/// A receiver and the cancellation of the sender it would take from: the value is received exactly
/// when the sender is told that it was sent.
#[test]
fn sender_cancels_while_a_receiver_comes() {
    model(|| {
        let (channel, waiter, tally) = (Arc::new(Channel::new(0)), Arc::new(Waiter::new()), Tally::new());
        let ticket = park_sender(&channel, 5, &waiter, &tally);
        let receiver = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.try_recv()
        });
        let cancelled = waiter.cancel();
        if cancelled {
            channel.forget_sender(ticket);
        } else {
            assert_eq!(waiter.take(), Some(Outcome::Sent));
        }
        let got = receiver.join().unwrap();
        assert_eq!(
            got,
            if cancelled {
                Err(TryRecvError::Empty)
            } else {
                Ok(5)
            }
        );
        assert_eq!(tally.wakes(), usize::from(!cancelled));
        assert_eq!(channel.parked(), (0, 0));
    });
}

/// The same through a full buffer: the sender's value is in it exactly when the sender was told so.
#[test]
fn sender_cancels_while_its_place_comes_free() {
    model(|| {
        let (channel, waiter, tally) = (Arc::new(Channel::new(1)), Arc::new(Waiter::new()), Tally::new());
        channel.try_send(4).unwrap();
        let ticket = park_sender(&channel, 5, &waiter, &tally);
        let receiver = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.try_recv()
        });
        let cancelled = waiter.cancel();
        if cancelled {
            channel.forget_sender(ticket);
        }
        assert_eq!(receiver.join().unwrap(), Ok(4));
        assert_eq!(channel.len(), usize::from(!cancelled));
        assert_eq!(
            channel.try_recv(),
            if cancelled {
                Err(TryRecvError::Empty)
            } else {
                Ok(5)
            }
        );
        assert_eq!(channel.parked(), (0, 0));
    });
}

/// A cancelled receiver leaves while others come and go: it takes out its own node or none, also when
/// its slot has a new tenant.
#[test]
fn a_late_leave_takes_nobody_elses_place() {
    model(|| {
        let (channel, tally) = (Arc::new(Channel::new(0)), Tally::new());
        let (leaving, staying) = (Arc::new(Waiter::new()), Arc::new(Waiter::new()));
        let ticket = park_receiver(&channel, &leaving, &tally);
        assert!(leaving.cancel());
        let leaver = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.forget_receiver(ticket)
        });
        assert_eq!(channel.try_send(1), Err(TrySendError::Full(1)));
        park_receiver(&channel, &staying, &tally);
        leaver.join().unwrap();
        assert_eq!(channel.parked(), (1, 0));
        assert_eq!(channel.try_send(2), Ok(()));
        assert_eq!(staying.take(), Some(Outcome::Received(2, 0)));
    });
}
