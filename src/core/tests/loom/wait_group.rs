//! A wait group's release against those who wait, cancel and start the next round.

use crate::common::{Host, Tally, W};
use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::sys::{Arc, thread};
use gochan_core::wait_group::WaitStart;
use gochan_core::{Outcome, WaitGroup, Waiter};

/// Two workers and one who waits: it returns only when both are done, and sees what they did (W3, W7).
#[test]
fn waits_for_all() {
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
fn release_or_cancel() {
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
fn next_round_does_not_catch_the_last() {
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
