//! Every interleaving of the small pieces.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gochan-core --release --test loom`
//!
//! Short models of two threads are searched whole, larger ones up to 3 preemptions;
//! `LOOM_MAX_PREEMPTIONS` sets another bound for all. Loom itself reports deadlocks (a lost wake is
//! one) and whatever is still referenced at the end of a model.
#![cfg(loom)]

mod common;

use common::{Host, Late, Received, Sent, Tally, W};
use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Parker, WaitGroup, Waiter};

/// For models of two threads.
fn model(body: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(body);
}

/// For models of three, and longer ones of two.
fn bounded_model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(body);
}

/// Something written without any order of its own: who may see it was ordered by what is tested.
fn plain() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

fn set(plain: &AtomicUsize) {
    plain.store(1, Ordering::Relaxed);
}

fn is_set(plain: &AtomicUsize) -> bool {
    plain.load(Ordering::Relaxed) == 1
}

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

// ---- the waiter alone

/// A claim and a cancellation that meet: exactly one wins, and the value is in exactly one hand. A
/// canceller that lost finds the outcome complete, without waiting for it.
#[test]
fn claim_or_cancel() {
    model(|| {
        let waiter = Arc::new(Waiter::new());
        let peer = thread::spawn({
            let waiter = Arc::clone(&waiter);
            move || waiter.settle(Outcome::Received(7))
        });
        let cancelled = waiter.cancel();
        let taken = waiter.take();
        if cancelled {
            assert_eq!(taken, None);
        } else {
            assert!(waiter.is_settled());
            assert_eq!(taken, Some(Outcome::Received(7)));
        }
        let settled = peer.join().unwrap();
        assert_eq!(
            settled,
            if cancelled {
                Err(Outcome::Received(7))
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
            move || waiter.settle(Outcome::Received(1))
        });
        let here = waiter.settle(Outcome::Received(2));
        let there = peer.join().unwrap();
        let expected = match (here, there) {
            (Ok(()), Err(Outcome::Received(1))) => 2,
            (Err(Outcome::Received(2)), Ok(())) => 1,
            other => panic!("{other:?}"),
        };
        assert_eq!(waiter.take(), Some(Outcome::Received(expected)));
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

// ---- the parker

/// An unpark before, during or after the step to sleep is found, and publishes what came before it.
#[test]
fn unpark_is_never_lost() {
    model(|| {
        let (parker, before) = (Arc::new(Parker::new()), plain());
        let peer = thread::spawn({
            let (parker, before) = (Arc::clone(&parker), Arc::clone(&before));
            move || {
                set(&before);
                parker.unpark();
            }
        });
        parker.park(None);
        assert!(is_set(&before));
        peer.join().unwrap();
    });
}

/// Two unparks at once: one token or two, but the sleeper gets through, again and again.
#[test]
fn two_unparks_and_a_third() {
    bounded_model(|| {
        let parker = Arc::new(Parker::new());
        let unpark = || {
            let parker = Arc::clone(&parker);
            thread::spawn(move || parker.unpark())
        };
        let peers = [unpark(), unpark()];
        parker.park(None);
        for peer in peers {
            peer.join().unwrap();
        }
        // One of them may have left its token; this one comes after it, and is not lost in it.
        let third = unpark();
        parker.park(None);
        third.join().unwrap();
    });
}

// ---- one parked party and two that race for it

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
            Ok(()) => Outcome::Received(1),
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
        assert_eq!(staying.take(), Some(Outcome::Received(2)));
    });
}

// ---- rendezvous, with sleep

/// Two that block in each other's way without a buffer: neither sleeps for ever, whoever comes first,
/// and the values come in order (C2, K2). Both never park at once.
#[test]
fn rendezvous() {
    bounded_model(|| {
        let channel = Arc::new(Channel::new(0));
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                let host = Host::new();
                assert_eq!(host.send(&channel, 1), Sent::Sent);
                assert_eq!(host.send(&channel, 2), Sent::Sent);
            }
        });
        let host = Host::new();
        assert_eq!(host.recv(&channel), Received::Value(1));
        assert_eq!(host.recv(&channel), Received::Value(2));
        sender.join().unwrap();
        assert_eq!(channel.parked(), (0, 0));
    });
}

