//! What one thread may know of another: happens-before (C20) and looks without waiting (C18).

use crate::common::{Host, RecvEnd, SendEnd, W};
use crate::{is_set, model, plain, set};
use gochan_core::Channel;
use gochan_core::error::TryRecvError;
use gochan_core::sys::{Arc, thread};

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
                assert_eq!(Host::new().send(&channel, ()), SendEnd::Sent);
                assert!(is_set(&back), "a receive comes before the end of its send");
            }
        });
        set(&back);
        assert_eq!(Host::new().recv(&channel), RecvEnd::Value(()));
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
                assert_eq!(Host::new().recv(&channel), RecvEnd::Value(1));
            }
        });
        let host = Host::new();
        assert_eq!(host.send(&channel, 1), SendEnd::Sent);
        assert_eq!(host.send(&channel, 2), SendEnd::Sent);
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
        assert_eq!(Host::new().recv(&channel), RecvEnd::Closed);
        assert!(is_set(&before));
        closer.join().unwrap();
    });
}
