//! What one thread can see of an RWMutex: M8-M13, leaving, and a plain model of it in random scripts. What threads make of it is in the
//! loom and shuttle models.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::error::NotHeld;
use gochan_core::mutex::LockStart;
use gochan_core::rwmutex::Side::{self, Read, Write};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, RwMutex, Waiter};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::VecDeque;
use std::sync::Arc;

type Plain = RwMutex<(), Tally>;

struct Party {
    side: Side,
    waiter: Arc<Waiter<()>>,
    ticket: Ticket,
    tally: Tally,
}

impl Party {
    fn lock(mutex: &Plain, side: Side) -> Option<Self> {
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
        match mutex.lock_or_park(side, &waiter, tally.clone()) {
            LockStart::Locked => None,
            LockStart::Parked(ticket) => Some(Self {
                side,
                waiter,
                ticket,
                tally,
            }),
        }
    }

    fn park(mutex: &Plain, side: Side) -> Self {
        Self::lock(mutex, side).expect("it has to wait")
    }

    fn leave(&self, mutex: &Plain) {
        assert!(self.waiter.cancel());
        mutex.forget(self.side, self.ticket);
    }

    fn has(&self) -> bool {
        assert_eq!(self.tally.wakes(), usize::from(self.waiter.is_settled()));
        self.waiter.is_settled()
    }
}

fn tries(mutex: &Plain) -> (bool, bool) {
    let can = |side| mutex.try_lock(side) && mutex.unlock(side).is_ok();
    (can(Read), can(Write))
}

/// M11, M12: Go's truth tables.
#[test]
fn who_may() {
    let mutex = Plain::new();
    assert_eq!(
        (mutex.unlock(Read), mutex.unlock(Write)),
        (Err(NotHeld), Err(NotHeld))
    );
    assert_eq!(tries(&mutex), (true, true));
    assert!(mutex.try_lock(Read));
    assert_eq!(tries(&mutex), (true, false));
    assert_eq!(mutex.unlock(Write), Err(NotHeld), "RLock, Unlock");
    let writer = Party::park(&mutex, Write);
    assert_eq!(tries(&mutex), (false, false), "a writer is pending");
    mutex.unlock(Read).unwrap();
    assert!(writer.has());
    assert_eq!(tries(&mutex), (false, false));
    assert_eq!(mutex.unlock(Read), Err(NotHeld), "Lock, RUnlock");
    mutex.unlock(Write).unwrap();
    assert_eq!(tries(&mutex), (true, true));
}

/// M8, M9: a pending writer waits for those who read now, and holds off all others.
#[test]
fn a_pending_writer_holds_readers_off() {
    let mutex = Plain::new();
    assert!(mutex.try_lock(Read) && mutex.try_lock(Read));
    let (writer, late) = (Party::park(&mutex, Write), Party::park(&mutex, Read));
    mutex.unlock(Read).unwrap();
    assert!(!writer.has() && !late.has());
    mutex.unlock(Read).unwrap();
    assert!(writer.has() && !late.has());
    mutex.unlock(Write).unwrap();
    assert!(late.has());
}

/// M10: all readers that came during the write, before the writer that came first of all.
#[test]
fn phases_alternate() {
    let mutex = Plain::new();
    assert!(mutex.try_lock(Write));
    let (second, third) = (Party::park(&mutex, Write), Party::park(&mutex, Write));
    let readers = [(); 3].map(|()| Party::park(&mutex, Read));
    mutex.unlock(Write).unwrap();
    assert!(readers.iter().all(Party::has) && !second.has());
    let late = Party::park(&mutex, Read);
    for _ in 0..3 {
        assert!(!second.has());
        mutex.unlock(Read).unwrap();
    }
    assert!(second.has() && !late.has() && !third.has());
    mutex.unlock(Write).unwrap();
    assert!(late.has() && !third.has());
    mutex.unlock(Read).unwrap();
    assert!(third.has());
}

/// A writer that leaves lets in whom it held off; one that was handed the lock and can not keep it unlocks.
#[test]
fn who_leaves_lets_the_others_in() {
    let mutex = Plain::new();
    assert!(mutex.try_lock(Read));
    let (first, second) = (Party::park(&mutex, Write), Party::park(&mutex, Write));
    let reader = Party::park(&mutex, Read);
    first.leave(&mutex);
    assert!(!reader.has(), "another writer is pending");
    second.leave(&mutex);
    assert!(reader.has());
    assert_eq!(mutex.seen().reading, 2);
    reader.waiter.take();
    mutex.unlock(Read).unwrap();

    let (writer, reader) = (Party::park(&mutex, Write), Party::park(&mutex, Read));
    mutex.unlock(Read).unwrap();
    assert!(!writer.waiter.cancel());
    assert_eq!(writer.waiter.take(), Some(Outcome::Granted));
    mutex.unlock(Write).unwrap();
    assert!(reader.has());
}

