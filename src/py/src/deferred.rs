//! Waking threads at the right moment.
//!
//! On a build with the GIL, a thread woken while its waker holds the GIL only runs into the GIL and
//! sleeps again: two context switches for nothing, 3-15 times the cost of a hand-off. So woken threads
//! are remembered, and unparked when
//!
//! * the waker is about to park itself, in the moment after it let go of the GIL ([`flush`]),
//! * a thread that was woken has the GIL and goes on ([`pass_on`]), or
//! * a monitor thread finds them still waiting, at most 1 ms later: the waker went off to compute, or
//!   into a foreign call that lets go of the GIL.
//!
//! Only a few are unparked at a time: one of them can run, and a crowd that fights for the GIL costs
//! each other far more than it gains (2,500 threads woken at once took seconds to get going). Each
//! that comes through hands the baton to the next.
//!
//! Invariants:
//! * Every parker in the list is unparked exactly once, by whoever takes it out, in the order of the
//!   wakes.
//! * While the list is not empty the monitor is ticking, or the one who filled it is about to start or wake it.
//! * The monitor knows no Python and never attaches.
//!
//! The list is one for all threads, not one per thread: whoever lets go of the GIL next does it for
//! everybody who was woken under it. On a free-threaded build there is nothing to wait for, and
//! threads are woken at once.

use gochan_core::clock::{Clock, Monotonic};
use gochan_core::parker::{Parker, Woken};
use gochan_core::sys::Arc;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Two ticks are the longest that a woken thread waits for a waker that went away.
const TICK: Duration = Duration::from_micros(400);
/// After this many ticks without work the monitor sleeps until it is called.
const IDLE_TICKS: u32 = 40;
/// After so long without a call it ends. The next wake starts another.
const IDLE: Duration = Duration::from_secs(5);
/// After the monitor let a crowd loose and none of it came through, so many ticks pass before the next:
/// a thread that computes gives the GIL up every 5 ms, to one of them.
const PATIENCE: u32 = 12;
/// How many threads are let loose on the GIL at once.
const CROWD: usize = 8;

/// Unparks the owner of `parker` soon.
#[inline]
pub fn unpark(parker: Arc<Parker>) {
    if cfg!(Py_GIL_DISABLED) {
        parker.unpark();
    } else {
        Deferred::get().push(parker);
    }
}

/// Unparks those who were remembered. To be called without the GIL, by a thread about to park.
#[inline]
pub fn flush() {
    if let Some(deferred) = Deferred::get_if_used() {
        deferred.unpark_some(CROWD);
    }
}

/// Whether somebody waits to be unparked.
#[inline]
pub fn has_some() -> bool {
    Deferred::get_if_used().is_some()
}

/// Unparks the next one. To be called by a thread that was woken, once it has the GIL.
#[inline]
pub fn pass_on() {
    if let Some(deferred) = Deferred::get_if_used() {
        deferred.unpark_some(1);
    }
}

/// In a forked child the threads of the old list do not exist, and its lock may be held for ever.
pub fn after_fork_in_child() {
    CURRENT.store(std::ptr::null_mut(), Ordering::Release);
}

/// Made at the first wake, never freed; a forked child makes its own.
static CURRENT: AtomicPtr<Deferred> = AtomicPtr::new(std::ptr::null_mut());

const ABSENT: u32 = 0;
const TICKING: u32 = 1;
const ASLEEP: u32 = 2;

#[derive(Debug)]
struct Deferred {
    /// std's mutex: parking_lot's keeps its sleepers in a table of the process, which a fork could
    /// copy in the middle of a change. What may not happen under it: anything but moving parkers.
    list: Mutex<VecDeque<Arc<Parker>>>,
    /// Length of `list`, to be looked at without the lock. Written under it.
    waiting: AtomicUsize,
    /// Counts the times somebody took from the list, so that the monitor can tell a forgotten entry
    /// from a fresh one.
    taken: AtomicUsize,
    /// State of the monitor thread.
    monitor: AtomicU32,
    /// Wakes the monitor.
    bell: Parker,
}

