//! What one thread can see of a semaphore: SM1-SM5, leaving, and a plain model of it in random scripts. What threads make of it
//! is in the loom and shuttle models.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::error::NotHeld;
use gochan_core::semaphore::AcquireStart;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, Semaphore, Waiter};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::VecDeque;
use std::sync::Arc;

type Weighted = Semaphore<(), Tally>;

struct Party {
    waiter: Arc<Waiter<()>>,
    ticket: Ticket,
    tally: Tally,
}

impl Party {
    /// Who has to wait for `permits`.
    fn park(semaphore: &Weighted, permits: u64) -> Self {
        Self::acquire(semaphore, permits).expect("it has to wait")
    }

    fn acquire(semaphore: &Weighted, permits: u64) -> Option<Self> {
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
        match semaphore.acquire_or_park(permits, &waiter, tally.clone()) {
            AcquireStart::Acquired => None,
            AcquireStart::Parked(ticket) => Some(Self {
                waiter,
                ticket,
                tally,
            }),
        }
    }

    fn leave(&self, semaphore: &Weighted) {
        assert!(self.waiter.cancel());
        semaphore.forget(self.ticket);
    }

    /// Whether it was handed its permits, and woken for it once.
    fn has(&self) -> bool {
        assert_eq!(self.tally.wakes(), usize::from(self.waiter.is_settled()));
        self.waiter.is_settled()
    }
}

/// SM1: the head waits for all it wants, and everyone behind it waits too.
#[test]
fn the_head_holds_everyone_back() {
    let semaphore = Weighted::new(3);
    assert!(semaphore.try_acquire(2));
    let (big, small) = (Party::park(&semaphore, 3), Party::park(&semaphore, 1));
    assert!(
        !semaphore.try_acquire(1),
        "one is free, but there is a queue (SM4)"
    );
    assert!(!semaphore.try_acquire(0));
    semaphore.release(1).unwrap();
    assert!(!big.has() && !small.has());
    semaphore.release(1).unwrap();
    assert!(big.has() && !small.has());
    assert_eq!(semaphore.held(), 3);
    semaphore.release(3).unwrap();
    assert!(small.has());
    assert_eq!((semaphore.held(), semaphore.parked()), (1, 0));
    assert_eq!(small.waiter.take(), Some(Outcome::Granted));
}

/// SM5: a release lets in as many heads as fit; one of too much is refused whole.
#[test]
fn release() {
    let semaphore = Weighted::new(4);
    assert_eq!(semaphore.release(1), Err(NotHeld));
    assert!(semaphore.try_acquire(4));
    let parties = [1, 2, 2].map(|permits| Party::park(&semaphore, permits));
    assert_eq!(semaphore.release(5), Err(NotHeld));
    assert_eq!((semaphore.held(), semaphore.parked()), (4, 3));
    semaphore.release(4).unwrap();
    assert_eq!(parties.map(|party| party.has()), [true, true, false]);
    assert_eq!(semaphore.held(), 3);
    semaphore.release(0).unwrap();
    assert_eq!(semaphore.parked(), 1);
}

/// SM2: more than there is waits, and keeps nobody.
#[test]
fn more_than_there_is() {
    let semaphore = Weighted::new(1);
    let never = Party::park(&semaphore, 2);
    assert_eq!((never.ticket, semaphore.parked()), (Ticket::NOWHERE, 0));
    assert!(semaphore.try_acquire(1));
    let next = Party::park(&semaphore, 1);
    semaphore.release(1).unwrap();
    assert!(next.has() && !never.has());
    never.leave(&semaphore);
    assert_eq!(semaphore.held(), 1);
    assert!(!semaphore.try_acquire(u64::MAX));
}

/// SM3: whom the head held back goes on when it leaves; and permits that come back go on to the next.
#[test]
fn who_leaves_lets_the_next_in() {
    let semaphore = Weighted::new(2);
    assert!(semaphore.try_acquire(1));
    let (head, next, last) = (
        Party::park(&semaphore, 2),
        Party::park(&semaphore, 1),
        Party::park(&semaphore, 1),
    );
    head.leave(&semaphore);
    assert!(next.has() && !last.has());
    // Its host was cancelled, and it can not keep them.
    assert!(!next.waiter.cancel());
    semaphore.release(1).unwrap();
    assert!(last.has());
    assert_eq!(semaphore.held(), 2);
}

