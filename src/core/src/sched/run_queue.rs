//! What is ready to run, in the order in which it will.
//!
//! Invariants:
//! * A job is in at most one place: a queue's `next`, its `line`, or the hands of one thread.
//! * `len` is the number of jobs in the queue, as seen by whoever holds no lock; it is written under the lock, before the
//!   push returns. Who decides by it whether to sleep, or whom to wake, puts a fence in between: see `scheduler`.
//! * `next` runs before the line, but at most [`BUDGET`] times in a row: two that hand over to each other share
//!   one turn of the line, as in Go, and do not starve the rest.
//!
//! Go and crossbeam use lock-free rings here. A lock that is never contended costs one atomic instruction more per
//! operation, needs no unsafe code, has no bound to overflow at, and a model checker can follow it.

use crate::lock::{Lock, Rank};
use crate::sys::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;

/// How many jobs in a row come from `next`.
pub const BUDGET: u32 = 64;
/// A line that is empty and larger than this gives its memory back.
const KEEP: usize = 1024;

#[derive(Debug)]
pub struct RunQueue<J> {
    /// What may not happen under it: a drop of a job, any foreign code.
    state: Lock<State<J>>,
    len: AtomicUsize,
}

/// Guarded by `RunQueue::state`, all of it.
#[derive(Debug)]
struct State<J> {
    next: Option<J>,
    line: VecDeque<J>,
    budget: u32,
}

impl<J> State<J> {
    fn len(&self) -> usize {
        self.line.len() + usize::from(self.next.is_some())
    }
}

impl<J> RunQueue<J> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::RunQueue,
                State {
                    next: None,
                    line: VecDeque::new(),
                    budget: BUDGET,
                },
            ),
            len: AtomicUsize::new(0),
        }
    }

    /// Number of jobs, at some instant. Needs no lock.
    #[inline]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At the end of the line.
    #[inline]
    pub fn push(&self, job: J) {
        let mut state = self.state.lock();
        state.line.push_back(job);
        self.len.store(state.len(), Ordering::Release);
    }

    /// To run next; what was to run next goes to the end of the line.
    #[inline]
    pub fn push_next(&self, job: J) {
        let mut state = self.state.lock();
        if let Some(old) = state.next.replace(job) {
            state.line.push_back(old);
        }
        self.len.store(state.len(), Ordering::Release);
    }

    #[inline]
    pub fn pop(&self) -> Option<J> {
        let mut state = self.state.lock();
        if state.budget > 0 {
            if let Some(job) = state.next.take() {
                state.budget -= 1;
                self.len.store(state.line.len(), Ordering::Relaxed);
                return Some(job);
            }
        } else if let Some(tired) = state.next.take() {
            state.line.push_back(tired);
        }
        state.budget = BUDGET;
        let job = state.line.pop_front();
        self.len.store(state.len(), Ordering::Relaxed);
        if state.line.is_empty() && state.line.capacity() > KEEP {
            let large = std::mem::take(&mut state.line);
            drop(state);
            drop(large);
        }
        job
    }

    /// Takes the first `most` of the line, for another queue. What is to run next stays, unless it is all there is:
    /// its peer is about to run it.
    pub fn take_some(&self, most: usize) -> VecDeque<J> {
        let mut state = self.state.lock();
        let count = most.min(state.line.len());
        let mut taken: VecDeque<J> = state.line.drain(..count).collect();
        if taken.is_empty() && most > 0 {
            taken.extend(state.next.take());
        }
        self.len.store(state.len(), Ordering::Release);
        taken
    }

    /// At the end of the line, all in their order.
    pub fn append(&self, jobs: VecDeque<J>) {
        if jobs.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.line.extend(jobs);
        self.len.store(state.len(), Ordering::Release);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn next_comes_first_and_pushes_the_old_one_out() {
        let queue = RunQueue::new();
        queue.push(1);
        queue.push_next(2);
        queue.push_next(3);
        assert_eq!(queue.len(), 3);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [3, 1, 2]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_pair_does_not_starve_the_line() {
        let queue = RunQueue::new();
        queue.push(0);
        queue.push_next(1);
        let mut turns = 0;
        while queue.pop() == Some(1) {
            queue.push_next(1);
            turns += 1;
            assert!(turns <= BUDGET, "the line never came");
        }
        assert_eq!(queue.pop(), Some(1), "and the pair goes on");
    }

    #[test]
    fn taking_some_leaves_the_next_one() {
        let queue = RunQueue::new();
        (0..4).for_each(|job| queue.push(job));
        queue.push_next(9);
        assert_eq!(queue.take_some(2), [0, 1]);
        assert_eq!(queue.pop(), Some(9));
        assert_eq!(queue.take_some(10), [2, 3]);
        assert!(queue.take_some(10).is_empty());
        queue.push_next(5);
        assert_eq!(queue.take_some(1), [5]);
    }
}
