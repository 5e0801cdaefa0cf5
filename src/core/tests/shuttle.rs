//! Random schedules of more parties than loom can enumerate.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p gochan-core --release --test shuttle`
//!
//! Shuttle reports deadlocks by itself (a lost wake is one), and prints a failing schedule that
//! `shuttle::replay` runs again.
#![cfg(shuttle)]

mod common;

use common::holds::at;
use common::parties::{Plan, run};
use common::{Host, Late, W, roles, runtime, traders};
use gochan_core::rwmutex::Side;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};
use gochan_core::{Mutex, RwMutex, Semaphore, WaitGroup};

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

/// What keeps the parties of a model apart, and how one of them uses it.
trait Excludes: Send + Sync + 'static {
    /// Waits for it, or leaves when the host is interrupted: false then.
    fn enter(&self, host: &Host, may_leave: bool) -> bool;
    fn leave(&self);
    /// Nobody is inside, nobody waits.
    fn is_idle(&self) -> bool;
}

/// `patient`: it never starves. Else whoever was called in vain is handed it.
struct MutexOf {
    mutex: Mutex<(), W>,
    patient: bool,
}

impl Excludes for MutexOf {
    fn enter(&self, host: &Host, may_leave: bool) -> bool {
        if may_leave {
            return host.lock_unless_interrupted(&self.mutex, self.patient);
        }
        host.lock(&self.mutex, self.patient);
        true
    }

    fn leave(&self) {
        self.mutex.unlock(|| at(0)).unwrap();
    }

    fn is_idle(&self) -> bool {
        !self.mutex.is_locked() && !self.mutex.is_starving() && self.mutex.parked() == 0
    }
}

/// All permits of two are one party's, so that heads which do not fit occur when another holds one.
impl Excludes for Semaphore<(), W> {
    fn enter(&self, host: &Host, may_leave: bool) -> bool {
        if may_leave {
            return host.acquire_unless_interrupted(self, 2);
        }
        host.acquire(self, 2);
        true
    }

    fn leave(&self) {
        // One by one: the head fits only after the second.
        self.release(1).unwrap();
        self.release(1).unwrap();
    }

    fn is_idle(&self) -> bool {
        self.held() == 0 && self.parked() == 0
    }
}

impl Excludes for RwMutex<(), W> {
    fn enter(&self, host: &Host, may_leave: bool) -> bool {
        if may_leave {
            return host.rw_lock_unless_interrupted(self, Side::Write);
        }
        host.rw_lock(self, Side::Write);
        true
    }

    fn leave(&self) {
        self.unlock(Side::Write).unwrap();
    }

    fn is_idle(&self) -> bool {
        let seen = self.seen();
        (seen.reading, seen.writing, seen.readers, seen.writers) == (0, false, 0, 0)
    }
}

/// Two who wait and one who may be interrupted at any moment, three times each: they are alone inside, all get through, and nobody and
/// nothing is left.
fn rivals(what: impl Excludes) {
    let (what, inside) = (Arc::new(what), Arc::new(AtomicUsize::new(0)));
    let impatient = Host::new();
    let rival = |host: Host, may_leave: bool| {
        let (what, inside) = (Arc::clone(&what), Arc::clone(&inside));
        thread::spawn(move || {
            for _ in 0..3 {
                if what.enter(&host, may_leave) {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody is inside");
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    what.leave();
                }
            }
        })
    };
    let rivals = [
        rival(Host::new(), false),
        rival(impatient.clone(), true),
        rival(Host::new(), false),
    ];
    for _ in 0..3 {
        impatient.interrupt();
        thread::yield_now();
    }
    for rival in rivals {
        rival.join().unwrap();
    }
    assert!(what.is_idle());
}

/// Readers among the writers: never together.
fn readers_and_writers() {
    let (mutex, inside) = (Arc::new(RwMutex::<(), W>::new()), Arc::new(AtomicUsize::new(0)));
    let impatient = Host::new();
    let party = |host: Host, side: Side, may_leave: bool| {
        let (mutex, inside) = (Arc::clone(&mutex), Arc::clone(&inside));
        thread::spawn(move || {
            for _ in 0..3 {
                if may_leave {
                    if !host.rw_lock_unless_interrupted(&mutex, side) {
                        continue;
                    }
                } else {
                    host.rw_lock(&mutex, side);
                }
                // A writer counts for more than all readers.
                let mine = if side == Side::Write { 100 } else { 1 };
                let before = inside.fetch_add(mine, Ordering::SeqCst);
                assert!(before == 0 || before < 100 && side == Side::Read);
                thread::yield_now();
                inside.fetch_sub(mine, Ordering::SeqCst);
                mutex.unlock(side).unwrap();
            }
        })
    };
    let parties = [
        party(Host::new(), Side::Read, false),
        party(Host::new(), Side::Read, false),
        party(Host::new(), Side::Write, false),
        party(impatient.clone(), Side::Write, true),
    ];
    for _ in 0..3 {
        impatient.interrupt();
        thread::yield_now();
    }
    for party in parties {
        party.join().unwrap();
    }
    assert!(mutex.is_idle());
}

fn mutex_of(patient: bool) -> MutexOf {
    MutexOf {
        mutex: Mutex::new(),
        patient,
    }
}

#[test]
fn rivals_random() {
    shuttle::check_random(|| rivals(mutex_of(true)), RANDOM);
    shuttle::check_random(|| rivals(mutex_of(false)), RANDOM);
    shuttle::check_random(|| rivals(Semaphore::new(2)), RANDOM);
    shuttle::check_random(|| rivals(RwMutex::new()), RANDOM);
    shuttle::check_random(readers_and_writers, RANDOM);
}

#[test]
fn rivals_pct() {
    shuttle::check_pct(|| rivals(mutex_of(true)), PRIORITISED, DEPTH);
    shuttle::check_pct(|| rivals(mutex_of(false)), PRIORITISED, DEPTH);
    shuttle::check_pct(|| rivals(Semaphore::new(2)), PRIORITISED, DEPTH);
    shuttle::check_pct(|| rivals(RwMutex::new()), PRIORITISED, DEPTH);
    shuttle::check_pct(readers_and_writers, PRIORITISED, DEPTH);
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
