//! The scheduler of this process, and how a thread is called to work.
//!
//! Invariants:
//! * A job that was made ready is seen by a runner, or a thread was called for it; see `sched::scheduler`.
//! * Everything here is reached through one pointer, which a forked child replaces: its threads, and whoever held a lock
//!   in the old one, do not exist there.

use crate::collection;
use crate::current;
use crate::deferred;
use crate::due::Due;
use crate::goroutine::{Goroutine, flag};
use crate::guard;
use crate::job::Job;
use crate::monitor;
use crate::scope;
use crate::threads;
use crate::value::{Ref, Value, share};
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sched::{CallQueue, Scheduler, Seats, Timers, calls::Call};
use gochan_core::sys::Arc;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// A goroutine on its way through the queues: one counted reference.
#[derive(Debug)]
pub struct Routine(Ref<Goroutine>);

impl Routine {
    #[inline]
    pub fn new(goroutine: Bound<'_, Goroutine>) -> Self {
        share(&goroutine);
        Self(Ref::new(goroutine))
    }

    #[inline]
    pub fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, Goroutine> {
        self.0.bind(py)
    }

    #[inline]
    pub fn get(&self) -> &Goroutine {
        self.0.get()
    }

    pub fn value(&self) -> &Value {
        self.0.value()
    }

    /// Has it resumed: what it waits for has come. From any attached thread.
    #[inline]
    pub fn wake(self) {
        if self.get().word.wake() {
            // SAFETY: a wake comes from an attached thread.
            let py = unsafe { Python::assume_attached() };
            if let Some(routine) = collection::keep_back(py, self) {
                ready(py, routine);
            }
        }
    }
}

/// What a thread is called for.
#[derive(Debug)]
pub enum Order {
    /// To resume goroutines: the permit was claimed for it.
    Run(Permit, RunnerId),
    /// To take over a permit whose holder is stuck, if it still is where it was seen.
    Rescue(Permit, (u64, u64)),
    /// To run functions.
    Serve,
    /// To be there.
    Wait,
}

#[derive(Debug)]
pub struct World {
    pub steps: Scheduler<Routine>,
    pub calls: CallQueue<Py<Job>>,
    pub timers: Timers<Due>,
    /// Goroutine threads without work.
    pub seats: Seats<Order>,
}

/// Made at the first use, never freed; a forked child makes its own.
static WORLD: AtomicPtr<World> = AtomicPtr::new(std::ptr::null_mut());
/// At exit nothing is resumed any more.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// What `gomaxprocs` says; 0 until somebody asks.
static PROCS: AtomicUsize = AtomicUsize::new(0);

/// How many goroutines may be resumed at once.
fn permits() -> usize {
    if cfg!(Py_GIL_DISABLED) { procs() } else { 1 }
}

fn procs() -> usize {
    let known = PROCS.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    if cfg!(Py_GIL_DISABLED) {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        1
    }
}

/// Sets the number, if one is given; the one before.
pub fn gomaxprocs(new: Option<usize>) -> usize {
    let old = procs();
    if let Some(new) = new {
        PROCS.store(new, Ordering::Relaxed);
    }
    old
}

#[inline]
pub fn get() -> &'static World {
    // SAFETY: null, or a box that was leaked below and is never freed.
    unsafe { WORLD.load(Ordering::Acquire).as_ref() }.unwrap_or_else(make)
}

impl World {
    /// Whether it is this process's: a forked child leaves the parent's behind.
    #[inline]
    pub fn is_current(&'static self) -> bool {
        std::ptr::eq(WORLD.load(Ordering::Relaxed), self)
    }
}

#[cold]
fn make() -> &'static World {
    let new = Box::into_raw(Box::new(World {
        steps: Scheduler::new(permits()),
        calls: CallQueue::new(),
        timers: Timers::new(),
        seats: Seats::new(),
    }));
    match WORLD.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made, and published: never freed from here on.
        Ok(_) => unsafe { &*new },
        Err(theirs) => {
            // SAFETY: `new` was seen by nobody; `theirs` is published and never freed.
            unsafe {
                drop(Box::from_raw(new));
                &*theirs
            }
        }
    }
}

pub fn is_stopped() -> bool {
    STOPPED.load(Ordering::Acquire)
}

pub fn stop() {
    STOPPED.store(true, Ordering::Release);
}

pub fn after_fork_in_child() {
    WORLD.store(std::ptr::null_mut(), Ordering::Release);
}

