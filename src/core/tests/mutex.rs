//! What one thread can see of a mutex: M1-M6 on a clock that is moved by hand, leaving, and a plain model of it in random scripts.
//! What threads make of it is in the loom and shuttle models.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::clock::Instant;
use gochan_core::error::NotHeld;
use gochan_core::mutex::{LockStart, OVERDUE, Stay};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Mutex, Outcome, Waiter};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::VecDeque;
use std::sync::Arc;

type Plain = Mutex<(), Tally>;

const MS: u64 = 1_000_000;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn overdue() -> u64 {
    OVERDUE.subsec_nanos().into()
}

struct Party {
    waiter: Arc<Waiter<()>>,
    ticket: Ticket,
    since: Instant,
    tally: Tally,
}

impl Party {
    fn lock(mutex: &Plain, since: Option<u64>, now: u64) -> Option<Self> {
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
        let stay = Stay {
            since: since.map(at),
            now: at(now),
        };
        match mutex.lock_or_park(stay, &waiter, tally.clone()) {
            LockStart::Locked => None,
            LockStart::Parked(ticket) => Some(Self {
                waiter,
                ticket,
                since: at(since.unwrap_or(now)),
                tally,
            }),
        }
    }

    fn park(mutex: &Plain, now: u64) -> Self {
        Self::lock(mutex, None, now).expect("it is locked")
    }

    /// As its host does it: tries again, or goes back to the front.
    fn called(self, mutex: &Plain, now: u64) -> Option<Self> {
        assert_eq!(self.outcome(), Some(Outcome::Free));
        if mutex.retry() {
            return None;
        }
        Self::lock(mutex, Some(self.since.as_nanos()), now)
    }

    fn outcome(&self) -> Option<Outcome<()>> {
        assert_eq!(self.tally.wakes(), usize::from(self.waiter.is_settled()));
        self.waiter.take()
    }
}

fn unlock(mutex: &Plain, now: u64) {
    mutex.unlock(|| at(now)).unwrap();
}

/// M1, M2: whoever unlocks it, it was locked; and an unlock too many changes nothing.
#[test]
fn lock_and_unlock() {
    let mutex = Plain::new();
    assert_eq!(mutex.unlock(|| at(0)), Err(NotHeld));
    assert!(mutex.try_lock());
    assert!(!mutex.try_lock(), "not reentrant");
    unlock(&mutex, 0);
    assert!(!mutex.is_locked());
    assert!(Party::lock(&mutex, None, 0).is_none());
    assert!(mutex.is_locked());
}

/// M3, M6: a newcomer may be faster than the one who was called, who goes back to the front.
#[test]
fn normal_mode() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let (first, second) = (Party::park(&mutex, 0), Party::park(&mutex, 0));
    unlock(&mutex, 10);
    assert!(!mutex.is_locked());
    assert!(mutex.try_lock(), "barging");
    unlock(&mutex, 10);
    assert_eq!(second.outcome(), None, "one is called at a time");
    assert!(mutex.try_lock());
    let first = first.called(&mutex, 20).expect("somebody was faster");
    assert!(!mutex.is_starving());
    unlock(&mutex, 30);
    assert_eq!(
        second.outcome(),
        None,
        "it stands behind the one that was called before"
    );
    assert!(first.called(&mutex, 40).is_none());
    assert!(mutex.is_locked());
    unlock(&mutex, 50);
    assert!(second.called(&mutex, 60).is_none());
    assert_eq!(mutex.parked(), 0);
}

/// M4, M5: who was called in vain after more than 1 ms is handed the mutex, and so is everybody who waits for so long.
#[test]
fn starving_mode() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let old = Party::park(&mutex, 0);
    let older = Party::park(&mutex, 1);
    let young = Party::park(&mutex, 2 * MS);
    let last = Party::park(&mutex, 2 * MS);
    unlock(&mutex, MS);
    assert!(mutex.try_lock());
    let old = old.called(&mutex, MS).unwrap();
    assert!(!mutex.is_starving(), "not for more than 1 ms");
    unlock(&mutex, MS);
    assert!(mutex.try_lock());
    let old = old.called(&mutex, MS + 1).unwrap();
    assert!(mutex.is_starving());

    let newcomer = Party::park(&mutex, 2 * MS);
    unlock(&mutex, 2 * MS);
    assert!(mutex.is_locked() && !mutex.try_lock(), "handed over");
    assert_eq!(old.outcome(), Some(Outcome::Granted));
    assert!(mutex.is_starving());
    unlock(&mutex, 2 * MS);
    assert_eq!(older.outcome(), Some(Outcome::Granted));
    assert!(mutex.is_starving());
    unlock(&mutex, 2 * MS + 1);
    assert_eq!(young.outcome(), Some(Outcome::Granted));
    assert!(!mutex.is_starving(), "it did not wait for long");
    unlock(&mutex, 2 * MS + 1);
    assert!(last.called(&mutex, 2 * MS).is_none());
    unlock(&mutex, 9 * MS);
    assert!(newcomer.called(&mutex, 9 * MS).is_none());
}

