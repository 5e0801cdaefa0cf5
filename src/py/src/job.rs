//! One call on its way to, and on, a goroutine thread.
//!
//! `gochan/_threads.py` makes the call, so that no Rust frame stands below a user's function; this
//! hands it what to call and takes the end.

use crate::callable;
use crate::coroutine;
use crate::current;
use crate::goexit;
use crate::goroutine::{Body, End, Goroutine, set_traceback};
use crate::guard;
use crate::kept::{Kept, intern};
use crate::value::share;
use crate::world::{self, Routine};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

#[pyclass(frozen, module = "gochan", name = "_Job")]
#[derive(Debug)]
pub struct Job {
    work: Mutex<Option<Work>>,
    /// The context it runs in, once it has begun.
    context: Mutex<Option<Py<PyAny>>>,
    /// The goroutine, which is to hear of the end. Given up when the job has ended, so that the handle can go.
    party: Mutex<Option<Py<Goroutine>>>,
}

/// The call itself.
#[derive(Debug)]
pub struct Work {
    pub context: Py<PyAny>,
    pub function: Py<PyAny>,
    pub args: Py<PyTuple>,
    pub kwargs: Option<Py<PyDict>>,
}

impl Work {
    /// A call without arguments.
    pub fn bare(context: Py<PyAny>, function: &Bound<'_, PyAny>) -> Self {
        Self {
            context,
            function: function.clone().unbind(),
            args: PyTuple::empty(function.py()).unbind(),
            kwargs: None,
        }
    }
}

#[pymethods]
impl Job {
    /// The function returned.
    fn finish(&self, value: Bound<'_, PyAny>) {
        let py = value.py();
        if callable::is_coroutine(&value) {
            // Seen only now: the function is not `async def` itself, but returned a coroutine.
            self.go_on_as(&value);
        } else {
            self.end(py, End::Value(value.unbind()));
        }
    }

    /// The function raised. The first frame of the traceback is the caller's, `_threads.py`: not the
    /// user's business, and it would keep the job alive.
    fn fail(&self, error: Bound<'_, PyAny>) {
        let py = error.py();
        if goexit::is_goexit(py, &error) {
            self.end(py, End::Value(py.None()));
            return;
        }
        let rest = Self::rest_of_traceback(&error);
        set_traceback(&error, rest.as_ref());
        self.end(py, End::error(error.unbind(), rest.map(Bound::unbind)));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(Some(work)) = self.work.try_lock().as_deref() {
            visit.call(&work.context)?;
            visit.call(&work.function)?;
            visit.call(&work.args)?;
            visit.call(&work.kwargs)?;
        }
        if let Some(context) = self.context.try_lock().as_deref() {
            visit.call(context)?;
        }
        if let Some(Some(party)) = self.party.try_lock().as_deref() {
            visit.call(party)?;
        }
        Ok(())
    }
}

impl Job {
    /// Marks the goroutine as running on this thread. `(job, context, function, args, kwargs)`, once.
    pub fn begin<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        let work = this.work.lock().take();
        let work = work.ok_or_else(|| PyRuntimeError::new_err("this job was begun already"))?;
        let goroutine = this.party.lock().as_ref().map(|party| party.clone_ref(py));
        if let Some(goroutine) = goroutine {
            Goroutine::begin(goroutine.bind(py));
        }
        let old = this.context.lock().replace(work.context.clone_ref(py));
        drop(old);
        PyTuple::new(
            py,
            [
                slf.clone().into_any(),
                work.context.into_bound(py),
                work.function.into_bound(py),
                work.args.into_bound(py).into_any(),
                match work.kwargs {
                    Some(kwargs) => kwargs.into_bound(py),
                    None => no_keywords(py),
                }
                .into_any(),
            ],
        )
    }

    pub fn new(work: Work) -> Self {
        Self {
            work: Mutex::new(Some(work)),
            context: Mutex::new(None),
            party: Mutex::new(None),
        }
    }

    /// From now on somebody waits for the end, and hears of it even when the job is dropped.
    pub fn arm(&self, goroutine: Bound<'_, Goroutine>) {
        share(&goroutine);
        let old = self.party.lock().replace(goroutine.unbind());
        drop(old);
    }

    /// The goroutine is a coroutine from here on, with the context it began with.
    fn go_on_as(&self, coroutine: &Bound<'_, PyAny>) {
        let py = coroutine.py();
        let Some(goroutine) = self.party.lock().take() else {
            return;
        };
        let goroutine = goroutine.into_bound(py);
        let context = self.context.lock().take();
        let Some(context) = context else { return };
        let body = Body {
            coroutine: coroutine.clone().unbind(),
            context,
        };
        // It was running on this thread, and is runnable from now on.
        goroutine.get().word.requeue();
        coroutine::attach(&goroutine, body);
        current::set_goroutine(None);
        if let Err(error) = world::ready_new(py, Routine::new(goroutine)) {
            // It waits in the queue for the next who comes.
            guard::write_unraisable(py, error, Some(coroutine));
        }
    }

    /// Whether its `run()` is over before it began.
    pub fn is_abandoned(&self) -> bool {
        let party = self.party.lock();
        party.as_ref().is_some_and(|party| party.get().is_abandoned())
    }

    /// It never began.
    pub fn disarm(&self) {
        let party = self.party.lock().take();
        drop(party);
    }

    /// The traceback of an exception behind its first entry.
    fn rest_of_traceback<'py>(error: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let py = error.py();
        // SAFETY: attached; what was raised is an instance of BaseException. A new reference or null.
        let first =
            unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetTraceback(error.as_ptr()))? };
        // Of a real traceback object, whose attributes do not fail.
        first
            .getattr(intern!(py, "tb_next"))
            .ok()
            .filter(|rest| !rest.is_none())
    }

    fn end(&self, py: Python<'_>, end: End) {
        let party = self.party.lock().take();
        if let Some(goroutine) = party {
            Goroutine::finish(goroutine.bind(py), end);
        }
    }
}

/// One empty dictionary for all calls without keywords: `f(**kwargs)` only reads it.
fn no_keywords(py: Python<'_>) -> Bound<'_, PyDict> {
    static NONE: Kept<Py<PyDict>> = Kept::new();
    NONE.get_or_init(py, || PyDict::new(py).unbind()).bind(py).clone()
}

impl Drop for Job {
    /// A trace function, for one, can end the thread between the lines of `_threads.py`. Whoever waits
    /// for the goroutine hears of it.
    fn drop(&mut self) {
        if self.party.get_mut().is_none() {
            return;
        }
        Python::try_attach(|py| {
            guard::with_error_aside(py, || {
                let lost = PyRuntimeError::new_err("the goroutine's thread was ended before the goroutine");
                self.end(py, End::error(lost.into_value(py).into_any(), None));
            });
        });
    }
}
