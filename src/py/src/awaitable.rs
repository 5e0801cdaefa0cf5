//! The awaitable face of an [`Operation`]: what `ch.arecv()` returns.
//!
//! It is its own iterator and has the methods of a coroutine (`send`, `throw`, `close`), so asyncio
//! takes it wherever it takes a coroutine: `create_task`, `gather`, `wait_for`, `asyncio.run`.
//!
//! A ready operation completes within the first step; it never suspends. Up to 3.11 `await` calls the
//! slot `am_send`, from 3.12 on `tp_iternext`; PyO3 offers no `am_send`, and returning a value through
//! its `__next__` makes an exception object each time. So both slots are filled by hand after the
//! type was made ([`fill_slots`]).
//!
//! Invariants:
//! * `state` is locked for the whole of a step, by `try_lock` only: a second thread or a reentrant
//!   call gets an error, nobody ever waits for it.
//! * An operation is used once. A value that was not handed over goes with it.

use crate::aio_waiter::AioWaiter;
use crate::coroutine;
use crate::current;
use crate::deferred;
use crate::error;
use crate::goroutine::{Goroutine, flag};
use crate::goroutine_wait::{Found, Start, Wait};
use crate::guard;
use crate::host;
use crate::limit::Limit;
use crate::loop_host::LoopHost;
use crate::monitor;
use crate::operation::{Operation, Parked};
use crate::pool::Pool;
use crate::step_lock::StepLock;
use crate::wake::{Place, ValueWaiter, Waker};
use gochan_core::clock::Instant;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyGeneratorExit, PyRuntimeError, PyRuntimeWarning};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

#[pyclass(frozen, weakref, module = "gochan", name = "_Operation")]
#[derive(Debug)]
pub struct Awaitable {
    state: StepLock<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// `Yield`, which holds nothing, once it is over.
    operation: Operation,
    limit: Limit,
}

#[derive(Debug)]
enum Stage {
    /// Not awaited yet.
    New,
    /// A task waits.
    Task(Py<AioWaiter>),
    /// A goroutine waits.
    Goroutine(Wait),
    /// `agosched()`: the others have their turn.
    Yielded,
    /// A step is under way, or the operation is over.
    Over,
    /// It ended from outside while it waited. The operation is kept for whoever asks what its goroutine waited for.
    Aborted,
}

static POOL: Pool = Pool::new();

/// How one step ended, apart from an error.
enum Step {
    Return(Py<PyAny>),
    /// What a task waits for; the awaitable itself for a goroutine.
    Yield(Py<PyAny>),
}

impl Awaitable {
    #[inline]
    pub fn new(py: Python<'_>, operation: Operation, limit: Limit) -> PyResult<Bound<'_, Self>> {
        let state = State {
            stage: Stage::New,
            operation,
            limit,
        };
        POOL.make(
            py,
            Self {
                state: StepLock::new(state),
            },
        )
    }

    #[inline]
    fn step(slf: Borrowed<'_, '_, Self>, stepped: Option<Borrowed<'_, '_, Goroutine>>) -> PyResult<Step> {
        let Some(mut guard) = slf.get().state.try_lock() else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited by another task already",
            ));
        };
        let state = &mut *guard;
        let step = match state.stage {
            Stage::New => state.begin(slf, stepped),
            Stage::Goroutine(_) => state.resume_goroutine(slf, stepped),
            _ => state.go_on(slf),
        };
        if step.is_err() && !matches!(state.stage, Stage::Task(_) | Stage::Goroutine(_)) {
            state.is_over();
        }
        step
    }

    /// Of an operation that was done already.
    pub fn nothing(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        let result = Some(py.None());
        Self::new(py, Operation::Ready { result }, Limit::Never)
    }

    /// Whether nothing is left to give back.
    #[inline]
    fn is_empty(&mut self) -> bool {
        let state = self.state.get_mut();
        matches!(
            (&state.stage, &state.operation),
            (Stage::Over | Stage::Yielded, Operation::Yield)
        )
    }

    /// Whether `yielded`, which came out of a step of the goroutine, is a park of it.
    #[inline]
    pub fn is_parked(yielded: &Bound<'_, PyAny>, goroutine: &Goroutine) -> bool {
        yielded.is_exact_instance_of::<Self>() && (goroutine.waits() || goroutine.has(flag::GAVE_WAY))
    }

    /// What a goroutine that awaits this waits for, and since when.
    pub fn waits_in(&self, py: Python<'_>) -> Option<(String, Instant)> {
        let state = self.state.try_lock()?;
        let since = match &state.stage {
            Stage::Goroutine(wait) => wait.since(),
            Stage::Aborted => monitor::now(),
            _ => return None,
        };
        let (_, name) = state.operation.names();
        Some((state.operation.title(py, name), since))
    }

    /// Ends the operation from outside: a wait is cancelled, a value that was handed over goes back.
    pub fn abort(&self, py: Python<'_>) -> PyResult<()> {
        let Some(mut state) = self.state.try_lock() else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited right now",
            ));
        };
        let ended = match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Goroutine(mut wait) => {
                wait.end(&state.operation);
                state.stage = Stage::Aborted;
                return Ok(());
            }
            stage => (stage, state.operation.take()),
        };
        drop(state);
        if let Stage::Task(waiter) = &ended.0 {
            waiter.get().give_up(py);
        }
        drop(ended);
        Ok(())
    }
}

