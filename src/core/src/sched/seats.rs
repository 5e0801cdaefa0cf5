//! Threads that wait for something to do.
//!
//! Invariants:
//! * A thread stands here while its [`Seat`] has no order and it waits, or is about to wait, on the seat's parker.
//! * Who takes a seat out gives it an order, exactly one, before it wakes the thread; a thread leaves by
//!   itself only if it is still here ([`Seats::leave`]). So an order never meets a thread that has gone.
//! * The thread that came last is called first: its memory is warm, and the others can end.

use crate::lock::{Lock, Rank};
use crate::parker::Parker;
use crate::sys::Arc;

#[derive(Debug)]
pub struct Seat<O> {
    /// The thread waits on it.
    pub parker: Arc<Parker>,
    order: Lock<Option<O>>,
}

impl<O> Seat<O> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            parker: Arc::new(Parker::new()),
            order: Lock::new(Rank::Waiter, None),
        }
    }

    /// What the thread was called for.
    pub fn take_order(&self) -> Option<O> {
        self.order.lock().take()
    }
}

#[derive(Debug)]
pub struct Seats<O> {
    idle: Lock<Vec<Arc<Seat<O>>>>,
}

impl<O> Seats<O> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            idle: Lock::new(Rank::Seats, Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        self.idle.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The thread of this seat is about to wait.
    pub fn enter(&self, seat: &Arc<Seat<O>>) {
        self.idle.lock().push(Arc::clone(seat));
    }

    /// Takes a thread out and gives it an order. The caller wakes it.
    pub fn call(&self, order: O) -> Result<Arc<Parker>, O> {
        let Some(seat) = self.idle.lock().pop() else {
            return Err(order);
        };
        *seat.order.lock() = Some(order);
        Ok(Arc::clone(&seat.parker))
    }

    /// The thread of this seat waits no longer. False: it has an order.
    pub fn leave(&self, seat: &Arc<Seat<O>>) -> bool {
        Self::take_out(&mut self.idle.lock(), seat)
    }

    /// As [`Self::leave`], but the last one stays while it is needed. True: it has left.
    ///
    /// `needed` runs under the lock and may only look. So whoever makes a thread needed, and looks for one here after that, finds
    /// one, or finds none and starts one.
    pub fn leave_unless_needed(&self, seat: &Arc<Seat<O>>, needed: impl FnOnce() -> bool) -> bool {
        let mut idle = self.idle.lock();
        (idle.len() > 1 || !needed()) && Self::take_out(&mut idle, seat)
    }

    fn take_out(idle: &mut Vec<Arc<Seat<O>>>, seat: &Arc<Seat<O>>) -> bool {
        let at = idle.iter().position(|other| Arc::ptr_eq(other, seat));
        at.map(|at| idle.remove(at)).is_some()
    }
}
