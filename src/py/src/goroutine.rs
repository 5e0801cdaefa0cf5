//! `go` and the handle it returns.
//!
//! Invariants:
//! * `end` is written once, before `ended` is closed; whoever finds `ended` closed finds an end.
//! * An error that nobody looked at is reported exactly once: whoever sets `looked` first has it. It
//!   is reported when the last handle goes (the running job holds one), or at exit.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::{ChanBase, RecvChan};
use crate::limit::Limit;
use crate::operation::{Ask, Operation};
use crate::report;
use crate::threads;
use crate::wait_group::WaitGroup;
use crate::wake::ChanCore;
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::{PyNotImplementedError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::{PyDict, PyTuple};
use std::cell::RefCell;
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
    /// Closed when the goroutine has ended. Nothing is ever sent on it.
    ended: Arc<ChanCore>,
    /// What may not happen under it: a drop, any Python.
    end: Mutex<End>,
    looked: AtomicBool,
}

#[derive(Debug)]
enum End {
    Open,
    Value(Py<PyAny>),
    /// The exception and the traceback it arrived with: raising it again would make that longer.
    Error(Py<PyAny>, Option<Py<PyAny>>),
}

impl Goroutine {
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
        let end = match &*self.end.lock() {
            End::Error(error, _) => format!(", raised {}", type_name(error.bind(py))),
            End::Open | End::Value(_) => String::new(),
        };
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
        let traceback = traceback.map_or_else(|| py.None(), |traceback| traceback);
        if let Err(failed) = error.setattr(intern!(py, "__traceback__"), traceback) {
            failed.write_unraisable(py, None);
        }
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

