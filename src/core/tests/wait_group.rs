//! What one thread can see of a wait group: W1-W3, W6, misuse, leaving, and no foreign code under the
//! lock. What threads make of it is in the loom and shuttle models.
#![cfg(not(any(loom, shuttle)))]

use gochan_core::error::AddError;
use gochan_core::lock::assert_none_held;
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, WaitGroup, Waiter, Wake};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

type Group = WaitGroup<(), Probe>;

/// A waker that looks whether the group is free, and how many waited still, when it is woken or ends.
struct Probe {
    group: Weak<Group>,
    seen: Rc<Seen>,
    woken: bool,
}

#[derive(Default)]
struct Seen {
    woken: Cell<usize>,
    dropped: Cell<usize>,
    /// Looked at by each wake: all must be settled by then.
    all: RefCell<Vec<Arc<Waiter<()>>>>,
}

impl Probe {
    fn look(&self) {
        if let Some(group) = self.group.upgrade() {
            assert_none_held("a probe");
            assert!(group.try_visit(&mut |_| {}), "the lock of the group is held");
            group.add(1).unwrap();
            group.add(-1).unwrap();
        }
    }
}

impl Wake for Probe {
    fn wake(mut self) {
        self.woken = true;
        let all = self.seen.all.borrow();
        assert!(
            all.iter().all(|waiter| waiter.is_settled()),
            "woken before all were settled"
        );
        drop(all);
        self.look();
        self.seen.woken.set(self.seen.woken.get() + 1);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.woken && !std::thread::panicking() {
            self.look();
            self.seen.dropped.set(self.seen.dropped.get() + 1);
        }
    }
}

struct Scene {
    group: Rc<Group>,
    seen: Rc<Seen>,
}

struct Party(Arc<Waiter<()>>, Ticket);

impl Scene {
    fn new(count: i64) -> Self {
        let group = Group::new();
        group.add(count).unwrap();
        Self {
            group: Rc::new(group),
            seen: Rc::default(),
        }
    }

    fn wait(&self) -> Result<(), Party> {
        let waiter = Arc::new(Waiter::new());
        let probe = Probe {
            group: Rc::downgrade(&self.group),
            seen: Rc::clone(&self.seen),
            woken: false,
        };
        match self.group.wait_or_park(&waiter, probe) {
            WaitStart::Released => Ok(()),
            WaitStart::Parked(ticket) => Err(Party(waiter, ticket)),
        }
    }

    fn park(&self) -> Party {
        self.wait().expect_err("the counter is not zero")
    }

    /// Wakes, and wakers that ended otherwise, since the last call.
    fn seen(&self) -> (usize, usize) {
        (self.seen.woken.take(), self.seen.dropped.take())
    }
}

/// W1.
#[test]
fn at_zero_nobody_waits() {
    let scene = Scene::new(0);
    assert!(scene.wait().is_ok());
    assert_eq!((scene.seen(), scene.group.parked()), ((0, 1), 0));
    scene.group.add(0).unwrap();
    assert_eq!((scene.group.count(), scene.seen()), (0, (0, 0)));
}

/// W3: all at once, once, and only at zero.
#[test]
fn zero_releases_all() {
    let scene = Scene::new(2);
    let parties = [scene.park(), scene.park(), scene.park()];
    *scene.seen.all.borrow_mut() = parties.iter().map(|party| Arc::clone(&party.0)).collect();
    scene.group.add(1).unwrap();
    scene.group.add(-2).unwrap();
    assert_eq!(
        (scene.group.count(), scene.group.parked(), scene.seen()),
        (1, 3, (0, 0))
    );
    assert!(parties.iter().all(|party| !party.0.is_settled()));

    scene.group.add(-1).unwrap();
    assert_eq!(
        (scene.group.count(), scene.group.parked(), scene.seen()),
        (0, 0, (3, 0))
    );
    assert!(
        parties
            .iter()
            .all(|party| party.0.take() == Some(Outcome::Released))
    );
}

