//! What a parked task waits for.
//!
//! A task parks by yielding an [`AioWaiter`], which behaves as far like an `asyncio.Future` as a task
//! looks, so that no Future is made. (The awaitable a user sees is another object: asyncio would take
//! one with this handshake for a Future and unwrap it.)
//!
//! Invariants:
//! * What is inside is used on its loop's thread only, and by the collector.
//! * Its queue holds one reference to it while it stands there; that reference moves to the loop's
//!   list when it is woken.

use crate::guard;
use crate::kept::{Kept, intern};
use crate::loop_host::LoopHost;
use crate::registration::Registration;
use gochan_core::clock::{Clock, Instant, Monotonic};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyFloat;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[pyclass(frozen, module = "gochan", name = "_Waiter")]
#[derive(Debug)]
pub struct AioWaiter {
    host: Py<LoopHost>,
    /// asyncio's handshake: true from the yield until the task has seen it.
    blocking: AtomicBool,
    /// What it waits for, for `repr(task)`.
    label: &'static str,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` before the wait is queued and after it ended.
    registration: Option<Registration>,
    callback: Option<(Py<PyAny>, Option<Py<PyAny>>)>,
    /// What ends the wait at `deadline`.
    timer: Option<Py<PyAny>>,
    deadline: Option<Instant>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// Not yet, or by a peer: the registration knows.
    Open,
    TimedOut,
    /// By `task.cancel(msg)`.
    Cancelled(Option<Py<PyAny>>),
}

impl AioWaiter {
    pub fn new(py: Python<'_>, host: Bound<'_, LoopHost>, label: &'static str) -> PyResult<Py<Self>> {
        Py::new(
            py,
            Self {
                host: host.unbind(),
                blocking: AtomicBool::new(true),
                label,
                inner: Mutex::new(Inner {
                    registration: None,
                    callback: None,
                    timer: None,
                    deadline: None,
                    end: End::Open,
                }),
            },
        )
    }

    pub fn queued(&self, registration: Registration) {
        self.inner.lock().registration = Some(registration);
    }

    /// Ends the wait with a `TimeoutError` after `span`, unless it ended before.
    pub fn expire_after(slf: &Bound<'_, Self>, span: Duration) -> PyResult<()> {
        slf.get().inner.lock().deadline = Some(Monotonic.now().saturating_add(span));
        Self::call_later(slf, span)
    }

    fn call_later(slf: &Bound<'_, Self>, span: Duration) -> PyResult<()> {
        let py = slf.py();
        let event_loop = slf.get().host.get().event_loop(py);
        let event_loop = event_loop.ok_or_else(|| PyRuntimeError::new_err("the event loop is gone"))?;
        let expire = slf.getattr(intern!(py, "expire"))?;
        // Loops do not know what to do with a number of any size; when it comes too early it is set again.
        let seconds = PyFloat::new(py, span.min(Duration::from_secs(86_400)).as_secs_f64());
        let timer = guard::call_method(
            &event_loop,
            intern!(py, "call_later"),
            [seconds.as_any(), &expire],
        )?;
        let old = slf.get().inner.lock().timer.replace(timer.unbind());
        drop(old);
        Ok(())
    }

    /// The registration, taken out to be finished, and whether the time was up. The wait is over for
    /// this waiter. After an error (a signal handler can raise in the timer) nothing was taken.
    pub fn end(&self, py: Python<'_>) -> PyResult<(Option<Registration>, bool)> {
        let timer = self.inner.lock().timer.take();
        if let Some(timer) = timer {
            guard::call_method(timer.bind(py), intern!(py, "cancel"), [])?;
        }
        let mut inner = self.inner.lock();
        Ok((inner.registration.take(), matches!(inner.end, End::TimedOut)))
    }

    /// Ends the wait where nobody is to have its outcome: what was handed over goes back.
    pub fn give_up(&self, py: Python<'_>) {
        if let Err(error) = self.end(py) {
            guard::raise_later(py, error, None);
            let registration = self.inner.lock().registration.take();
            drop(registration);
        }
    }

    /// Whether the wait has ended. Only then `end` may be called to finish it.
    pub fn has_ended(&self) -> bool {
        let inner = self.inner.lock();
        !matches!(inner.end, End::Open)
            || inner
                .registration
                .as_ref()
                .is_none_or(|registration| registration.waiter().is_settled())
    }

    /// Calls back the task, in the task's context.
    pub fn resume(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let callback = slf.get().inner.lock().callback.take();
        let Some((callback, context)) = callback else {
            // Nobody awaits any more: closed or thrown into from outside of a task.
            return Ok(());
        };
        let Some(context) = context else {
            guard::call(callback.bind(py), [slf.as_any()])?;
            return Ok(());
        };
        // SAFETY: attached; `context` is what the task gave as its contextvars.Context.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        let result = guard::call(callback.bind(py), [slf.as_any()]);
        // SAFETY: as above, and entered by this thread just before.
        if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        result.map(|_| ())
    }