/// One that is cancelled but has not taken its node out yet holds nobody off.
#[test]
fn the_dead_hold_nobody_off() {
    let mutex = Plain::new();
    assert!(mutex.try_lock(Read));
    let writer = Party::park(&mutex, Write);
    assert!(writer.waiter.cancel());
    assert!(mutex.try_lock(Read));
    mutex.forget(Write, writer.ticket);
    assert_eq!((mutex.seen().reading, mutex.seen().writers), (2, 0));
}

#[test]
fn the_collector_sees_all_and_lets_go_of_all() {
    let mutex = Plain::new();
    assert!(mutex.try_lock(Write));
    let parties = [Read, Write, Read].map(|side| Party::park(&mutex, side));
    let mut shown = 0;
    assert!(mutex.try_visit(&mut |_| {
        shown += 1;
        assert!(!mutex.try_visit(&mut |_| panic!("shown under the lock")));
    }));
    assert_eq!(shown, 3);
    mutex.clear();
    assert!(parties.iter().all(|party| !party.has() && !party.waiter.cancel()));
    mutex.unlock(Write).unwrap();
    assert_eq!(tries(&mutex), (true, true));
}

#[derive(Debug, Clone)]
enum Step {
    Lock(Side),
    TryLock(Side),
    Unlock(Side),
    Leave(Index),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![3 => Just(Read), 2 => Just(Write)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => side().prop_map(Step::Lock),
        1 => side().prop_map(Step::TryLock),
        5 => side().prop_map(Step::Unlock),
        1 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// Written from M8-M12 alone: one line of all who wait.
#[derive(Default)]
struct Model {
    reading: usize,
    writing: bool,
    line: VecDeque<(usize, Side)>,
    served: Vec<usize>,
}

impl Model {
    fn take(&mut self, side: Side) -> bool {
        let pending = self.line.iter().any(|&(_, side)| side == Write);
        match side {
            Read if self.writing || pending => return false,
            Read => self.reading += 1,
            Write if self.writing || self.reading > 0 => return false,
            Write => self.writing = true,
        }
        true
    }

    fn readers(&mut self) {
        let (readers, writers): (Vec<_>, Vec<_>) = self.line.drain(..).partition(|&(_, side)| side == Read);
        self.reading += readers.len();
        self.served.extend(readers.iter().map(|&(who, _)| who));
        self.line = writers.into();
    }

    /// After somebody left.
    fn go_on(&mut self) {
        if self.writing {
            return;
        }
        match self.line.iter().position(|&(_, side)| side == Write) {
            None => self.readers(),
            Some(at) if self.reading == 0 => {
                let (who, _) = self.line.remove(at).unwrap();
                self.writing = true;
                self.served.push(who);
            }
            Some(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_plain_model(script in prop::collection::vec(step(), 0..150)) {
        let (mutex, mut model) = (Plain::new(), Model::default());
        let mut parties: Vec<Party> = Vec::new();
        for step in script {
            match step {
                Step::TryLock(side) => prop_assert_eq!(mutex.try_lock(side), model.take(side)),
                Step::Lock(side) => {
                    let party = Party::lock(&mutex, side);
                    prop_assert_eq!(party.is_none(), model.take(side));
                    if let Some(party) = party {
                        model.line.push_back((parties.len(), side));
                        parties.push(party);
                    }
                }
                Step::Unlock(side) => {
                    let held = if side == Read { model.reading > 0 } else { model.writing };
                    prop_assert_eq!(mutex.unlock(side).is_ok(), held);
                    match side {
                        _ if !held => {}
                        Read => model.reading -= 1,
                        Write => {
                            model.writing = false;
                            model.readers();
                        }
                    }
                    model.go_on();
                }
                Step::Leave(who) if !model.line.is_empty() => {
                    let (who, _) = model.line.remove(who.index(model.line.len())).unwrap();
                    parties[who].leave(&mutex);
                    model.go_on();
                }
                Step::Leave(_) => {}
            }
            let seen = mutex.seen();
            prop_assert_eq!((seen.reading, seen.writing), (model.reading, model.writing));
            prop_assert_eq!(seen.readers + seen.writers, model.line.len());
            for (number, party) in parties.iter().enumerate() {
                prop_assert_eq!(party.has(), model.served.contains(&number));
            }
        }
    }
}