/// One step. All of it runs with the state locked, which only means that nobody else steps meanwhile.
impl State {
    #[inline]
    fn is_over(&mut self) {
        self.stage = Stage::Over;
        self.operation = Operation::Yield;
    }

    #[inline]
    fn begin(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        coroutine::check_exit(py)?;
        if let Some(goroutine) = stepped {
            if !host::loop_inside(py)? {
                return self.begin_in_goroutine(slf, &goroutine);
            }
        }
        if matches!(self.operation, Operation::Yield) {
            if current::is_closing() && !current::was_refused_often() {
                // There is nobody to give way to; but one that does nothing else must not go on for ever.
                current::count_refusal();
                self.is_over();
                return Ok(Step::Return(py.None()));
            }
            // One turn of the loop, as asyncio.sleep(0) does it.
            self.stage = Stage::Yielded;
            return Ok(Step::Yield(py.None()));
        }
        if let Some(result) = self.operation.attempt(py)? {
            self.is_over();
            return Ok(Step::Return(result));
        }
        if self.limit.is_now() {
            let result = self.expired(py)?;
            self.is_over();
            return Ok(Step::Return(result));
        }
        if current::is_closing() {
            if current::was_refused_often() {
                // It swallows every error and tries again. A yield ends that: Python says that it ignored GeneratorExit.
                self.is_over();
                return Ok(Step::Yield(py.None()));
            }
            current::refuse_while_closing(|| self.operation.title(py, self.operation.names().1))?;
        }
        self.park_task(py, self.limit)
    }

    #[inline]
    fn begin_in_goroutine(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        goroutine: &Bound<'_, Goroutine>,
    ) -> PyResult<Step> {
        let py = slf.py();
        if matches!(self.operation, Operation::Yield) {
            // Marked as woken before it parks: so its place is in the queue at once.
            goroutine.get().set(flag::GAVE_WAY);
            goroutine.get().word.wake();
            self.stage = Stage::Yielded;
            return Ok(Step::Yield(slf.to_owned().into_any().unbind()));
        }
        if !self.operation.is_plain() || self.limit.is_now() {
            if let Some(result) = self.operation.attempt(py)? {
                self.is_over();
                return Ok(Step::Return(result));
            }
            if self.limit.is_now() {
                let result = self.expired(py)?;
                self.is_over();
                return Ok(Step::Return(result));
            }
        }
        match Wait::begin(goroutine, &mut self.operation, self.limit)? {
            Start::Done(result) => {
                self.is_over();
                Ok(Step::Return(result))
            }
            Start::Waits(wait) => {
                self.stage = Stage::Goroutine(wait);
                Ok(Step::Yield(slf.to_owned().into_any().unbind()))
            }
        }
    }

    #[inline]
    fn resume_goroutine(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        let Stage::Goroutine(wait) = &mut self.stage else {
            return Err(used_up());
        };
        if stepped.is_some_and(|stepped| !wait.is_of(&stepped)) {
            return Err(awaited_elsewhere());
        }
        match wait.outcome(&self.operation) {
            Found::Outcome(outcome, arm) => {
                self.stage = Stage::Over;
                let end = self.operation.finish(py, outcome, arm);
                self.ended(slf, stepped, end)
            }
            Found::TimedOut => {
                self.stage = Stage::Over;
                let end = self.expired(py).map(Some);
                self.ended(slf, stepped, end)
            }
            Found::Nothing if stepped.is_some() => Ok(Step::Yield(slf.to_owned().into_any().unbind())),
            Found::Nothing => Err(awaited_elsewhere()),
        }
    }