/// A stream through one place, ended by a close: all values in order, then the end (C4, C10).
#[test]
fn buffered_stream_then_close() {
    bounded_model(|| {
        let channel = Arc::new(Channel::new(1));
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                let host = Host::new();
                assert_eq!(host.send(&channel, 1), Sent::Sent);
                assert_eq!(host.send(&channel, 2), Sent::Sent);
                channel.close().unwrap();
            }
        });
        let host = Host::new();
        assert_eq!(host.recv(&channel), Received::Value(1));
        assert_eq!(host.recv(&channel), Received::Value(2));
        assert_eq!(host.recv(&channel), Received::Closed);
        sender.join().unwrap();
    });
}

/// Two receivers, one value; the second receiver is cancelled at some moment and gives back what it
/// was handed. The first gets the value in the end: it is neither lost nor left lying.
#[test]
fn a_value_given_back_reaches_the_other_receiver() {
    bounded_model(|| {
        let channel: Arc<Channel<u32, W>> = Arc::new(Channel::new(0));
        let staying = thread::spawn({
            let channel = Arc::clone(&channel);
            move || Host::new().recv(&channel)
        });
        let leaving = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                let host = Host::new();
                host.interrupt();
                match host.recv_unless_interrupted(&channel, Late::GiveBack) {
                    // It came before the wait began; a host that is cancelled gives this back too.
                    Received::Value(value) => channel.unrecv(value),
                    Received::Cancelled | Received::GaveBack(_) => {}
                    Received::Closed => panic!("nobody closes"),
                }
            }
        });
        assert_eq!(Host::new().send(&channel, 9), Sent::Sent);
        leaving.join().unwrap();
        assert_eq!(staying.join().unwrap(), Received::Value(9));
        assert_eq!((channel.len(), channel.parked()), (0, (0, 0)));
    });
}

/// A blocked receiver that a third party interrupts while a sender serves it: it ends either way, and
/// a value that came too late is kept by it. The sender's word agrees with the receiver's.
#[test]
fn an_interrupted_receiver_and_a_sender_agree() {
    bounded_model(|| {
        let channel = Arc::new(Channel::new(0));
        let host = Host::new();
        let canceller = thread::spawn({
            let host = host.clone();
            move || host.interrupt()
        });
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.try_send(3)
        });
        let got = host.recv_unless_interrupted(&channel, Late::Keep);
        canceller.join().unwrap();
        let expected = match sender.join().unwrap() {
            Ok(()) => Received::Value(3),
            Err(_) => Received::Cancelled,
        };
        assert_eq!(got, expected);
        assert_eq!((channel.len(), channel.parked()), (0, (0, 0)));
    });
}

/// Close ends everybody who sleeps: a receiver here, a sender there, each on its own channel.
#[test]
fn close_ends_sleepers() {
    bounded_model(|| {
        let channel: Arc<Channel<u32, W>> = Arc::new(Channel::new(0));
        let sleepers = [(); 2].map(|()| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || Host::new().recv(&channel))
        });
        channel.close().unwrap();
        for sleeper in sleepers {
            assert_eq!(sleeper.join().unwrap(), Received::Closed);
        }

        let channel = Arc::new(Channel::new(0));
        let sleeper = thread::spawn({
            let channel = Arc::clone(&channel);
            move || Host::new().send(&channel, 1)
        });
        channel.close().unwrap();
        assert_eq!(sleeper.join().unwrap(), Sent::Closed);
    });
}

// ---- what a look without waiting may say

/// C18: a receive that does not wait never says "empty" about a channel that was filled before it was
/// closed, once the close is visible.
#[test]
fn nonblocking_receive_is_one_instant() {
    model(|| {
        let channel: Arc<Channel<u32, W>> = Arc::new(Channel::new(1));
        let peer = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                channel.try_send(1).unwrap();
                channel.close().unwrap();
            }
        });
        if channel.is_closed() {
            assert_eq!(channel.try_recv(), Ok(1));
        } else {
            match channel.try_recv() {
                Ok(value) => assert_eq!(value, 1),
                Err(error) => assert_eq!(error, TryRecvError::Empty, "closed, but not drained"),
            }
        }
        peer.join().unwrap();
    });
}

// ---- happens-before (C20, W7)

