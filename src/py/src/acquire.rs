//! Locking, acquiring permits, waiting for a signal: operations on what is held.
//!
//! Invariants:
//! * What was handed over to a wait that nobody is to have goes back, as [`Held`] says: the lock is unlocked, permits are released,
//!   a call or a signal goes on to the next. So a cancelled task, a timeout or Ctrl-C keeps nobody waiting.
//! * `Cond.wait` unlocks its lock when it stands in the queue, and then holds it again before it returns or raises, whatever ended the
//!   wait: leaving a `with` block unlocks it, and would unlock somebody else's. Exceptions: a coroutine that is closed, and a second
//!   Ctrl-C (or exit) while the first one waits for the lock.

use crate::cond::Cond;
use crate::mutex::{self, Hold, Mutex};
use crate::once::Once;
use crate::operation::Queued;
use crate::semaphore::Semaphore;
use crate::value::{Ref, Value};
use crate::wake::{CondCore, OnceCore, SemaphoreCore, Waker};
use gochan_core::Outcome;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::mutex::{LockStart, Stay};
use gochan_core::semaphore::AcquireStart;
use gochan_core::sys::Arc;
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::{PyGeneratorExit, PyKeyboardInterrupt, PySystemExit};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// What the operation returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Nothing,
    /// The object: entering `async with`.
    Itself,
}

#[derive(Debug)]
pub enum Acquire {
    Permits {
        semaphore: Ref<Semaphore>,
        permits: u64,
        gives: Gives,
    },
    Lock {
        lock: Ref<Mutex>,
        face: mutex::Face,
        /// When it began to wait; [`Instant::NEVER`] before.
        since: Instant,
        gives: Gives,
    },
    Signal(Box<Signal>),
    /// For the end of what a `Once` runs.
    Once {
        once: Ref<Once>,
    },
}

/// Where a waiter of one of these stands, and how to give back what it was handed.
#[derive(Debug)]
pub enum Held {
    Permits(Arc<SemaphoreCore>, u64),
    Lock(Hold),
    Signal(Arc<CondCore>),
    Once(Arc<OnceCore>),
}

impl Held {
    pub fn forget(&self, ticket: Ticket) {
        match self {
            Self::Permits(core, _) => core.forget(ticket),
            Self::Lock(hold) => hold.forget(ticket),
            Self::Signal(core) => core.forget(ticket),
            Self::Once(core) => core.running().forget(ticket),
        }
    }

    pub fn give_back(&self, outcome: &Outcome<Value>) {
        match (self, outcome) {
            // Held since the hand-over, so there is no error.
            (Self::Permits(core, permits), Outcome::Granted) => drop(core.release(*permits)),
            (Self::Lock(hold), Outcome::Granted) => drop(hold.unlock()),
            (Self::Lock(hold), Outcome::Free) => hold.pass_on(),
            (Self::Signal(core), Outcome::Granted) => core.signal(),
            _ => {}
        }
    }
}

impl Acquire {
    pub fn lock(lock: &Bound<'_, Mutex>, face: mutex::Face, gives: Gives) -> Self {
        Self::Lock {
            lock: Ref::new(lock.clone()),
            face,
            since: Instant::NEVER,
            gives,
        }
    }

    fn result(&self, py: Python<'_>) -> Py<PyAny> {
        match self {
            Self::Permits {
                semaphore,
                gives: Gives::Itself,
                ..
            } => semaphore.bind(py).clone().into_any().unbind(),
            Self::Lock {
                lock,
                gives: Gives::Itself,
                ..
            } => lock.bind(py).clone().into_any().unbind(),
            _ => py.None(),
        }
    }

    #[inline]
    pub fn attempt(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let has = match self {
            Self::Permits {
                semaphore, permits, ..
            } => semaphore.get().core().try_acquire(*permits),
            Self::Lock { lock, face, .. } => lock.get().hold(*face).try_lock(),
            Self::Once { once } => once.get().core().is_done(),
            Self::Signal(signal) => {
                signal.check(py)?;
                false
            }
        };
        Ok(has.then(|| self.result(py)))
    }

