//! gochan's side of one event loop: the list of its tasks that were woken.
//!
//! To wake a task, its [`AioWaiter`] goes onto the list of its loop; one call of [`LoopHost::drain`] then resumes all tasks on the list, and also those
//! that they wake in turn, without a round through the loop's selector for each.
//!
//! The loop learns of its list
//! * on its own thread by one `call_soon` per drain,
//! * from other threads by its [`Bell`], or by `call_soon_threadsafe`.
//!
//! Invariants:
//! * While a waiter is on the list, a drain is running, or `scheduled` is true and one is due. Both the
//!   list and `scheduled` change under one lock.
//! * A waker that comes during a drain schedules the next one too: what a drain resumes may run the
//!   loop inside it (nest_asyncio does), and then the outer drain has to wait.
//! * A waiter whose loop is closed or gone is dropped from the list; dropping its registration gives
//!   a value it was handed back to the channel.

use crate::aio_waiter::AioWaiter;
use crate::bell::Bell;
use crate::host;
use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
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
    bell: Bell,
}

#[derive(Debug)]
struct List {
    woken: VecDeque<Py<AioWaiter>>,
    /// The loop was told to drain, and has not begun to.
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
                bell: Bell::new(),
            },
        )?;
        event_loop.setattr(name, &host)?;
        Ok(host)
    }

    pub fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        use pyo3::types::PyWeakrefMethods;
        self.event_loop.bind(py).upgrade()
    }

    /// Puts a waiter on the list and sees to it that the loop will look.
    pub fn wake(slf: &Bound<'_, Self>, waiter: Py<AioWaiter>) {
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
        Self::schedule(slf, event_loop.as_ref(), here);
    }

    /// Has the loop drain. `scheduled` is set already. `here` says that the loop was last seen on
    /// this thread; it may have moved since.
    fn schedule(slf: &Bound<'_, Self>, event_loop: Option<&Bound<'_, PyAny>>, here: bool) {
        let py = slf.py();
        let runs_here = here
            && host::running_loop(py).is_ok_and(|running| {
                running.is_some_and(|running| event_loop.is_some_and(|own| own.is(&running)))
            });
        let called = match event_loop {
            Some(_) if !runs_here && slf.get().bell.ring() => return,
            Some(event_loop) => Self::call(slf, event_loop, runs_here),
            None => Err(PyRuntimeError::new_err("the event loop is gone")),
        };
        if called.is_err() {
            // Closed between the look and the call, or in a state where it takes no calls.
            abandon(py, slf.get().take_list().into_iter());
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

    fn next(&self) -> Option<Py<AioWaiter>> {
        self.list.lock().woken.pop_front()
    }

    /// Sees to what is left on the list: behind the callbacks that wait already.
    fn reschedule(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) {
        {
            let mut list = slf.get().list.lock();
            if list.woken.is_empty() || std::mem::replace(&mut list.scheduled, true) {
                return;
            }
        }
        Self::schedule(slf, Some(event_loop), true);
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
        this.list.lock().scheduled = false;
        let outer = this.draining.swap(true, Ordering::Relaxed);
        let result = Self::resume_some(slf, &event_loop);
        this.draining.store(outer, Ordering::Relaxed);
        Self::reschedule(slf, &event_loop);
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
                    return Err(error);
                }
                let context = PyDict::new(py);
                context.set_item("message", "Exception in gochan's wake-up of a task")?;
                context.set_item("exception", error.value(py))?;
                event_loop.call_method1(intern!(py, "call_exception_handler"), (context,))?;
            }
        }
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
        // Its registration goes, and gives back what it was handed.
        drop(waiter.get().end(py));
        drop(waiter.into_bound(py));
    }
    PENDING.with_borrow_mut(|pending| *pending = None);
}
