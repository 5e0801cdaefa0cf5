//! The queues of the scheduler agree with plain models of themselves, step by step, in random scripts.
//!
//! The models are written from what the queues promise, with no thought for speed.
#![cfg(not(any(loom, shuttle)))]

use gochan_core::clock::Instant;
use gochan_core::sched::calls::{Call, Shift};
use gochan_core::sched::run_queue::{BUDGET, RunQueue};
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sched::timers::Key;
use gochan_core::sched::{CallQueue, Scheduler, Timers};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeSet, VecDeque};

// ---- one run queue

#[derive(Debug, Clone)]
enum RunStep {
    Push,
    PushNext,
    Pop,
    /// Two that hand over to each other, so many times.
    Pair(u32),
    TakeSome(usize),
    Append(u32),
}

fn run_step() -> impl Strategy<Value = RunStep> {
    prop_oneof![
        6 => Just(RunStep::Push),
        6 => Just(RunStep::PushNext),
        10 => Just(RunStep::Pop),
        1 => (1..2 * BUDGET + 3).prop_map(RunStep::Pair),
        2 => (0..5usize).prop_map(RunStep::TakeSome),
        1 => (0..4u32).prop_map(RunStep::Append),
    ]
}

#[derive(Debug, Default)]
struct RunModel {
    next: Option<u32>,
    line: VecDeque<u32>,
    /// How many in a row came from `next`.
    in_a_row: u32,
}

impl RunModel {
    fn len(&self) -> usize {
        self.line.len() + usize::from(self.next.is_some())
    }

    fn push_next(&mut self, job: u32) {
        self.line.extend(self.next.replace(job));
    }

    fn pop(&mut self) -> Option<u32> {
        if self.in_a_row < BUDGET && self.next.is_some() {
            self.in_a_row += 1;
            return self.next.take();
        }
        self.line.extend(self.next.take());
        self.in_a_row = 0;
        self.line.pop_front()
    }

    fn take_some(&mut self, most: usize) -> VecDeque<u32> {
        if self.line.is_empty() {
            return if most > 0 { self.next.take() } else { None }
                .into_iter()
                .collect();
        }
        (0..most).map_while(|_| self.line.pop_front()).collect()
    }
}

fn run_queue(script: &[RunStep]) {
    let (real, mut model) = (RunQueue::new(), RunModel::default());
    let mut made = 0..;
    for step in script {
        match *step {
            RunStep::Push => {
                let job = made.next().unwrap();
                real.push(job);
                model.line.push_back(job);
            }
            RunStep::PushNext => {
                let job = made.next().unwrap();
                real.push_next(job);
                model.push_next(job);
            }
            RunStep::Pop => assert_eq!(real.pop(), model.pop()),
            RunStep::Pair(times) => {
                for job in made.by_ref().take(times as usize) {
                    real.push_next(job);
                    model.push_next(job);
                    assert_eq!(real.pop(), model.pop());
                }
            }
            RunStep::TakeSome(most) => assert_eq!(real.take_some(most), model.take_some(most)),
            RunStep::Append(count) => {
                let jobs: VecDeque<u32> = made.by_ref().take(count as usize).collect();
                real.append(jobs.clone());
                model.line.extend(jobs);
            }
        }
        assert_eq!((real.len(), real.is_empty()), (model.len(), model.len() == 0));
    }
    while let Some(job) = model.pop() {
        assert_eq!(real.pop(), Some(job));
    }
    assert_eq!((real.pop(), real.len()), (None, 0));
}

// ---- timers

#[derive(Debug, Clone)]
enum TimerStep {
    Add(Instant),
    /// Any that was ever made.
    Cancel(Index),
    PopDue(Instant),
}

fn timer_step() -> impl Strategy<Value = TimerStep> {
    let time = || (0..12u64).prop_map(Instant::from_nanos);
    prop_oneof![
        8 => time().prop_map(TimerStep::Add),
        1 => Just(TimerStep::Add(Instant::NEVER)),
        5 => any::<Index>().prop_map(TimerStep::Cancel),
        5 => time().prop_map(TimerStep::PopDue),
    ]
}

