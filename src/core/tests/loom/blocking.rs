//! Threads that block in a channel: nobody sleeps for ever, and no value is lost.

use crate::bounded_model;
use crate::common::{Host, Late, RecvEnd, SendEnd, W};
use gochan_core::Channel;
use gochan_core::sys::{Arc, thread};

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
                assert_eq!(host.send(&channel, 1), SendEnd::Sent);
                assert_eq!(host.send(&channel, 2), SendEnd::Sent);
            }
        });
        let host = Host::new();
        assert_eq!(host.recv(&channel), RecvEnd::Value(1));
        assert_eq!(host.recv(&channel), RecvEnd::Value(2));
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
                assert_eq!(host.send(&channel, 1), SendEnd::Sent);
                assert_eq!(host.send(&channel, 2), SendEnd::Sent);
                channel.close().unwrap();
            }
        });
        let host = Host::new();
        assert_eq!(host.recv(&channel), RecvEnd::Value(1));
        assert_eq!(host.recv(&channel), RecvEnd::Value(2));
        assert_eq!(host.recv(&channel), RecvEnd::Closed);
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
                    // It came before the wait began: it is kept, and sent on.
                    RecvEnd::Value(value) => assert_eq!(host.send(&channel, value), SendEnd::Sent),
                    RecvEnd::Cancelled | RecvEnd::GaveBack(_) => {}
                    RecvEnd::Closed => panic!("nobody closes"),
                }
            }
        });
        assert_eq!(Host::new().send(&channel, 9), SendEnd::Sent);
        leaving.join().unwrap();
        assert_eq!(staying.join().unwrap(), RecvEnd::Value(9));
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
            Ok(()) => RecvEnd::Value(3),
            Err(_) => RecvEnd::Cancelled,
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
            assert_eq!(sleeper.join().unwrap(), RecvEnd::Closed);
        }

        let channel = Arc::new(Channel::new(0));
        let sleeper = thread::spawn({
            let channel = Arc::clone(&channel);
            move || Host::new().send(&channel, 1)
        });
        channel.close().unwrap();
        assert_eq!(sleeper.join().unwrap(), SendEnd::Closed);
    });
}
