//! Permits: given back, claimed and taken over, and no job is left behind or run twice.

use crate::common::office::{Office, Order};
use crate::{bounded_model, model};
use gochan_core::Parker;
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};
use std::cell::Cell;

/// An office whose jobs are numbers, each of which is to be run once.
struct Day {
    office: Office<usize>,
    ran: Vec<AtomicUsize>,
    left: AtomicUsize,
    all_ran: Parker,
}

impl Day {
    fn new(permits: usize, jobs: usize) -> Arc<Self> {
        Arc::new(Self {
            office: Office::new(permits),
            ran: (0..jobs).map(|_| AtomicUsize::new(0)).collect(),
            left: AtomicUsize::new(jobs),
            all_ran: Parker::new(),
        })
    }

    fn claim(&self) -> (Permit, RunnerId) {
        let me = self.office.steps.register();
        let permit = self.office.steps.claim(me).expect("a free permit");
        (permit, me)
    }

    fn step(&self, job: usize) {
        self.ran[job].fetch_add(1, Ordering::Relaxed);
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_ran.unpark();
        }
    }

    fn push(&self, job: usize) {
        let order = self.office.ready(None, job);
        self.office.carry_out(order, &|_, _, job| self.step(job));
    }

    /// A thread of the office; with no order it sits down at once.
    fn worker(day: &Arc<Self>, first: Option<Order>) -> thread::JoinHandle<()> {
        let day = Arc::clone(day);
        thread::spawn(move || day.office.work(first, |_, _, job| day.step(job)))
    }

    /// Sleeps for ever if a job was left behind.
    fn end(&self, workers: impl IntoIterator<Item = thread::JoinHandle<()>>) {
        while self.left.load(Ordering::Acquire) > 0 {
            self.all_ran.park(None);
        }
        self.office.close();
        for worker in workers {
            worker.join().unwrap();
        }
        for ran in &self.ran {
            assert_eq!(ran.load(Ordering::Relaxed), 1, "each job once");
        }
        assert!(!self.office.steps.has_jobs() && !self.office.steps.is_running());
    }
}

/// A job from outside, and a runner that finds nothing, gives its permit back and sits down: it takes the job along, or it is
/// called, or somebody else is.
#[test]
fn a_push_while_the_runner_goes_idle() {
    bounded_model(|| {
        let day = Day::new(1, 1);
        let (permit, me) = day.claim();
        let worker = Day::worker(&day, Some(Order::Run(permit, me)));
        day.push(0);
        day.end([worker]);
    });
}

/// Two pushes at once, and one idle thread: one of the two calls it, and it runs both jobs if the other comes in time.
#[test]
fn two_pushes_while_everybody_is_idle() {
    bounded_model(|| {
        let day = Day::new(1, 2);
        let worker = Day::worker(&day, None);
        let other = thread::spawn({
            let day = Arc::clone(&day);
            move || day.push(1)
        });
        day.push(0);
        other.join().unwrap();
        day.end([worker]);
    });
}

/// Two jobs made ready at once, one free permit: exactly one of the two has to call somebody.
#[test]
fn a_free_permit_is_claimed_by_one() {
    model(|| {
        let day = Day::new(1, 2);
        let claim = |day: &Day, job| {
            day.office.steps.push_shared(job);
            day.office.steps.claim_for_work(day.office.steps.register())
        };
        let other = thread::spawn({
            let day = Arc::clone(&day);
            move || claim(&day, 1).is_some()
        });
        let here = claim(&day, 0).is_some();
        assert!(here != other.join().unwrap(), "one calls, and one only");
    });
}

/// The monitor gives an order to a thread that sits down, while a job comes that nobody was called for, because the permit
/// was still held: the order must not make the thread forget the job.
#[test]
fn a_push_while_the_idle_runner_is_called_for_something_else() {
    bounded_model(|| {
        let day = Day::new(1, 1);
        let (permit, me) = day.claim();
        let stuck = day.office.steps.position(permit);
        let worker = Day::worker(&day, Some(Order::Run(permit, me)));
        let pusher = thread::spawn({
            let day = Arc::clone(&day);
            move || day.push(0)
        });
        drop(day.office.give(Order::Rescue(permit, stuck)));
        pusher.join().unwrap();
        day.end([worker]);
    });
}

/// A permit that is taken over before, in and after its holder's jobs: each job runs once, whoever has them in his hands.
#[test]
fn a_permit_is_taken_over_while_jobs_are_run() {
    bounded_model(|| {
        let day = Day::new(1, 2);
        let (permit, me) = day.claim();
        (0..2).for_each(|job| day.office.steps.push_shared(job));
        let worker = Day::worker(&day, Some(Order::Run(permit, me)));
        let me = day.office.steps.register();
        day.office.steps.take_over(permit, me);
        let order = Some(Order::Run(permit, me));
        day.office.carry_out(order, &|_, _, job| day.step(job));
        day.end([worker]);
    });
}

/// A runner that was relieved begins nothing more once it can know, and does not give away what is not its own any more.
#[test]
fn a_relieved_runner_stops() {
    bounded_model(|| {
        let day = Day::new(1, 3);
        let (permit, me) = day.claim();
        (0..3).for_each(|job| day.office.steps.push(permit, job));
        let spare = day.office.steps.register();
        let relieved = Arc::new(AtomicUsize::new(0));
        let runner = thread::spawn({
            let (day, relieved) = (Arc::clone(&day), Arc::clone(&relieved));
            move || {
                let knows = Cell::new(false);
                let look = || knows.set(relieved.load(Ordering::Acquire) == 1);
                day.office.run(permit, me, &|_, _, job| {
                    assert!(!knows.get(), "it was relieved, and goes on");
                    look();
                    day.step(job);
                });
                look();
                if knows.get() {
                    let _jobs_left = day.office.steps.release(permit, me);
                    assert!(day.office.steps.holds(permit, spare));
                }
            }
        });
        day.office.steps.take_over(permit, spare);
        relieved.store(1, Ordering::Release);
        runner.join().unwrap();
    });
}

/// Two permits. A job makes another one ready: the second thread is called for it, and steals it or comes too late.
#[test]
fn a_job_made_ready_by_a_runner_calls_a_second_one() {
    bounded_model(|| {
        let day = Day::new(2, 2);
        let second = Day::worker(&day, None);
        let (permit, me) = day.claim();
        day.office.steps.push(permit, 0);
        day.office
            .carry_out(Some(Order::Run(permit, me)), &|permit, me, job| {
                let order = (job == 0)
                    .then(|| day.office.ready(Some((permit, me)), 1))
                    .flatten();
                // Without an idle thread the permit goes back, as where no thread can be started: this runner has the job.
                if let Some(Order::Run(permit, second)) = order {
                    let _jobs_left = day.office.steps.release(permit, second);
                }
                day.step(job);
            });
        day.end([second]);
    });
}
