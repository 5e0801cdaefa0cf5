//! `Mutex`, and what it has in common with `RWMutex` and the reader's side of that.

use crate::acquire::{Acquire, Gives};
use crate::awaitable::Awaitable;
use crate::block;
use crate::error;
use crate::gc;
use crate::goexit;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::text;
use crate::wake::{MutexCore, RwMutexCore, Waker};
use gochan_core::clock::{Clock, Monotonic};
use gochan_core::error::NotHeld;
use gochan_core::mutex::{LockStart, Stay};
use gochan_core::rwmutex::Side;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// What is locked and unlocked.
#[derive(Debug, Clone)]
pub enum Hold {
    Plain(Arc<MutexCore>),
    Writes(Arc<RwMutexCore>),
    Reads(Arc<RwMutexCore>),
}

impl Hold {
    #[inline]
    pub fn try_lock(&self) -> bool {
        match self {
            Self::Plain(core) => core.try_lock(),
            Self::Writes(core) => core.try_lock(Side::Write),
            Self::Reads(core) => core.try_lock(Side::Read),
        }
    }

    pub fn lock_or_park(&self, stay: Stay, party: impl FnOnce() -> Waker) -> LockStart {
        match self {
            Self::Plain(core) => core.lock_or_park_with(stay, party),
            Self::Writes(core) => core.lock_or_park_with(Side::Write, party),
            Self::Reads(core) => core.lock_or_park_with(Side::Read, party),
        }
    }

    #[inline]
    pub fn unlock(&self) -> Result<(), NotHeld> {
        match self {
            Self::Plain(core) => core.unlock(|| Monotonic.now()),
            Self::Writes(core) => core.unlock(Side::Write),
            Self::Reads(core) => core.unlock(Side::Read),
        }
    }

    pub fn is_locked(&self) -> bool {
        match self {
            Self::Plain(core) => core.is_locked(),
            Self::Writes(core) => core.seen().writing,
            Self::Reads(core) => core.seen().reading > 0,
        }
    }

    pub fn forget(&self, ticket: Ticket) {
        match self {
            Self::Plain(core) => core.forget(ticket),
            Self::Writes(core) => core.forget(Side::Write, ticket),
            Self::Reads(core) => core.forget(Side::Read, ticket),
        }
    }

    /// For one who was called. Only a mutex calls.
    pub fn retry(&self) -> bool {
        match self {
            Self::Plain(core) => core.retry(),
            Self::Writes(_) | Self::Reads(_) => self.try_lock(),
        }
    }

    /// For one who was called and has gone.
    pub fn pass_on(&self) {
        if let Self::Plain(core) = self {
            core.pass_on(|| Monotonic.now());
        }
    }
}

/// Which lock of the object is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Its own: what `lock` locks.
    Own,
    /// What `rlock` of an `RWMutex` locks.
    Read,
}

/// Mutual exclusion: one holds it at a time. Go's sync.Mutex.
///
/// It has no owner: any party may unlock it. It is not reentrant: who locks it twice waits for itself. `with` and
/// `async with` lock and unlock.
#[pyclass(subclass, frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Mutex {
    hold: Hold,
    /// Of an `RWMutex`: its other side.
    reader: Option<Hold>,
    /// The reader's side of an `RWMutex` that is this, and shows what waits to the collector.
    owner: Option<Py<PyAny>>,
}

impl Mutex {
    /// The part of an `RWMutex` that is a `Mutex`.
    pub fn writing(core: &Arc<RwMutexCore>) -> Self {
        Self {
            hold: Hold::Writes(Arc::clone(core)),
            reader: Some(Hold::Reads(Arc::clone(core))),
            owner: None,
        }
    }

    /// The reader's side of `owner`.
    pub fn reading(core: &Arc<RwMutexCore>, owner: Py<PyAny>) -> Self {
        Self {
            hold: Hold::Reads(Arc::clone(core)),
            reader: None,
            owner: Some(owner),
        }
    }

    #[inline]
    pub fn hold(&self, face: Face) -> &Hold {
        match (face, &self.reader) {
            (Face::Read, Some(reader)) => reader,
            _ => &self.hold,
        }
    }

    /// For messages and `repr`; runs no Python of the user's.
    pub fn describe(slf: &Bound<'_, Self>) -> String {
        let this = slf.get();
        let address = slf.as_ptr().addr();
        match &this.hold {
            Hold::Plain(core) => {
                let (state, waiters) = (locked(core.is_locked()), core.parked());
                format!("<gochan.Mutex at {address:#x} {state} waiters={waiters}>")
            }
            Hold::Writes(core) | Hold::Reads(core) => {
                let seen = core.seen();
                let name = if this.owner.is_some() {
                    "RWMutex.reader"
                } else {
                    "RWMutex"
                };
                let state = match (seen.writing, seen.reading) {
                    (true, _) => "locked".into(),
                    (false, 0) => "unlocked".into(),
                    (false, readers) => format!("read by {readers}"),
                };
                let waiters = format!(
                    "waiting_writers={} waiting_readers={}",
                    seen.writers, seen.readers
                );
                format!("<gochan.{name} at {address:#x} {state} {waiters}>")
            }
        }
    }

