//! Random schedules of a complete small runtime: goroutines, blocking calls, timeouts, two permits or one, and a monitor that
//! takes permits from runners that did not get on.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p gochan-core --release --test shuttle_sched`
#![cfg(shuttle)]

mod common;

use common::roles::Plan;
use common::runtime::run;

/// Schedules per plan.
const RANDOM: usize = 1_000;
const PRIORITISED: usize = 600;
/// How many forced changes of priority a schedule of `check_pct` has.
const DEPTH: usize = 4;

fn plans() -> impl Iterator<Item = Plan> {
    let shapes = [(1, 0, 1), (1, 1, 2), (2, 0, 1), (2, 0, 2), (2, 1, 1), (3, 2, 2)];
    shapes.into_iter().flat_map(|(permits, capacity, relays)| {
        [0, 6, 25].map(|rounds| Plan {
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

#[test]
fn whole_runtime_random() {
    plans().for_each(|plan| shuttle::check_random(move || run(plan), RANDOM));
}

/// The same under schedules that starve somebody for long.
#[test]
fn whole_runtime_pct() {
    plans().for_each(|plan| shuttle::check_pct(move || run(plan), PRIORITISED, DEPTH));
}
