//! The threads that goroutines run on: started, called, and ended when they are not needed.
//!
//! The bottom of such a thread is a Python function (`gochan/_threads.py`) started with
//! `_thread.start_new_thread`: with a Rust frame at the bottom, an interpreter that exits while a
//! goroutine runs Python would abort the process (see `guard.rs`). These threads do not keep the
//! interpreter alive.
//!
//! A thread is a *server* (it runs functions, each to its end, from the bottom) or a *runner* (it resumes goroutines,
//! inside of `__next__`), whatever it is called for. Without work it sits in the scheduler's seats; after a
//! while there it ends, but for one that is kept as long as there are goroutines to resume, or timers.

use crate::announce;
use crate::current;
use crate::deferred;
use crate::goroutine;
use crate::job::Job;
use crate::kept::Kept;
use crate::monitor;
use crate::runner::{self, Stop};
use crate::scope;
use crate::world::{self, Order, World};
use gochan_core::clock::{Clock, Monotonic};
use gochan_core::parker::Woken;
use gochan_core::sched::Seat;
use gochan_core::sched::calls::Shift;
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sys::Arc;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::time::Duration;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// Starts a goroutine thread with an order. An error undoes the order.
pub fn start(py: Python<'_>, order: Order) -> PyResult<()> {
    static START: Kept<Py<PyAny>> = Kept::new();
    static SERVE: Kept<Py<PyAny>> = Kept::new();
    if world::is_stopped() {
        world::undo(&order);
        return Err(PyRuntimeError::new_err(
            "the interpreter is exiting: no goroutine can be started",
        ));
    }
    let work = Arc::new(Mutex::new(Some(order)));
    let begin = || -> PyResult<()> {
        let start = START.import(py, "_thread", "start_new_thread")?;
        let serve = SERVE.import(py, "gochan._threads", "serve")?;
        let jobs = Jobs {
            order: Arc::clone(&work),
            shift: Mutex::new(None),
            epoch: epoch::current(),
        };
        start.call1((serve, (jobs,))).map(drop)
    };
    begin().map_err(|error| {
        let order = work.lock().take();
        if let Some(order) = order {
            world::undo(&order);
        }
        if !error.is_instance_of::<PyException>(py) {
            return error; // Ctrl-C, in the middle of the first import
        }
        let refused = PyRuntimeError::new_err(format!(
            "go(): no thread to be had for another goroutine, {} run already ({error}); \
             limit them, for example with a fixed number of workers that share a channel",
            goroutine::num_goroutine().saturating_sub(2) // neither the caller nor the one that failed
        ));
        refused.set_cause(py, Some(error));
        refused
    })
}

/// What one thread does next, as an iterator over the functions it is to run.
#[pyclass(frozen, module = "gochan", name = "_Jobs")]
#[derive(Debug)]
pub struct Jobs {
    /// What it was started for.
    order: Arc<Mutex<Option<Order>>>,
    /// While it is a server.
    shift: Mutex<Option<Shift>>,
    /// A forked child has none of these threads, but the one that forked, perhaps.
    epoch: u32,
}

#[pymethods]
impl Jobs {
    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// The next function to run: see [`Job::begin`].
    fn __next__<'py>(&self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyTuple>>> {
        let job = self.next_job(py)?.into_bound(py);
        Some(Job::begin(&job))
    }
}

impl Jobs {
    fn next_job(&self, py: Python<'_>) -> Option<Py<Job>> {
        if self.epoch != epoch::current() {
            return None;
        }
        current::set_goroutine(None);
        let shift = self.shift.lock().take();
        if let Some(job) = shift.and_then(|shift| self.back(py, shift)) {
            return Some(job);
        }
        let mut order = self.order.lock().take();
        loop {
            let next = match order.take() {
                None | Some(Order::Wait) => idle(py, None)?,
                Some(Order::Serve) => {
                    if let Some(job) = self.serve(py, world::get().calls.begin()) {
                        return Some(job);
                    }
                    idle(py, None)?
                }
                Some(Order::Run(permit, me)) => resume(py, permit, me)?,
                Some(Order::Rescue(permit, seen)) => {
                    let steps = &world::get().steps;
                    if steps.is_still_stuck(permit, seen) {
                        let me = steps.register();
                        steps.take_over(permit, me);
                        resume(py, permit, me)?
                    } else {
                        idle(py, None)?
                    }
                }
            };
            order = Some(next);
        }
    }