    fn finish(slf: &Bound<'_, Self>, end: End) {
        let this = slf.get();
        let failed = matches!(end, End::Error(..));
        *this.end.lock() = end;
        this.state.store(DONE, Ordering::Release);
        CURRENT.with_borrow_mut(|current| *current = None);
        ACTIVE.fetch_sub(1, Ordering::AcqRel);
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
    fn done(slf: &Bound<'_, Self>) -> PyResult<Py<RecvChan>> {
        let view = ChanBase::view(&slf.get().ended, slf.clone().into_any().unbind());
        Py::new(slf.py(), PyClassInitializer::from(view).add_subclass(RecvChan))
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
        crate::gc::visit_chan(visit, &self.ended)?;
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
        self.ended.clear();
    }
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

/// One call to be made on a goroutine thread. `gochan/_threads.py` makes it, so that no Rust frame
/// stands below a user's function.
#[pyclass(frozen, module = "gochan", name = "_Job")]
#[derive(Debug)]
pub struct Job {
    work: Mutex<Option<Work>>,
    /// Given up when the job has ended, so that the handle can go.
    party: Mutex<Option<(Py<Goroutine>, Option<Py<WaitGroup>>)>>,
}

#[derive(Debug)]
struct Work {
    context: Py<PyAny>,
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Py<PyDict>,
}

#[pymethods]
impl Job {
    /// Marks the goroutine as running. Returns `(context, function, args, kwargs)`, once.
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let work = self.work.lock().take();
        let work = work.ok_or_else(|| PyTypeError::new_err("this job was begun already"))?;
        let goroutine = self
            .party
            .lock()
            .as_ref()
            .map(|(goroutine, _)| goroutine.clone_ref(py));
        if let Some(goroutine) = goroutine {
            let state = Arc::clone(&goroutine.get().state);
            state.store(RUNNING, Ordering::Relaxed);
            CURRENT.with_borrow_mut(|current| *current = Some(state));
        }
        PyTuple::new(
            py,
            [
                work.context.into_bound(py),
                work.function.into_bound(py),
                work.args.into_bound(py).into_any(),
                work.kwargs.into_bound(py).into_any(),
            ],
        )
    }

    /// The function returned.
    fn finish(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        // SAFETY: attached, a live object.
        if unsafe { ffi::PyCoro_CheckExact(value.as_ptr()) } == 1 {
            // Seen only now: the function is not `async def` itself, but returned a coroutine.
            value.call_method0("close")?;
            let error = unsupported_coroutine().into_value(py).into_any();
            self.end(py, End::Error(error, None));
        } else {
            self.end(py, End::Value(value.unbind()));
        }
        Ok(())
    }

    /// The function raised. The first frame of the traceback is the caller's, `_threads.py`: not the
    /// user's business, and it would keep the job alive.
    fn fail(&self, error: Bound<'_, PyAny>) -> PyResult<()> {
        let py = error.py();
        let traceback = error.getattr(intern!(py, "__traceback__"))?;
        let rest = if traceback.is_none() {
            traceback
        } else {
            traceback.getattr(intern!(py, "tb_next"))?
        };
        error.setattr(intern!(py, "__traceback__"), &rest)?;
        let rest = (!rest.is_none()).then(|| rest.unbind());
        self.end(py, End::Error(error.unbind(), rest));
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(Some(work)) = self.work.try_lock().as_deref() {
            visit.call(&work.context)?;
            visit.call(&work.function)?;
            visit.call(&work.args)?;
            visit.call(&work.kwargs)?;
        }
        if let Some(Some((goroutine, group))) = self.party.try_lock().as_deref() {
            visit.call(goroutine)?;
            visit.call(group)?;
        }
        Ok(())
    }
}

impl Job {
    fn end(&self, py: Python<'_>, end: End) {
        let party = self.party.lock().take();
        let Some((goroutine, group)) = party else {
            return;
        };
        let goroutine = goroutine.into_bound(py);
        Goroutine::finish(&goroutine, end);
        if let Some(group) = group {
            // After the error is on the handle. The counter can only be too low through a done() of
            // the user's own; that is reported like any error nobody can catch.
            if let Err(error) = group.get().change(py, -1) {
                error.write_unraisable(py, Some(group.bind(py).as_any()));
            }
        }
    }
}

/// Runs `function(*args, **kwargs)` concurrently. Go's `go f(x)`.
///
/// Plain functions run on goroutine threads, with a copy of the caller's contextvars. TypeError for
/// something that cannot be called.
#[pyfunction]
#[pyo3(signature = (r#fn, /, *args, **kwargs))]
pub fn go<'py>(
    r#fn: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, Goroutine>> {
    spawn("go()", r#fn, args, kwargs, None)
}

/// The number of goroutines that exist, the caller's own included.
#[pyfunction]
pub fn num_goroutine() -> usize {
    ACTIVE.load(Ordering::Acquire) + 1
}

/// In a forked child there are none.
pub fn after_fork_in_child() {
    ACTIVE.store(0, Ordering::Release);
    CURRENT.with_borrow_mut(|current| *current = None);
}

pub fn spawn<'py>(
    who: &str,
    function: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
    group: Option<Bound<'py, WaitGroup>>,
) -> PyResult<Bound<'py, Goroutine>> {
    let py = function.py();
    check(who, function)?;
    // SAFETY: attached; a new reference or null with an error.
    let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent())? };
    let goroutine = Bound::new(
        py,
        Goroutine {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name_of(function),
            started: caller(py),
            state: Arc::new(AtomicU8::new(RUNNABLE)),
            ended: Arc::new(ChanCore::new(0)),
            end: Mutex::new(End::Open),
            looked: AtomicBool::new(false),
        },
    )?;
    let job = Job {
        work: Mutex::new(Some(Work {
            context: context.unbind(),
            function: function.clone().unbind(),
            args: args.unbind(),
            kwargs: kwargs.unwrap_or_else(|| PyDict::new(py)).unbind(),
        })),
        party: Mutex::new(Some((
            goroutine.clone().unbind(),
            group.clone().map(Bound::unbind),
        ))),
    };
    if let Some(group) = &group {
        group.get().change(py, 1)?;
    }
    ACTIVE.fetch_add(1, Ordering::AcqRel);
    if let Err(error) = threads::run(Bound::new(py, job)?) {
        ACTIVE.fetch_sub(1, Ordering::AcqRel);
        if let Some(group) = &group {
            group.get().change(py, -1)?;
        }
        return Err(error);
    }
    Ok(goroutine)
}