    fn operation(
        slf: &Bound<'_, Self>,
        face: Face,
        ctx: Option<&Bound<'_, PyAny>>,
        name: &str,
    ) -> PyResult<Operation> {
        Operation::Acquire(Acquire::lock(slf, face, Gives::Nothing)).under(ctx, name)
    }

    /// `lock` and `rlock`.
    #[inline]
    pub fn lock_now(
        slf: &Bound<'_, Self>,
        face: Face,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
        name: &str,
    ) -> PyResult<()> {
        let py = slf.py();
        let limit = Limit::parse(timeout, name)?;
        if ctx.is_some() {
            return block::wait(py, Self::operation(slf, face, ctx, name)?, limit).map(drop);
        }
        goexit::check_exit(py)?;
        if slf.get().hold(face).try_lock() {
            return Ok(());
        }
        block::wait_after_attempt(py, Self::operation(slf, face, None, name)?, limit).map(drop)
    }

    /// `alock` and `arlock`.
    pub fn lock_later<'py>(
        slf: &Bound<'py, Self>,
        face: Face,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
        name: &str,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let limit = Limit::parse(timeout, name)?;
        Awaitable::new(slf.py(), Self::operation(slf, face, ctx, name)?, limit)
    }

    /// `unlock` and `runlock`. Not refused to one who has swallowed its `goexit()`: others wait for it.
    #[inline]
    pub fn unlock_now(slf: &Bound<'_, Self>, face: Face) -> PyResult<()> {
        let hold = slf.get().hold(face);
        hold.unlock().map_err(|_| not_locked(slf, face))
    }
}

fn locked(is_locked: bool) -> &'static str {
    if is_locked { "locked" } else { "unlocked" }
}

#[cold]
pub fn not_locked(lock: &Bound<'_, Mutex>, face: Face) -> PyErr {
    error::unlock(lock.py(), not_locked_text(lock, face))
}

/// Who waits on a Cond has not asked for an unlock.
#[cold]
pub fn cond_not_locked(lock: &Bound<'_, Mutex>, face: Face) -> PyErr {
    let text = not_locked_text(lock, face);
    error::unlock(
        lock.py(),
        format!(
            "Cond.wait() needs its lock: write `with cond.lock:` around it, in async code `async with cond.lock:` \
             around `await cond` ({text})"
        ),
    )
}

/// In Go's words.
fn not_locked_text(lock: &Bound<'_, Mutex>, face: Face) -> String {
    let what = match lock.get().hold(face) {
        Hold::Plain(_) => "unlock of unlocked Mutex",
        Hold::Writes(_) => "Unlock of unlocked RWMutex",
        Hold::Reads(_) => "RUnlock of unlocked RWMutex",
    };
    format!("{what}: {}", Mutex::describe(lock))
}

#[pymethods]
impl Mutex {
    #[new]
    fn new() -> Self {
        Self {
            hold: Hold::Plain(Arc::new(MutexCore::new())),
            reader: None,
            owner: None,
        }
    }

    /// Locks it; waits while somebody else holds it.
    ///
    /// Raises TimeoutError after `timeout` seconds; the context's error when `ctx` is done; BlockingError if it would block a
    /// running event loop.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn lock(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::lock_now(slf, Face::Own, timeout, ctx, "Mutex.lock()")
    }

    /// Awaitable twin of `lock`.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn alock<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        Self::lock_later(slf, Face::Own, timeout, ctx, "Mutex.alock()")
    }

    /// Locks it if nobody holds it; says whether it did. Never waits.
    fn try_lock(&self, py: Python<'_>) -> PyResult<bool> {
        goexit::check_exit(py)?;
        Ok(self.hold.try_lock())
    }

    /// Unlocks it, whoever locked it. Raises UnlockError if nobody did.
    fn unlock(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::unlock_now(slf, Face::Own)
    }

    /// Whether somebody holds it, at some instant during the call. Of an RWMutex: a writer; of its reader: any reader.
    #[getter]
    fn locked(&self) -> bool {
        self.hold.is_locked()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        Self::lock_now(&slf, Face::Own, None, None, "with mutex")?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(slf: &Bound<'_, Self>, _exc: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::unlock_now(slf, Face::Own)
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        let operation = Operation::Acquire(Acquire::lock(slf, Face::Own, Gives::Itself));
        Awaitable::new(slf.py(), operation, Limit::Never)
    }

    #[pyo3(signature = (*_exc))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, _exc: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Awaitable>> {
        // Now, not when it is awaited: that may never come.
        Self::unlock_now(slf, Face::Own)?;
        Awaitable::nothing(slf.py())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let name = text::type_name(slf);
        Err(PyTypeError::new_err(format!(
            "cannot copy or pickle a {name}: it keeps apart those who share it; pass the object itself"
        )))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(owner) = &self.owner {
            return visit.call(owner);
        }
        gc::visit_waiters(visit, |show| match &self.hold {
            Hold::Plain(core) => core.try_visit(show),
            Hold::Writes(core) | Hold::Reads(core) => core.try_visit(show),
        })
    }

    fn __clear__(&self) {
        match &self.hold {
            _ if self.owner.is_some() => {}
            Hold::Plain(core) => core.clear(),
            Hold::Writes(core) | Hold::Reads(core) => core.clear(),
        }
    }
}