/// M5: the last who waits ends it, however long it did.
#[test]
fn the_last_one_ends_starving() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let only = Party::park(&mutex, 0);
    unlock(&mutex, 0);
    assert!(mutex.try_lock());
    let only = only.called(&mutex, 5 * MS).unwrap();
    assert!(mutex.is_starving());
    unlock(&mutex, 5 * MS);
    assert_eq!(only.outcome(), Some(Outcome::Granted));
    assert!(mutex.is_locked() && !mutex.is_starving());
}

/// A starving mutex whose waiters have all left is an ordinary one.
#[test]
fn nobody_left_to_starve() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let only = Party::park(&mutex, 0);
    unlock(&mutex, 0);
    assert!(mutex.try_lock());
    let only = only.called(&mutex, 5 * MS).unwrap();
    assert!(only.waiter.cancel());
    unlock(&mutex, 5 * MS);
    assert!(!mutex.is_locked() && !mutex.is_starving());
    mutex.forget(only.ticket);
}

/// One that was called and does not come (its loop is busy, or stands still) keeps nobody from a mutex that is free again and again.
#[test]
fn one_that_does_not_come() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let [late, second, third] = [(); 3].map(|()| Party::park(&mutex, 0));
    let late_at = overdue() + 1;
    let free_again = |now| {
        assert!(mutex.try_lock());
        unlock(&mutex, now);
    };
    unlock(&mutex, 0);
    free_again(late_at - 1);
    assert_eq!(second.outcome(), None, "it may still come");
    free_again(late_at);
    assert_eq!(second.outcome(), Some(Outcome::Free));
    free_again(late_at);
    assert_eq!(third.outcome(), None, "that one has its time too");
    assert!(mutex.retry());
    assert_eq!(late.outcome(), Some(Outcome::Free));
    assert!(!mutex.retry(), "it comes in vain, and leaves");
    unlock(&mutex, late_at);
    assert!(third.called(&mutex, late_at).is_none());
}

/// One that was called and is cancelled passes the call on; one that was handed the mutex unlocks it.
#[test]
fn cancelled_after_all() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let (first, second) = (Party::park(&mutex, 0), Party::park(&mutex, 0));
    unlock(&mutex, 0);
    assert!(!first.waiter.cancel());
    assert_eq!(first.outcome(), Some(Outcome::Free));
    mutex.pass_on(|| at(0));
    assert_eq!(second.outcome(), Some(Outcome::Free));
    assert!(mutex.try_lock());
    mutex.pass_on(|| at(0));
    assert!(mutex.is_locked());
    let third = Party::park(&mutex, 0);
    unlock(&mutex, 0);
    assert!(
        third.called(&mutex, 0).is_none(),
        "nobody is called any more, so it is"
    );
}

#[test]
fn the_collector_sees_all_and_lets_go_of_all() {
    let mutex = Plain::new();
    assert!(mutex.try_lock());
    let parties = [Party::park(&mutex, 0), Party::park(&mutex, 0)];
    let mut shown = 0;
    assert!(mutex.try_visit(&mut |_| {
        shown += 1;
        assert!(!mutex.try_visit(&mut |_| panic!("shown under the lock")));
    }));
    assert_eq!(shown, 2);
    mutex.clear();
    assert!(
        parties
            .iter()
            .all(|party| party.outcome().is_none() && !party.waiter.cancel())
    );
    unlock(&mutex, 0);
}

