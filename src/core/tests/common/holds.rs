//! How a thread of the models uses mutexes, semaphores and the like: a [`Host`] for what is held.
//!
//! One that is interrupted always gives back what came too late, as where asyncio has cancelled the task.

use super::{Host, W};
use gochan_core::clock::Instant;
use gochan_core::mutex::{LockStart, Stay};
use gochan_core::rwmutex::Side;
use gochan_core::semaphore::AcquireStart;
use gochan_core::sys::Arc;
use gochan_core::{Cond, Mutex, Outcome, RwMutex, Semaphore, Waiter};

/// A moment for a mutex: it starves soon in models whose time passes, never where it stands still.
pub fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

impl Host {
    /// `patient`: it never has waited for 1 ms. Else it has when it was called in vain.
    pub fn lock(&self, mutex: &Mutex<(), W>, patient: bool) {
        assert!(self.lock_or_leave(mutex, patient, false));
    }

    /// A lock that [`Self::interrupt`] ends: false when it did.
    pub fn lock_unless_interrupted(&self, mutex: &Mutex<(), W>, patient: bool) -> bool {
        self.lock_or_leave(mutex, patient, true)
    }

    fn lock_or_leave(&self, mutex: &Mutex<(), W>, patient: bool, may_leave: bool) -> bool {
        if mutex.try_lock() {
            return true;
        }
        let waiter = Arc::new(Waiter::new());
        let (mut since, now) = (None, if patient { 0 } else { 2_000_000 });
        loop {
            let begin = if since.is_some() { now } else { 0 };
            let stay = Stay {
                since,
                now: at(begin),
            };
            let LockStart::Parked(ticket) = mutex.lock_or_park(stay, &waiter, self.waker()) else {
                return true;
            };
            let (outcome, late) = if may_leave {
                let Ok(end) = self.wait_unless_interrupted(&waiter) else {
                    mutex.forget(ticket);
                    return false;
                };
                end
            } else {
                (self.wait(&waiter), false)
            };
            match outcome {
                Outcome::Granted if late => {
                    mutex.unlock(|| at(now)).expect("it was handed over");
                    return false;
                }
                Outcome::Free if late => {
                    mutex.pass_on(|| at(now));
                    return false;
                }
                Outcome::Granted => return true,
                Outcome::Free if mutex.retry() => return true,
                Outcome::Free => since = Some(at(0)),
                other => panic!("not what a mutex does: {other:?}"),
            }
            waiter.rearm();
        }
    }

    pub fn acquire(&self, semaphore: &Semaphore<(), W>, permits: u64) {
        if semaphore.try_acquire(permits) {
            return;
        }
        let waiter = Arc::new(Waiter::new());
        if let AcquireStart::Parked(_) = semaphore.acquire_or_park(permits, &waiter, self.waker()) {
            assert_eq!(self.wait(&waiter), Outcome::Granted);
        }
    }

    /// An acquire that [`Self::interrupt`] ends: false when it did.
    pub fn acquire_unless_interrupted(&self, semaphore: &Semaphore<(), W>, permits: u64) -> bool {
        let waiter = Arc::new(Waiter::new());
        let AcquireStart::Parked(ticket) = semaphore.acquire_or_park(permits, &waiter, self.waker()) else {
            return true;
        };
        match self.wait_unless_interrupted(&waiter) {
            Err(()) => {
                semaphore.forget(ticket);
                false
            }
            Ok((_, true)) => {
                semaphore.release(permits).expect("they were handed over");
                false
            }
            Ok((outcome, false)) => {
                assert_eq!(outcome, Outcome::Granted);
                true
            }
        }
    }

    pub fn rw_lock(&self, mutex: &RwMutex<(), W>, side: Side) {
        let waiter = Arc::new(Waiter::new());
        if let LockStart::Parked(_) = mutex.lock_or_park(side, &waiter, self.waker()) {
            assert_eq!(self.wait(&waiter), Outcome::Granted);
        }
    }

    /// A lock that [`Self::interrupt`] ends: false when it did.
    pub fn rw_lock_unless_interrupted(&self, mutex: &RwMutex<(), W>, side: Side) -> bool {
        let waiter = Arc::new(Waiter::new());
        let LockStart::Parked(ticket) = mutex.lock_or_park(side, &waiter, self.waker()) else {
            return true;
        };
        match self.wait_unless_interrupted(&waiter) {
            Err(()) => mutex.forget(side, ticket),
            Ok((_, true)) => mutex.unlock(side).expect("it was handed over"),
            Ok((_, false)) => return true,
        }
        false
    }

    /// With `mutex` locked: D1.
    pub fn cond_wait(&self, cond: &Cond<(), W>, mutex: &Mutex<(), W>) {
        let waiter = Arc::new(Waiter::new());
        cond.park(&waiter, self.waker());
        mutex.unlock(|| at(0)).expect("it is locked");
        self.wait(&waiter);
        self.lock(mutex, true);
    }

    /// As [`Self::cond_wait`], until a signal or [`Self::interrupt`]: true for the signal.
    pub fn cond_wait_unless_interrupted(&self, cond: &Cond<(), W>, mutex: &Mutex<(), W>) -> bool {
        let waiter = Arc::new(Waiter::new());
        let ticket = cond.park(&waiter, self.waker());
        mutex.unlock(|| at(0)).expect("it is locked");
        let called = match self.wait_unless_interrupted(&waiter) {
            Err(()) => {
                cond.forget(ticket);
                false
            }
            Ok((Outcome::Granted, true)) => {
                cond.signal();
                false
            }
            Ok((_, late)) => !late,
        };
        self.lock(mutex, true);
        called
    }
}