    /// The next function, for a server that is back from one.
    fn back(&self, py: Python<'_>, shift: Shift) -> Option<Py<Job>> {
        if world::get().calls.is_back(shift) {
            return self.serve(py, shift);
        }
        None
    }

    fn serve(&self, py: Python<'_>, shift: Shift) -> Option<Py<Job>> {
        if announce::is_wanted() {
            announce::let_in(py);
        }
        loop {
            let (job, call) = world::get().calls.next(shift)?;
            if let Err(error) = world::call_server(py, call) {
                // It goes without: this one is back after the job.
                drop(error);
            }
            if job.get().is_abandoned() {
                job.get().disarm();
                drop(job.into_bound(py));
                if !world::get().calls.is_back(shift) {
                    return None;
                }
                continue;
            }
            *self.shift.lock() = Some(shift);
            return Some(job);
        }
    }
}

/// Resumes goroutines, then waits for an order. None: the thread is to end.
fn resume(py: Python<'_>, permit: Permit, me: RunnerId) -> Option<Order> {
    let hooks = crate::hooks::Hooks::of_runner(py);
    world::keep_a_spare(py);
    let stop = runner::run(py, permit, me);
    drop(hooks);
    let held = match stop {
        Stop::NothingReady | Stop::Enough => Some((permit, me)),
        Stop::LostPermit => {
            // It may have put jobs into the queue after whoever took the permit over had looked there for the last time.
            world::call_runner(py);
            None
        }
        // The goroutine that forked has ended: so does this thread, as one that a function forked in does when that returns.
        Stop::Forked if !scope::has_stepped() => return None,
        Stop::Forked => None,
    };
    idle(py, held)
}

/// Waits for an order; gives the permit back first, if it holds one. None: none came for long, and the thread is not
/// needed.
fn idle(py: Python<'_>, held: Option<(Permit, RunnerId)>) -> Option<Order> {
    if world::is_stopped() {
        sleep_for_ever(py);
    }
    let world = world::get();
    let seat = Arc::new(Seat::new());
    world.seats.enter(&seat);
    if let Some((permit, me)) = held {
        if world.steps.release(permit, me) {
            if world.seats.leave(&seat) {
                return match world.steps.claim(me) {
                    Some(permit) => Some(Order::Run(permit, me)),
                    // Somebody else has it, and sees to the jobs.
                    None => idle(py, None),
                };
            }
            // Called for something else at this very moment: then somebody else sees to the jobs.
            world::call_runner(py);
        }
    }
    // While this one was a runner it looked at the timers itself.
    monitor::expect(world.timers.earliest());
    // A runner that would let a rescuer in between two steps needs none: it may only have waited for the GIL itself, and whoever
    // holds it for long at a time (a collection of a large heap) would get it back at once.
    let is_wanted_for = |order: &Option<Order>| !matches!(order, Some(Order::Rescue(..)));
    announce::detach_for(py, || wait_for_order(&seat, world), is_wanted_for)
}

/// A timer that is due so soon keeps a thread from looking out for other work.
const SOON: Duration = Duration::from_micros(500);

/// Detached.
fn wait_for_order(seat: &Arc<Seat<Order>>, world: &World) -> Option<Order> {
    let seats = &world.seats;
    deferred::flush();
    // With a timer due that soon it is the clock that calls next, most likely, and the monitor hears it: to look out for that here
    // would burn a processor between any two of many deadlines.
    if world.timers.earliest() > Monotonic.now().saturating_add(SOON) {
        seat.parker.poll();
    }
    loop {
        if let Some(order) = seat.take_order() {
            return Some(order);
        }
        let until = Monotonic.now().saturating_add(IDLE);
        if seat.parker.park(Some(until)) != Woken::TimedOut {
            continue;
        }
        // While there are goroutines to resume, or something is to happen at its time, one thread is kept for that.
        if seats.leave_unless_needed(seat, || scope::has_stepped() || !world.timers.is_empty()) {
            return None;
        }
    }
}

/// At exit: this thread never attaches again.
fn sleep_for_ever(py: Python<'_>) -> ! {
    py.detach(|| {
        loop {
            deferred::flush();
            std::thread::park();
        }
    })
}
