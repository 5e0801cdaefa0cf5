//! The thread host: how a blocking form waits.
//!
//! The thread lets go of the GIL, wakes those it owes a wake, and sleeps on its own [`Parker`]. While
//! it is detached it looks only at [`Waiter::is_settled`](gochan_core::Waiter::is_settled), never at a
//! value. A main thread is woken by signals too, so that Ctrl-C works at once.

use crate::announce;
use crate::current;
use crate::deferred;
use crate::error;
use crate::goroutine;
use crate::host;
use crate::limit::Limit;
use crate::operation::{Operation, Parked};
use crate::runner;
use crate::wake::{Place, ValueWaiter, Waker};
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::parker::{Parker, Woken};
use gochan_core::sys::Arc;
#[cfg(target_os = "linux")]
use gochan_core::waiter::epoch;
use pyo3::prelude::*;
#[cfg(target_os = "linux")]
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// One token for all waits of this thread; a waiter that was cancelled leaves it behind at most once.
    static PARKER: Arc<Parker> = Arc::new(Parker::new());
}

/// A signal that comes between the last look for signals and the sleep, or to another thread, wakes
/// nobody here; and not everywhere does one end a sleep. So a main thread looks this often.
const LOOK: Duration = Duration::from_millis(40);

/// Completes `operation`, waiting for at most `limit`.
pub fn wait(py: Python<'_>, mut operation: Operation, limit: Limit) -> PyResult<Py<PyAny>> {
    if let Some(result) = operation.attempt(py)? {
        return Ok(result);
    }
    wait_after_attempt(py, operation, limit)
}

/// As [`wait`], for an operation that could not complete a moment ago.
#[cold]
pub fn wait_after_attempt(py: Python<'_>, mut operation: Operation, limit: Limit) -> PyResult<Py<PyAny>> {
    if limit.is_now() {
        return expired(py, &mut operation, limit);
    }
    let refused = current::refuse_while_closing(|| operation.title(py, operation.names().0))
        .and_then(|()| host::refuse_in_event_loop(py, &operation));
    if let Err(error) = refused {
        // A group whose `with` block is left ends all the same.
        operation.interrupted(py, error)?;
    }
    let deadline = match limit {
        Limit::After(span) => Some(Monotonic.now().saturating_add(span)),
        Limit::Now | Limit::Never => None,
    };
    let mut deadline = deadline;
    loop {
        match wait_once(py, &mut operation, deadline, limit) {
            Ok(Some(result)) => return Ok(result),
            // It was called in vain, and waits on.
            Ok(None) => {}
            // An error may have to wait until a lock is held again.
            Err(error) => operation.interrupted(py, error)?,
        }
        if operation.is_bound() {
            deadline = None;
        }
    }
}

fn wait_once(
    py: Python<'_>,
    operation: &mut Operation,
    deadline: Option<Instant>,
    limit: Limit,
) -> PyResult<Option<Py<PyAny>>> {
    let waiter = Arc::new(ValueWaiter::new());
    let parker = PARKER.with(Arc::clone);
    let waker = |arm| Waker::Thread(Box::new(Place::new(&waiter, Arc::clone(&parker), arm)));
    let mut registration = match operation.park(py, &waiter, waker)? {
        Parked::Not(result) => return Ok(Some(result)),
        Parked::In(registration) => registration,
    };
    let _record = goroutine::Waiting::enter(py, operation);
    // Whoever is stepped on this thread besides goes on elsewhere.
    runner::leave(py);
    let look = signals_arrive_here(py);
    loop {
        match announce::detach(py, || sleep(&waiter, &parker, deadline, look)) {
            Slept::Settled => {
                deferred::pass_on();
                if look {
                    // A signal may have come together with the wake. An error drops the registration,
                    // and with it a value goes back: later, it would be lost between here and the user.
                    py.check_signals()?;
                }
                break;
            }
            Slept::TimedOut => {
                if registration.cancel() {
                    return expired(py, operation, limit).map(Some);
                }
                break;
            }
            Slept::Look => {
                // An error drops the registration, which takes the wait back without losing a value.
                py.check_signals()?;
            }
        }
    }
    match registration.take() {
        Some((outcome, arm)) => operation.finish(py, outcome, arm),
        None => unreachable!("a settled waiter has an outcome, and only its host takes it"),
    }
}

enum Slept {
    Settled,
    TimedOut,
    /// Time to look for signals.
    Look,
}

/// Runs detached: touches no Python object.
fn sleep(waiter: &ValueWaiter, parker: &Parker, deadline: Option<Instant>, look: bool) -> Slept {
    deferred::flush();
    let next_look = look.then(|| Monotonic.now().saturating_add(LOOK));
    let until = match (deadline, next_look) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    // The token, not `is_settled`: it comes when the peer lets go of the GIL, which is what we need next.
    parker.poll();
    loop {
        if waiter.is_settled() {
            return Slept::Settled;
        }
        match parker.park(until) {
            Woken::Interrupted if look => return Slept::Look,
            Woken::Unparked | Woken::Interrupted => {}
            Woken::TimedOut if waiter.is_settled() => return Slept::Settled,
            Woken::TimedOut if deadline.is_some() && until == deadline => return Slept::TimedOut,
            Woken::TimedOut => return Slept::Look,
        }
    }
}

/// The time is up: what a sleep waits for, and an error for all else.
fn expired(py: Python<'_>, operation: &mut Operation, limit: Limit) -> PyResult<Py<PyAny>> {
    if let Some(result) = operation.expired(py) {
        return Ok(result);
    }
    let (blocking, _) = operation.names();
    Err(error::timed_out(blocking, limit.span(), &operation.on(py)))
}

/// Whether Python runs its signal handlers in this thread.
pub fn signals_arrive_here(py: Python<'_>) -> bool {
    let _ = py;
    #[cfg(target_os = "linux")]
    {
        thread_local! {
            /// The answer, and since which fork it is true: whichever thread forks is the main one of the child. Asking the system
            /// takes two calls into it, and every wait asks.
            static ANSWER: Cell<Option<(u32, bool)>> = const { Cell::new(None) };
        }
        if let Some((epoch, here)) = ANSWER.get() {
            if epoch == epoch::current() {
                return here;
            }
        }
        let here = rustix::thread::gettid() == rustix::process::getpid();
        ANSWER.set(Some((epoch::current(), here)));
        here
    }
    #[cfg(not(target_os = "linux"))]
    {
        // Without a way to know, look: it does nothing in other threads.
        true
    }
}
