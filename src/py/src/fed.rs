//! Channels that a clock sends on, and their place among the timers: `feed` of the core under the interpreter's rules.
//!
//! Invariant: what stands among the timers is one counted reference to the channel's object, which the collector is not shown. So
//! whoever is parked on a tick that is to come counts as reachable (PY9), and a channel that nobody waits for goes with its last
//! reference (T10).

use crate::chan::ChanBase;
use crate::due::{self, Due};
use crate::value::{Ref, Value};
use crate::wake::ChanCore;
use crate::world;
use gochan_core::Outcome;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::wait_queue::Ticket;
use pyo3::prelude::*;
use pyo3::types::PyFloat;
use std::time::{Duration, SystemTime};

/// A channel that sends `time.time()` of the instants at which its ticks are due, once it is armed.
pub fn channel() -> ChanCore {
    ChanCore::fed(Box::new(Monotonic), stamp)
}

/// The two clocks at one instant. A thread can lose its processor between the two looks, so the closest of a few is taken.
fn both_clocks() -> (Duration, Instant) {
    const CLOSE: Duration = Duration::from_micros(5);
    let look = || {
        let before = Monotonic.now();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let gap = Monotonic.now().saturating_since(before);
        (gap, wall.unwrap_or(Duration::ZERO), before)
    };
    let mut best = look();
    for _ in 0..4 {
        if best.0 <= CLOSE {
            break;
        }
        best = std::cmp::min_by_key(best, look(), |look| look.0);
    }
    (best.1, best.2)
}

/// `time.time()` as it was at `due` (T3).
fn stamp(due: Instant) -> Value {
    let (wall, now) = both_clocks();
    let then = wall.saturating_sub(now.saturating_since(due));
    // SAFETY: values are made by attached threads only.
    let py = unsafe { Python::assume_attached() };
    Value::new(PyFloat::new(py, then.as_secs_f64()).into_any())
}

/// Somebody has parked on the channel, or it was armed anew: sees to it that what is due then comes in time.
#[inline]
pub fn attend(chan: &Bound<'_, ChanBase>) {
    if chan.get().core().is_fed() {
        take_a_place(chan);
    }
}

#[cold]
fn take_a_place(chan: &Bound<'_, ChanBase>) {
    let place = || Due::Tick(Ref::new(chan.clone()));
    if let Some(at) = chan.get().core().attend(&world::get().timers, place) {
        due::is_next(chan.py(), at);
    }
}

/// Its time has come.
pub fn fire(py: Python<'_>, chan: &Ref<ChanBase>) {
    chan.get().core().fire();
    take_a_place(chan.bind(py));
}

/// A receiver has left, perhaps the last.
#[inline]
pub fn left(core: &ChanCore) {
    if core.is_fed() {
        core.leave_timers(&world::get().timers);
    }
}

/// Takes a cancelled receiver out of its queue.
#[inline]
pub fn forget_receiver(core: &ChanCore, ticket: Ticket) {
    core.forget_receiver(ticket);
    left(core);
}

/// Gives back what a receiver was handed, where nobody is to have it.
pub fn give_back(core: &ChanCore, outcome: Outcome<Value>) {
    core.give_back(outcome);
    left(core);
}

/// A tick as the value that is received.
#[inline]
pub fn received(outcome: Outcome<Value>) -> Outcome<Value> {
    match outcome {
        Outcome::Ticked(tick) => Outcome::Received(stamp(tick.due), 0),
        outcome => outcome,
    }
}
