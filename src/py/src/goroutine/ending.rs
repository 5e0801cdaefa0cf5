//! How a goroutine ends, who is told of it, and who looks at the error.

use super::telling::Blocked;
use super::{Goroutine, flag};
use crate::chan::RecvChan;
use crate::goexit;
use crate::report;
use crate::scope;
use crate::told::Told;
use crate::wake::ChanCore;
use crate::world;
use gochan_core::sys::Arc;
use pyo3::ffi;
use pyo3::prelude::*;

/// What may not happen under its lock: a drop, any Python.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) end: End,
    pub(super) rare: Option<Box<Rare>>,
}

/// Made when it is needed.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Closed at the end; nothing is ever sent on it. For those who wait.
    pub(super) ended: Option<Arc<ChanCore>>,
    /// The channel object for `ended`, once somebody asked for it; then it is what shows the channel to
    /// the collector. It does not hold the handle: seeing the end is not seeing the error.
    pub(super) done: Option<Py<RecvChan>>,
    /// Told of the end.
    pub(super) told: Option<Told>,
    /// What it waits for in a blocking form. An `async def` goroutine that awaits keeps none: its chain of
    /// awaits leads there.
    pub(super) blocked: Option<Blocked>,
    /// What it waited for when the collector closed a coroutine of its chain of awaits before it came to the goroutine.
    pub(super) broken_off: Option<String>,
}

impl Ending {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

#[derive(Debug)]
pub enum End {
    Open,
    Value(Py<PyAny>),
    Error(Box<Raised>),
}

/// The exception and the traceback it arrived with: raising it again would make that longer.
#[derive(Debug)]
pub struct Raised {
    pub(super) error: Py<PyAny>,
    pub(super) traceback: Option<Py<PyAny>>,
}

impl End {
    pub fn error(error: Py<PyAny>, traceback: Option<Py<PyAny>>) -> Self {
        Self::Error(Box::new(Raised { error, traceback }))
    }
}

impl Goroutine {
    pub fn has_ended(&self) -> bool {
        !matches!(self.ending.lock().end, End::Open)
    }

    /// The channel that is closed at the end.
    pub fn ended(&self) -> Arc<ChanCore> {
        let mut ending = self.ending.lock();
        let is_over = !matches!(ending.end, End::Open);
        let ended = ending.rare().ended.get_or_insert_with(|| {
            let ended = ChanCore::new(0);
            if is_over {
                // Nobody can be waiting on it yet.
                let _ = ended.close();
            }
            Arc::new(ended)
        });
        Arc::clone(ended)
    }

    /// Has somebody told of the end.
    pub fn tell(&self, told: Told) {
        let old = self.ending.lock().rare().told.replace(told);
        drop(old);
    }

    /// Marks the error as seen. True for the first look at an error.
    pub fn look(slf: &Bound<'_, Self>) -> bool {
        let this = slf.get();
        if !matches!(this.ending.lock().end, End::Error(..)) || !this.set(flag::LOOKED) {
            return false;
        }
        report::forget(this.id);
        true
    }

    /// The error, with its traceback as it was when the goroutine ended.
    pub fn error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let (error, traceback) = match &self.ending.lock().end {
            End::Error(raised) => (
                raised.error.clone_ref(py),
                raised.traceback.as_ref().map(|traceback| traceback.clone_ref(py)),
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
        match &slf.get().ending.lock().end {
            End::Value(value) => Ok(value.clone_ref(py)),
            End::Open | End::Error(..) => Ok(py.None()),
        }
    }

    pub fn look_at_exception(slf: &Bound<'_, Self>) -> Py<PyAny> {
        let py = slf.py();
        Self::look(slf);
        slf.get().error(py).map_or_else(|| py.None(), Bound::unbind)
    }

    /// It has ended.
    pub fn finish(slf: &Bound<'_, Self>, end: End) {
        let this = slf.get();
        let failed = matches!(end, End::Error(..));
        let (ended, told) = {
            let mut ending = this.ending.lock();
            let open = std::mem::replace(&mut ending.end, end);
            debug_assert!(matches!(open, End::Open), "a goroutine ends once");
            match &mut ending.rare {
                Some(rare) => (rare.ended.clone(), rare.told.take()),
                None => (None, None),
            }
        };
        this.word.end();
        if this.unset(flag::EXITING) {
            this.set(flag::EXITED);
            goexit::exit_is_over();
        }
        if !this.is_of_another_process() {
            scope::ended(this.scope.as_ref());
        }
        if failed && world::is_stopped() {
            // The program has ended; what fails because of that is nobody's business any more.
            this.set(flag::LOOKED);
        } else if failed {
            report::remember(slf);
        }
        if let Some(ended) = ended {
            let _ = ended.close();
        }
        if let Some(told) = told {
            // After the error is on the handle.
            told.ended(slf, failed);
        }
    }

    /// It never began.
    pub fn never_began(&self) {
        scope::ended(self.scope.as_ref());
    }
}

/// Sets the traceback of an exception without a look at what its class says of `__traceback__`.
pub fn set_traceback(error: &Bound<'_, PyAny>, traceback: Option<&Bound<'_, PyAny>>) {
    let none = error.py().None();
    let traceback = traceback.map_or(none.as_ptr(), Bound::as_ptr);
    // SAFETY: attached; every end is an instance of BaseException, and a traceback came from one.
    unsafe { ffi::PyException_SetTraceback(error.as_ptr(), traceback) };
}