/// What a sender did before its send is visible to the receiver after the receive; without a buffer
/// the reverse holds too.
#[test]
fn send_before_receive_and_back() {
    model(|| {
        let channel = Arc::new(Channel::new(0));
        let (there, back) = (plain(), plain());
        let sender = thread::spawn({
            let (channel, there, back) = (Arc::clone(&channel), Arc::clone(&there), Arc::clone(&back));
            move || {
                set(&there);
                assert_eq!(Host::new().send(&channel, ()), Sent::Sent);
                assert!(is_set(&back), "a receive comes before the end of its send");
            }
        });
        set(&back);
        assert_eq!(Host::new().recv(&channel), Received::Value(()));
        assert!(is_set(&there), "a send comes before the end of its receive");
        sender.join().unwrap();
    });
}

/// The k-th receive comes before the end of the (k+C)-th send: a buffered channel is a semaphore.
#[test]
fn receive_before_the_send_that_needs_its_place() {
    model(|| {
        let (channel, before) = (Arc::new(Channel::new(1)), plain());
        let receiver = thread::spawn({
            let (channel, before) = (Arc::clone(&channel), Arc::clone(&before));
            move || {
                set(&before);
                assert_eq!(Host::new().recv(&channel), Received::Value(1));
            }
        });
        let host = Host::new();
        assert_eq!(host.send(&channel, 1), Sent::Sent);
        assert_eq!(host.send(&channel, 2), Sent::Sent);
        assert!(is_set(&before));
        receiver.join().unwrap();
    });
}

/// A close comes before every receive that ends because of it.
#[test]
fn close_before_the_receive_it_ends() {
    model(|| {
        let (channel, before) = (Arc::new(Channel::<u32, W>::new(0)), plain());
        let closer = thread::spawn({
            let (channel, before) = (Arc::clone(&channel), Arc::clone(&before));
            move || {
                set(&before);
                channel.close().unwrap();
            }
        });
        assert_eq!(Host::new().recv(&channel), Received::Closed);
        assert!(is_set(&before));
        closer.join().unwrap();
    });
}

// ---- wait group

/// Two workers and one who waits: it returns only when both are done, and sees what they did (W3, W7).
#[test]
fn wait_group_waits_for_all() {
    bounded_model(|| {
        let group = Arc::new(WaitGroup::<(), W>::new());
        group.add(2).unwrap();
        let done = [plain(), plain()];
        let workers = done.clone().map(|done| {
            let group = Arc::clone(&group);
            thread::spawn(move || {
                set(&done);
                group.add(-1).unwrap();
            })
        });
        Host::new().wait_group(&group);
        assert!(done.iter().all(|done| is_set(done)));
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!((group.count(), group.parked()), (0, 0));
    });
}

/// The release and a waiter's cancellation: one of them ends the wait, and no node stays behind.
#[test]
fn wait_group_release_or_cancel() {
    model(|| {
        let (group, tally) = (Arc::new(WaitGroup::new()), Tally::new());
        group.add(1).unwrap();
        let waiter = Arc::new(Waiter::<()>::new());
        let WaitStart::Parked(ticket) = group.wait_or_park(&waiter, tally.clone()) else {
            panic!("the counter is not zero");
        };
        let worker = thread::spawn({
            let group = Arc::clone(&group);
            move || group.add(-1).unwrap()
        });
        let cancelled = waiter.cancel();
        if cancelled {
            group.forget(ticket);
        } else {
            assert_eq!(waiter.take(), Some(Outcome::Released));
        }
        worker.join().unwrap();
        assert_eq!(tally.wakes(), usize::from(!cancelled));
        assert_eq!(group.parked(), 0);
    });
}

/// A new round may begin while the waiters of the last one have not run yet: they were released, and
/// do not wait for the new one (W4 can not happen).
#[test]
fn wait_group_next_round_does_not_catch_the_last() {
    model(|| {
        let group = Arc::new(WaitGroup::<(), W>::new());
        group.add(1).unwrap();
        let waiter = Arc::new(Waiter::new());
        let host = Host::new();
        let WaitStart::Parked(_) = group.wait_or_park(&waiter, host.waker()) else {
            panic!("the counter is not zero");
        };
        let worker = thread::spawn({
            let group = Arc::clone(&group);
            move || {
                group.add(-1).unwrap();
                group.add(1).unwrap();
            }
        });
        assert_eq!(host.wait(&waiter), Outcome::Released);
        worker.join().unwrap();
        assert_eq!((group.count(), group.parked()), (1, 0));
    });
}