/// W1: the next round is a new one, also for those of the last that have not run yet.
#[test]
fn rounds_do_not_mix() {
    let scene = Scene::new(1);
    let first = scene.park();
    scene.group.add(-1).unwrap();
    scene.group.add(1).unwrap();
    let second = scene.park();
    assert_eq!(first.0.take(), Some(Outcome::Released));
    assert_eq!((second.0.take(), scene.group.parked()), (None, 1));
    scene.group.add(-1).unwrap();
    assert_eq!(second.0.take(), Some(Outcome::Released));
}

/// Unlike Go (W2), a refused `add` leaves no trace.
#[test]
fn misuse_changes_nothing() {
    let scene = Scene::new(1);
    let party = scene.park();
    assert_eq!(scene.group.add(-2), Err(AddError::Negative));
    assert_eq!(scene.group.add(i64::MIN), Err(AddError::Negative));
    assert_eq!(scene.group.add(i64::MAX), Err(AddError::Overflow));
    assert_eq!(
        (scene.group.count(), scene.group.parked(), scene.seen()),
        (1, 1, (0, 0))
    );
    assert!(!party.0.is_settled());
    scene.group.add(-1).unwrap();
    assert_eq!(scene.group.add(-1), Err(AddError::Negative));
    assert_eq!(party.0.take(), Some(Outcome::Released));
    scene.group.add(i64::MAX).unwrap();
    assert_eq!(scene.group.add(1), Err(AddError::Overflow));
    assert_eq!(scene.group.count(), i64::MAX);
}

#[test]
fn somebody_who_left_is_not_woken() {
    let scene = Scene::new(1);
    let (forgotten, passed_by, there) = (scene.park(), scene.park(), scene.park());
    assert!(forgotten.0.cancel());
    scene.group.forget(forgotten.1);
    assert_eq!((scene.group.parked(), scene.seen()), (2, (0, 1)));

    assert!(passed_by.0.cancel());
    scene.group.add(-1).unwrap();
    assert_eq!((scene.group.parked(), scene.seen()), (0, (1, 1)));
    assert_eq!(
        (passed_by.0.take(), there.0.take()),
        (None, Some(Outcome::Released))
    );

    scene.group.add(1).unwrap();
    let next = scene.park();
    scene.group.forget(forgotten.1);
    scene.group.forget(passed_by.1);
    assert_eq!(scene.group.parked(), 1);
    scene.group.add(-1).unwrap();
    assert_eq!(next.0.take(), Some(Outcome::Released));
}

#[test]
fn the_collector_sees_each_waker_once_and_lets_go_of_all() {
    let scene = Scene::new(1);
    let parties = [scene.park(), scene.park()];
    let mut shown = 0;
    assert!(scene.group.try_visit(&mut |_| {
        shown += 1;
        assert!(!scene.group.try_visit(&mut |_| panic!("shown under the lock")));
    }));
    assert_eq!(shown, 2);

    assert!(parties[0].0.cancel());
    scene.group.clear();
    assert_eq!((scene.group.parked(), scene.seen()), (0, (0, 2)));
    assert!(
        !parties[1].0.is_settled() && !parties[1].0.cancel(),
        "cancelled, not settled"
    );

    let next = scene.park();
    scene.group.forget(parties[0].1);
    assert_eq!(scene.group.parked(), 1, "a ticket stays dead over a clear");
    scene.group.add(-1).unwrap();
    assert_eq!(next.0.take(), Some(Outcome::Released));
}

#[test]
fn the_shortcut_adds_only_where_the_counter_stays_above_zero() {
    let scene = Scene::new(2);
    let party = scene.park();
    assert!(scene.group.add_at_once(1) && scene.group.add_at_once(-2));
    assert_eq!(scene.group.count(), 1);
    for delta in [-1, -2, i64::MIN, i64::MAX] {
        assert!(!scene.group.add_at_once(delta), "{delta}");
    }
    assert_eq!((scene.group.count(), party.0.is_settled()), (1, false));
    scene.group.add(-1).unwrap();
    assert!(party.0.is_settled());
    assert_eq!(scene.seen(), (1, 0));
    assert!(!scene.group.add_at_once(0), "of zero the long way sees to it");
}
