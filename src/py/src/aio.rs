//! The asyncio host: how a task waits, and how it is woken from anywhere.
//!
//! A task parks by yielding an [`AioWaiter`], which behaves as far like an `asyncio.Future` as a task
//! looks, so that no Future is made. To wake it, the waiter goes onto the list of its loop
//! ([`LoopHost`]); one call of [`LoopHost::drain`] then resumes all tasks on the list, and also those
//! that they wake in turn, without a round through the loop's selector for each.
//!
//! The loop learns of its list
//! * on its own thread by one `call_soon` per drain,
//! * from other threads by an eventfd that it watches (no lock, no hand-over of the GIL), or by
//!   `call_soon_threadsafe` where a loop can not watch one.
//!
//! Invariants:
//! * `scheduled` is true exactly while a drain is due or running; both it and the list change under
//!   one lock, so that a waiter on the list always has a drain before it.
//! * What is inside an [`AioWaiter`] is used on its loop's thread only (and by the collector).
//! * A waiter whose loop is closed or gone is dropped from the list; dropping its registration gives
//!   a value it was handed back to the channel.

use crate::guard;
use crate::registration::Registration;
use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyWeakrefReference};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_ulong;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Tasks resumed in one drain before other callbacks of the loop get their turn.
const BUDGET: usize = 64;

/// gochan's side of one event loop; stored on the loop as the attribute `_gochan_host`.
#[pyclass(frozen, weakref, module = "gochan", name = "_LoopHost")]
#[derive(Debug)]
pub struct LoopHost {
    /// Weak, so that the loop does not keep itself alive through its own attribute.
    event_loop: Py<PyWeakrefReference>,
    /// The thread in which the loop was last seen running.
    thread: AtomicU64,
    /// See `waiter::epoch`: a forked child makes its own host, with its own bell.
    epoch: u32,
    list: Mutex<List>,
    /// A drain runs on the loop's thread. Written there only.
    draining: AtomicBool,
    bell: bell::Bell,
}

#[derive(Debug)]
struct List {
    woken: VecDeque<Py<AioWaiter>>,
    scheduled: bool,
}

fn this_thread() -> u64 {
    // SAFETY: no conditions.
    let ident: c_ulong = unsafe { ffi::PyThread_get_thread_ident() };
    ident
}

impl LoopHost {
    /// The host of the loop that runs in this thread.
    pub fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let name = intern!(py, "_gochan_host");
        if let Some(host) = event_loop.getattr_opt(name)? {
            if let Ok(host) = host.cast_into::<Self>() {
                if host.get().epoch == gochan_core::waiter::epoch::current() {
                    host.get().thread.store(this_thread(), Ordering::Relaxed);
                    return Ok(host);
                }
            }
        }
        let host = Bound::new(
            py,
            Self {
                event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
                thread: AtomicU64::new(this_thread()),
                epoch: gochan_core::waiter::epoch::current(),
                list: Mutex::new(List {
                    woken: VecDeque::new(),
                    scheduled: false,
                }),
                draining: AtomicBool::new(false),
                bell: bell::Bell::new(),
            },
        )?;
        event_loop.setattr(name, &host)?;
        Ok(host)
    }

    fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        use pyo3::types::PyWeakrefMethods;
        self.event_loop.bind(py).upgrade()
    }

    /// Puts a waiter on the list and sees to it that the loop will look.
    fn wake(slf: &Bound<'_, Self>, waiter: Py<AioWaiter>) {
        let py = slf.py();
        let this = slf.get();
        let here = this.thread.load(Ordering::Relaxed) == this_thread();
        let event_loop = this.event_loop(py);
        // A loop in the middle of a drain is open, and asking costs as much as the wake itself.
        let draining = here && this.draining.load(Ordering::Relaxed);
        if !draining && event_loop.as_ref().is_none_or(is_closed) {
            // Nobody will ever look at the list again.
            abandon(py, std::iter::once(waiter).chain(this.take_list()));
            return;
        }
        {
            let mut list = this.list.lock();
            list.woken.push_back(waiter);
            if std::mem::replace(&mut list.scheduled, true) {
                return;
            }
        }
        let called = match event_loop {
            Some(_) if !here && this.bell.ring() => return,
            Some(event_loop) => Self::call(slf, &event_loop, here),
            None => Err(PyRuntimeError::new_err("the event loop is gone")),
        };
        if called.is_err() {
            // Closed between the look and the call, or in a state where it takes no calls.
            abandon(py, this.take_list().into_iter());
        }
    }

    fn call(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>, here: bool) -> PyResult<()> {
        let py = slf.py();
        let how = if here {
            intern!(py, "call_soon")
        } else {
            intern!(py, "call_soon_threadsafe")
        };
        event_loop.call_method1(how, (slf.getattr(intern!(py, "drain"))?,))?;
        Ok(())
    }

    fn take_list(&self) -> Vec<Py<AioWaiter>> {
        let mut list = self.list.lock();
        list.scheduled = false;
        list.woken.drain(..).collect()
    }

    /// The next waiter; `None` ends the drain, and from then on a wake schedules a new one.
    fn next(&self) -> Option<Py<AioWaiter>> {
        let mut list = self.list.lock();
        let next = list.woken.pop_front();
        if next.is_none() {
            list.scheduled = false;
        }
        next
    }

    /// Schedules the rest of the list behind the callbacks that wait already.
    fn reschedule(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) {
        {
            let mut list = slf.get().list.lock();
            if list.woken.is_empty() {
                list.scheduled = false;
                return;
            }
        }
        if Self::call(slf, event_loop, true).is_err() {
            abandon(slf.py(), slf.get().take_list().into_iter());
        }
    }
}

