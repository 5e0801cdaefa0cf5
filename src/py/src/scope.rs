//! Which program a goroutine belongs to: a `run()`, or none.
//!
//! Goroutines that were started under a `run()` are abandoned when its main ends, as Go's are when main returns; those
//! started outside of any live on. Each goroutine hands its scope on to those that it starts.
//!
//! Invariants:
//! * `active` counts the goroutines of the scope that have begun to exist and not ended.
//! * Once `over` is set no goroutine of the scope is resumed any more, and the scope counts no longer.

use crate::current;
use crate::value::Value;
use crate::wait_group::WaitGroup;
use gochan_core::Waiter;
use gochan_core::parker::Parker;
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[derive(Debug)]
pub struct Scope {
    /// Never used again.
    id: u64,
    over: AtomicBool,
    active: AtomicUsize,
    /// Whether a task of `aio()` was started in it.
    uses_aio: AtomicBool,
    /// Counts the goroutines that close async generators, once there was one. Not shown to the collector: nobody but `run()` waits on
    /// it, from a plain thread, so it refers to nothing. What may not happen under its lock: a drop, any Python.
    closers: Mutex<Option<Py<WaitGroup>>>,
    /// A waiter that is over, for peers of goroutines that are abandoned.
    pub nobody: Waiter<Value>,
    /// Whether the program's main thread is in it.
    on_main_thread: bool,
    /// The thread that is in `run()`: told when main has ended, and when the last goroutine has.
    pub home: Arc<Parker>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// Goroutines outside of any `run()`.
static FREE: AtomicUsize = AtomicUsize::new(0);
/// The scopes of the `run()`s that are going on. What may not happen under it: a drop of a scope, any Python.
static LIVE: Mutex<Vec<Arc<Scope>>> = Mutex::new(Vec::new());
/// Goroutines that the scheduler resumes, in all scopes: while there are some, a thread is kept for them.
static STEPPED: AtomicUsize = AtomicUsize::new(0);

impl Scope {
    pub fn begin(home: Arc<Parker>, on_main_thread: bool) -> Arc<Self> {
        let nobody = Waiter::new();
        nobody.cancel();
        let scope = Arc::new(Self {
            nobody,
            on_main_thread,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            over: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            uses_aio: AtomicBool::new(false),
            closers: Mutex::new(None),
            home,
        });
        LIVE.lock().push(Arc::clone(&scope));
        scope
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn uses_aio(&self) -> bool {
        self.uses_aio.load(Ordering::Acquire)
    }

    pub fn will_use_aio(&self) {
        self.uses_aio.store(true, Ordering::Release);
    }

    /// Who is told of the goroutines that close its async generators.
    pub fn closers(&self, py: Python<'_>) -> PyResult<Py<WaitGroup>> {
        if let Some(known) = self.known_closers(py) {
            return Ok(known);
        }
        let new = Py::new(py, WaitGroup::new())?;
        let mut closers = self.closers.lock();
        if let Some(first) = &*closers {
            // Another thread's.
            let first = first.clone_ref(py);
            drop(closers);
            return Ok(first);
        }
        *closers = Some(new.clone_ref(py));
        Ok(new)
    }

    pub fn known_closers(&self, py: Python<'_>) -> Option<Py<WaitGroup>> {
        Some(self.closers.lock().as_ref()?.clone_ref(py))
    }

    /// Main has ended: the rest is abandoned.
    pub fn end(scope: &Arc<Self>) {
        scope.over.store(true, Ordering::Release);
        let mut live = LIVE.lock();
        let at = live.iter().position(|other| Arc::ptr_eq(other, scope));
        let gone = at.map(|at| live.remove(at));
        drop(live);
        drop(gone);
    }
}

/// A goroutine is about to exist.
pub fn began(scope: Option<&Arc<Scope>>) {
    scope
        .map_or(&FREE, |scope| &scope.active)
        .fetch_add(1, Ordering::AcqRel);
}

/// It has ended, or never came to be.
pub fn ended(scope: Option<&Arc<Scope>>) {
    match scope {
        None => {
            FREE.fetch_sub(1, Ordering::AcqRel);
        }
        Some(scope) => {
            if scope.active.fetch_sub(1, Ordering::AcqRel) == 1 {
                // A main that ended by goexit() leaves its run() waiting for this.
                scope.home.unpark();
            }
        }
    }
}

pub fn stepped_began() {
    STEPPED.fetch_add(1, Ordering::AcqRel);
}

pub fn stepped_ended() {
    STEPPED.fetch_sub(1, Ordering::AcqRel);
}

/// Whether there are goroutines that a runner may have to resume some day.
pub fn has_stepped() -> bool {
    STEPPED.load(Ordering::Acquire) != 0
}

/// All goroutines. The main thread counts as one, as in Go, unless it is counted already because it is in a `run()`.
pub fn count() -> usize {
    let live = LIVE.lock();
    let under_run: usize = live.iter().map(|scope| scope.active()).sum();
    let main_is_one = live.iter().any(|scope| scope.on_main_thread);
    FREE.load(Ordering::Acquire) + under_run + usize::from(!main_is_one)
}

/// In a forked child there are none but, in a `run()`, its main.
pub fn after_fork_in_child(py: Python<'_>) {
    FREE.store(0, Ordering::Release);
    // The goroutine that forked goes on here, and counts itself out when it ends.
    STEPPED.store(usize::from(current::is_in_stepped(py)), Ordering::Release);
    let gone = std::mem::take(&mut *LIVE.lock());
    for scope in &gone {
        scope.active.store(0, Ordering::Release);
        // Who closes generators does so in the parent: a `run()` of the child does not wait for them.
        let closers = scope.closers.lock().take();
        drop(closers);
    }
    drop(gone);
}
