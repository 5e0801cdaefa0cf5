//! The handle of a goroutine.
//!
//! Invariants:
//! * `end` is written once, before `ended` is closed; whoever finds `ended` closed finds an end.
//! * An error that nobody looked at is reported exactly once: whoever sets `looked` first has it. It
//!   is reported when the last handle goes (the running job holds one), or at exit.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::{ChanBase, RecvChan};
use crate::guard;
use crate::limit::Limit;
use crate::operation::{Ask, Operation};
use crate::report;
use crate::wake::ChanCore;
use gochan_core::sys::Arc;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

const RUNNABLE: u8 = 0;
const RUNNING: u8 = 1;
const WAITING: u8 = 2;
const DONE: u8 = 3;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// Goroutines that were started and have not ended.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// State of the goroutine that runs on this thread.
    static CURRENT: RefCell<Option<Arc<AtomicU8>>> = const { RefCell::new(None) };
}

/// Handle of one goroutine: joining it is optional, its error is never lost.
#[pyclass(frozen, weakref, generic, module = "gochan")]
#[derive(Debug)]
pub struct Goroutine {
    id: u64,
    /// Without the id.
    name: String,
    /// Where `go` was called: code object and line. No text is made before somebody asks.
    started: Option<(Py<PyAny>, i32)>,
    state: Arc<AtomicU8>,
    /// The process it was started in: a fork in a goroutine leaves the child none to count.
    epoch: u32,
    /// Closed when the goroutine has ended. Nothing is ever sent on it.
    ended: Arc<ChanCore>,
    /// The channel object for `ended`, once somebody asked for it; then it is what shows `ended` to
    /// the collector. It does not hold the handle: seeing the end is not seeing the error.
    done: OnceLock<Py<RecvChan>>,
    /// What may not happen under it: a drop, any Python.
    end: Mutex<End>,
    looked: AtomicBool,
}

#[derive(Debug)]
pub enum End {
    Open,
    Value(Py<PyAny>),
    /// The exception and the traceback it arrived with: raising it again would make that longer.
    Error(Py<PyAny>, Option<Py<PyAny>>),
}

impl Goroutine {
    pub fn new(name: String, started: Option<(Py<PyAny>, i32)>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name,
            started,
            state: Arc::new(AtomicU8::new(RUNNABLE)),
            epoch: epoch::current(),
            ended: Arc::new(ChanCore::new(0)),
            done: OnceLock::new(),
            end: Mutex::new(End::Open),
            looked: AtomicBool::new(false),
        }
    }

    /// It runs, on this thread.
    pub fn begin(&self) {
        self.state.store(RUNNING, Ordering::Relaxed);
        CURRENT.with_borrow_mut(|current| *current = Some(Arc::clone(&self.state)));
    }

    pub fn ended(&self) -> &Arc<ChanCore> {
        &self.ended
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.id)
    }

    /// `FILE:LINE in FUNCTION` of the call of `go`.
    pub fn start_site(&self, py: Python<'_>) -> String {
        let Some((code, line)) = &self.started else {
            return "an unknown place".into();
        };
        let part = |name| {
            code.getattr(py, name)
                .map_or_else(|_| "?".to_owned(), |text| text.to_string())
        };
        format!("{}:{line} in {}", part("co_filename"), part("co_name"))
    }

    pub fn describe(&self, py: Python<'_>) -> String {
        let state = self.state_name();
        let error = match &*self.end.lock() {
            End::Error(error, _) => Some(error.clone_ref(py)),
            End::Open | End::Value(_) => None,
        };
        let end = error.map_or_else(String::new, |error| {
            format!(", raised {}", type_name(error.bind(py)))
        });
        format!(
            "<gochan.Goroutine {} {state}{end}, started at {}>",
            self.full_name(),
            self.start_site(py)
        )
    }

    fn state_name(&self) -> &'static str {
        match self.state.load(Ordering::Relaxed) {
            RUNNABLE => "runnable",
            RUNNING => "running",
            WAITING => "waiting",
            _ => "done",
        }
    }

    /// Marks the error as seen. True for the first look at an error.
    pub fn look(slf: &Bound<'_, Self>) -> bool {
        let this = slf.get();
        if !matches!(*this.end.lock(), End::Error(..)) || this.looked.swap(true, Ordering::AcqRel) {
            return false;
        }
        report::forget(this.id);
        true
    }

    /// The error, with its traceback as it was when the goroutine ended.
    pub fn error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let (error, traceback) = match &*self.end.lock() {
            End::Error(error, traceback) => (
                error.clone_ref(py),
                traceback.as_ref().map(|traceback| traceback.clone_ref(py)),
            ),
            End::Open | End::Value(_) => return None,
        };
        let error = error.into_bound(py);
        set_traceback(&error, traceback.as_ref().map(|traceback| traceback.bind(py)));
        Some(error)
    }

    pub fn look_at_result(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::look(slf);
        if let Some(error) = slf.get().error(py) {
            return Err(PyErr::from_value(error));
        }
        match &*slf.get().end.lock() {
            End::Value(value) => Ok(value.clone_ref(py)),
            End::Open | End::Error(..) => Ok(py.None()),
        }
    }

    pub fn look_at_exception(slf: &Bound<'_, Self>) -> Py<PyAny> {
        let py = slf.py();
        Self::look(slf);
        slf.get().error(py).map_or_else(|| py.None(), Bound::unbind)
    }

    pub fn finish(slf: &Bound<'_, Self>, end: End) {
        let this = slf.get();
        let failed = matches!(end, End::Error(..));
        *this.end.lock() = end;
        this.state.store(DONE, Ordering::Release);
        CURRENT.with_borrow_mut(|current| *current = None);
        if this.epoch == epoch::current() {
            ACTIVE.fetch_sub(1, Ordering::AcqRel);
        }
        if failed {
            report::remember(slf);
        }
        let _ = this.ended.close();
    }

    fn ask(slf: Bound<'_, Self>, ask: Ask, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let operation = Operation::Ask {
            goroutine: slf.unbind(),
            ask,
        };
        let limit = Limit::parse(timeout, operation.names().0)?;
        block::wait(py, operation, limit)
    }
}

