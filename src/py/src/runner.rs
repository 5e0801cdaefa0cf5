//! A thread with a permit: it resumes goroutines until none is ready.

use crate::announce;
use crate::coroutine;
use crate::current;
use crate::due;
use crate::hooks;
use crate::monitor;
use crate::world;
use gochan_core::sched::scheduler::{Permit, RunnerId};
use pyo3::prelude::*;

/// Every so many steps a runner looks at the clock, if there are timeouts.
const CLOCK: u32 = 16;

/// ... and every so many looks at the clock, whether a debugger came or went.
const HOOKS: u32 = 64;

/// Why a runner stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is ready. It still has the permit.
    NothingReady,
    /// The permit was taken over while it was in a step, or given away in it.
    LostPermit,
    /// The interpreter exits. It still has the permit.
    Enough,
    /// A step forked, and this is the child: what the permit belongs to is the parent's.
    Forked,
}

/// Resumes goroutines with the permit until nothing is ready.
pub fn run(py: Python<'_>, permit: Permit, me: RunnerId) -> Stop {
    let world = world::get();
    let steps = &world.steps;
    current::set_permit(Some((permit, me)));
    let (mut steps_to_clock, mut steps_to_hooks) = (1, HOOKS);
    monitor::look_at_clock();
    let stop = loop {
        if announce::is_wanted() {
            announce::let_in(py);
        }
        steps_to_clock -= 1;
        if steps_to_clock == 0 {
            steps_to_clock = CLOCK;
            due::happen(py);
            steps_to_hooks -= 1;
            if steps_to_hooks == 0 {
                steps_to_hooks = HOOKS;
                hooks::refresh(py);
            }
        }
        if !world.is_current() {
            break Stop::Forked;
        }
        if !steps.holds(permit, me) {
            break Stop::LostPermit;
        }
        if world::is_stopped() {
            break Stop::Enough;
        }
        if let Some(routine) = steps.next(permit) {
            coroutine::step(py, routine);
        } else {
            due::happen(py);
            if !steps.has_jobs() && world.is_current() {
                break Stop::NothingReady;
            }
        }
    };
    current::set_permit(None);
    stop
}

/// This thread is about to block in the middle of a step: its permit goes to another thread, if there are jobs.
pub fn leave(py: Python<'_>) {
    let Some((permit, me)) = current::permit() else {
        return;
    };
    current::set_permit(None);
    if world::get().steps.holds(permit, me) && world::get().steps.release(permit, me) {
        world::call_runner(py);
    }
}