/// One that is cancelled but has not taken its node out yet keeps nobody.
#[test]
fn the_dead_keep_nobody() {
    let semaphore = Weighted::new(2);
    assert!(semaphore.try_acquire(1));
    let head = Party::park(&semaphore, 2);
    assert!(head.waiter.cancel());
    assert!(semaphore.try_acquire(1));
    semaphore.forget(head.ticket);
    assert_eq!((semaphore.held(), semaphore.parked()), (2, 0));
}

#[test]
fn the_collector_sees_all_and_lets_go_of_all() {
    let semaphore = Weighted::new(0);
    let parties = [1, 0].map(|_| Party::acquire(&semaphore, 0));
    assert!(parties.iter().all(Option::is_none), "nothing is always there");
    let semaphore = Weighted::new(1);
    assert!(semaphore.try_acquire(1));
    let parties = [1, 1].map(|permits| Party::park(&semaphore, permits));
    let mut shown = 0;
    assert!(semaphore.try_visit(&mut |_| {
        shown += 1;
        assert!(!semaphore.try_visit(&mut |_| panic!("shown under the lock")));
    }));
    assert_eq!(shown, 2);
    semaphore.clear();
    assert!(parties.iter().all(|party| !party.has() && !party.waiter.cancel()));
}

#[derive(Debug, Clone)]
enum Step {
    Try(u64),
    Acquire(u64),
    /// Releases so much of what is held.
    Release(u64),
    Leave(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u64).prop_map(Step::Try),
        (0..5u64).prop_map(Step::Acquire),
        (0..4u64).prop_map(Step::Release),
        any::<Index>().prop_map(Step::Leave),
    ]
}

/// Written from SM1-SM5 alone.
struct Model {
    size: u64,
    held: u64,
    queue: VecDeque<(usize, u64)>,
    served: Vec<usize>,
}

impl Model {
    fn take(&mut self, permits: u64) -> bool {
        let fits = self.queue.is_empty() && self.held + permits <= self.size;
        self.held += if fits { permits } else { 0 };
        fits
    }

    fn go_on(&mut self) {
        while let Some(&(who, permits)) = self.queue.front() {
            if self.held + permits > self.size {
                break;
            }
            self.held += permits;
            self.served.push(who);
            self.queue.pop_front();
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_plain_model(size in 0..5u64, script in prop::collection::vec(step(), 0..120)) {
        let semaphore = Weighted::new(size);
        let mut model = Model { size, held: 0, queue: VecDeque::new(), served: Vec::new() };
        let mut parties: Vec<Party> = Vec::new();
        for step in script {
            match step {
                Step::Try(permits) => prop_assert_eq!(semaphore.try_acquire(permits), model.take(permits)),
                Step::Acquire(permits) => {
                    let party = Party::acquire(&semaphore, permits);
                    let at_once = permits <= size && model.take(permits);
                    prop_assert_eq!(party.is_none(), at_once);
                    if let Some(party) = party {
                        if permits <= size {
                            model.queue.push_back((parties.len(), permits));
                        }
                        parties.push(party);
                    }
                }
                Step::Release(permits) => {
                    let released = permits <= model.held;
                    prop_assert_eq!(semaphore.release(permits).is_ok(), released);
                    if released {
                        model.held -= permits;
                        model.go_on();
                    }
                }
                Step::Leave(who) if !model.queue.is_empty() => {
                    let (who, _) = model.queue.remove(who.index(model.queue.len())).unwrap();
                    parties[who].leave(&semaphore);
                    model.go_on();
                }
                Step::Leave(_) => {}
            }
            prop_assert_eq!(semaphore.held(), model.held);
            prop_assert_eq!(semaphore.parked(), model.queue.len());
            for (number, party) in parties.iter().enumerate() {
                prop_assert_eq!(party.has(), model.served.contains(&number));
            }
        }
    }
}
