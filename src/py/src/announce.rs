//! Letting gochan's own threads in, while goroutines keep the GIL busy.
//!
//! A runner holds the GIL over many steps: letting go of it after each would cost more than the steps. Another thread
//! that wants it then waits for the interpreter's switch interval, 5 ms. So gochan's own threads say so before they
//! wait for the GIL, and a runner that finds somebody announced lets go between two steps, and stays away until that one is in.
//! An event loop that was rung for is announced by whoever rang.
//!
//! Invariants:
//! * `WANTED` counts the threads that wait for the GIL here, at this moment.
//! * A runner stays away for [`PATIENCE`] at most, and for a loop's bell only once per ring: that loop may be busy
//!   with something else.

use crate::collection;
use crate::deferred;
use pyo3::marker::Ungil;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Threads about to attach.
static WANTED: AtomicU32 = AtomicU32::new(0);
/// Rings for event loops so far, and those that were heard.
static RUNG: AtomicU32 = AtomicU32::new(0);
static HEARD: AtomicU32 = AtomicU32::new(0);
/// The ring for which a runner has stayed away.
static WAITED_FOR: AtomicU32 = AtomicU32::new(0);

/// How long a runner stays away for somebody who does not come.
const PATIENCE: Duration = Duration::from_micros(500);

/// Runs `work` detached, and announces that this thread wants the GIL back afterwards.
pub fn detach<R: Ungil + Send>(py: Python<'_>, work: impl Ungil + Send + FnOnce() -> R) -> R {
    // Perhaps what this thread waits for is the business of those it has woken.
    collection::let_go(py);
    detach_for(py, work, |_| true)
}

/// As [`detach`], but announces it only for such results.
pub fn detach_for<R: Ungil + Send>(
    py: Python<'_>,
    work: impl Ungil + Send + FnOnce() -> R,
    is_wanted_for: impl Ungil + Send + FnOnce(&R) -> bool,
) -> R {
    let (result, announced) = py.detach(|| {
        let result = work();
        let announced = is_wanted_for(&result);
        WANTED.fetch_add(u32::from(announced), Ordering::AcqRel);
        (result, announced)
    });
    WANTED.fetch_sub(u32::from(announced), Ordering::AcqRel);
    result
}

/// A loop in another thread has something to do.
pub fn rung() {
    RUNG.fetch_add(1, Ordering::AcqRel);
}

/// ... and does it.
pub fn heard() {
    HEARD.store(RUNG.load(Ordering::Acquire), Ordering::Release);
}

/// Whether somebody waits for this thread to let go of the GIL.
#[inline]
pub fn is_wanted() -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    WANTED.load(Ordering::Relaxed) != 0
        || RUNG.load(Ordering::Relaxed) != WAITED_FOR.load(Ordering::Relaxed)
        || deferred::has_some()
}

/// Lets them in. Between two steps.
#[cold]
pub fn let_in(py: Python<'_>) {
    if cfg!(Py_GIL_DISABLED) {
        return;
    }
    let rung = RUNG.load(Ordering::Acquire);
    let for_loop = WAITED_FOR.swap(rung, Ordering::AcqRel) != rung && HEARD.load(Ordering::Acquire) != rung;
    let wanted = WANTED.load(Ordering::Acquire);
    if wanted == 0 && !for_loop {
        // Woken, but not awake yet: they announce themselves.
        deferred::flush();
        return;
    }
    py.detach(|| {
        deferred::flush();
        let start = Instant::now();
        loop {
            std::thread::yield_now();
            let in_now = wanted != 0 && WANTED.load(Ordering::Acquire) < wanted;
            let heard = for_loop && HEARD.load(Ordering::Acquire) == rung;
            if in_now || heard || start.elapsed() > PATIENCE {
                return;
            }
        }
    });
}

pub fn after_fork_in_child() {
    WANTED.store(0, Ordering::Release);
}
