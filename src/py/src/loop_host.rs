//! gochan's side of one event loop: the list of its tasks that were woken.
//!
//! To wake a task, its [`AioWaiter`] goes onto the list of its loop; one call of [`LoopHost::drain`] then resumes all tasks on the list, and also those
//! that they wake in turn, without a round through the loop's selector for each.
//!
//! The loop learns of its list by its [`Bell`], a file descriptor that it watches, also on its own thread:
//! the descriptor stays readable until a drain has really begun, so a KeyboardInterrupt that hits the
//! loop just before (and makes it forget a callback) loses nothing. A loop that can not watch one is told
//! by `call_soon_threadsafe`.
//!
//! Invariants:
//! * While a waiter is on the list, a drain is running, or `scheduled` is true and one is due. Both the
//!   list and `scheduled` change under one lock.
//! * A waker that comes during a drain schedules the next one too: what a drain resumes may run the
//!   loop inside it (nest_asyncio does), and then the outer drain has to wait.
//! * A waiter whose loop is closed or gone is dropped from the list; dropping its registration gives
//!   a value it was handed back to the channel.

use crate::aio_waiter::AioWaiter;
use crate::announce;
use crate::bell::Bell;
use crate::guard;
use crate::kept::intern;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefReference};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tasks resumed in one drain before other callbacks of the loop get their turn.
const BUDGET: usize = 64;

/// gochan's side of one event loop; stored on the loop as the attribute `_gochan_host`.
#[pyclass(frozen, weakref, module = "gochan", name = "_LoopHost")]
#[derive(Debug)]
pub struct LoopHost {
    /// Weak, so that the loop does not keep itself alive through its own attribute.
    event_loop: Py<PyWeakrefReference>,
    /// See `waiter::epoch`: a forked child makes its own host, with its own bell.
    epoch: u32,
    list: Mutex<List>,
    /// A drain runs, so the loop is open. Written on the loop's thread only.
    draining: AtomicBool,
    bell: Bell,
}

#[derive(Debug)]
struct List {
    woken: VecDeque<Py<AioWaiter>>,
    /// The loop was told to drain, and has not begun to.
    scheduled: bool,
}

impl LoopHost {
    /// The host of the loop that runs in this thread.
    pub fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let name = intern!(py, "_gochan_host");
        if let Some(host) = event_loop.getattr_opt(name)? {
            if let Ok(host) = host.cast_into::<Self>() {
                if host.get().epoch == epoch::current() {
                    return Ok(host);
                }
            }
        }
        let host = Bound::new(
            py,
            Self {
                event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
                epoch: epoch::current(),
                list: Mutex::new(List {
                    woken: VecDeque::new(),
                    scheduled: false,
                }),
                draining: AtomicBool::new(false),
                bell: Bell::new(),
            },
        )?;
        host.get().bell.install(&host, event_loop)?;
        event_loop.setattr(name, &host)?;
        Ok(host)
    }

    pub fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        use pyo3::types::PyWeakrefMethods;
        self.event_loop.bind(py).upgrade()
    }

    /// Puts a waiter on the list and sees to it that the loop will look. From any attached thread. With
    /// a bell, none of this runs Python code, so no signal handler can break in.
    pub fn wake(slf: &Bound<'_, Self>, waiter: Py<AioWaiter>) {
        let py = slf.py();
        let this = slf.get();
        if !this.draining.load(Ordering::Relaxed) && this.event_loop(py).as_ref().is_none_or(is_closed) {
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
        Self::schedule(slf);
    }

    /// Has the loop drain. `scheduled` is set already.
    fn schedule(slf: &Bound<'_, Self>) {
        let py = slf.py();
        let this = slf.get();
        if this.bell.ring() {
            announce::rung();
            return;
        }
        let Some(event_loop) = this.event_loop(py) else {
            return abandon(py, this.take_list().into_iter());
        };
        if let Err(error) = Self::call_soon(slf, &event_loop) {
            if is_closed(&event_loop) {
                abandon(py, this.take_list().into_iter());
            } else {
                // A signal handler raised. The next wake tries again.
                this.list.lock().scheduled = false;
                guard::raise_later(py, error, Some(slf.as_any()));
            }
        }
    }

    /// For a loop that can not watch a bell.
    fn call_soon(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let drain = slf.getattr(intern!(py, "drain"))?;
        guard::call_method(event_loop, intern!(py, "call_soon_threadsafe"), [&drain]).map(drop)
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
    fn reschedule(slf: &Bound<'_, Self>) {
        {
            let mut list = slf.get().list.lock();
            if list.woken.is_empty() || std::mem::replace(&mut list.scheduled, true) {
                return;
            }
        }
        Self::schedule(slf);
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
        this.list.lock().scheduled = false;
        let outer = this.draining.swap(true, Ordering::Relaxed);
        let result = Self::resume_some(slf, &event_loop);
        this.draining.store(outer, Ordering::Relaxed);
        Self::reschedule(slf);
        result
    }

    /// The eventfd became readable. Called by the loop.
    fn rung(slf: &Bound<'_, Self>) -> PyResult<()> {
        announce::heard();
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
                guard::call_method(
                    event_loop,
                    intern!(py, "call_exception_handler"),
                    [context.as_any()],
                )?;
            }
        }
        Ok(())
    }
}

/// Whether a loop will never run again. asyncio's own keep it in an attribute, and looking there runs no
/// Python code; uvloop's method is C. An error (a signal handler's, say) is no answer, and no reason to
/// give a task up.
fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    let py = event_loop.py();
    let closed = match event_loop.getattr_opt(intern!(py, "_closed")) {
        Ok(Some(closed)) => closed.is_truthy(),
        _ => {
            guard::call_method(event_loop, intern!(py, "is_closed"), []).and_then(|closed| closed.is_truthy())
        }
    };
    closed.unwrap_or_else(|error| {
        guard::raise_later(py, error, Some(event_loop));
        false
    })
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
        waiter.get().give_up(py);
        drop(waiter.into_bound(py));
    }
    PENDING.with_borrow_mut(|pending| *pending = None);
}