/// Queues a goroutine that was woken: next, if this thread is a runner. Attached.
#[inline]
pub fn ready(py: Python<'_>, routine: Routine) {
    if routine.get().has(flag::MAIN) {
        return ready_main(&routine);
    }
    let world = get();
    if let Some((permit, me)) = current::permit() {
        if world.steps.holds(permit, me) {
            world.steps.push_next(permit, routine);
            if cfg!(Py_GIL_DISABLED) && world.steps.has_surplus(permit) {
                call_runner(py);
            }
            return;
        }
    }
    world.steps.push_shared(routine);
    call_runner(py);
}

/// Main is resumed by its own thread.
fn ready_main(main: &Routine) {
    if let Some(scope) = main.get().scope() {
        deferred::unpark(Arc::clone(&scope.home));
    }
}

/// Queues a new goroutine.
#[inline]
pub fn ready_new(py: Python<'_>, routine: Routine) -> PyResult<()> {
    let world = get();
    match current::permit() {
        Some((permit, me)) if world.steps.holds(permit, me) => {
            world.steps.push(permit, routine);
            if cfg!(Py_GIL_DISABLED) && world.steps.has_surplus(permit) {
                call_runner(py);
            }
            Ok(())
        }
        _ => {
            world.steps.push_shared(routine);
            try_call_runner(py)
        }
    }
}

/// Queues a goroutine behind all others.
pub fn ready_last(py: Python<'_>, routine: Routine) {
    get().steps.push_shared(routine);
    call_runner(py);
}

/// Has a thread come for the jobs that wait, if a permit is free.
pub fn call_runner(py: Python<'_>) {
    if let Err(error) = try_call_runner(py) {
        // No thread to be had now. The job waits for the next push, or for a runner to look again.
        guard::raise_later(py, error, None);
    }
}

fn try_call_runner(py: Python<'_>) -> PyResult<()> {
    let steps = &get().steps;
    let me = steps.register();
    let Some(permit) = steps.claim_for_work(me) else {
        return Ok(());
    };
    give(py, Order::Run(permit, me))
}

/// Gives an order to an idle goroutine thread, or to a new one. An error undoes the order.
fn give(py: Python<'_>, order: Order) -> PyResult<()> {
    let order = match get().seats.call(order) {
        Ok(parker) => {
            deferred::unpark(parker);
            return Ok(());
        }
        Err(order) => order,
    };
    threads::start(py, order)
}

/// The order is not carried out: whatever was claimed for it is free again.
pub fn undo(order: &Order) {
    match order {
        Order::Run(permit, me) => {
            // Jobs that are left are seen by the monitor, which looks for threads as long as there are some.
            let _ = get().steps.release(*permit, *me);
            monitor::watch();
        }
        Order::Serve => {
            get().calls.nobody_comes();
            monitor::watch();
        }
        Order::Rescue(..) | Order::Wait => {}
    }
}

/// Has a thread come that runs functions.
pub fn call_server(py: Python<'_>, call: Call) -> PyResult<()> {
    match call {
        Call::Nobody => Ok(()),
        Call::Server => {
            give(py, Order::Serve)?;
            if scope::has_stepped() || !get().timers.is_empty() {
                // Servers may block for ever; somebody has to be there for goroutines, and for what is to happen at its time.
                keep_a_spare(py);
            }
            Ok(())
        }
    }
}

/// Keeps an idle thread at hand, for the moment in which this one is stuck in a goroutine.
pub fn keep_a_spare(py: Python<'_>) {
    // With the fence in it: who leaves the seats looks at what there is to do afterwards.
    monitor::watch();
    if get().seats.is_empty() {
        if let Err(error) = threads::start(py, Order::Wait) {
            // It goes without; the next runner tries again.
            guard::found::<()>(py, Err(error));
        }
    }
}

/// Has an idle thread come for due timeouts, from a thread that is not attached.
pub fn call_runner_detached() {
    let steps = &get().steps;
    let me = steps.register();
    let Some(permit) = steps.claim(me) else {
        return;
    };
    give_detached(Order::Run(permit, me));
}

/// Calls an idle thread for functions that wait, when nobody was to be had for them before. Not attached.
pub fn call_server_detached() {
    if get().calls.call_again() == Call::Server {
        give_detached(Order::Serve);
    }
}

/// As [`give`], for a thread that is not attached and can start none.
pub fn give_detached(order: Order) -> bool {
    match get().seats.call(order) {
        Ok(parker) => {
            parker.unpark();
            true
        }
        Err(order) => {
            undo(&order);
            false
        }
    }
}