    pub fn queue(&mut self, py: Python<'_>, waker: &mut dyn FnMut(u32) -> Waker) -> PyResult<Queued> {
        let parked = match self {
            Self::Permits {
                semaphore, permits, ..
            } => match semaphore.get().core().acquire_or_park_with(*permits, || waker(0)) {
                AcquireStart::Acquired => None,
                AcquireStart::Parked(ticket) => Some(ticket),
            },
            Self::Lock {
                lock, face, since, ..
            } => {
                let now = Monotonic.now();
                let before = (*since != Instant::NEVER).then_some(*since);
                *since = before.unwrap_or(now);
                let stay = Stay { since: before, now };
                match lock.get().hold(*face).lock_or_park(stay, || waker(0)) {
                    LockStart::Locked => None,
                    LockStart::Parked(ticket) => Some(ticket),
                }
            }
            Self::Once { once } => match once.get().core().running().wait_or_park_with(|| waker(0)) {
                WaitStart::Released => None,
                WaitStart::Parked(ticket) => Some(ticket),
            },
            Self::Signal(signal) => return signal.queue(py, waker),
        };
        Ok(parked.map_or_else(|| Queued::Not(self.result(py)), Queued::In))
    }

    /// `None`: it was called, but somebody was faster. It has to queue again.
    pub fn finish(&mut self, py: Python<'_>, outcome: Outcome<Value>) -> PyResult<Option<Py<PyAny>>> {
        match self {
            Self::Lock { lock, face, .. } if matches!(outcome, Outcome::Free) => {
                let has = lock.get().hold(*face).retry();
                Ok(has.then(|| self.result(py)))
            }
            Self::Signal(signal) => signal.finish(py, outcome),
            _ => Ok(Some(self.result(py))),
        }
    }

    pub fn held(&self) -> Held {
        match self {
            Self::Permits {
                semaphore, permits, ..
            } => Held::Permits(Arc::clone(semaphore.get().core()), *permits),
            Self::Lock { lock, face, .. } => Held::Lock(lock.get().hold(*face).clone()),
            Self::Once { once } => Held::Once(Arc::clone(once.get().core())),
            Self::Signal(signal) => match signal.stage {
                Stage::New | Stage::Waits => Held::Signal(Arc::clone(signal.cond.get().core())),
                Stage::Locks(_) | Stage::Over => signal.lock.held(),
            },
        }
    }

    /// The wait ended with an error, and what was handed over has gone back. An error is raised now; else the operation has something
    /// to wait for first, and is to be queued again.
    pub fn interrupted(&mut self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        match self {
            Self::Signal(signal) => signal.interrupted(py, error),
            _ => Err(error),
        }
    }

    /// When it began to wait, if that is known.
    pub fn since(&self) -> Option<Instant> {
        match self {
            Self::Lock { since, .. } if *since != Instant::NEVER => Some(*since),
            _ => None,
        }
    }

    /// Whether it has to go on to its end whatever comes: timeout and context do not count any more.
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::Signal(signal) if matches!(signal.stage, Stage::Locks(_)))
    }

    /// Whether a context that is done takes back what was granted in the meantime. Go's semaphore says so (SM3).
    pub fn yields_to_context(&self) -> bool {
        matches!(self, Self::Permits { .. })
    }

    pub fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Permits { .. } => ("Semaphore.acquire()", "Semaphore.aacquire()"),
            Self::Lock { lock, face, .. } => match lock.get().hold(*face) {
                Hold::Plain(_) => ("Mutex.lock()", "Mutex.alock()"),
                Hold::Writes(_) => ("RWMutex.lock()", "RWMutex.alock()"),
                Hold::Reads(_) => ("RWMutex.rlock()", "RWMutex.arlock()"),
            },
            Self::Once { .. } => ("Once.do()", "Once.ado()"),
            Self::Signal(_) => ("Cond.wait()", "Cond.__await__()"),
        }
    }

    pub fn advice(&self) -> &'static str {
        match self {
            Self::Permits { .. } => "await semaphore.aacquire()` or `async with semaphore",
            Self::Lock { lock, face, .. } => match lock.get().hold(*face) {
                Hold::Reads(_) => "await rw.arlock()` or `async with rw.reader",
                Hold::Plain(_) | Hold::Writes(_) => "await mutex.alock()` or `async with mutex",
            },
            Self::Once { .. } => "await once.ado(function)",
            Self::Signal(_) => "await cond",
        }
    }

    pub fn on(&self, py: Python<'_>) -> String {
        match self {
            Self::Permits { semaphore, .. } => semaphore.get().describe(semaphore.value().as_ptr()),
            Self::Lock { lock, .. } => Mutex::describe(lock.bind(py)),
            Self::Once { once } => once.get().describe(once.value().as_ptr()),
            Self::Signal(signal) => Cond::describe(signal.cond.bind(py)),
        }
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Permits { semaphore, .. } => crate::gc::visit_value(visit, semaphore.value()),
            Self::Lock { lock, .. } => crate::gc::visit_value(visit, lock.value()),
            Self::Once { once } => crate::gc::visit_value(visit, once.value()),
            Self::Signal(signal) => signal.traverse(visit),
        }
    }
}