fn timers(script: &[TimerStep]) {
    let real = Timers::new();
    // By time, then by age; a job is its number.
    let mut model: BTreeSet<(Instant, usize)> = BTreeSet::new();
    let mut keys: Vec<(Key, Instant)> = Vec::new();
    for step in script {
        let earliest = model.first().map_or(Instant::NEVER, |first| first.0);
        match step {
            &TimerStep::Add(at) => {
                let job = keys.len();
                let (key, first) = real.add(at, job);
                // With two at the same time it makes no difference who is told.
                assert!(first || at >= earliest, "whoever sleeps would sleep too long");
                assert!(!first || at <= earliest);
                keys.push((key, at));
                model.insert((at, job));
            }
            TimerStep::Cancel(pick) if !keys.is_empty() => {
                let job = pick.index(keys.len());
                let (key, at) = keys[job];
                assert_eq!(real.cancel(key), model.remove(&(at, job)).then_some(job));
            }
            TimerStep::Cancel(_) => {}
            &TimerStep::PopDue(now) => {
                let due = model.first().copied().filter(|first| first.0 <= now);
                if let Some(due) = due {
                    model.remove(&due);
                }
                assert_eq!(real.pop_due(now), due.map(|due| due.1));
            }
        }
        let earliest = model.first().map_or(Instant::NEVER, |first| first.0);
        assert_eq!(
            (real.earliest(), real.is_empty()),
            (earliest, earliest == Instant::NEVER)
        );
    }
}

// ---- permits and queues together

#[derive(Debug, Clone)]
enum SchedStep {
    Push,
    PushNext,
    PushShared,
    Next,
    Claim,
    Release,
    TakeOver,
}

fn sched_step() -> impl Strategy<Value = SchedStep> {
    prop_oneof![
        4 => Just(SchedStep::Push),
        4 => Just(SchedStep::PushNext),
        6 => Just(SchedStep::PushShared),
        12 => Just(SchedStep::Next),
        2 => Just(SchedStep::Claim),
        2 => Just(SchedStep::Release),
        1 => Just(SchedStep::TakeOver),
    ]
}

/// Whichever permits are held, given back and taken over: a job is there until it was given out, once, and who has a permit
/// finds every job, wherever it is.
fn scheduler(permits: usize, script: &[(SchedStep, Index)]) {
    let real = Scheduler::new(permits);
    let mut jobs: BTreeSet<usize> = BTreeSet::new();
    let mut held: Vec<(Permit, RunnerId)> = Vec::new();
    for (made, (step, pick)) in script.iter().enumerate() {
        let some = (!held.is_empty()).then(|| pick.index(held.len()));
        match (step, some) {
            (SchedStep::PushShared, _) => {
                real.push_shared(made);
                jobs.insert(made);
            }
            (SchedStep::Claim, _) => {
                let me = real.register();
                let claimed = real.claim_for_work(me);
                assert_eq!(claimed.is_some(), held.len() < permits && !jobs.is_empty());
                held.extend(claimed.map(|permit| (permit, me)));
            }
            (SchedStep::Push, Some(at)) => {
                real.push(held[at].0, made);
                jobs.insert(made);
            }
            (SchedStep::PushNext, Some(at)) => {
                real.push_next(held[at].0, made);
                jobs.insert(made);
            }
            (SchedStep::Next, Some(at)) => {
                let job = real.next(held[at].0);
                assert_eq!(job.is_some(), !jobs.is_empty());
                assert!(job.is_none_or(|job| jobs.remove(&job)), "given out twice");
            }
            (SchedStep::Release, Some(at)) => {
                let (permit, me) = held.swap_remove(at);
                assert_eq!(real.release(permit, me), !jobs.is_empty());
                assert!(!real.holds(permit, me));
            }
            (SchedStep::TakeOver, Some(at)) => {
                let (permit, old) = held[at];
                let me = real.register();
                real.take_over(permit, me);
                assert_eq!(real.release(permit, old), !jobs.is_empty());
                assert!(!real.holds(permit, old) && real.holds(permit, me));
                held[at].1 = me;
            }
            (_, None) => {}
        }
        assert_eq!((real.waiting(), real.has_jobs()), (jobs.len(), !jobs.is_empty()));
        assert_eq!(real.has_free_permit(), held.len() < permits);
        assert_eq!(real.is_running(), !held.is_empty());
    }
}