    /// The time is up: what a sleep waits for, and an error for all else.
    fn expired(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let result = self.operation.expired(py);
        result.ok_or_else(|| timed_out(py, &self.operation, self.limit))
    }

    /// A wait has ended: with a result, in vain, or with an error, which may have to wait.
    #[inline]
    fn ended(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
        end: PyResult<Option<Py<PyAny>>>,
    ) -> PyResult<Step> {
        match end {
            Ok(Some(result)) => {
                self.operation = Operation::Yield;
                return Ok(Step::Return(result));
            }
            Ok(None) => {}
            Err(error) => self.operation.interrupted(slf.py(), error)?,
        }
        self.again(slf, stepped)
    }

    #[cold]
    fn again(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
    ) -> PyResult<Step> {
        let py = slf.py();
        let limit = self.operation.rest_of(self.limit);
        if limit.is_now() {
            return Err(timed_out(py, &self.operation, self.limit));
        }
        let Some(goroutine) = stepped else {
            return self.park_task(py, limit);
        };
        match Wait::begin(&goroutine, &mut self.operation, limit)? {
            Start::Done(result) => {
                self.is_over();
                Ok(Step::Return(result))
            }
            Start::Waits(wait) => {
                self.stage = Stage::Goroutine(wait);
                Ok(Step::Yield(slf.to_owned().into_any().unbind()))
            }
        }
    }

    fn park_task(&mut self, py: Python<'_>, limit: Limit) -> PyResult<Step> {
        match park_task(py, &mut self.operation, limit)? {
            Ok(result) => {
                self.is_over();
                Ok(Step::Return(result))
            }
            Err(waiter) => {
                let step = Step::Yield(waiter.clone_ref(py).into_any());
                self.stage = Stage::Task(waiter);
                Ok(step)
            }
        }
    }

    /// Ends a wait that has to go on a little before `error` is raised: see `acquire`.
    fn interrupt(
        &mut self,
        slf: Borrowed<'_, '_, Awaitable>,
        stepped: Option<Borrowed<'_, '_, Goroutine>>,
        error: PyErr,
    ) -> PyResult<Step> {
        let stepped = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Goroutine(mut wait) => {
                wait.end(&self.operation);
                stepped
            }
            Stage::Task(waiter) => {
                waiter.get().give_up(slf.py());
                None
            }
            // Handed back when its `run()` was over. It is closed now, and still leaves a `with` block of its lock.
            Stage::Aborted => None,
            Stage::New | Stage::Yielded | Stage::Over => return Err(error),
        };
        self.ended(slf, stepped, Err(error))
    }

    fn go_on(&mut self, slf: Borrowed<'_, '_, Awaitable>) -> PyResult<Step> {
        let py = slf.py();
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Task(waiter) => {
                if !waiter.get().has_ended() {
                    // Not the task that waits: that one is resumed when the wait has ended.
                    self.stage = Stage::Task(waiter);
                    return Err(awaited_elsewhere());
                }
                let (registration, is_timeout) = match waiter.get().end(py) {
                    Ok(end) => end,
                    Err(error) => {
                        // Not lost with the operation: it goes back.
                        waiter.get().give_up(py);
                        return Err(error);
                    }
                };
                let end = if is_timeout {
                    self.expired(py).map(Some)
                } else {
                    match registration.and_then(|mut registration| registration.take()) {
                        Some((outcome, arm)) => self.operation.finish(py, outcome, arm),
                        None => Err(PyRuntimeError::new_err("the wait was cancelled")),
                    }
                };
                self.ended(slf, None, end)
            }
            Stage::Yielded => Ok(Step::Return(py.None())),
            Stage::New | Stage::Goroutine(_) | Stage::Over | Stage::Aborted => Err(used_up()),
        }
    }
}

#[cold]
fn used_up() -> PyErr {
    PyRuntimeError::new_err(
        "cannot await this operation again: an awaitable of gochan works once, make a new one",
    )
}

