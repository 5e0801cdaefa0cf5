//! A native thread that looks after the runners: it knows no Python and never attaches.
//!
//! * A runner that has begun nothing for a tick, while goroutines are ready or a timeout is due, is stuck in a goroutine that
//!   computes, or blocks outside of gochan: a spare thread is called to take its permit over.
//! * While no runner is awake, it sleeps until the next timer and calls one.
//!
//! Invariant: while a permit is held the monitor is ticking; while a timer is pending and no permit is held it sleeps no longer than
//! until then. Who begins either rings ([`watch`], [`expect`]).

use crate::current;
use crate::deferred;
use crate::world::{self, Order, World};
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::parker::{Parker, Woken};
use gochan_core::sched::scheduler::Progress;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

/// A spare is called for a runner that is stuck for one to two of these. The GIL's switch interval comes on top.
const TICK: Duration = Duration::from_millis(5);
/// After so many ticks with nothing to look after, it sleeps.
const IDLE_TICKS: u32 = 20;
/// ... and after so long without any thread that resumes goroutines, or a timer, it ends.
const IDLE: Duration = Duration::from_secs(5);

const ABSENT: u32 = 0;
const TICKING: u32 = 1;
const ASLEEP: u32 = 2;

#[derive(Debug)]
struct Monitor {
    state: AtomicU32,
    bell: Parker,
    /// Until when it sleeps; 0 while it does not.
    until: AtomicU64,
}

/// Made at the first use, never freed; a forked child makes its own.
static MONITOR: AtomicPtr<Monitor> = AtomicPtr::new(std::ptr::null_mut());