fn check(who: &str, function: &Bound<'_, PyAny>) -> PyResult<()> {
    if !function.is_callable() {
        let kind = type_name(function);
        return Err(PyTypeError::new_err(format!(
            "{who} needs a function to call, not {kind}: pass the function and its arguments, \
             go(worker, 1), not the result of a call, go(worker(1))"
        )));
    }
    if is_async(function)? {
        return Err(unsupported_coroutine());
    }
    Ok(())
}

fn unsupported_coroutine() -> PyErr {
    PyNotImplementedError::new_err(
        "`async def` goroutines need gochan's scheduler, which this version does not have yet: pass a plain \
         function, or run the coroutine in an asyncio task, which can use the same channels",
    )
}

/// Whether a call would only make a coroutine. Looks through methods, partials and `__call__`.
fn is_async(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    const CO_COROUTINE: u32 = 0x80;
    let py = function.py();
    let mut function = function.clone();
    // A partial of a partial is flattened by Python; more depth than this is somebody's joke.
    for _ in 0..4 {
        if let Some(code) = function.getattr_opt(intern!(py, "__code__"))? {
            let flags = code.getattr_opt(intern!(py, "co_flags"))?;
            return Ok(flags.is_some_and(|flags| {
                flags
                    .extract::<u32>()
                    .is_ok_and(|flags| flags & CO_COROUTINE != 0)
            }));
        }
        let is_partial = function.getattr_opt(intern!(py, "keywords"))?.is_some();
        function = match function.getattr_opt(intern!(py, "func"))? {
            Some(inner) if is_partial => inner,
            _ => match function.get_type().getattr_opt(intern!(py, "__call__"))? {
                Some(call) => call,
                None => return Ok(false),
            },
        };
    }
    Ok(false)
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .name()
        .map_or_else(|_| "?".into(), |name| name.to_string())
}

/// The function's name without the names of the functions it was defined in.
fn name_of(function: &Bound<'_, PyAny>) -> String {
    let py = function.py();
    let named = |object: &Bound<'_, PyAny>| -> Option<String> {
        let name = object
            .getattr_opt(intern!(py, "__qualname__"))
            .ok()
            .flatten()?
            .extract::<String>()
            .ok()?;
        Some(match name.rsplit_once("<locals>.") {
            Some((_, name)) => name.to_owned(),
            None => name,
        })
    };
    named(function)
        .or_else(|| named(&function.getattr_opt(intern!(py, "func")).ok().flatten()?))
        .unwrap_or_else(|| type_name(function))
}

/// Code object and line of the Python frame that called us.
fn caller(py: Python<'_>) -> Option<(Py<PyAny>, i32)> {
    // SAFETY: attached; a borrowed reference or null, without an error.
    let frame = unsafe { ffi::PyEval_GetFrame() };
    if frame.is_null() {
        return None;
    }
    // SAFETY: a live frame; `PyFrame_GetCode` gives a new reference and never fails.
    unsafe {
        let code = Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame).cast());
        Some((code.unbind(), ffi::PyFrame_GetLineNumber(frame)))
    }
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

static DEALLOC: std::sync::OnceLock<ffi::destructor> = std::sync::OnceLock::new();

unsafe extern "C" fn finalize(object: *mut ffi::PyObject) {
    Python::attach(|py| {
        // SAFETY: the slot is called with an instance of its type, which is alive.
        let goroutine = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<Goroutine>() };
        if goroutine.get().looked.load(Ordering::Acquire) {
            return;
        }
        let pending = PyErr::take(py);
        report::report(&goroutine);
        if let Some(pending) = pending {
            pending.restore(py);
        }
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