#[pymethods]
impl Goroutine {
    /// Unique in this process, never used again.
    #[getter(id)]
    fn get_id(&self) -> u64 {
        self.id
    }

    /// The function's name and the id.
    #[getter]
    fn name(&self) -> String {
        self.full_name()
    }

    /// "runnable", "running", "waiting" (in an operation of gochan) or "done".
    #[getter]
    fn state(&self) -> &'static str {
        self.state_name()
    }

    /// A channel that is closed when the goroutine has ended.
    #[getter]
    fn done(&self, py: Python<'_>) -> PyResult<Py<RecvChan>> {
        if self.done.get().is_none() {
            let owner = ChanBase::owner_of(&self.ended);
            let new = Py::new(py, PyClassInitializer::from(owner).add_subclass(RecvChan))?;
            // Not `get_or_init`, whose other callers would wait for it with the GIL held. From here to
            // the end of the `set` no collection can begin, so none sees two owners of one core.
            drop(self.done.set(new));
        }
        match self.done.get() {
            Some(done) => Ok(done.clone_ref(py)),
            None => Err(PyRuntimeError::new_err("the done channel was not kept")),
        }
    }

    /// Waits until the goroutine has ended. Raises nothing of the goroutine's own.
    #[pyo3(signature = (timeout=None))]
    fn join(slf: Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        Self::ask(slf, Ask::Join, timeout).map(drop)
    }

    /// Awaitable twin of `join`.
    #[pyo3(signature = (timeout=None))]
    fn ajoin<'py>(
        slf: Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let limit = Limit::parse(timeout, "Goroutine.ajoin()")?;
        let py = slf.py();
        Awaitable::new(
            py,
            Operation::Ask {
                goroutine: slf.unbind(),
                ask: Ask::Join,
            },
            limit,
        )
    }

    /// Waits for the end; gives the function's result, or raises what it raised.
    #[pyo3(signature = (timeout=None))]
    fn result(slf: Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        Self::ask(slf, Ask::Result, timeout)
    }

    /// Waits for the end; gives the exception it ended with, or None.
    #[pyo3(signature = (timeout=None))]
    fn exception(slf: Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        Self::ask(slf, Ask::Exception, timeout)
    }

    fn __await__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Awaitable>> {
        let py = slf.py();
        Awaitable::new(
            py,
            Operation::Ask {
                goroutine: slf.unbind(),
                ask: Ask::Result,
            },
            Limit::Never,
        )
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        self.describe(py)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Goroutine: it runs in this process; pass its result",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.done.get() {
            Some(done) => visit.call(done)?,
            None => crate::gc::visit_chan(visit, &self.ended)?,
        }
        let Some(end) = self.end.try_lock() else {
            return Ok(());
        };
        match &*end {
            End::Open => Ok(()),
            End::Value(value) => visit.call(value),
            End::Error(error, traceback) => {
                visit.call(error)?;
                visit.call(traceback)
            }
        }
    }

    fn __clear__(&self) {
        let end = std::mem::replace(&mut *self.end.lock(), End::Open);
        drop(end);
        // A goroutine that runs is held by its thread; so this one has ended, or never began, and
        // nobody can be waiting who is not part of the same garbage.
        if self.done.get().is_none() {
            self.ended.clear();
        }
    }
}