/// Queues the task that runs in this thread. `Ok`: there was no need to.
fn park_task(
    py: Python<'_>,
    operation: &mut Operation,
    limit: Limit,
) -> PyResult<Result<Py<PyAny>, Py<AioWaiter>>> {
    let (_, name) = operation.names();
    let Some(event_loop) = host::running_loop(py)? else {
        return Err(PyRuntimeError::new_err(format!(
            "{} has to wait, but nothing here can: this is no goroutine, and no asyncio event loop runs in this \
             thread; await it in an `async def` goroutine or a task, or use the blocking form",
            operation.title(py, name)
        )));
    };
    let host = LoopHost::of(&event_loop)?;
    let waiter = AioWaiter::new(py, host, name)?;
    let place = Arc::new(ValueWaiter::new());
    let waker = |arm| Waker::Asyncio(Box::new(Place::new(&place, waiter.clone_ref(py), arm)));
    match operation.park(py, &place, waker)? {
        Parked::Not(result) => return Ok(Ok(result)),
        Parked::In(registration) => waiter.get().queued(registration),
    }
    // The loop may now go to sleep in its selector, which knows nothing of threads that wait for a wake.
    deferred::flush();
    if let Limit::After(span) = limit {
        // An error drops the waiter's registration with the awaitable, which takes the wait back.
        if let Err(error) = AioWaiter::expire_after(waiter.bind(py), span) {
            waiter.get().give_up(py);
            return Err(error);
        }
    }
    Ok(Err(waiter))
}

fn awaited_elsewhere() -> PyErr {
    PyRuntimeError::new_err(
        "this operation is being awaited already, by another task: an awaitable of gochan works once, \
         make one for each task",
    )
}

fn timed_out(py: Python<'_>, operation: &Operation, limit: Limit) -> PyErr {
    let (_, name) = operation.names();
    error::timed_out(name, limit.span(), &operation.on(py))
}