/// `Cond.wait`: stand in the queue, unlock, wait, lock again (D1).
#[derive(Debug)]
pub struct Signal {
    cond: Ref<Cond>,
    /// Locking again.
    lock: Box<Acquire>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New,
    /// For a signal.
    Waits,
    /// For the lock; then this is raised, if there is something.
    Locks(Option<Value>),
    Over,
}

impl Signal {
    pub fn new(cond: &Bound<'_, Cond>) -> Self {
        let lock = cond.get().mutex().bind(cond.py());
        Self {
            lock: Box::new(Acquire::lock(lock, mutex::Face::Own, Gives::Nothing)),
            cond: Ref::new(cond.clone()),
            stage: Stage::New,
        }
    }

    fn hold(&self) -> &Hold {
        self.cond.get().mutex().get().hold(mutex::Face::Own)
    }

    /// Before any effect: what is not locked can not be unlocked (D4).
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        if matches!(self.stage, Stage::New) && !self.hold().is_locked() {
            return Err(mutex::cond_not_locked(
                self.cond.get().mutex().bind(py),
                mutex::Face::Own,
            ));
        }
        Ok(())
    }

    fn queue(&mut self, py: Python<'_>, waker: &mut dyn FnMut(u32) -> Waker) -> PyResult<Queued> {
        if matches!(self.stage, Stage::Locks(_)) {
            let queued = self.lock.queue(py, waker)?;
            return match queued {
                Queued::Not(result) => self.raise_or(result.into_bound(py)).map(Queued::Not),
                Queued::In(ticket) => Ok(Queued::In(ticket)),
            };
        }
        self.check(py)?;
        let ticket = self.cond.get().core().park_with(|| waker(0));
        self.stage = Stage::Waits;
        // Somebody who has no business with it may have unlocked it since the look above. Then it is what it should be.
        let _ = self.hold().unlock();
        Ok(Queued::In(ticket))
    }

    fn finish(&mut self, py: Python<'_>, outcome: Outcome<Value>) -> PyResult<Option<Py<PyAny>>> {
        let has = if matches!(self.stage, Stage::Locks(_)) {
            self.lock.finish(py, outcome)?
        } else {
            self.stage = Stage::Locks(None);
            self.lock.attempt(py)?
        };
        match has {
            Some(result) => self.raise_or(result.into_bound(py)).map(Some),
            None => Ok(None),
        }
    }

    /// It has the lock.
    fn raise_or(&mut self, result: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Locks(Some(error)) => Err(PyErr::from_value(error.into_bound(result.py()))),
            _ => Ok(result.unbind()),
        }
    }

    fn interrupted(&mut self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        // A second Ctrl-C is for one who sees that the lock does not come.
        let had_enough = match &self.stage {
            Stage::New | Stage::Over => return Err(error),
            Stage::Waits | Stage::Locks(None) => false,
            Stage::Locks(Some(kept)) => {
                // SAFETY: attached, a live object.
                let kept = unsafe { Bound::from_borrowed_ptr(py, kept.as_ptr()) };
                ends_at_once(&kept) && ends_at_once(error.value(py).as_any())
            }
        };
        if self.hold().try_lock() {
            self.stage = Stage::Over;
            return Err(error);
        }
        if had_enough || is_closing(py, &error) {
            self.stage = Stage::Over;
            return Err(error);
        }
        let error = error.into_value(py).into_bound(py).into_any();
        self.stage = Stage::Locks(Some(Value::new(error)));
        Ok(())
    }

    fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        crate::gc::visit_value(visit, self.cond.value())?;
        self.lock.traverse(visit)?;
        match &self.stage {
            Stage::Locks(Some(error)) => crate::gc::visit_value(visit, error),
            _ => Ok(()),
        }
    }
}

/// A coroutine that is closed can not wait.
fn is_closing(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyGeneratorExit>(py)
}

fn ends_at_once(error: &Bound<'_, PyAny>) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>()
        || error.is_instance_of::<PySystemExit>()
        || crate::goexit::is_goexit(error.py(), error)
}