/// Sets the traceback of an exception without a look at what its class says of `__traceback__`.
pub fn set_traceback(error: &Bound<'_, PyAny>, traceback: Option<&Bound<'_, PyAny>>) {
    let none = error.py().None();
    let traceback = traceback.map_or(none.as_ptr(), Bound::as_ptr);
    // SAFETY: attached; every end is an instance of BaseException, and a traceback came from one.
    unsafe { ffi::PyException_SetTraceback(error.as_ptr(), traceback) };
}

/// The state of this thread's goroutine is "waiting" for as long as this lives.
#[derive(Debug)]
pub struct Waiting(());

impl Waiting {
    pub fn enter() -> Self {
        set_current_state(WAITING);
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        set_current_state(RUNNING);
    }
}

fn set_current_state(state: u8) {
    CURRENT.with_borrow(|current| {
        if let Some(current) = current {
            current.store(state, Ordering::Relaxed);
        }
    });
}

/// The number of goroutines that exist, the caller's own included.
#[pyfunction]
pub fn num_goroutine() -> usize {
    ACTIVE.load(Ordering::Acquire) + 1
}

/// A goroutine is about to exist.
pub fn began() {
    ACTIVE.fetch_add(1, Ordering::AcqRel);
}

/// ... but no thread could be had for it.
pub fn never_began() {
    ACTIVE.fetch_sub(1, Ordering::AcqRel);
}

/// In a forked child there are none.
pub fn after_fork_in_child() {
    ACTIVE.store(0, Ordering::Release);
    CURRENT.with_borrow_mut(|current| *current = None);
}

pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .name()
        .map_or_else(|_| "?".into(), |name| name.to_string())
}

/// Gives the type its finalizer, which PyO3 has no word for: it runs before anything of the object is
/// taken apart, by the collector too, so that the report can show handle and traceback whole.
///
/// # Safety
/// To be called once, attached, while nobody uses the type yet.
pub unsafe fn fill_slots(py: Python<'_>) {
    let class = py.get_type::<Goroutine>().as_type_ptr();
    // SAFETY: nobody looks at the type concurrently.
    unsafe {
        if let Some(dealloc) = (*class).tp_dealloc.replace(dealloc) {
            let _ = DEALLOC.set(dealloc);
        }
        (*class).tp_finalize = Some(finalize);
        ffi::PyType_Modified(class);
    }
}

static DEALLOC: OnceLock<ffi::destructor> = OnceLock::new();

unsafe extern "C" fn finalize(object: *mut ffi::PyObject) {
    // Refused when the interpreter is nearly gone; the report at exit has been then.
    Python::try_attach(|py| {
        // SAFETY: the slot is called with an instance of its type, which is alive.
        let goroutine = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<Goroutine>() };
        if goroutine.get().looked.load(Ordering::Acquire) {
            return;
        }
        guard::with_error_aside(py, || report::report(&goroutine));
    });
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called as `tp_dealloc`, with a count of zero. A hook may keep the handle: then it lives.
    unsafe {
        if ffi::PyObject_CallFinalizerFromDealloc(object) != 0 {
            return;
        }
        if let Some(dealloc) = DEALLOC.get() {
            dealloc(object);
        }
    }
}
