//! A job that several threads reach for is taken by one of them.

use crate::{bounded_model, model};
use gochan_core::sched::Scheduler;
use gochan_core::sched::run_queue::RunQueue;
use gochan_core::sched::scheduler::Permit;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};

fn each_once(mut taken: Vec<usize>, jobs: usize) {
    taken.sort_unstable();
    assert_eq!(taken, (0..jobs).collect::<Vec<_>>());
}

/// The owner pops and makes other jobs the next one, a thief takes from the line, or the next one if that is all.
#[test]
fn the_owner_and_a_thief() {
    model(|| {
        let queue = Arc::new(RunQueue::new());
        queue.push(0);
        queue.push_next(1);
        let thief = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let mut taken = queue.take_some(1);
                taken.extend(queue.take_some(1));
                taken
            }
        });
        let mut taken = Vec::new();
        taken.extend(queue.pop());
        queue.push_next(2);
        queue.push_next(3);
        taken.extend(queue.pop());
        taken.extend(thief.join().unwrap());
        taken.extend(std::iter::from_fn(|| queue.pop()));
        assert_eq!((queue.len(), queue.is_empty()), (0, true));
        each_once(taken, 4);
    });
}

/// Who sees, without the lock, that a queue is empty, although he knows of a push: the job was taken by somebody.
#[test]
fn a_length_that_hides_no_job() {
    model(|| {
        let queue = Arc::new(RunQueue::new());
        let pushed = Arc::new(AtomicUsize::new(0));
        let pusher = thread::spawn({
            let (queue, pushed) = (Arc::clone(&queue), Arc::clone(&pushed));
            move || {
                queue.push_next(0);
                queue.push(1);
                pushed.store(1, Ordering::Release);
                queue.pop()
            }
        });
        let seen = pushed.load(Ordering::Acquire) == 1;
        let len = queue.len();
        if seen {
            assert!(len == 1 || len == 2, "{len}");
        }
        let first = pusher.join().unwrap();
        assert_eq!((first, queue.len()), (Some(0), 1));
    });
}

fn drain(sched: &Scheduler<usize>, permit: Permit) -> Vec<usize> {
    std::iter::from_fn(|| sched.next(permit)).collect()
}

/// Two runners without work of their own at the shared queue, and at each other's queues.
#[test]
fn two_runners_look_elsewhere() {
    bounded_model(|| {
        let sched = Arc::new(Scheduler::new(2));
        let (a, b) = (sched.register(), sched.register());
        let (a, b) = (sched.claim(a).unwrap(), sched.claim(b).unwrap());
        (0..2).for_each(|job| sched.push_shared(job));
        sched.push(a, 2);
        sched.push_next(b, 3);
        let other = thread::spawn({
            let sched = Arc::clone(&sched);
            move || drain(&sched, b)
        });
        let mut taken = drain(&sched, a);
        taken.extend(other.join().unwrap());
        // What one had in its hands when the other gave up.
        taken.extend(drain(&sched, a));
        assert_eq!(sched.waiting(), 0);
        each_once(taken, 4);
    });
}
