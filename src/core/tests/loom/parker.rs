//! The parker alone.

use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::Parker;
use gochan_core::sys::{Arc, thread};

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