fn get() -> &'static Monitor {
    let current = MONITOR.load(Ordering::Acquire);
    // SAFETY: null, or a box that was leaked below and is never freed.
    if let Some(monitor) = unsafe { current.as_ref() } {
        return monitor;
    }
    let new = Box::into_raw(Box::new(Monitor {
        state: AtomicU32::new(ABSENT),
        bell: Parker::new(),
        until: AtomicU64::new(0),
    }));
    match MONITOR.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire) {
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

pub fn after_fork_in_child() {
    MONITOR.store(std::ptr::null_mut(), Ordering::Release);
}

/// Whether nothing runs or is to run, but for timers.
fn has_nothing(world: &World) -> bool {
    !world.steps.is_running() && !world.steps.has_jobs() && world.calls.waiting() == 0
}

/// What time it is, as of the last tick or the last start of a runner: some milliseconds old while goroutines run. For
/// "since when", not for deadlines; a look at the real clock would be a tenth of a park.
#[inline]
pub fn now() -> Instant {
    Instant::from_nanos(NOW.load(Ordering::Relaxed))
}

/// Sets the clock of [`now`].
pub fn look_at_clock() {
    NOW.store(Monotonic.now().as_nanos(), Ordering::Relaxed);
}

static NOW: AtomicU64 = AtomicU64::new(0);

/// There is something to look after.
#[inline]
pub fn watch() {
    let monitor = get();
    // Between what there is to look after and the look at the monitor: it does the same the other way round.
    fence(Ordering::SeqCst);
    if monitor.state.load(Ordering::SeqCst) != TICKING {
        monitor.start_or_wake();
    }
}

/// Something is to happen at `at`. A runner sees to that by itself while it is one, and tells the monitor when it goes.
pub fn expect(at: Instant) {
    if at == Instant::NEVER || current::permit().is_some() {
        return;
    }
    let monitor = get();
    // Between the timer, which the caller has added, and the look at the monitor: it does the same the other way round.
    fence(Ordering::SeqCst);
    if at.as_nanos() < monitor.until.load(Ordering::SeqCst) {
        monitor.bell.unpark();
    }
}

impl Monitor {
    /// Sleeps until `until`, or the first timer. True if it was rung for.
    fn nap(&self, until: Instant) -> bool {
        self.rest(until, || Some(until.min(world::get().timers.earliest())))
    }

    /// Sleeps for as long as a last look says, and no longer than until `until`; nobody rings before for a timer that is later.
    /// True if it was rung for.
    fn rest(&self, until: Instant, last_look: impl FnOnce() -> Option<Instant>) -> bool {
        self.until.store(until.as_nanos(), Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let rung = last_look().is_some_and(|until| self.bell.park(Some(until)) != Woken::TimedOut);
        self.until.store(0, Ordering::SeqCst);
        rung
    }

    #[cold]
    fn start_or_wake(&'static self) {
        let from = |state| {
            self.state
                .compare_exchange(state, TICKING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        if from(ASLEEP) {
            self.bell.unpark();
        } else if from(ABSENT) {
            let started = std::thread::Builder::new()
                .name("gochan-sched".into())
                .stack_size(64 * 1024)
                .spawn(move || self.run());
            if started.is_err() {
                // No thread to be had. The next one who rings tries again.
                self.state.store(ABSENT, Ordering::SeqCst);
            }
        }
    }

    fn run(&self) {
        deferred::block_all_signals();
        let mut idle = 0;
        let mut progress = Progress::default();
        let mut next_look = Instant::from_nanos(0);
        loop {
            if world::is_stopped() {
                return;
            }
            let world = world::get();
            if world.calls.waiting() != 0 {
                idle = 0;
                world::call_server_detached();
            }
            let timer = world.timers.earliest();
            let now = Monotonic.now();
            NOW.store(now.as_nanos(), Ordering::Relaxed);
            if world.steps.is_running() {
                idle = 0;
                if now >= next_look {
                    next_look = now.saturating_add(TICK);
                    let stuck = world.steps.stuck(&mut progress);
                    if cfg!(Py_GIL_DISABLED) && world.steps.has_jobs() && world.steps.has_free_permit() {
                        // Somebody runs on beside what he made ready.
                        world::call_runner_detached();
                    } else if let Some(permit) = stuck {
                        if world.steps.has_jobs() || timer <= now {
                            let seen = world.steps.position(permit);
                            world::give_detached(Order::Rescue(permit, seen));
                        }
                    }
                }
                // Not until the first timer: the runner looks at those. It rings when it goes.
                self.rest(next_look, || world.steps.is_running().then_some(next_look));
                continue;
            }
            progress = Progress::default();
            if timer <= now || world.steps.has_jobs() {
                world::call_runner_detached();
                let again = now.saturating_add(TICK);
                let is_due = || world.timers.earliest() <= now || world.steps.has_jobs();
                self.rest(again, || (world.steps.is_running() || is_due()).then_some(again));
                continue;
            }
            idle += 1;
            if idle < IDLE_TICKS {
                self.nap(now.saturating_add(TICK));
                continue;
            }
            idle = 0;
            self.state.store(ASLEEP, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            // Something between the look above and the store saw TICKING and did not ring.
            while has_nothing(world) {
                let rung = self.nap(Monotonic.now().saturating_add(IDLE));
                if rung || world.timers.earliest() <= Monotonic.now() {
                    break;
                }
                if world.seats.is_empty() && world.timers.earliest() == Instant::NEVER {
                    if self.has_left(world) {
                        return;
                    }
                    break;
                }
            }
            self.state.store(TICKING, Ordering::SeqCst);
        }
    }

    /// Ends this thread, unless there is something to look after. Idle threads end: this one, too, would keep a forked child alive
    /// whose only other thread, one that was not main in the parent, has returned.
    fn has_left(&self, world: &World) -> bool {
        let from = |state, to| {
            self.state
                .compare_exchange(state, to, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        if !from(ASLEEP, ABSENT) {
            return false; // rung for
        }
        // Who rang before that is seen here. Who rings now starts another one, and may do so before we are back.
        fence(Ordering::SeqCst);
        let is_needed = !has_nothing(world) || world.timers.earliest() != Instant::NEVER;
        !(is_needed && from(ABSENT, TICKING))
    }
}
