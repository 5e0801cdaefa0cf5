//! The lane of jobs that may block: plain functions, each of which runs to its end on the thread that took it.
//!
//! A thread that takes such jobs is a *server*. While jobs wait, one server more stands ready: on a build with the GIL it
//! waits for the GIL itself, so that it is in at the moment in which a running job blocks, wherever that is, and
//! it takes the serving over. So nobody has to find out that a job blocks.
//!
//! Invariants:
//! * At most one server is *active*: it alone takes jobs. It finds out that another took over when it comes back.
//! * While jobs wait, a server stands by or the active one is between two jobs: who pushes a job, and who takes one and
//!   leaves others, is told to call one ([`Call`]) unless one stands by already.
//! * Jobs begin in the order in which they were pushed.

use crate::lock::{Lock, Rank};
use crate::sys::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;

/// Whether the caller has to call a server to stand by. If it can not, it says so ([`CallQueue::nobody_comes`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Call {
    Nobody,
    Server,
}

/// Names one thread's time as the active server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift(u64);

#[derive(Debug)]
pub struct CallQueue<J> {
    /// What may not happen under it: a drop of a job, any foreign code.
    state: Lock<State<J>>,
    /// Length of the line, to be looked at without the lock.
    waiting: AtomicUsize,
}

/// Guarded by `CallQueue::state`, all of it.
#[derive(Debug)]
struct State<J> {
    line: VecDeque<J>,
    /// A server was called and has not come yet.
    called: bool,
    /// The active server's shift; the shifts before it are over.
    shift: u64,
    /// Whether the active server is between two jobs.
    between: bool,
}

impl<J> State<J> {
    fn call(&mut self) -> Call {
        if self.line.is_empty() || self.called || self.between {
            return Call::Nobody;
        }
        self.called = true;
        Call::Server
    }
}

impl<J> CallQueue<J> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::RunQueue,
                State {
                    line: VecDeque::new(),
                    called: false,
                    shift: 0,
                    between: false,
                },
            ),
            waiting: AtomicUsize::new(0),
        }
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub fn push(&self, job: J) -> Call {
        let mut state = self.state.lock();
        state.line.push_back(job);
        self.waiting.store(state.line.len(), Ordering::Release);
        state.call()
    }

    /// Takes back the job that was pushed last, if nobody has taken it.
    pub fn take_back(&self, is_it: impl Fn(&J) -> bool) -> Option<J> {
        let mut state = self.state.lock();
        let at = state.line.iter().rposition(is_it)?;
        let job = state.line.remove(at);
        self.waiting.store(state.line.len(), Ordering::Release);
        job
    }

    /// A server that was called is there, and may run: it takes over.
    pub fn begin(&self) -> Shift {
        let mut state = self.state.lock();
        state.called = false;
        state.between = true;
        state.shift += 1;
        Shift(state.shift)
    }

    /// Asks for a server again, if jobs wait and nobody was to be had for them.
    pub fn call_again(&self) -> Call {
        self.state.lock().call()
    }

    /// The server that was called does not come.
    pub fn nobody_comes(&self) {
        self.state.lock().called = false;
    }

    /// The next job for a server; none when its shift is over, or nothing is left: then it is over too.
    pub fn next(&self, shift: Shift) -> Option<(J, Call)> {
        let mut state = self.state.lock();
        if state.shift != shift.0 {
            return None;
        }
        state.between = false;
        let job = state.line.pop_front()?;
        self.waiting.store(state.line.len(), Ordering::Release);
        let call = state.call();
        Some((job, call))
    }

    /// A job has ended. False: another server took over meanwhile.
    pub fn is_back(&self, shift: Shift) -> bool {
        let mut state = self.state.lock();
        let mine = state.shift == shift.0;
        if mine {
            state.between = true;
        }
        mine
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_called_for_many_jobs() {
        let queue = CallQueue::new();
        assert_eq!(queue.push(1), Call::Server);
        assert_eq!(queue.push(2), Call::Nobody, "one is on its way");
        let shift = queue.begin();
        assert_eq!(
            queue.next(shift),
            Some((1, Call::Server)),
            "one more, in case 1 blocks"
        );
        assert!(queue.is_back(shift));
        assert_eq!(
            queue.next(shift),
            Some((2, Call::Nobody)),
            "nothing left to do for it"
        );
        assert!(queue.is_back(shift));
        assert_eq!(queue.next(shift), None);
    }

    #[test]
    fn a_server_that_comes_takes_over_from_one_that_is_stuck() {
        let queue = CallQueue::new();
        let _ = (queue.push(1), queue.push(2), queue.push(3));
        let stuck = queue.begin();
        assert_eq!(queue.next(stuck), Some((1, Call::Server)));
        let spare = queue.begin();
        assert_eq!(queue.next(spare), Some((2, Call::Server)));
        assert!(!queue.is_back(stuck));
        assert_eq!(queue.next(stuck), None);
        assert!(queue.is_back(spare));
        assert_eq!(queue.next(spare).map(|next| next.0), Some(3));
    }

    #[test]
    fn a_job_pushed_while_the_only_server_is_stuck_calls_another() {
        let queue = CallQueue::new();
        let _ = queue.push(1);
        let shift = queue.begin();
        assert_eq!(queue.next(shift), Some((1, Call::Nobody)));
        assert_eq!(queue.push(2), Call::Server);
        queue.nobody_comes();
        assert_eq!(queue.call_again(), Call::Server, "asked again");
        assert_eq!(queue.call_again(), Call::Nobody, "one is on its way");
        queue.nobody_comes();
        assert_eq!(queue.push(3), Call::Server, "asked again");
        assert_eq!(queue.take_back(|&job| job == 3), Some(3));
        assert_eq!(queue.take_back(|&job| job == 3), None);
    }
}
