//! Waking threads at the right moment.
//!
//! On a build with the GIL, a thread woken while its waker holds the GIL only runs into the GIL and
//! sleeps again: two context switches for nothing, 3-15 times the cost of a hand-off. So woken threads
//! are remembered, and unparked when
//!
//! * the waker is about to park itself, in the moment after it let go of the GIL ([`flush`]), or
//! * a monitor thread finds them still waiting, at most 1 ms later: the waker went off to compute, or
//!   into a foreign call that lets go of the GIL.
//!
//! Invariants:
//! * Every parker in `LIST` is unparked exactly once, by whoever takes it out.
//! * While `LIST` is not empty the monitor is ticking, or the one who filled it is about to start it.
//! * The monitor knows no Python and never attaches. It takes `LIST` only by `try_lock`, so that at a
//!   `fork()` it can not be queued for it.
//!
//! The list is one for all threads, not one per thread: whoever lets go of the GIL next does it for
//! everybody who was woken under it. On a free-threaded build there is nothing to wait for, and
//! threads are woken at once.

use gochan_core::parker::Parker;
use gochan_core::sys::Arc;

/// Unparks the owner of `parker` soon.
#[inline]
pub fn unpark(parker: Arc<Parker>) {
    if cfg!(Py_GIL_DISABLED) {
        parker.unpark();
    } else {
        list::push(parker);
    }
}

/// Unparks everybody who was remembered. To be called without the GIL, by a thread about to park.
#[inline]
pub fn flush() {
    if !cfg!(Py_GIL_DISABLED) {
        list::flush();
    }
}

pub use list::{after_fork_in_child, after_fork_in_parent, before_fork};

#[cfg_attr(Py_GIL_DISABLED, allow(dead_code))]
mod list {
    use super::{Arc, Parker};
    use parking_lot::{Mutex, MutexGuard};
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
    use std::time::Duration;

    /// Two ticks are the longest that a woken thread waits for a waker that went away.
    const TICK: Duration = Duration::from_micros(400);
    /// After this many ticks without work the monitor sleeps until it is called.
    const IDLE_TICKS: u32 = 40;

    /// What may not happen under it: anything but moving parkers in and out.
    static LIST: Mutex<Vec<Arc<Parker>>> = Mutex::new(Vec::new());
    /// Length of `LIST`, to be looked at without the lock. Written under it.
    static WAITING: AtomicUsize = AtomicUsize::new(0);
    /// Counts flushes, so that the monitor can tell a forgotten entry from a fresh one.
    static FLUSHES: AtomicUsize = AtomicUsize::new(0);

    const ABSENT: u32 = 0;
    const TICKING: u32 = 1;
    const ASLEEP: u32 = 2;
    /// State of the monitor thread.
    static MONITOR: AtomicU32 = AtomicU32::new(ABSENT);
    /// Wakes the monitor. One for the process; after a fork a token may be left in it, which is harmless.
    static BELL: Mutex<Option<Arc<Parker>>> = Mutex::new(None);

    pub fn push(parker: Arc<Parker>) {
        {
            let mut list = LIST.lock();
            list.push(parker);
            // Before the look at MONITOR below, and seen by the monitor after it says ASLEEP: one of
            // the two sees the other.
            WAITING.store(list.len(), Ordering::SeqCst);
        }
        if MONITOR.load(Ordering::SeqCst) != TICKING {
            start_or_wake_monitor();
        }
    }

    pub fn flush() {
        if WAITING.load(Ordering::SeqCst) != 0 {
            unpark_all(LIST.lock());
        }
    }

    fn unpark_all(mut list: MutexGuard<'_, Vec<Arc<Parker>>>) {
        let mut taken = std::mem::take(&mut *list);
        WAITING.store(0, Ordering::SeqCst);
        FLUSHES.fetch_add(1, Ordering::SeqCst);
        drop(list);
        for parker in &taken {
            parker.unpark();
        }
        // Give the allocation back for the next round, unless somebody has filled the list already.
        taken.clear();
        if taken.capacity() <= 64 {
            if let Some(mut list) = LIST.try_lock() {
                if list.capacity() == 0 {
                    *list = taken;
                }
            }
        }
    }

    #[cold]
    fn start_or_wake_monitor() {
        if MONITOR
            .compare_exchange(ASLEEP, TICKING, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            if let Some(bell) = &*BELL.lock() {
                bell.unpark();
            }
            return;
        }
        if MONITOR
            .compare_exchange(ABSENT, TICKING, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            let bell = Arc::new(Parker::new());
            *BELL.lock() = Some(Arc::clone(&bell));
            let started = std::thread::Builder::new()
                .name("gochan-monitor".into())
                .spawn(move || monitor(&bell));
            if started.is_err() {
                // No thread to be had. Then nobody is kept waiting: wake now, and try again next time.
                MONITOR.store(ABSENT, Ordering::SeqCst);
                flush();
            }
        }
    }

    fn monitor(bell: &Parker) {
        let mut idle = 0;
        let mut seen = None;
        loop {
            std::thread::sleep(TICK);
            let flushes = FLUSHES.load(Ordering::SeqCst);
            if WAITING.load(Ordering::SeqCst) == 0 {
                idle = if seen == Some(flushes) { idle + 1 } else { 0 };
                seen = Some(flushes);
                if idle >= IDLE_TICKS {
                    MONITOR.store(ASLEEP, Ordering::SeqCst);
                    // A push between the look above and the store saw TICKING and did not ring.
                    if WAITING.load(Ordering::SeqCst) == 0 {
                        bell.park(None);
                    }
                    MONITOR.store(TICKING, Ordering::SeqCst);
                    idle = 0;
                }
                continue;
            }
            idle = 0;
            // Somebody waits. If nobody flushed since the last tick, the entry may be a whole tick old.
            if seen.replace(flushes) == Some(flushes) {
                if let Some(list) = LIST.try_lock() {
                    unpark_all(list);
                }
            }
        }
    }

    /// Holds the list over a fork, so that the child does not inherit it locked by a thread it lacks.
    pub fn before_fork() {
        std::mem::forget((LIST.lock(), BELL.lock()));
    }

    pub fn after_fork_in_parent() {
        unlock();
    }

    pub fn after_fork_in_child() {
        // SAFETY of `unlock` holds here too: the only thread of the child is the one that locked.
        unlock();
        LIST.lock().clear();
        WAITING.store(0, Ordering::SeqCst);
        MONITOR.store(ABSENT, Ordering::SeqCst);
    }

    fn unlock() {
        // SAFETY: both were locked by this thread in `before_fork` and their guards forgotten.
        unsafe {
            BELL.force_unlock();
            LIST.force_unlock();
        }
    }
}
