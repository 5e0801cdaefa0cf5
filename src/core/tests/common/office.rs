//! Goroutine threads in small: how the binding uses the scheduler, the seats and the parker, without Python.
//!
//! A thread resumes jobs with a permit until none is ready, gives the permit back, sits down and waits for an order. Who makes
//! a job ready queues it and calls a thread if a permit is free. What is done here in which order is what the models check,
//! so it has to stay as `world.rs`, `threads.rs`, `runner.rs` and `monitor.rs` of the binding do it.

use gochan_core::sched::scheduler::{Permit, Progress, RunnerId};
use gochan_core::sched::{Scheduler, Seat, Seats};
use gochan_core::sys::Arc;
use gochan_core::sys::atomic::{AtomicBool, Ordering};

/// What a thread is called for.
#[derive(Debug)]
pub enum Order {
    /// To resume jobs: the permit was claimed for it.
    Run(Permit, RunnerId),
    /// To take over a permit whose holder is stuck, if it still is where it was seen.
    Rescue(Permit, (u64, u64)),
    /// To go home: the office closes.
    Leave,
}

/// Why a runner stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It still has the permit.
    NothingReady,
    LostPermit,
}

#[derive(Debug)]
pub struct Office<J> {
    pub steps: Scheduler<J>,
    pub seats: Seats<Order>,
    closing: AtomicBool,
}

impl<J> Office<J> {
    pub fn new(permits: usize) -> Self {
        Self {
            steps: Scheduler::new(permits),
            seats: Seats::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// Queues a job: next, if this thread is a runner. An order comes back when there is no idle thread to carry it out.
    #[must_use]
    pub fn ready(&self, runner: Option<(Permit, RunnerId)>, job: J) -> Option<Order> {
        match runner {
            Some((permit, me)) if self.steps.holds(permit, me) => self.steps.push_next(permit, job),
            _ => self.steps.push_shared(job),
        }
        self.call_runner()
    }

    /// Has a thread come for the jobs that wait, if a permit is free.
    #[must_use]
    pub fn call_runner(&self) -> Option<Order> {
        let me = self.steps.register();
        let permit = self.steps.claim_for_work(me)?;
        self.give(Order::Run(permit, me))
    }

    /// Gives an order to an idle thread.
    #[must_use]
    pub fn give(&self, order: Order) -> Option<Order> {
        match self.seats.call(order) {
            Ok(parker) => {
                parker.unpark();
                None
            }
            Err(order) => Some(order),
        }
    }

    /// What the monitor does when it comes by.
    #[must_use]
    pub fn rescue(&self, last: &mut Progress) -> Option<Order> {
        let permit = self.steps.stuck(last)?;
        if !self.steps.has_jobs() {
            return None;
        }
        // Without an idle thread nothing comes of it, until the monitor's next round.
        self.seats
            .call(Order::Rescue(permit, self.steps.position(permit)))
            .map(|parker| parker.unpark())
            .err()
    }

    /// A thread's life from its first order on.
    pub fn work(&self, first: Option<Order>, step: impl Fn(Permit, RunnerId, J)) {
        let seat = Arc::new(Seat::new());
        let mut next = first;
        loop {
            next = match next {
                None => Some(self.idle(&seat, None)),
                Some(Order::Run(permit, me)) => Some(self.resume(&seat, permit, me, &step)),
                Some(Order::Rescue(permit, seen)) if self.steps.is_still_stuck(permit, seen) => {
                    let me = self.steps.register();
                    self.steps.take_over(permit, me);
                    Some(self.resume(&seat, permit, me, &step))
                }
                Some(Order::Rescue(..)) => None,
                Some(Order::Leave) => return,
            };
        }
    }

    fn resume(
        &self,
        seat: &Arc<Seat<Order>>,
        permit: Permit,
        me: RunnerId,
        step: &impl Fn(Permit, RunnerId, J),
    ) -> Order {
        match self.run(permit, me, step) {
            Stop::NothingReady => self.idle(seat, Some((permit, me))),
            // It may have had jobs in its hands, on their way from one queue to another, when the one who has the permit
            // now looked for some.
            Stop::LostPermit => self.call_runner().unwrap_or_else(|| self.idle(seat, None)),
        }
    }

    /// Resumes jobs with the permit until nothing is ready.
    pub fn run(&self, permit: Permit, me: RunnerId, step: &impl Fn(Permit, RunnerId, J)) -> Stop {
        loop {
            if !self.steps.holds(permit, me) {
                return Stop::LostPermit;
            }
            if let Some(job) = self.steps.next(permit) {
                step(permit, me, job);
            } else if !self.steps.has_jobs() {
                return Stop::NothingReady;
            }
        }
    }

    /// Waits for an order; gives the permit back first, if it holds one.
    fn idle(&self, seat: &Arc<Seat<Order>>, held: Option<(Permit, RunnerId)>) -> Order {
        self.seats.enter(seat);
        let mut jobs_left = false;
        if let Some((permit, me)) = held {
            jobs_left = self.steps.release(permit, me);
            if jobs_left && self.seats.leave(seat) {
                return match self.steps.claim(me) {
                    Some(permit) => Order::Run(permit, me),
                    // Somebody else has it, and sees to the jobs.
                    None => self.idle(seat, None),
                };
            }
        }
        if self.closing.load(Ordering::SeqCst) && self.seats.leave(seat) {
            return Order::Leave;
        }
        let order = loop {
            if let Some(order) = seat.take_order() {
                break order;
            }
            seat.parker.park(None);
        };
        if jobs_left && !matches!(order, Order::Run(..)) {
            // Called for something else in the very moment in which the permit became free: the jobs need somebody too.
            return self.call_runner().unwrap_or(order);
        }
        order
    }

    /// What a thread does that is started for an order and has no seat: until nothing is ready.
    pub fn carry_out(&self, order: Option<Order>, step: &impl Fn(Permit, RunnerId, J)) {
        let mut next = order;
        while let Some(Order::Run(permit, me)) = next {
            next = match self.run(permit, me, step) {
                Stop::NothingReady => {
                    let jobs_left = self.steps.release(permit, me);
                    let again = if jobs_left { self.steps.claim(me) } else { None };
                    again.map(|permit| Order::Run(permit, me))
                }
                Stop::LostPermit => self.call_runner(),
            };
        }
    }

    /// Sends all threads home. A thread that sits down from now on goes by itself.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        while self.give(Order::Leave).is_none() {}
    }
}
