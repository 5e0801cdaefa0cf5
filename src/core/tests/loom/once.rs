//! Once: one runs, and nobody goes on before it has.

use crate::common::{Host, W};
use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::Once;
use gochan_core::sys::{Arc, thread};

/// O1, O7: whoever returns has seen what the one who ran did.
#[test]
fn one_runs_and_all_see_it() {
    bounded_model(|| {
        let (once, seen) = (Arc::new(Once::<(), W>::new()), plain());
        let run = {
            let (once, seen) = (Arc::clone(&once), Arc::clone(&seen));
            move || {
                let first = once.begin();
                if first {
                    assert!(!is_set(&seen), "somebody ran before");
                    set(&seen);
                    once.finish();
                } else if !once.is_done() {
                    Host::new().wait_group(once.running());
                }
                assert!(is_set(&seen) && once.is_done());
                first
            }
        };
        let others = [thread::spawn(run.clone()), thread::spawn(run.clone())];
        let mut ran = u32::from(run());
        for other in others {
            ran += u32::from(other.join().unwrap());
        }
        assert_eq!((ran, once.running().parked()), (1, 0));
    });
}

#[test]
fn done_stays_done() {
    model(|| {
        let once = Arc::new(Once::<(), W>::new());
        assert!(once.begin() && !once.begin() && once.is_running());
        let other = thread::spawn({
            let once = Arc::clone(&once);
            move || once.finish()
        });
        Host::new().wait_group(once.running());
        once.finish();
        other.join().unwrap();
        assert!(once.is_done() && !once.begin());
        assert_eq!(once.running().count(), 0);
    });
}
