//! Goroutine threads in small: how the binding uses the scheduler, without Python.
//!
//! A thread is a runner (it resumes jobs with a permit until none is ready) or a server (it makes calls), whatever it is
//! called for; without work it sits down and waits for an order. Who makes something ready queues it, and calls a thread if
//! one is needed. What is done here in which order is what the models check, so it has to stay as `world.rs`,
//! `threads.rs`, `runner.rs` and `monitor.rs` of the binding do it, on a build without the GIL.

#![allow(clippy::missing_const_for_thread_local)] // the macros of loom and shuttle know no `const`

use gochan_core::sched::calls::{Call, Shift};
use gochan_core::sched::scheduler::{Permit, Progress, RunnerId};
use gochan_core::sched::{CallQueue, Scheduler, Seat, Seats};
use gochan_core::sys::atomic::{AtomicBool, Ordering};
use gochan_core::sys::{Arc, Mutex, thread};
use std::cell::Cell;

#[cfg(loom)]
use loom::thread_local;
#[cfg(shuttle)]
use shuttle::thread_local;
#[cfg(not(any(loom, shuttle)))]
use std::thread_local;

thread_local! {
    /// The permit this thread resumes jobs with.
    static CURRENT: Cell<Option<Runner>> = Cell::new(None);
}

/// What a thread is called for.
#[derive(Debug)]
pub enum Order {
    /// To resume jobs: the permit was claimed for it.
    Run(Runner),
    /// To take over a permit whose holder is stuck, if it still is where it was seen.
    Rescue(Permit, (u64, u64)),
    /// To make calls.
    Serve,
    /// To be there.
    Wait,
    /// To end.
    Leave,
}

/// A permit, and who holds it.
pub type Runner = (Permit, RunnerId);

/// Why a runner stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It still has the permit.
    NothingReady,
    LostPermit,
}

/// What runs on the threads of a world.
pub trait Program: Send + Sync + Sized + 'static {
    /// Parks; the binding's goroutine from an `async def`.
    type Job: Send;
    /// Keeps its thread until it ends; the binding's goroutine from a plain function.
    type Call: Send;
    /// Whether a runner sees to it that an idle thread is there, for the monitor to call.
    const SPARES: bool;

    fn world(&self) -> &World<Self::Job, Self::Call>;
    fn step(this: &Arc<Self>, job: Self::Job);
    fn call(this: &Arc<Self>, call: Self::Call);
    /// Ends the waits whose time is up.
    fn expire_due(_this: &Arc<Self>) {}
    /// One of the real threads panics. (A model ends by itself.)
    fn thread_failed(&self) {}
}

#[derive(Debug)]
pub struct World<J, C> {
    pub steps: Scheduler<J>,
    pub calls: CallQueue<C>,
    pub seats: Seats<Order>,
    closing: AtomicBool,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl<J, C> World<J, C> {
    pub fn new(permits: usize) -> Self {
        Self {
            steps: Scheduler::new(permits),
            calls: CallQueue::new(),
            seats: Seats::new(),
            closing: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
        }
    }

    pub fn claim(&self) -> Option<Runner> {
        let me = self.steps.register();
        Some((self.steps.claim(me)?, me))
    }

    /// Gives an order to a thread that sits there. Otherwise it comes to nothing, and what was claimed for it is free
    /// again: true as the error if there are jobs, for which nobody was called because of that.
    pub fn give_to_idle(&self, order: Order) -> Result<(), bool> {
        match self.seats.call(order) {
            Ok(parker) => {
                parker.unpark();
                Ok(())
            }
            Err(Order::Run((permit, me))) => Err(self.steps.release(permit, me)),
            Err(_) => Err(false),
        }
    }

    /// What the monitor does about a runner that has begun nothing since it came by the last time.
    pub fn rescue(&self, last: &mut Progress) {
        if let Some(permit) = self.steps.stuck(last) {
            // With nobody there it has to wait.
            let _ = self.give_to_idle(Order::Rescue(permit, self.steps.position(permit)));
        }
    }
}

/// Starts a thread with an order.
pub fn start<P: Program>(this: &Arc<P>, order: Order) {
    let thread = thread::spawn({
        let this = Arc::clone(this);
        move || {
            let _watch = Watch(&*this);
            work(&this, order);
        }
    });
    this.world().threads.lock().push(thread);
}

struct Watch<'a, P: Program>(&'a P);

impl<P: Program> Drop for Watch<'_, P> {
    fn drop(&mut self) {
        if cfg!(not(any(loom, shuttle))) && std::thread::panicking() {
            self.0.thread_failed();
        }
    }
}

/// Gives an order to an idle thread, or to a new one.
pub fn give<P: Program>(this: &Arc<P>, order: Order) {
    match this.world().seats.call(order) {
        Ok(parker) => parker.unpark(),
        Err(order) => start(this, order),
    }
}

/// Queues a job that was woken: next, if this thread is a runner.
pub fn ready<P: Program>(this: &Arc<P>, job: P::Job) {
    let steps = &this.world().steps;
    match CURRENT.with(Cell::get) {
        Some((permit, me)) if steps.holds(permit, me) => steps.push_next(permit, job),
        _ => steps.push_shared(job),
    }
    call_runner(this);
}