#[pymethods]
impl LoopHost {
    /// Resumes the tasks on the list. Called by the loop.
    fn drain(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let Some(event_loop) = this.event_loop(py) else {
            abandon(py, this.take_list().into_iter());
            return Ok(());
        };
        this.thread.store(this_thread(), Ordering::Relaxed);
        this.bell.install(slf, &event_loop);
        this.draining.store(true, Ordering::Relaxed);
        let result = Self::resume_some(slf, &event_loop);
        this.draining.store(false, Ordering::Relaxed);
        result
    }

    /// The eventfd became readable. Called by the loop.
    fn rung(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().bell.hush();
        Self::drain(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        if let Some(list) = self.list.try_lock() {
            for waiter in &list.woken {
                visit.call(waiter)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(self.take_list());
    }
}

impl LoopHost {
    fn resume_some(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        for _ in 0..BUDGET {
            let Some(waiter) = slf.get().next() else {
                return Ok(());
            };
            if let Err(error) = AioWaiter::resume(waiter.bind(py)) {
                if error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
                {
                    // As asyncio does: these two stop the loop. The rest of the list comes after it.
                    Self::reschedule(slf, event_loop);
                    return Err(error);
                }
                let context = PyDict::new(py);
                context.set_item("message", "Exception in gochan's wake-up of a task")?;
                context.set_item("exception", error.value(py))?;
                event_loop.call_method1(intern!(py, "call_exception_handler"), (context,))?;
            }
        }
        Self::reschedule(slf, event_loop);
        Ok(())
    }
}

fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    let answer = event_loop.call_method0(intern!(event_loop.py(), "is_closed"));
    answer.and_then(|closed| closed.is_truthy()).unwrap_or(true)
}

/// Drops waiters that no loop will resume. Giving back their values may wake more of the same kind, so
/// those are collected here instead of by recursion.
fn abandon(py: Python<'_>, waiters: impl Iterator<Item = Py<AioWaiter>>) {
    thread_local! {
        static PENDING: RefCell<Option<Vec<Py<AioWaiter>>>> = const { RefCell::new(None) };
    }
    let mut first = true;
    PENDING.with_borrow_mut(|pending| {
        if let Some(pending) = pending {
            pending.extend(waiters);
            first = false;
        } else {
            *pending = Some(waiters.collect());
        }
    });
    if !first {
        return;
    }
    while let Some(waiter) = PENDING.with_borrow_mut(|pending| pending.as_mut().and_then(Vec::pop)) {
        // `take` outside of the drop, so that the registration's drop runs without the lock.
        let registration = waiter.get().inner.lock().registration.take();
        drop(registration);
        drop(waiter.into_bound(py));
    }
    PENDING.with_borrow_mut(|pending| *pending = None);
}

/// Wakes the task behind a waiter that was settled. From any attached thread.
pub fn wake(waiter: Py<AioWaiter>) {
    Python::attach(|py| {
        let host = waiter.get().host.clone_ref(py);
        LoopHost::wake(host.bind(py), waiter);
    });
}

/// What a parked task waits for: a future, as far as a task looks.
#[pyclass(frozen, freelist = 128, module = "gochan", name = "_Waiter")]
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
    timer: Option<Py<PyAny>>,
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
                    end: End::Open,
                }),
            },
        )
    }

    pub fn queued(&self, registration: Registration) {
        self.inner.lock().registration = Some(registration);
    }

    /// Ends the wait with a `TimeoutError` after `seconds`, unless it ended before.
    pub fn expire_after(slf: &Bound<'_, Self>, seconds: f64) -> PyResult<()> {
        let py = slf.py();
        let event_loop = slf.get().host.get().event_loop(py);
        let event_loop = event_loop.ok_or_else(|| PyRuntimeError::new_err("the event loop is gone"))?;
        let expire = slf.getattr(intern!(py, "expire"))?;
        let timer = event_loop.call_method1(intern!(py, "call_later"), (seconds, expire))?;
        slf.get().inner.lock().timer = Some(timer.unbind());
        Ok(())
    }

    /// The registration, taken out to be finished or dropped. The wait is over for this waiter.
    pub fn end(&self, py: Python<'_>) -> (Option<Registration>, bool) {
        let (registration, timer, timed_out) = {
            let mut inner = self.inner.lock();
            (
                inner.registration.take(),
                inner.timer.take(),
                matches!(inner.end, End::TimedOut),
            )
        };
        if let Some(timer) = timer {
            if let Err(error) = timer.call_method0(py, intern!(py, "cancel")) {
                error.write_unraisable(py, None);
            }
        }
        (registration, timed_out)
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

    /// The task looks at it again: the same handshake once more.
    pub fn rearm(&self) {
        self.blocking.store(true, Ordering::Relaxed);
    }

    /// Calls back the task, in the task's context.
    fn resume(slf: &Bound<'_, Self>) -> PyResult<()> {
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

    /// The timeout's callback.
    fn expire(slf: &Bound<'_, Self>) {
        let timer = slf.get().inner.lock().timer.take();
        drop(timer);
        Self::end_by_host(slf, End::TimedOut);
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
        static CANCELLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
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

#[cfg(target_os = "linux")]
mod bell {
    //! An eventfd that the loop watches.

    use super::{Bound, LoopHost, PyAny, PyResult, intern};
    use pyo3::prelude::*;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fd::{AsRawFd, OwnedFd};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug)]
    pub struct Bell {
        /// Set once it is watched; closed with the host, which the loop outlives.
        fd: OnceLock<Option<OwnedFd>>,
        /// Another thread wanted to ring.
        wanted: AtomicBool,
    }

    impl Bell {
        pub fn new() -> Self {
            Self {
                fd: OnceLock::new(),
                wanted: AtomicBool::new(false),
            }
        }

        /// Makes the loop look at its list. False when there is no bell (yet).
        pub fn ring(&self) -> bool {
            self.wanted.store(true, Ordering::Relaxed);
            match self.fd.get() {
                // Fails only when the counter is at its limit; then the loop will look anyway.
                Some(Some(fd)) => rustix::io::write(fd, &1_u64.to_ne_bytes()).is_ok(),
                _ => false,
            }
        }

        pub fn hush(&self) {
            if let Some(Some(fd)) = self.fd.get() {
                // Nothing to read means that it was read before.
                let _ = rustix::io::read(fd, &mut [0_u8; 8]);
            }
        }

        /// On the loop's thread: has the loop watch the eventfd, once other threads need it.
        pub fn install(&self, host: &Bound<'_, LoopHost>, event_loop: &Bound<'_, PyAny>) {
            if self.fd.get().is_some() || !self.wanted.load(Ordering::Relaxed) {
                return;
            }
            // A loop that can not watch says so by an error; call_soon_threadsafe does then.
            let fd = Self::watch(host, event_loop).ok();
            let _ = self.fd.set(fd);
        }

        fn watch(host: &Bound<'_, LoopHost>, event_loop: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
            let py = host.py();
            let fd =
                eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
            let rung = host.getattr(intern!(py, "rung"))?;
            event_loop.call_method1(intern!(py, "add_reader"), (fd.as_raw_fd(), rung))?;
            Ok(fd)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod bell {
    //! No eventfd here: `call_soon_threadsafe` wakes the loop.

    use super::{Bound, LoopHost, PyAny};

    #[derive(Debug)]
    pub struct Bell;

    impl Bell {
        pub fn new() -> Self {
            Self
        }
        pub fn ring(&self) -> bool {
            false
        }
        pub fn hush(&self) {}
        pub fn install(&self, _: &Bound<'_, LoopHost>, _: &Bound<'_, PyAny>) {}
    }
}
