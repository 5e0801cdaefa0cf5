//! Wakes and drops are foreign code: each of them happens with no lock held, so it may use the channel
//! it comes from. A test that failed here would, without [`Hook::fire`]'s first look, hang for ever.

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::lock::assert_none_held;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter, Wake};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

type Hooked = Channel<Hook, Hook>;

/// A waker, or a value, that uses its channel when it is woken or dropped.
struct Hook {
    channel: Weak<Hooked>,
    fired: Arc<AtomicUsize>,
    spent: bool,
}

impl Hook {
    fn fire(&mut self) {
        // One failure is enough: a second one while unwinding would abort the other tests too.
        if std::mem::replace(&mut self.spent, true) || std::thread::panicking() {
            return;
        }
        let Some(channel) = self.channel.upgrade() else {
            return;
        };
        assert_none_held("a hook");
        assert!(channel.try_visit(&mut |_| {}), "the lock of the channel is held");
        // And now really: in, out, and away again.
        let inert = || Hook {
            channel: Weak::new(),
            fired: Arc::default(),
            spent: true,
        };
        let before = channel.len();
        channel.unrecv(inert(), 0);
        drop(channel.try_recv());
        assert_eq!(channel.len(), before);
        self.fired.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wake for Hook {
    fn wake(mut self) {
        self.fire();
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.fire();
    }
}

struct Scene {
    channel: Arc<Hooked>,
    fired: Arc<AtomicUsize>,
}

struct Party(Arc<Waiter<Hook>>, Ticket);

impl Scene {
    fn new(capacity: usize) -> Self {
        Self {
            channel: Arc::new(Channel::new(capacity)),
            fired: Arc::default(),
        }
    }

    fn hook(&self) -> Hook {
        Hook {
            channel: Arc::downgrade(&self.channel),
            fired: Arc::clone(&self.fired),
            spent: false,
        }
    }

    fn park_sender(&self) -> Party {
        let waiter = Arc::new(Waiter::new());
        match self.channel.send_or_park(self.hook(), &waiter, self.hook()) {
            SendStart::Parked(ticket) => Party(waiter, ticket),
            _ => panic!("the send has to wait"),
        }
    }

    fn park_receiver(&self) -> Party {
        let waiter = Arc::new(Waiter::new());
        match self.channel.recv_or_park(&waiter, self.hook()) {
            RecvStart::Parked(ticket) => Party(waiter, ticket),
            _ => panic!("the receive has to wait"),
        }
    }

    fn send(&self) {
        assert!(self.channel.try_send(self.hook()).is_ok());
    }

    /// The hooks that fired since the last call.
    fn fired(&self) -> usize {
        self.fired.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn woken_by_a_send() {
    let scene = Scene::new(0);
    let receiver = scene.park_receiver();
    scene.send();
    assert_eq!(scene.fired(), 1);
    let value = receiver.0.take();
    assert!(matches!(value, Some(Outcome::Received(..))));
    drop(value);
    assert_eq!(scene.fired(), 1);

    let receiver = scene.park_receiver();
    let started = scene
        .channel
        .send_or_park(scene.hook(), &Arc::new(Waiter::new()), scene.hook());
    assert!(matches!(started, SendStart::Sent));
    assert_eq!(
        scene.fired(),
        2,
        "the receiver's waker, and the sender's that was not needed"
    );
    drop(receiver);
}

#[test]
fn woken_by_a_receive() {
    for capacity in [0, 1] {
        let scene = Scene::new(capacity);
        (0..capacity).for_each(|_| scene.send());
        let _sender = scene.park_sender();
        let value = scene.channel.try_recv();
        assert_eq!(scene.fired(), 1);
        drop(value);
        assert_eq!(scene.fired(), 1);

        scene.channel.clear();
        assert_eq!(scene.fired(), capacity);
        (0..capacity).for_each(|_| scene.send());
        let _sender = scene.park_sender();
        let started = scene.channel.recv_or_park(&Arc::new(Waiter::new()), scene.hook());
        assert!(matches!(started, RecvStart::Received(_)));
        assert_eq!(
            scene.fired(),
            2,
            "the sender's waker, and the receiver's that was not needed"
        );
    }
}

#[test]
fn woken_by_recv_available() {
    let scene = Scene::new(1);
    scene.send();
    let _senders = [scene.park_sender(), scene.park_sender()];
    let mut out = Vec::new();
    let _ = scene.channel.recv_available(9, &mut out);
    assert_eq!((out.len(), scene.fired()), (3, 2));
}

#[test]
fn woken_by_unrecv() {
    let scene = Scene::new(0);
    let _receiver = scene.park_receiver();
    scene.channel.unrecv(scene.hook(), 0);
    assert_eq!(scene.fired(), 1);
}

#[test]
fn woken_and_dropped_by_close() {
    let scene = Scene::new(0);
    let _receivers = [scene.park_receiver(), scene.park_receiver()];
    scene.channel.close().unwrap();
    assert_eq!(scene.fired(), 2);

    let scene = Scene::new(0);
    let _senders = [scene.park_sender(), scene.park_sender()];
    scene.channel.close().unwrap();
    assert_eq!(scene.fired(), 4, "two wakers, two values");
}

#[test]
fn refused_by_a_closed_channel() {
    let scene = Scene::new(1);
    scene.channel.close().unwrap();
    let started = scene
        .channel
        .send_or_park(scene.hook(), &Arc::new(Waiter::new()), scene.hook());
    assert_eq!(scene.fired(), 1, "the waker; the value is the caller's");
    drop(started);
    drop(scene.channel.try_send(scene.hook()));
    drop(scene.channel.recv_or_park(&Arc::new(Waiter::new()), scene.hook()));
    assert_eq!(scene.fired(), 3);
}

#[test]
fn passed_by_after_leaving() {
    let scene = Scene::new(1);
    let gone = scene.park_receiver();
    assert!(gone.0.cancel());
    scene.send();
    assert_eq!(scene.fired(), 1, "passed by by a send");

    let gone = scene.park_sender();
    assert!(gone.0.cancel());
    drop(scene.channel.try_recv());
    assert_eq!(scene.fired(), 3, "its waker and value, and what was received");

    for close in [false, true] {
        let scene = Scene::new(0);
        let gone = scene.park_receiver();
        assert!(gone.0.cancel());
        if close {
            scene.channel.close().unwrap();
        } else {
            scene.channel.unrecv(scene.hook(), 0);
        }
        assert_eq!(scene.fired(), 1);
    }

    let scene = Scene::new(0);
    let gone = scene.park_sender();
    assert!(gone.0.cancel());
    scene.channel.close().unwrap();
    assert_eq!(scene.fired(), 2);
}

#[test]
fn forgotten_after_leaving() {
    let scene = Scene::new(0);
    let Party(waiter, ticket) = scene.park_receiver();
    assert!(waiter.cancel());
    scene.channel.forget_receiver(ticket);
    assert_eq!(scene.fired(), 1);

    let Party(waiter, ticket) = scene.park_sender();
    assert!(waiter.cancel());
    scene.channel.forget_sender(ticket);
    assert_eq!(scene.fired(), 2);
}

#[test]
fn cleared() {
    let scene = Scene::new(1);
    scene.send();
    let _senders = [scene.park_sender(), scene.park_sender()];
    scene.channel.clear();
    assert_eq!(scene.fired(), 5);
    let _receiver = scene.park_receiver();
    scene.channel.clear();
    assert_eq!(scene.fired(), 1);
}

/// A receiver whose host let go of its waiter without cancelling it: nobody will take the value, and
/// it ends outside the lock like any other.
#[test]
fn handed_to_nobody() {
    let scene = Scene::new(0);
    drop(scene.park_receiver());
    scene.send();
    assert_eq!(
        scene.fired(),
        2,
        "the waker, and the value that has no owner any more"
    );
}