    /// Ends an open wait in the given way and has the task resumed. False when a peer was first.
    fn end_by_host(slf: &Bound<'_, Self>, end: End) -> bool {
        let registration = {
            let mut inner = slf.get().inner.lock();
            if !matches!(inner.end, End::Open) {
                return false;
            }
            let Some(registration) = inner.registration.take() else {
                return false;
            };
            registration
        };
        let mut registration = registration;
        let won = registration.cancel();
        let mut inner = slf.get().inner.lock();
        if won {
            inner.end = end;
        } else {
            inner.registration = Some(registration);
            return false;
        }
        drop(inner);
        drop(registration);
        LoopHost::wake(slf.get().host.bind(slf.py()), slf.clone().unbind());
        true
    }
}

/// The part of `asyncio.Future` that a task uses.
#[pymethods]
impl AioWaiter {
    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        self.blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.blocking.store(blocking, Ordering::Relaxed);
    }

    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.host.get().event_loop(py);
        event_loop.ok_or_else(|| PyRuntimeError::new_err("the event loop is gone"))
    }

    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(&self, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let mut inner = self.inner.lock();
        if inner.callback.is_some() {
            drop(inner);
            return Err(PyRuntimeError::new_err(
                "a waiter of gochan has one task; it has one already",
            ));
        }
        inner.callback = Some((callback, context));
        Ok(())
    }

    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = callback.py();
        let current = self
            .inner
            .lock()
            .callback
            .as_ref()
            .map(|(current, _)| current.clone_ref(py));
        let Some(current) = current else {
            return Ok(0);
        };
        if !current.bind(py).eq(callback)? {
            return Ok(0);
        }
        let removed = self.inner.lock().callback.take();
        Ok(usize::from(removed.is_some()))
    }

    /// asyncio calls this when the task is to be cancelled. False: too late, a peer completed the
    /// operation; then asyncio throws CancelledError at the next step, and the value goes back.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> bool {
        Self::end_by_host(slf, End::Cancelled(msg))
    }

    /// The timeout's callback. A loop may round and call early, uvloop by up to a millisecond.
    fn expire(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (timer, deadline) = {
            let mut inner = slf.get().inner.lock();
            (inner.timer.take(), inner.deadline)
        };
        drop(timer);
        let left = deadline.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_since(Monotonic.now())
        });
        if !left.is_zero() {
            return Self::call_later(slf, left.max(Duration::from_millis(1)));
        }
        Self::end_by_host(slf, End::TimedOut);
        Ok(())
    }

    fn done(&self) -> bool {
        self.has_ended()
    }

    fn cancelled(&self) -> bool {
        matches!(self.inner.lock().end, End::Cancelled(_))
    }

    /// None: the task is to go on and will find the outcome itself. Raises CancelledError after
    /// `cancel()`.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        static CANCELLED: Kept<Py<PyAny>> = Kept::new();
        let message = match &self.inner.lock().end {
            End::Open | End::TimedOut => return Ok(()),
            End::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
        };
        let class = CANCELLED.get_or_try_init(py, || {
            Ok::<_, PyErr>(
                py.import("asyncio.exceptions")?
                    .getattr("CancelledError")?
                    .unbind(),
            )
        })?;
        let error = match message {
            Some(message) if !message.is_none(py) => class.bind(py).call1((message,))?,
            _ => class.bind(py).call0()?,
        };
        Err(PyErr::from_value(error))
    }

    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }

    fn __repr__(&self) -> String {
        format!("<gochan waiter of {}>", self.label)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.host)?;
        let Some(inner) = self.inner.try_lock() else {
            return Ok(());
        };
        if let Some((callback, context)) = &inner.callback {
            visit.call(callback)?;
            visit.call(context)?;
        }
        visit.call(&inner.timer)?;
        if let End::Cancelled(message) = &inner.end {
            visit.call(message)?;
        }
        let mut result = Ok(());
        if let Some(registration) = &inner.registration {
            registration
                .waiter()
                .try_visit(&mut |value| result = crate::gc::visit_value(visit, value));
        }
        result
    }

    fn __clear__(&self) {
        let (registration, callback, timer) = {
            let mut inner = self.inner.lock();
            (
                inner.registration.take(),
                inner.callback.take(),
                inner.timer.take(),
            )
        };
        drop((registration, callback, timer));
    }
}

/// Wakes the task behind a waiter that was settled. From any attached thread.
pub fn wake(waiter: Py<AioWaiter>) {
    let mut waiter = Some(waiter);
    Python::try_attach(|py| {
        if let Some(waiter) = waiter.take() {
            let host = waiter.get().host.clone_ref(py);
            // A wake can come out of a drop, in the middle of somebody's exception.
            guard::with_error_aside(py, || LoopHost::wake(host.bind(py), waiter));
        }
    });
    // Still there: the interpreter is nearly gone, no loop will run again, and nothing can be dropped.
    std::mem::forget(waiter);
}
