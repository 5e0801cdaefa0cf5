//! Permits: given back, claimed and taken over, and no job is left behind or run twice.

use crate::common::world::{self, Order};
use crate::day::Day;
use crate::{bounded_model, model, narrow_model};
use gochan_core::sys::atomic::Ordering;
use gochan_core::sys::{Arc, thread};

/// A job from outside, and a runner that finds nothing, gives its permit back and sits down: it takes the job along, or it is
/// called, or somebody else is.
#[test]
fn a_push_while_the_runner_goes_idle() {
    bounded_model(|| {
        let day = Day::new(1, 1, 0);
        let runner = day.world.claim().unwrap();
        world::start(&day, Order::Run(runner));
        world::ready(&day, 0);
        Day::end(&day);
    });
}

/// Two pushes at once, and one thread that sits down: one of the two calls it, or both find it busy.
#[test]
fn two_pushes_while_everybody_is_idle() {
    narrow_model(|| {
        let day = Day::new(1, 2, 0);
        world::start(&day, Order::Wait);
        let other = thread::spawn({
            let day = Arc::clone(&day);
            move || world::ready(&day, 1)
        });
        world::ready(&day, 0);
        other.join().unwrap();
        Day::end(&day);
    });
}

/// Two jobs made ready at once, one free permit: exactly one of the two has to call somebody.
#[test]
fn a_free_permit_is_claimed_by_one() {
    model(|| {
        let day = Day::new(1, 2, 0);
        let claim = |day: &Day, job| {
            day.world.steps.push_shared(job);
            day.world.steps.claim_for_work(day.world.steps.register())
        };
        let other = thread::spawn({
            let day = Arc::clone(&day);
            move || claim(&day, 1).is_some()
        });
        let here = claim(&day, 0).is_some();
        assert!(here != other.join().unwrap(), "one calls, and one only");
    });
}

/// The monitor gives an order to a thread that sits down, while a job comes for which nobody was called, because the permit
/// was still held: the order does not make the thread forget the job.
#[test]
fn a_push_while_the_idle_runner_is_called_for_something_else() {
    bounded_model(|| {
        let day = Day::new(1, 1, 0);
        let (permit, me) = day.world.claim().unwrap();
        let stuck = day.world.steps.position(permit);
        world::start(&day, Order::Run((permit, me)));
        let pusher = thread::spawn({
            let day = Arc::clone(&day);
            move || world::ready(&day, 0)
        });
        let _ = day.world.give_to_idle(Order::Rescue(permit, stuck));
        pusher.join().unwrap();
        Day::end(&day);
    });
}

/// A permit that is taken over before, in and after its holder's jobs: each job runs once, whoever has them in his hands.
#[test]
fn a_permit_is_taken_over_while_jobs_are_run() {
    narrow_model(|| {
        let day = Day::new(1, 2, 0);
        let (permit, me) = day.world.claim().unwrap();
        (0..2).for_each(|job| day.world.steps.push_shared(job));
        world::start(&day, Order::Run((permit, me)));
        let spare = day.world.steps.register();
        day.world.steps.take_over(permit, spare);
        world::start(&day, Order::Run((permit, spare)));
        Day::end(&day);
    });
}

/// A runner that was relieved begins nothing more once it can know.
#[test]
fn a_relieved_runner_stops() {
    bounded_model(|| {
        let in_job = |day: &Arc<Day>, _| {
            // Only the runner is here.
            assert_eq!(
                day.knows.load(Ordering::Relaxed),
                0,
                "it was relieved, and goes on"
            );
            let knows = day.relieved.load(Ordering::Acquire);
            day.knows.store(knows, Ordering::Relaxed);
        };
        let day = Day::with(1, 3, 0, in_job, |_, _| {});
        let (permit, me) = day.world.claim().unwrap();
        (0..3).for_each(|job| day.world.steps.push(permit, job));
        world::start(&day, Order::Run((permit, me)));
        day.world.steps.take_over(permit, day.world.steps.register());
        day.relieved.store(1, Ordering::Release);
        world::close(&day);
    });
}

/// A runner that was relieved does not give away what is not its own any more.
#[test]
fn a_permit_that_was_taken_over_stays_where_it_is() {
    model(|| {
        let day = Day::new(1, 0, 0);
        let (permit, me) = day.world.claim().unwrap();
        let spare = day.world.steps.register();
        let runner = thread::spawn({
            let day = Arc::clone(&day);
            move || {
                let knows = day.relieved.load(Ordering::Acquire) == 1;
                assert!(!day.world.steps.release(permit, me), "there is no job");
                assert!(!knows || day.world.steps.holds(permit, spare));
            }
        });
        day.world.steps.take_over(permit, spare);
        day.relieved.store(1, Ordering::Release);
        runner.join().unwrap();
    });
}

/// Two permits. A job makes another one ready: the second thread is called for it, and steals it or comes too late.
#[test]
fn a_job_made_ready_by_a_runner_calls_a_second_one() {
    bounded_model(|| {
        let second = |day: &Arc<Day>, job| {
            if job == 0 {
                world::ready(day, 1);
            }
        };
        let day = Day::with(2, 2, 0, second, |_, _| {});
        world::ready(&day, 0);
        Day::end(&day);
    });
}