#[pymethods]
impl Awaitable {
    fn __await__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// Makes the type an iterator; the slot itself is replaced by `slots::iternext`.
    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::send(slf, slf.py().None().bind(slf.py()))
    }

    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let stepped = current::stepped(slf.py());
        let stepped = stepped.as_ref().map(Bound::as_borrowed);
        match Self::step(slf.as_borrowed(), stepped).map_err(|error| slots::not_a_result(slf.py(), error))? {
            Step::Yield(waiter) => Ok(waiter),
            Step::Return(result) => Err(slots::stop_iteration(result.into_bound(slf.py()))),
        }
    }

    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let value = value.filter(|value| !value.is_none());
        let error = match value {
            Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => value.clone(),
            Some(value) => kind.call1((value,))?,
            None if kind.is_instance_of::<pyo3::exceptions::PyBaseException>() => kind.clone(),
            None => kind.call0()?,
        };
        if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
            error.setattr("__traceback__", traceback)?;
        }
        let error = PyErr::from_value(error);
        if let Some(mut state) = slf.get().state.try_lock() {
            if state.operation.holds_up_errors() {
                let stepped = current::stepped(slf.py());
                let stepped = stepped.as_ref().map(Bound::as_borrowed);
                return match state.interrupt(slf.as_borrowed(), stepped, error)? {
                    Step::Yield(waiter) => Ok(waiter),
                    Step::Return(result) => Err(slots::stop_iteration(result.into_bound(slf.py()))),
                };
            }
        }
        slf.get().abort(slf.py())?;
        Err(error)
    }

    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if let Some(mut state) = slf.get().state.try_lock() {
            if state.operation.holds_up_errors() {
                // What a coroutine that is closed raises next. It takes the lock if it can.
                let closing = PyGeneratorExit::new_err(());
                drop(state.interrupt(slf.as_borrowed(), None, closing));
                return Ok(());
            }
        }
        slf.get().abort(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let py = slf.py();
        let Some(state) = slf.get().state.try_lock() else {
            return "<gochan operation, running>".into();
        };
        let name = state.operation.names().1;
        match &state.stage {
            Stage::New => format!("<gochan {}>", state.operation.title(py, name)),
            Stage::Task(_) | Stage::Goroutine(_) => {
                format!(
                    "<gochan {}>",
                    state.operation.title(py, &format!("{name} waiting"))
                )
            }
            Stage::Over | Stage::Aborted | Stage::Yielded => "<gochan operation, over>".into(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(state) = self.state.try_lock() else {
            return Ok(());
        };
        state.operation.traverse(visit)?;
        match &state.stage {
            Stage::Goroutine(wait) => wait.traverse(visit),
            Stage::Task(waiter) => visit.call(waiter),
            _ => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        let state = self.state.try_lock().map(|mut state| {
            let stage = std::mem::replace(&mut state.stage, Stage::Over);
            (stage, state.operation.take())
        });
        if let Some((stage, operation)) = state {
            end(py, stage, operation);
        }
    }
}

impl Drop for Awaitable {
    #[inline]
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if matches!(state.stage, Stage::Over | Stage::Yielded) {
            return;
        }
        let stage = std::mem::replace(&mut state.stage, Stage::Over);
        let operation = state.operation.take();
        // None: the interpreter is nearly gone, and with it whoever could be told or woken.
        Python::try_attach(|py| {
            // Often enough in the middle of somebody's exception.
            guard::with_error_aside(py, || end(py, stage, operation));
        });
    }
}

/// Nobody can await it any more.
fn end(py: Python<'_>, stage: Stage, operation: Operation) {
    match stage {
        Stage::Over | Stage::Yielded | Stage::Aborted => {}
        Stage::New => never_awaited(py, &operation),
        // A coroutine that was destroyed while it waited: its place in the queue goes.
        Stage::Task(waiter) => waiter.get().give_up(py),
        Stage::Goroutine(mut wait) => wait.end(&operation),
    }
    drop(operation);
}

/// What Python says of a coroutine that nobody awaited.
#[cold]
fn never_awaited(py: Python<'_>, operation: &Operation) {
    if matches!(operation, Operation::Ready { .. } | Operation::Close { .. }) {
        return;
    }
    let warn = || -> PyResult<()> {
        let message = format!("{} was never awaited", operation.names().1).into_pyobject(py)?;
        let warn = py.import("warnings")?.getattr("warn")?;
        guard::call(
            &warn,
            [message.as_any(), py.get_type::<PyRuntimeWarning>().as_any()],
        )
        .map(drop)
    };
    if let Err(error) = warn() {
        guard::raise_later(py, error, None);
    }
}

pub use slots::fill_slots;

mod slots {
    //! `am_send` and `tp_iternext` by hand.

    use super::{Awaitable, Bound, PyAny, PyErr, PyResult, Python, Step, ffi};
    use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PySystemError};
    use pyo3::prelude::*;
    use std::panic::AssertUnwindSafe;

    /// # Safety
    /// To be called once, attached, while nobody uses the type yet.
    pub unsafe fn fill_slots(py: Python<'_>) {
        let class = py.get_type::<Awaitable>().as_type_ptr();
        // SAFETY: a heap type has its own `tp_as_async`; nobody looks at it concurrently.
        unsafe {
            (*class).tp_iternext = Some(iternext);
            (*class).tp_iter = Some(itself);
            (*(*class).tp_as_async).am_await = Some(itself);
            (*class).tp_dealloc = Some(dealloc);
            (*(*class).tp_as_async).am_send = Some(am_send);
            ffi::PyType_Modified(class);
        }
    }

    /// Runs one step for a slot and gives its end to `put`. A panic becomes a Python exception, as in
    /// PyO3's own trampolines. Attached already; attaching once more only tells PyO3, and is refused
    /// when the interpreter is nearly gone.
    ///
    /// # Safety
    /// Called in a slot of this type with the slot's object.
    unsafe fn step<R>(
        object: *mut ffi::PyObject,
        put: impl FnOnce(Python<'_>, PyResult<Step>) -> R,
    ) -> Option<R> {
        let stepped = crate::current::stepped_ptr();
        let run = |py: Python<'_>| {
            // SAFETY: the caller's promise: an instance of the type, which is alive, and the caller holds it.
            let slf = unsafe { Borrowed::from_ptr(py, object).cast_unchecked::<Awaitable>() };
            // SAFETY: set by the runner that resumes it on this thread, and holds it meanwhile.
            let stepped = (!stepped.is_null()).then(|| unsafe {
                Borrowed::from_ptr(py, stepped).cast_unchecked::<crate::goroutine::Goroutine>()
            });
            let end = std::panic::catch_unwind(AssertUnwindSafe(|| Awaitable::step(slf, stepped)));
            put(
                py,
                end.unwrap_or_else(|_| Err(PySystemError::new_err("panic in an operation of gochan"))),
            )
        };
        if !stepped.is_null() {
            // A runner called Python, so PyO3 knows of this thread already.
            // SAFETY: attached, as every slot.
            return Some(run(unsafe { Python::assume_attached() }));
        }
        Python::try_attach(run)
    }

    /// An awaitable that raises StopIteration would return a value instead: as in a generator, it
    /// becomes a RuntimeError.
    pub fn not_a_result(py: Python<'_>, error: PyErr) -> PyErr {
        if !error.is_instance_of::<PyStopIteration>(py) {
            return error;
        }
        let raised = PyRuntimeError::new_err("the awaited operation raised StopIteration");
        raised.set_cause(py, Some(error));
        raised
    }

    /// What a slot says when the interpreter is nearly gone.
    ///
    /// # Safety
    /// Attached.
    #[cold]
    unsafe fn too_late() {
        // SAFETY: attached, a constant string.
        unsafe { ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"the interpreter is exiting".as_ptr()) };
    }

    /// `__await__` and `__iter__`.
    unsafe extern "C" fn itself(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: called as a slot, with a live object.
        unsafe { ffi::Py_NewRef(object) }
    }

    unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
        // SAFETY: called as this type's slot; it has no subclasses.
        unsafe { super::POOL.dealloc(object, Awaitable::is_empty, true) };
    }

    unsafe extern "C" fn am_send(
        object: *mut ffi::PyObject,
        _argument: *mut ffi::PyObject,
        result: *mut *mut ffi::PyObject,
    ) -> ffi::PySendResult {
        let mut out = std::ptr::null_mut();
        let put = |py: Python<'_>, end| match end {
            Ok(Step::Return(value)) => {
                out = Py::into_ptr(value);
                ffi::PySendResult::PYGEN_RETURN
            }
            Ok(Step::Yield(waiter)) => {
                out = Py::into_ptr(waiter);
                ffi::PySendResult::PYGEN_NEXT
            }
            Err(error) => {
                PyErr::restore(error, py);
                ffi::PySendResult::PYGEN_ERROR
            }
        };
        // SAFETY: called as a slot; `result` is the caller's out-parameter.
        unsafe {
            let sent = step(object, put).unwrap_or_else(|| {
                too_late();
                ffi::PySendResult::PYGEN_ERROR
            });
            *result = out;
            sent
        }
    }

    unsafe extern "C" fn iternext(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
        let put = |py: Python<'_>, end| match end {
            Ok(Step::Yield(waiter)) => Py::into_ptr(waiter),
            Ok(Step::Return(value)) => {
                // SAFETY: attached, in a slot.
                unsafe { raise_stop_iteration(Py::into_ptr(value)) };
                std::ptr::null_mut()
            }
            Err(error) => {
                PyErr::restore(error, py);
                std::ptr::null_mut()
            }
        };
        // SAFETY: called as a slot.
        unsafe {
            step(object, put).unwrap_or_else(|| {
                too_late();
                std::ptr::null_mut()
            })
        }
    }

    pub fn stop_iteration(value: Bound<'_, PyAny>) -> PyErr {
        let py = value.py();
        // Called with one argument even for a tuple or an exception, which would be taken apart else.
        match py.get_type::<PyStopIteration>().call1((value,)) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }

    /// Sets `StopIteration(value)`. From 3.12 on every `await` of a ready operation comes through here
    /// and takes the exception apart at once, so it is made without its constructor, and without
    /// arguments: only `value` is looked at.
    ///
    /// # Safety
    /// Attached; the reference to `value` goes over.
    unsafe fn raise_stop_iteration(value: *mut ffi::PyObject) {
        // SAFETY: attached, and StopIteration is a plain exception class with a `tp_new`.
        unsafe {
            let class = ffi::PyExc_StopIteration.cast::<ffi::PyTypeObject>();
            let empty = ffi::PyTuple_New(0);
            let error = match (*class).tp_new {
                Some(new) if !empty.is_null() => new(class, empty, std::ptr::null_mut()),
                _ => std::ptr::null_mut(),
            };
            ffi::Py_XDECREF(empty);
            if error.is_null() {
                ffi::Py_DECREF(value);
                return;
            }
            let slot = &raw mut (*error.cast::<ffi::PyStopIterationObject>()).value;
            let old = std::mem::replace(&mut *slot, value);
            ffi::Py_XDECREF(old);
            #[cfg(Py_3_12)]
            ffi::PyErr_SetRaisedException(error);
            #[cfg(not(Py_3_12))]
            {
                ffi::Py_INCREF(ffi::PyExc_StopIteration);
                ffi::PyErr_Restore(ffi::PyExc_StopIteration, error, std::ptr::null_mut());
            }
        }
    }
}
