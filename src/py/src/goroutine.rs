//! The handle of a goroutine, which is the goroutine: a function on a thread, or a coroutine that is resumed.
//!
//! Invariants:
//! * The end is written once, before whoever waits for it is told; who finds the goroutine done finds an end.
//! * An error that nobody looked at is reported exactly once: whoever sets `LOOKED` first has it. It
//!   is reported when the last handle goes (the running job holds one), or at exit.
//! * `body` belongs to whoever has the right to resume the goroutine: see `park_word` of the core.

mod ending;
mod slots;
mod telling;

pub use ending::{End, set_traceback};
pub use slots::{fill_slots, make};
pub use telling::Waiting;

use ending::{Ending, Rare};

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::{ChanBase, RecvChan};
use crate::current;
use crate::html;
use crate::limit::Limit;
use crate::operation::{Ask, Operation};
use crate::scope::{self, Scope};
use crate::text;
use crate::value::Value;
use crate::wake::ValueWaiter;
use gochan_core::clock::{Clock, Monotonic};
use gochan_core::sched::park_word::{ParkWord, Standing};
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// The first one of this process. Those before it are of a process that this one was forked from.
static FIRST_ID: AtomicU64 = AtomicU64::new(1);

/// A fork in a goroutine leaves the child none to count.
pub fn after_fork_in_child() {
    FIRST_ID.store(NEXT_ID.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Bits of `Goroutine::flags`.
pub mod flag {
    /// Somebody has seen the error.
    pub const LOOKED: u8 = 1;
    /// Its finalizer was called, which the interpreter notes in the object's memory.
    pub const FINALIZED: u8 = 2;
    /// `goexit()` was called in it: every operation of gochan raises until it has ended.
    pub const EXITING: u8 = 4;
    /// It is the main of a `run()`: resumed by its own thread only.
    pub const MAIN: u8 = 32;
    /// It ended by `goexit()`.
    pub const EXITED: u8 = 16;
    /// It gave way: its next place is at the end of the shared queue.
    pub const GAVE_WAY: u8 = 8;
}

/// Handle of one goroutine: joining it is optional, its error is never lost.
///
/// A million of them are nothing unusual, so it is kept small: what few goroutines need is in [`Rare`].
#[pyclass(frozen, weakref, generic, module = "gochan")]
#[derive(Debug)]
pub struct Goroutine {
    id: u64,
    /// The function's qualified name.
    name: Py<PyString>,
    /// Where `go` was called: code object, and offset in it. No text is made before somebody asks.
    started: Option<Py<PyAny>>,
    started_at: i32,
    scope: Option<Arc<Scope>>,
    /// What is resumed; none for a function on a thread, and after the end.
    body: UnsafeCell<Option<Body>>,
    /// Serves all its waits, one after the other.
    waiter: ValueWaiter,
    ending: Mutex<Ending>,
    pub word: ParkWord,
    flags: AtomicU8,
    /// Whether `waiter` is in use.
    waits: AtomicBool,
}

// SAFETY: all of it is but `body`, which only the one attached thread that has the right to resume the goroutine
// changes; the collector reads it while no other thread runs Python.
unsafe impl Sync for Goroutine {}
// SAFETY: as above.
unsafe impl Send for Goroutine {}

#[derive(Debug)]
pub struct Body {
    pub coroutine: Py<PyAny>,
    pub context: Py<PyAny>,
}

impl Body {
    /// Lets go of both, in a thread that the interpreter may let go of meanwhile: `finally` blocks may run.
    pub fn drop_guarded(self, py: Python<'_>) {
        drop(Value::new(self.coroutine.into_bound(py)));
        drop(Value::new(self.context.into_bound(py)));
    }
}

impl Goroutine {
    pub fn new(name: Py<PyString>, started: Option<(Py<PyAny>, i32)>, scope: Option<Arc<Scope>>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name,
            started_at: started.as_ref().map_or(0, |started| started.1),
            started: started.map(|started| started.0),
            scope,
            body: UnsafeCell::new(None),
            waiter: ValueWaiter::new(),
            ending: Mutex::new(Ending {
                end: End::Open,
                rare: None,
            }),
            word: ParkWord::new(),
            flags: AtomicU8::new(0),
            waits: AtomicBool::new(false),
        }
    }

    /// What is resumed.
    ///
    /// # Safety
    /// The caller is attached and has the right to resume the goroutine, or it stands in no queue yet. The
    /// reference is not used after that right went on.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn body(&self) -> &mut Option<Body> {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.body.get() }
    }

    pub fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }

    /// Whether it was started before this process was forked: then it goes on in the parent, and never here.
    pub fn is_of_another_process(&self) -> bool {
        self.id < FIRST_ID.load(Ordering::Relaxed)
    }

    /// What a peer settles: a waiter that nobody can settle if the goroutine is abandoned, so that what it would be handed
    /// goes to the next in the queue.
    #[inline]
    pub fn waiter_for_peers(&self) -> &ValueWaiter {
        match &self.scope {
            Some(scope) if scope.is_over() => &scope.nobody,
            _ => &self.waiter,
        }
    }

    /// Whether its `run()` is over: it is never resumed again.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.is_over())
    }

    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// True if it was not set before.
    #[inline]
    pub fn set(&self, flag: u8) -> bool {
        self.flags.fetch_or(flag, Ordering::AcqRel) & flag == 0
    }

    /// True if it was set before.
    #[inline]
    pub fn unset(&self, flag: u8) -> bool {
        self.flags.fetch_and(!flag, Ordering::AcqRel) & flag != 0
    }

    #[inline]
    pub fn waiter(&self) -> &ValueWaiter {
        &self.waiter
    }

    /// Whether it is in a wait with its own waiter. Written by the thread that steps it.
    #[inline]
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn set_waits(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// It runs, on this thread, to its end.
    pub fn begin(slf: &Bound<'_, Self>) {
        slf.get().word.start();
        current::set_goroutine(Some(slf));
    }

    /// Whether it will never end: abandoned, and not in the middle of a function on a thread.
    pub fn never_ends(&self) -> bool {
        self.is_abandoned() && matches!(self.word.standing(), Standing::Parked | Standing::Runnable)
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    fn asked(slf: Bound<'_, Self>, ask: Ask) -> Operation {
        let goroutine = slf.unbind();
        Operation::Ask { goroutine, ask }
    }

    fn ask(
        slf: Bound<'_, Self>,
        ask: Ask,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let operation = Self::asked(slf, ask);
        let (name, _) = operation.names();
        let limit = Limit::parse(timeout, name)?;
        block::wait(py, operation.under(ctx, name)?, limit)
    }
}

#[pymethods]
impl Goroutine {
    /// Refuses.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn from_python(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err(
            "a Goroutine cannot be created by itself: go(fn, *args) starts one and returns its handle",
        ))
    }

    /// Unique in this process, never used again.
    #[getter(id)]
    fn get_id(&self) -> u64 {
        self.id
    }

    /// The function's name and the id.
    #[getter]
    fn name(&self, py: Python<'_>) -> String {
        self.full_name(py)
    }

    /// "runnable", "running", "waiting" (in an operation of gochan) or "done".
    #[getter]
    fn state(&self) -> &'static str {
        self.state_name()
    }

    /// A channel that is closed when the goroutine has ended.
    #[getter]
    fn done(&self, py: Python<'_>) -> PyResult<Py<RecvChan>> {
        let known = |ending: &Ending| Some(ending.rare.as_ref()?.done.as_ref()?.clone_ref(py));
        if let Some(done) = known(&self.ending.lock()) {
            return Ok(done);
        }
        let owner = ChanBase::owner_of(&self.ended());
        let new = Py::new(py, PyClassInitializer::from(owner).add_subclass(RecvChan))?;
        // From here to the end no collection can begin, so none sees two owners of one core.
        let mut ending = self.ending.lock();
        if let Some(done) = known(&ending) {
            // Another thread was first; ours owns nothing by itself.
            drop(ending);
            return Ok(done);
        }
        ending.rare().done = Some(new.clone_ref(py));
        Ok(new)
    }

    /// Waits until the goroutine has ended. Raises nothing of the goroutine's own.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop. The goroutine goes on in all
    /// these cases.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn join(
        slf: Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::ask(slf, Ask::Join, timeout, ctx).map(drop)
    }

    /// Awaitable twin of `join`. TimeoutError after `timeout` seconds; the error of `ctx` when that is done.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn ajoin<'py>(
        slf: Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let name = "Goroutine.ajoin()";
        let limit = Limit::parse(timeout, name)?;
        let py = slf.py();
        Awaitable::new(py, Self::asked(slf, Ask::Join).under(ctx, name)?, limit)
    }

    /// Waits for the end; gives the function's result, or raises what it raised. None after `goexit()`.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop. The goroutine goes on in all
    /// these cases.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn result(
        slf: Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Self::ask(slf, Ask::Result, timeout, ctx)
    }

    /// Waits for the end; gives the exception it ended with, or None.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop. The goroutine goes on in all
    /// these cases.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn exception(
        slf: Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Self::ask(slf, Ask::Exception, timeout, ctx)
    }

    fn __await__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Awaitable>> {
        let py = slf.py();
        Awaitable::new(py, Self::asked(slf, Ask::Result), Limit::Never)
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let mut rows = vec![("name", this.full_name(py))];
        let (state, wait) = Self::state_and_wait(slf);
        if let Some((what, since)) = wait {
            let seconds = Monotonic.now().saturating_since(since).as_secs_f64();
            rows.push(("waits in", format!("{what} for {seconds:.1} s")));
        }
        rows.push(("started at", this.start_site(py)));
        if let Some(error) = this.error(py) {
            rows.push(("raised", text::of(&error.repr()?)));
        }
        html::table(py, &format!("Goroutine, {state}"), rows, None)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Goroutine: it runs in this process; pass its result",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.name)?;
        // SAFETY: attached, and the collector runs: nobody changes it now.
        if let Some(body) = unsafe { &*self.body.get() } {
            visit.call(&body.coroutine)?;
            visit.call(&body.context)?;
        }
        visit.call(&self.started)?;
        let mut result = Ok(());
        self.waiter
            .try_visit(&mut |value| result = crate::gc::visit_value(visit, value));
        result?;
        let Some(ending) = self.ending.try_lock() else {
            return Ok(());
        };
        if let Some(rare) = &ending.rare {
            if let Some(told) = &rare.told {
                told.traverse(visit)?;
            }
            match (&rare.done, &rare.ended) {
                (Some(done), _) => visit.call(done)?,
                (None, Some(ended)) => crate::gc::visit_chan(visit, ended)?,
                (None, None) => {}
            }
        }
        match &ending.end {
            End::Open => Ok(()),
            End::Value(value) => visit.call(value),
            End::Error(raised) => {
                visit.call(&raised.error)?;
                visit.call(&raised.traceback)
            }
        }
    }

    fn __clear__(&self) {
        // A goroutine that runs is held by its thread or its queue; so this one was closed by its finalizer, has ended, or
        // never began.
        // SAFETY: attached; nobody has the right to resume it any more.
        let body = unsafe { (*self.body.get()).take() };
        let (end, rare) = {
            let mut ending = self.ending.lock();
            let end = std::mem::replace(&mut ending.end, End::Open);
            (end, ending.rare.take())
        };
        drop((body, end));
        // Nobody can be waiting who is not part of the same garbage.
        if let Some(Rare {
            ended: Some(ended),
            done: None,
            ..
        }) = rare.as_deref()
        {
            ended.clear();
        }
        drop(rare);
    }
}

/// The number of goroutines that exist, the caller's own included.
#[pyfunction]
pub fn num_goroutine() -> usize {
    scope::count()
}