/// Queues a new job.
pub fn ready_new<P: Program>(this: &Arc<P>, job: P::Job) {
    let steps = &this.world().steps;
    match CURRENT.with(Cell::get) {
        Some((permit, me)) if steps.holds(permit, me) => steps.push(permit, job),
        _ => steps.push_shared(job),
    }
    call_runner(this);
}

/// Queues a job behind all others.
pub fn ready_last<P: Program>(this: &Arc<P>, job: P::Job) {
    this.world().steps.push_shared(job);
    call_runner(this);
}

/// Has a thread come for the jobs that wait, if a permit is free.
pub fn call_runner<P: Program>(this: &Arc<P>) {
    let steps = &this.world().steps;
    let me = steps.register();
    if let Some(permit) = steps.claim_for_work(me) {
        give(this, Order::Run((permit, me)));
    }
}

/// Queues a call.
pub fn push_call<P: Program>(this: &Arc<P>, call: P::Call) {
    let called = this.world().calls.push(call);
    call_server(this, called);
}

fn call_server<P: Program>(this: &Arc<P>, call: Call) {
    if call == Call::Server {
        give(this, Order::Serve);
        // The monitor can call an idle thread only, and this one may be gone for long.
        keep_a_spare(this);
    }
}

fn keep_a_spare<P: Program>(this: &Arc<P>) {
    if P::SPARES && this.world().seats.is_empty() {
        start(this, Order::Wait);
    }
}

/// A thread's life.
fn work<P: Program>(this: &Arc<P>, first: Order) {
    let steps = &this.world().steps;
    let seat = Arc::new(Seat::new());
    let mut order = first;
    loop {
        order = match order {
            Order::Run(runner) => resume(this, &seat, runner),
            Order::Rescue(permit, seen) if steps.is_still_stuck(permit, seen) => {
                let me = steps.register();
                steps.take_over(permit, me);
                resume(this, &seat, (permit, me))
            }
            Order::Serve => {
                serve(this, this.world().calls.begin());
                idle(this, &seat, None)
            }
            Order::Rescue(..) | Order::Wait => idle(this, &seat, None),
            Order::Leave => return,
        };
    }
}

/// Makes calls until none is left, or another server took over.
fn serve<P: Program>(this: &Arc<P>, shift: Shift) {
    let calls = &this.world().calls;
    while let Some((call, called)) = calls.next(shift) {
        call_server(this, called);
        P::call(this, call);
        if !calls.is_back(shift) {
            break;
        }
    }
}

fn resume<P: Program>(this: &Arc<P>, seat: &Arc<Seat<Order>>, runner: Runner) -> Order {
    keep_a_spare(this);
    CURRENT.with(|current| current.set(Some(runner)));
    let stop = run(this, runner);
    CURRENT.with(|current| current.set(None));
    match stop {
        Stop::NothingReady => idle(this, seat, Some(runner)),
        Stop::LostPermit => {
            // It may have had jobs in its hands, on their way from one queue to another, when the one who has the permit
            // now looked for some.
            call_runner(this);
            idle(this, seat, None)
        }
    }
}

/// Resumes jobs with the permit until nothing is ready.
fn run<P: Program>(this: &Arc<P>, (permit, me): Runner) -> Stop {
    let steps = &this.world().steps;
    loop {
        if !steps.holds(permit, me) {
            return Stop::LostPermit;
        }
        if let Some(job) = steps.next(permit) {
            P::step(this, job);
        } else {
            P::expire_due(this);
            if !steps.has_jobs() {
                return Stop::NothingReady;
            }
        }
    }
}

/// Waits for an order; gives the permit back first, if it holds one.
fn idle<P: Program>(this: &Arc<P>, seat: &Arc<Seat<Order>>, held: Option<Runner>) -> Order {
    let world = this.world();
    world.seats.enter(seat);
    if let Some((permit, me)) = held {
        if world.steps.release(permit, me) {
            if world.seats.leave(seat) {
                return match world.steps.claim(me) {
                    Some(permit) => Order::Run((permit, me)),
                    // Somebody else has it, and sees to the jobs.
                    None => idle(this, seat, None),
                };
            }
            // Called for something else in the very moment in which the permit became free: the jobs need somebody too.
            call_runner(this);
        }
    }
    if world.closing.load(Ordering::SeqCst) && world.seats.leave(seat) {
        return Order::Leave;
    }
    loop {
        if let Some(order) = seat.take_order() {
            return order;
        }
        seat.parker.park(None);
    }
}

/// When all has been done: ends the threads, and waits for them.
pub fn close<P: Program>(this: &Arc<P>) {
    let world = this.world();
    world.closing.store(true, Ordering::SeqCst);
    while world.give_to_idle(Order::Leave).is_ok() {}
    loop {
        let next = world.threads.lock().pop();
        let Some(thread) = next else { break };
        thread.join().expect("a goroutine thread failed");
    }
}
