//! What is to happen at a time of its own: what stands in the scheduler's timers, and what is done with it then.
//!
//! Runners look between two steps; while none is awake the monitor sleeps until the first is due and calls a thread
//! ([`crate::monitor`]).

use crate::chan::ChanBase;
use crate::context_node::{self, Link};
use crate::fed;
use crate::goroutine_wait::Expiry;
use crate::monitor;
use crate::timer::Timer;
use crate::value::Ref;
use crate::world;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::sched::timers::Key;
use pyo3::prelude::*;

#[derive(Debug)]
pub enum Due {
    /// A goroutine has waited for as long as it wanted to.
    Expiry(Expiry),
    /// A context's deadline.
    Context(Link),
    /// A channel that a clock sends on, and somebody is parked there.
    Tick(Ref<ChanBase>),
    /// What `after_func` is to start.
    Call(Ref<Timer>),
}

impl Due {
    fn happen(self, py: Python<'_>) {
        match self {
            Self::Expiry(expiry) => expiry.happen(),
            Self::Context(node) => context_node::expire(&node),
            Self::Tick(chan) => fed::fire(py, &chan),
            Self::Call(timer) => timer.get().call(py),
        }
    }
}

/// Sees to it that `due` happens at `at`, or soon after.
pub fn add(py: Python<'_>, at: Instant, due: Due) -> Key {
    let (key, is_first) = world::get().timers.add(at, due);
    if is_first {
        is_next(py, at);
    }
    key
}

/// Nothing happens before `at` any more: whoever sleeps until then is told.
pub fn is_next(py: Python<'_>, at: Instant) {
    // Somebody has to be there then: not every thread that waits sees to it.
    world::keep_a_spare(py);
    monitor::expect(at);
}

/// Takes it back, if it has not happened.
pub fn cancel(key: Key) {
    drop(world::get().timers.cancel(key));
}

/// At exit: nothing happens any more, and what was waiting for its time can go.
pub fn forget_all() {
    while let Some(due) = world::get().timers.pop_due(Instant::NEVER) {
        drop(due);
    }
}

/// Lets happen what is due.
pub fn happen(py: Python<'_>) {
    if world::get().timers.is_empty() {
        return;
    }
    let now = Monotonic.now();
    // Anew each time: what happens may fork, and the child is not to go on with what was the parent's.
    while let Some(due) = world::get().timers.pop_due(now) {
        due.happen(py);
    }
}