// ---- calls

#[derive(Debug, Clone)]
enum CallStep {
    Push,
    TakeBack(Index),
    /// A server that was called comes.
    Begin,
    /// No thread was to be had for it.
    NobodyComes,
    /// The monitor comes by.
    CallAgain,
    /// One of the servers that are there asks for a call, or comes back from one.
    Server(Index),
}

fn call_step() -> impl Strategy<Value = CallStep> {
    prop_oneof![
        8 => Just(CallStep::Push),
        2 => any::<Index>().prop_map(CallStep::TakeBack),
        6 => Just(CallStep::Begin),
        1 => Just(CallStep::NobodyComes),
        1 => Just(CallStep::CallAgain),
        12 => any::<Index>().prop_map(CallStep::Server),
    ]
}

/// The line of calls, and who is there for it.
#[derive(Debug, Default)]
struct CallModel {
    line: VecDeque<usize>,
    /// A server is on its way.
    called: bool,
    /// None was to be had, and nobody has asked for one since.
    refused: bool,
    /// The one that came last, and whether it is between two calls: if it is still there.
    active: Option<(Shift, bool)>,
    /// Those before it, who do not know yet.
    relieved: Vec<Shift>,
}

impl CallModel {
    fn is_between(&self) -> bool {
        self.active.is_some_and(|(_, between)| between)
    }

    /// What has to be answered to who pushes, or leaves calls behind.
    fn call(&mut self) -> Call {
        self.refused = false;
        if self.line.is_empty() || self.called || self.is_between() {
            return Call::Nobody;
        }
        self.called = true;
        Call::Server
    }
}

/// Calls are given out in the order in which they were pushed, to the server that came last only. While some wait it is between two
/// calls, or one is on its way, and never two.
fn calls(script: &[CallStep]) {
    let (real, mut model) = (CallQueue::new(), CallModel::default());
    for (made, step) in script.iter().enumerate() {
        match step {
            CallStep::Push => {
                model.line.push_back(made);
                assert_eq!(real.push(made), model.call());
            }
            CallStep::TakeBack(pick) if !model.line.is_empty() => {
                let job = model.line.remove(pick.index(model.line.len()));
                assert_eq!(real.take_back(|&other| Some(other) == job), job);
            }
            CallStep::Begin if model.called => {
                model.called = false;
                // Between two calls or in one: it will find out.
                model.relieved.extend(model.active.map(|(shift, _)| shift));
                model.active = Some((real.begin(), true));
            }
            CallStep::NobodyComes if model.called => {
                real.nobody_comes();
                (model.called, model.refused) = (false, true);
            }
            CallStep::CallAgain => assert_eq!(real.call_again(), model.call()),
            CallStep::Server(pick) => {
                let at = pick.index(model.relieved.len() + 1);
                if at < model.relieved.len() {
                    let shift = model.relieved.swap_remove(at);
                    assert!(!real.is_back(shift), "another one took over");
                    assert_eq!(real.next(shift), None);
                } else if let Some((shift, between)) = model.active {
                    if between {
                        model.active = Some((shift, false));
                        let job = model.line.pop_front();
                        if job.is_none() {
                            model.active = None;
                        }
                        let expected = job.map(|job| (job, model.call()));
                        assert_eq!(real.next(shift), expected);
                    } else {
                        assert!(real.is_back(shift));
                        model.active = Some((shift, true));
                    }
                }
            }
            CallStep::TakeBack(_) | CallStep::Begin | CallStep::NobodyComes => {}
        }
        assert_eq!(real.waiting(), model.line.len());
        assert!(
            model.line.is_empty() || model.called || model.is_between() || model.refused,
            "nobody comes for {:?}",
            model.line
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_queue(script in prop::collection::vec(run_step(), 0..150)) {
        run_queue(&script);
    }

    #[test]
    fn timers_in_order(script in prop::collection::vec(timer_step(), 0..150)) {
        timers(&script);
    }

    #[test]
    fn permits_and_queues(permits in 1..4usize, script in prop::collection::vec((sched_step(), any::<Index>()), 0..200)) {
        scheduler(permits, &script);
    }

    #[test]
    fn calls_and_servers(script in prop::collection::vec(call_step(), 0..150)) {
        calls(&script);
    }
}
