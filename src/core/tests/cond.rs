//! What one thread can see of a condition's queue: D2, D3, leaving. What threads make of it is in the loom models.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::wait_queue::Ticket;
use gochan_core::{Cond, Outcome, Waiter};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

type Plain = Cond<(), Tally>;

struct Party(Arc<Waiter<()>>, Ticket, Tally);

impl Party {
    fn park(cond: &Plain) -> Self {
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
        let ticket = cond.park(&waiter, tally.clone());
        Self(waiter, ticket, tally)
    }

    fn is_called(&self) -> bool {
        assert_eq!(self.2.wakes(), usize::from(self.0.is_settled()));
        self.0.is_settled()
    }
}

/// D2: first come, first called; and what nobody waits for is forgotten.
#[test]
fn signals_in_order() {
    let cond = Plain::new();
    cond.signal();
    cond.broadcast();
    let parties = [(); 3].map(|()| Party::park(&cond));
    let called = || parties.iter().map(Party::is_called).collect::<Vec<_>>();
    cond.signal();
    assert_eq!(called(), [true, false, false]);
    cond.signal();
    assert_eq!(called(), [true, true, false]);
    cond.broadcast();
    assert_eq!(called(), [true, true, true]);
    assert_eq!(parties[1].0.take(), Some(Outcome::Granted));
    assert_eq!(
        parties[2].0.take(),
        Some(Outcome::Released),
        "a call of all need not go on to anybody"
    );
    assert_eq!(cond.parked(), 0);
}

#[test]
fn who_left_is_not_called() {
    let cond = Plain::new();
    let (forgotten, dead, there) = (Party::park(&cond), Party::park(&cond), Party::park(&cond));
    assert!(forgotten.0.cancel());
    cond.forget(forgotten.1);
    assert!(dead.0.cancel());
    assert_eq!(cond.parked(), 2);
    cond.signal();
    assert!(there.is_called() && !dead.is_called());
    assert_eq!(cond.parked(), 0);
}

#[test]
fn the_collector_sees_all_and_lets_go_of_all() {
    let cond = Plain::new();
    let parties = [Party::park(&cond), Party::park(&cond)];
    let mut shown = 0;
    assert!(cond.try_visit(&mut |_| {
        shown += 1;
        assert!(!cond.try_visit(&mut |_| panic!("shown under the lock")));
    }));
    assert_eq!(shown, 2);
    cond.clear();
    assert!(
        parties
            .iter()
            .all(|party| !party.is_called() && !party.0.cancel())
    );
}

proptest! {
    #[test]
    fn agrees_with_a_plain_list(script in prop::collection::vec((0u8..8, any::<prop::sample::Index>()), 0..100)) {
        let cond = Plain::new();
        let (mut line, mut called, mut parties) = (VecDeque::new(), Vec::new(), Vec::new());
        for (action, who) in script {
            match action {
                0..4 => {
                    line.push_back(parties.len());
                    parties.push(Party::park(&cond));
                }
                4..6 => {
                    cond.signal();
                    called.extend(line.pop_front());
                }
                6 if !line.is_empty() => {
                    let party: &Party = &parties[line.remove(who.index(line.len())).unwrap()];
                    prop_assert!(party.0.cancel());
                    cond.forget(party.1);
                }
                6 => {}
                _ => {
                    cond.broadcast();
                    called.extend(line.drain(..));
                }
            }
            prop_assert_eq!(cond.parked(), line.len());
            for (number, party) in parties.iter().enumerate() {
                prop_assert_eq!(party.is_called(), called.contains(&number));
            }
        }
    }
}
