//! The threads that `def` goroutines run on.
//!
//! A job goes to a thread that waits for one, by a rendezvous channel, or else a new thread is started
//! for it. A thread without work for a while ends.
//!
//! The bottom of such a thread is a Python function (`gochan/_threads.py`) started with
//! `_thread.start_new_thread`: with a Rust frame at the bottom, an interpreter that exits while a
//! goroutine runs Python would abort the process (see `guard.rs`). These threads do not keep the
//! interpreter alive.

use crate::deferred;
use crate::goroutine::num_goroutine;
use crate::job::Job;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

/// How long a thread waits for a job before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// Where jobs meet idle threads. A send succeeds only while a thread waits on the other side.
#[derive(Debug)]
struct Exchange {
    jobs: Sender<Py<Job>>,
    idle: Receiver<Py<Job>>,
}

/// Made at the first `go()`, never freed; a forked child makes its own, since the idle threads that
/// wait in the old one, and perhaps hold its locks, do not exist there.
static EXCHANGE: AtomicPtr<Exchange> = AtomicPtr::new(std::ptr::null_mut());

fn exchange() -> &'static Exchange {
    let mut current = EXCHANGE.load(Ordering::Acquire);
    if current.is_null() {
        let (jobs, idle) = bounded(0);
        let new = Box::into_raw(Box::new(Exchange { jobs, idle }));
        match EXCHANGE.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => current = new,
            Err(theirs) => {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                current = theirs;
            }
        }
    }
    // SAFETY: not null, and an exchange that was published is never freed.
    unsafe { &*current }
}

pub fn after_fork_in_child() {
    EXCHANGE.store(std::ptr::null_mut(), Ordering::Release);
}

/// Has the job run on some thread.
pub fn run(job: Bound<'_, Job>) -> PyResult<()> {
    static START: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static SERVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = job.py();
    let exchange = exchange();
    let job = match exchange.jobs.try_send(job.unbind()) {
        Ok(()) => return Ok(()),
        Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
    };
    let jobs = Jobs {
        first: Mutex::new(Some(job)),
        exchange,
    };
    let start = START.import(py, "_thread", "start_new_thread")?;
    let serve = SERVE.import(py, "gochan._threads", "serve")?;
    start.call1((serve, (jobs,))).map(drop).map_err(|error| {
        let refused = PyRuntimeError::new_err(format!(
            "go(): no thread to be had for another goroutine, {} run already ({error}); \
             limit them, for example with a fixed number of workers that share a channel",
            num_goroutine().saturating_sub(2) // neither the caller nor the one that failed
        ));
        refused.set_cause(py, Some(error));
        refused
    })
}

/// The jobs of one thread: the one it was started for, then whatever comes while it is idle.
#[pyclass(frozen, module = "gochan", name = "_Jobs")]
#[derive(Debug)]
struct Jobs {
    first: Mutex<Option<Py<Job>>>,
    exchange: &'static Exchange,
}

#[pymethods]
impl Jobs {
    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Option<Py<Job>> {
        let first = self.first.lock().take();
        first.or_else(|| {
            py.detach(|| {
                deferred::flush();
                self.exchange.idle.recv_timeout(IDLE).ok()
            })
        })
    }
}
