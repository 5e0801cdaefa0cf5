//! Random schedules of more parties than loom can enumerate.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p gochan-core --release --test shuttle`
//!
//! Shuttle reports deadlocks by itself (a lost wake is one), and prints a failing schedule that
//! `shuttle::replay` runs again.
#![cfg(shuttle)]

mod common;

use common::parties::{Plan, run};
use common::{Host, Late, W, roles, runtime, traders};
use gochan_core::WaitGroup;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};

/// Schedules per plan; there are twenty plans per test.
const RANDOM: usize = 1_500;
const PRIORITISED: usize = 1_000;
/// How many forced changes of priority a schedule of `check_pct` has.
const DEPTH: usize = 4;

fn plans(late: Late) -> impl Iterator<Item = Plan> {
    let shapes = [(0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
    shapes.into_iter().flat_map(move |(capacity, receivers)| {
        [Some(0), Some(12), Some(40), None].map(|close_after| Plan {
            capacity,
            receivers,
            each: 4,
            interrupts: 3,
            close_after,
            late,
        })
    })
}

/// Blocked threads that are interrupted complete what a peer has committed: K1, K2, K4, K7.
#[test]
fn late_values_kept_random() {
    plans(Late::Keep).for_each(|plan| shuttle::check_random(move || run(plan), RANDOM));
}

/// The same under schedules that starve somebody for long.
#[test]
fn late_values_kept_pct() {
    plans(Late::Keep).for_each(|plan| shuttle::check_pct(move || run(plan), PRIORITISED, DEPTH));
}

/// Cancelled tasks give back what a peer has committed; it is received by the other one or lies in
/// the channel at the end, and everything that was not put back keeps its order.
#[test]
fn late_values_given_back_random() {
    plans(Late::GiveBack).for_each(|plan| shuttle::check_random(move || run(plan), RANDOM));
}

/// The same under schedules that starve somebody for long.
#[test]
fn late_values_given_back_pct() {
    plans(Late::GiveBack).for_each(|plan| shuttle::check_pct(move || run(plan), PRIORITISED, DEPTH));
}

/// Schedules per plan of the traders; there are twenty-four plans per test.
const TRADES_RANDOM: usize = 600;
const TRADES_PRIORITISED: usize = 400;

fn trades(late: Late) -> impl Iterator<Item = traders::Plan> {
    let shapes = [([0, 0, 0], 3), ([0, 1, 0], 3), ([1, 0, 2], 4), ([0, 0, 0], 5)];
    (1..).zip(shapes).flat_map(move |(shape, (capacities, traders))| {
        [3, 12].into_iter().flat_map(move |close_after| {
            (0..3).map(move |seed| traders::Plan {
                capacities,
                traders,
                each: 6,
                interrupts: 3,
                close_after,
                late,
                seed: shape * 100 + seed,
            })
        })
    })
}

/// Selects that face each other in all forms, with cancels and closes: K1, K2, K4, K7 and S5.
#[test]
fn traders_random() {
    for late in [Late::Keep, Late::GiveBack] {
        trades(late).for_each(|plan| shuttle::check_random(move || traders::run(plan), TRADES_RANDOM));
    }
}

/// The same under schedules that starve somebody for long.
#[test]
fn traders_pct() {
    for late in [Late::Keep, Late::GiveBack] {
        trades(late)
            .for_each(|plan| shuttle::check_pct(move || traders::run(plan), TRADES_PRIORITISED, DEPTH));
    }
}

/// Two workers, three who wait (one of them gets interrupted), two rounds: nobody returns before all
/// workers of a round are done, nobody sleeps for ever, nobody is left in the queue.
fn wait_group_rounds() {
    const WORKERS: usize = 2;
    let group = Arc::new(WaitGroup::<(), W>::new());
    let finished = Arc::new(AtomicUsize::new(0));
    for round in 1..=2 {
        (0..WORKERS).for_each(|_| group.add(1).unwrap());
        let impatient = Host::new();
        let mut threads: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (group, finished) = (Arc::clone(&group), Arc::clone(&finished));
                thread::spawn(move || {
                    finished.fetch_add(1, Ordering::SeqCst);
                    group.add(-1).unwrap();
                })
            })
            .collect();
        threads.extend((0..2).map(|_| {
            let (group, finished) = (Arc::clone(&group), Arc::clone(&finished));
            thread::spawn(move || {
                Host::new().wait_group(&group);
                assert_eq!(finished.load(Ordering::SeqCst), round * WORKERS);
            })
        }));
        threads.push({
            let (group, finished, host) = (Arc::clone(&group), Arc::clone(&finished), impatient.clone());
            thread::spawn(move || {
                if host.wait_group_unless_interrupted(&group) {
                    assert_eq!(finished.load(Ordering::SeqCst), round * WORKERS);
                }
            })
        });
        impatient.interrupt();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!((group.count(), group.parked()), (0, 0));
    }
}

#[test]
fn wait_group_random() {
    shuttle::check_random(wait_group_rounds, RANDOM);
}

#[test]
fn wait_group_pct() {
    shuttle::check_pct(wait_group_rounds, PRIORITISED, DEPTH);
}

/// Schedules per plan of the whole runtime; there are eighteen plans per test, and each takes ten times as long.
const RUNTIME_RANDOM: usize = 1_000;
const RUNTIME_PRIORITISED: usize = 600;

fn runtime_plans() -> impl Iterator<Item = roles::Plan> {
    let shapes = [(1, 0, 1), (1, 1, 2), (2, 0, 1), (2, 0, 2), (2, 1, 1), (3, 2, 2)];
    shapes.into_iter().flat_map(|(permits, capacity, relays)| {
        [0, 6, 25].map(|rounds| roles::Plan {
            permits,
            capacity,
            producers: 2,
            relays,
            consumers: 1,
            blocking: 1,
            sleepers: 1,
            each: 4,
            rounds,
        })
    })
}

/// Goroutines, blocking calls, timeouts, and a monitor that takes permits from runners that do not get on: nothing is lost, nobody
/// is resumed by two, all end.
#[test]
fn whole_runtime_random() {
    runtime_plans().for_each(|plan| shuttle::check_random(move || runtime::run(plan), RUNTIME_RANDOM));
}

/// The same under schedules that starve somebody for long.
#[test]
fn whole_runtime_pct() {
    runtime_plans().for_each(|plan| {
        shuttle::check_pct(move || runtime::run(plan), RUNTIME_PRIORITISED, DEPTH);
    });
}
