//! The first use of pyo3-async-runtimes.
//!
//! It keeps functions, names and classes in `PyOnceLock`s, which let go of the GIL before they make their value: a child that is forked in
//! the middle of that finds one that is being made for ever (see `kept`). So all of them are made at the first `aio()`, by a use of the library
//! with a loop that is none, and other threads fork before or after that.
//!
//! Invariant: while a thread is in [`warm_up`] and has not finished, `WARMING` counts it, and `WARMS_HERE` is set in that thread.

use crate::kept::Kept;
use gochan_core::clock::{Clock, Monotonic};
use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Whether the library has made all that it keeps.
static IS_WARM: AtomicBool = AtomicBool::new(false);
/// Threads that make it.
static WARMING: AtomicUsize = AtomicUsize::new(0);
/// How long a fork waits for those.
const PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    static WARMS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// For as long as it lives other threads do not fork.
struct Warming;

impl Warming {
    fn begin() -> Self {
        WARMING.fetch_add(1, Ordering::AcqRel);
        WARMS_HERE.set(true);
        Self
    }
}

impl Drop for Warming {
    fn drop(&mut self) {
        // Unless a signal handler forked in the middle of it, and this is the child.
        if WARMS_HERE.replace(false) {
            WARMING.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Returns when all is made that `into_future_with_locals` and what it calls make once.
pub fn warm_up(py: Python<'_>) -> PyResult<()> {
    static STAND_IN: Kept<Py<PyAny>> = Kept::new();
    if IS_WARM.load(Ordering::Acquire) {
        return Ok(());
    }
    // Not twice in a thread, for a signal handler in the middle of it.
    let _warming = (!WARMS_HERE.get()).then(Warming::begin);
    let stand_in = STAND_IN.import(py, "gochan._aio", "StandIn")?.call0()?;
    let locals = TaskLocals::new(stand_in.clone());
    drop(pyo3_async_runtimes::into_future_with_locals(&locals, stand_in)?);
    IS_WARM.store(true, Ordering::Release);
    Ok(())
}

pub fn before_fork(py: Python<'_>) {
    if WARMING.load(Ordering::Acquire) == 0 || WARMS_HERE.get() {
        return;
    }
    let given_up = Monotonic.now().saturating_add(PATIENCE);
    // Looked at with the GIL, which who begins has too.
    while WARMING.load(Ordering::Acquire) != 0 && Monotonic.now() < given_up {
        py.detach(|| std::thread::sleep(Duration::from_micros(100)));
    }
}

/// What this thread was making it goes on to make, in the middle of a signal handler's fork; others do not exist.
pub fn after_fork_in_child() {
    WARMING.store(0, Ordering::Release);
    WARMS_HERE.set(false);
}