#[derive(Debug, Clone)]
enum Step {
    Lock,
    TryLock,
    Unlock,
    /// The one who was called arrives; or is cancelled.
    Arrive(bool),
    /// One in the queue is cancelled.
    Leave(Index),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Lock),
        2 => Just(Step::TryLock),
        4 => Just(Step::Unlock),
        3 => any::<bool>().prop_map(Step::Arrive),
        1 => any::<Index>().prop_map(Step::Leave),
        2 => (0..MS).prop_map(Step::Pass),
        1 => Just(Step::Pass(overdue() + 1)),
    ]
}

/// Written from M3-M6 alone. Who has left is not in it.
#[derive(Default)]
struct Model {
    locked: bool,
    starving: bool,
    /// More than one if they do not come in time.
    called: VecDeque<(usize, u64)>,
    /// When the last one was called, if nobody has come since, and how often the mutex was left free after that.
    calling: Option<(u64, u32)>,
    queue: VecDeque<(usize, u64)>,
    owner: Option<usize>,
}

impl Model {
    fn call(&mut self, now: u64) {
        if self.queue.is_empty() {
            return;
        }
        if let Some((at, unlocks)) = &mut self.calling {
            *unlocks += 1;
            if !unlocks.is_power_of_two() || now - *at <= overdue() {
                return;
            }
        }
        if let Some(next) = self.queue.pop_front() {
            self.called.push_back(next);
            self.calling = Some((now, 0));
        }
    }

    fn unlock(&mut self, now: u64) {
        self.owner = None;
        if !self.starving {
            self.locked = false;
            return self.call(now);
        }
        match self.queue.pop_front() {
            None => (self.locked, self.starving) = (false, false),
            Some((who, since)) => {
                self.starving = !self.queue.is_empty() && now.saturating_sub(since) > MS;
                self.owner = Some(who);
            }
        }
    }
}

proptest! {
    /// Nodes of those who left are taken out at once here. One that is still there can make a mutex starve for one hand-over more (M5).
    #[test]
    fn agrees_with_a_plain_model(script in prop::collection::vec(step(), 0..150)) {
        let mutex = Plain::new();
        let mut model = Model::default();
        let mut parties: Vec<Option<Party>> = Vec::new();
        let mut now = 0;
        for step in script {
            match step {
                Step::Pass(nanos) => now += nanos,
                Step::TryLock => {
                    prop_assert_eq!(mutex.try_lock(), !model.locked);
                    model.locked = true;
                }
                Step::Lock => {
                    let party = Party::lock(&mutex, None, now);
                    prop_assert_eq!(party.is_some(), model.locked);
                    if party.is_some() {
                        model.queue.push_back((parties.len(), now));
                        parties.push(party);
                    }
                    model.locked = true;
                }
                Step::Unlock => {
                    prop_assert_eq!(mutex.unlock(|| at(now)).is_ok(), model.locked);
                    if model.locked {
                        model.unlock(now);
                        if let Some(who) = model.owner {
                            prop_assert_eq!(parties[who].as_ref().unwrap().outcome(), Some(Outcome::Granted));
                        }
                    }
                }
                Step::Arrive(true) => if let Some((who, since)) = model.called.pop_front() {
                    model.calling = None;
                    parties[who] = parties[who].take().unwrap().called(&mutex, now);
                    prop_assert_eq!(parties[who].is_none(), !model.locked);
                    if model.locked {
                        model.starving |= now - since > MS;
                        model.queue.push_front((who, since));
                    }
                    model.locked = true;
                },
                Step::Arrive(false) => if let Some((who, _)) = model.called.pop_front() {
                    model.calling = None;
                    prop_assert_eq!(parties[who].take().unwrap().outcome(), Some(Outcome::Free));
                    mutex.pass_on(|| at(now));
                    if !model.locked {
                        model.call(now);
                    }
                },
                Step::Leave(who) if !model.queue.is_empty() => {
                    let (who, _) = model.queue.remove(who.index(model.queue.len())).unwrap();
                    let party = parties[who].take().unwrap();
                    prop_assert!(party.waiter.cancel());
                    mutex.forget(party.ticket);
                }
                Step::Leave(_) => {}
            }
            prop_assert_eq!((mutex.is_locked(), mutex.is_starving()), (model.locked, model.starving));
            prop_assert_eq!(mutex.parked(), model.queue.len());
            // Nobody is left waiting for a free mutex.
            prop_assert!(model.locked || model.queue.is_empty() || !model.called.is_empty());
        }
    }
}
