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
use crate::current;
use crate::deferred;
use crate::error;
use crate::goroutine::{Goroutine, flag};
use crate::goroutine_wait::{Resumed, Start, Wait};
use crate::guard;
use crate::host;
use crate::limit::Limit;
use crate::loop_host::LoopHost;
use crate::operation::{Operation, Parked};
use crate::wake::{ValueWaiter, Waker};
use gochan_core::clock::{Instant, coarse_now};
use gochan_core::sys::{Arc, Mutex};
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

#[pyclass(frozen, weakref, module = "gochan", name = "_Operation")]
#[derive(Debug)]
pub struct Awaitable {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Not awaited yet.
    New(Operation, Limit),
    /// A task waits.
    Parked(Operation, Limit, Py<AioWaiter>),
    /// A goroutine waits.
    Goroutine(Wait),
    /// `agosched()`: the others have their turn.
    Yielded,
    /// A step is under way, or the operation is over.
    Over,
    /// It ended from outside while it waited: what it was, for whoever asks what its goroutine waited for.
    Aborted(Operation),
}

/// How one step ended, apart from an error.
enum Step {
    Return(Py<PyAny>),
    /// What a task waits for; the awaitable itself for a goroutine.
    Yield(Py<PyAny>),
}

impl Awaitable {
    #[inline]
    pub fn new(py: Python<'_>, operation: Operation, limit: Limit) -> PyResult<Bound<'_, Self>> {
        Bound::new(
            py,
            Self {
                state: Mutex::new(State::New(operation, limit)),
            },
        )
    }

    #[inline]
    fn step(slf: &Bound<'_, Self>) -> PyResult<Step> {
        let py = slf.py();
        let Some(mut state) = slf.get().state.try_lock() else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited by another task already",
            ));
        };
        if let State::New(operation, limit) = &mut *state {
            // In place: most operations are over here.
            match operation.attempt(py) {
                Ok(None) if !limit.is_now() || matches!(operation, Operation::Yield) => {}
                Ok(None) => {
                    let error = timed_out(py, operation, *limit);
                    *state = State::Over;
                    return Err(error);
                }
                Ok(Some(result)) => {
                    *state = State::Over;
                    return Ok(Step::Return(result));
                }
                Err(error) => {
                    *state = State::Over;
                    return Err(error);
                }
            }
        }
        match std::mem::replace(&mut *state, State::Over) {
            State::New(operation, limit) => {
                let (next, step) = Self::park(slf, operation, limit)?;
                *state = next;
                Ok(step)
            }
            State::Goroutine(wait) => match wait.resume(py)? {
                Resumed::Done(result) => Ok(Step::Return(result)),
                Resumed::NotYet(wait) => {
                    *state = State::Goroutine(wait);
                    if current::stepped(py).is_none() {
                        return Err(awaited_elsewhere());
                    }
                    Ok(Step::Yield(slf.clone().into_any().unbind()))
                }
            },
            State::Parked(mut operation, limit, waiter) => {
                if !waiter.get().has_ended() {
                    // Not the task that waits: that one is resumed when the wait has ended.
                    *state = State::Parked(operation, limit, waiter);
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
                if is_timeout {
                    return Err(timed_out(py, &operation, limit));
                }
                match registration.and_then(|mut registration| registration.take()) {
                    Some(outcome) => operation.finish(py, outcome).map(Step::Return),
                    None => Err(PyRuntimeError::new_err("the wait was cancelled")),
                }
            }
            State::Yielded => Ok(Step::Return(py.None())),
            State::Over | State::Aborted(_) => Err(PyRuntimeError::new_err(
                "cannot await this operation again: an awaitable of gochan works once, make a new one",
            )),
        }
    }

    /// The operation has to wait: by the goroutine that this thread resumes, or by an asyncio task.
    fn park(slf: &Bound<'_, Self>, mut operation: Operation, limit: Limit) -> PyResult<(State, Step)> {
        let py = slf.py();
        if let Some(goroutine) = current::stepped(py) {
            if !host::loop_inside(py)? {
                return Self::park_goroutine(slf, goroutine, operation, limit);
            }
        }
        if matches!(operation, Operation::Yield) {
            return Ok((State::Yielded, Step::Yield(py.None())));
        }
        match park_task(py, &mut operation, limit)? {
            Ok(result) => Ok((State::Over, Step::Return(result))),
            Err(waiter) => {
                let step = Step::Yield(waiter.clone_ref(py).into_any());
                Ok((State::Parked(operation, limit, waiter), step))
            }
        }
    }

    fn park_goroutine(
        slf: &Bound<'_, Self>,
        goroutine: Bound<'_, Goroutine>,
        operation: Operation,
        limit: Limit,
    ) -> PyResult<(State, Step)> {
        let py = slf.py();
        let me = || Step::Yield(slf.clone().into_any().unbind());
        if matches!(operation, Operation::Yield) {
            // Marked as woken before it parks: so its place is in the queue at once.
            goroutine.get().set(flag::GAVE_WAY);
            goroutine.get().word.wake();
            return Ok((State::Yielded, me()));
        }
        Ok(match Wait::begin(py, goroutine, operation, limit)? {
            Start::Done(result) => (State::Over, Step::Return(result)),
            Start::Waits(wait) => (State::Goroutine(wait), me()),
        })
    }

    /// Whether `yielded`, which came out of a step of the goroutine, is a park of it.
    #[inline]
    pub fn is_parked(yielded: &Bound<'_, PyAny>, goroutine: &Goroutine) -> bool {
        yielded.is_exact_instance_of::<Self>() && (goroutine.waits() || goroutine.has(flag::GAVE_WAY))
    }

    /// What a goroutine that awaits this waits for, and since when.
    pub fn waits_in(&self, py: Python<'_>) -> Option<(String, Instant)> {
        let state = self.state.try_lock()?;
        match &*state {
            State::Goroutine(wait) => Some(wait.describe(py)),
            State::Aborted(operation) => {
                let text = format!("{} on {}", operation.names().1, operation.on(py));
                Some((text, coarse_now()))
            }
            _ => None,
        }
    }

    /// Ends the operation from outside: a wait is cancelled, a value that was handed over goes back.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        let Some(mut state) = self.state.try_lock() else {
            return Err(PyRuntimeError::new_err(
                "this operation is being awaited right now",
            ));
        };
        let old = std::mem::replace(&mut *state, State::Over);
        match old {
            State::Goroutine(wait) => *state = State::Aborted(wait.into_operation()),
            State::Parked(_, _, waiter) => {
                drop(state);
                waiter.get().give_up(py);
                drop(waiter);
            }
            old => {
                drop(state);
                drop(old);
            }
        }
        Ok(())
    }
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
            "{name} on {} has to wait, but nothing here can: this is no goroutine, and no asyncio event loop runs in this \
             thread; await it in an `async def` goroutine or a task, or use the blocking form",
            operation.on(py)
        )));
    };
    let host = LoopHost::of(&event_loop)?;
    let waiter = AioWaiter::new(py, host, name)?;
    let place = Arc::new(ValueWaiter::new());
    match operation.park(py, &place, Waker::Asyncio(waiter.clone_ref(py)))? {
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
        match Self::step(slf).map_err(|error| slots::not_a_result(slf.py(), error))? {
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
        slf.get().abort(slf.py())?;
        Err(PyErr::from_value(error))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.abort(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let py = slf.py();
        let Some(state) = slf.get().state.try_lock() else {
            return "<gochan operation, running>".into();
        };
        match &*state {
            State::New(operation, _) => format!("<gochan {} on {}>", operation.names().1, operation.on(py)),
            State::Parked(operation, ..) => {
                format!("<gochan {} waiting on {}>", operation.names().1, operation.on(py))
            }
            State::Goroutine(wait) => {
                let operation = wait.operation();
                format!("<gochan {} waiting on {}>", operation.names().1, operation.on(py))
            }
            State::Over | State::Aborted(_) | State::Yielded => "<gochan operation, over>".into(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Some(State::New(operation, _)) => operation.traverse(visit),
            Some(State::Parked(operation, _, waiter)) => {
                operation.traverse(visit)?;
                visit.call(waiter)
            }
            Some(State::Goroutine(wait)) => wait.traverse(visit),
            Some(State::Aborted(operation)) => operation.traverse(visit),
            Some(State::Over | State::Yielded) | None => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        let state = self
            .state
            .try_lock()
            .map(|mut state| std::mem::replace(&mut *state, State::Over));
        if let Some(state) = state {
            end(py, state);
        }
    }
}

impl Drop for Awaitable {
    fn drop(&mut self) {
        // None: the interpreter is nearly gone, and with it whoever could be told or woken.
        Python::try_attach(|py| {
            let state = std::mem::replace(self.state.get_mut(), State::Over);
            // Often enough in the middle of somebody's exception.
            guard::with_error_aside(py, || end(py, state));
        });
    }
}

/// Nobody can await it any more.
fn end(py: Python<'_>, state: State) {
    match state {
        State::Over | State::Yielded | State::Aborted(_) | State::Goroutine(_) => {}
        State::New(operation, _) => never_awaited(py, &operation),
        // A coroutine that was destroyed while it waited: its place in the queue goes.
        State::Parked(_, _, waiter) => waiter.get().give_up(py),
    }
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
        Python::try_attach(|py| {
            // SAFETY: the caller's promise: an instance of the type, which is alive.
            let slf = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<Awaitable>() };
            let end = std::panic::catch_unwind(AssertUnwindSafe(|| Awaitable::step(&slf)));
            put(
                py,
                end.unwrap_or_else(|_| Err(PySystemError::new_err("panic in an operation of gochan"))),
            )
        })
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