impl Deferred {
    fn get() -> &'static Self {
        Self::current().unwrap_or_else(Self::make)
    }

    fn current() -> Option<&'static Self> {
        // SAFETY: null, or a box that was leaked below and is never freed.
        unsafe { CURRENT.load(Ordering::Acquire).as_ref() }
    }

    #[inline]
    fn get_if_used() -> Option<&'static Self> {
        Self::current().filter(|deferred| deferred.waiting.load(Ordering::SeqCst) != 0)
    }

    #[cold]
    fn make() -> &'static Self {
        let new = Box::into_raw(Box::new(Self {
            list: Mutex::new(VecDeque::new()),
            waiting: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            monitor: AtomicU32::new(ABSENT),
            bell: Parker::new(),
        }));
        let null = std::ptr::null_mut();
        match CURRENT.compare_exchange(null, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and published: never freed from here on.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: `new` was seen by nobody; `theirs` is published and never freed.
                unsafe {
                    drop(Box::from_raw(new));
                    &*theirs
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Parker>>> {
        // Nothing under it panics half-way.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&'static self, parker: Arc<Parker>) {
        {
            let mut list = self.lock();
            list.push_back(parker);
            // Before the look at `monitor` below, and seen by the monitor after it says ASLEEP: one
            // of the two sees the other.
            self.waiting.store(list.len(), Ordering::SeqCst);
        }
        if self.monitor.load(Ordering::SeqCst) != TICKING {
            self.start_or_wake_monitor();
        }
    }

    fn unpark_some(&self, most: usize) {
        let mut some: [Option<Arc<Parker>>; CROWD] = Default::default();
        {
            let mut list = self.lock();
            for place in some.iter_mut().take(most) {
                *place = list.pop_front();
            }
            self.waiting.store(list.len(), Ordering::SeqCst);
        }
        self.taken.fetch_add(1, Ordering::SeqCst);
        for parker in some.into_iter().flatten() {
            parker.unpark();
        }
    }

    #[cold]
    fn start_or_wake_monitor(&'static self) {
        let from = |state| {
            self.monitor
                .compare_exchange(state, TICKING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        if from(ASLEEP) {
            self.bell.unpark();
        } else if from(ABSENT) {
            let started = std::thread::Builder::new()
                .name("gochan-monitor".into())
                .stack_size(64 * 1024)
                .spawn(move || self.watch());
            if started.is_err() {
                // No thread to be had. Then nobody is kept waiting: wake now, and try again next time.
                self.monitor.store(ABSENT, Ordering::SeqCst);
                while self.waiting.load(Ordering::SeqCst) != 0 {
                    self.unpark_some(CROWD);
                }
            }
        }
    }

    /// Ends the monitor thread, unless somebody is waiting. Idle threads end: this one, too, would keep a forked child alive whose
    /// only other thread, one that was not main in the parent, has returned.
    fn has_left(&self) -> bool {
        let from = |state, to| {
            self.monitor
                .compare_exchange(state, to, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        // A push that saw ASLEEP wakes us. One that sees ABSENT starts another thread; one between the two looks is seen here.
        from(ASLEEP, ABSENT) && !(self.waiting.load(Ordering::SeqCst) != 0 && from(ABSENT, TICKING))
    }

    /// The monitor thread.
    fn watch(&self) {
        block_all_signals();
        let mut idle = 0;
        let mut patience = 0;
        let mut seen = usize::MAX;
        loop {
            std::thread::sleep(TICK);
            let taken = self.taken.load(Ordering::SeqCst);
            let moved = std::mem::replace(&mut seen, taken) != taken;
            if moved {
                patience = 0;
            }
            if self.waiting.load(Ordering::SeqCst) != 0 {
                idle = 0;
                // If nobody took since the last tick, the first entry may be a whole tick old.
                if moved {
                    continue;
                }
                if patience > 0 {
                    patience -= 1;
                    continue;
                }
                self.unpark_some(CROWD);
                seen = self.taken.load(Ordering::SeqCst);
                patience = PATIENCE;
                continue;
            }
            idle = if moved { 0 } else { idle + 1 };
            if idle >= IDLE_TICKS {
                idle = 0;
                self.monitor.store(ASLEEP, Ordering::SeqCst);
                // A push between the look above and the store saw TICKING and did not ring.
                if self.waiting.load(Ordering::SeqCst) == 0 {
                    let until = Monotonic.now().saturating_add(IDLE);
                    if self.bell.park(Some(until)) == Woken::TimedOut && self.has_left() {
                        return;
                    }
                }
                self.monitor.store(TICKING, Ordering::SeqCst);
            }
        }
    }
}

/// Signals are for the threads of the program, which may wait for one with `sigwait`; a hidden thread
/// that takes it instead would end the process.
pub fn block_all_signals() {
    #[cfg(unix)]
    // SAFETY: a zeroed set is valid storage, which `sigfillset` fills; this thread only.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}
