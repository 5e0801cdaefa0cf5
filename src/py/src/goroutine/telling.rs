//! What a goroutine tells of itself: its name, where it was started, what it does and what it waits for.

use super::Goroutine;
use super::ending::End;
use crate::coroutine;
use crate::current;
use crate::operation::Operation;
use crate::text;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::sched::park_word::Standing;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// What a function on a thread waits for in a blocking form.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) what: String,
    pub(super) since: Instant,
}

impl Goroutine {
    pub fn full_name(&self, py: Python<'_>) -> String {
        let name = self.name.bind(py).to_string_lossy().into_owned();
        // Without the names of the functions it was defined in.
        let name = name
            .rsplit_once("<locals>.")
            .map_or(name.as_str(), |(_, name)| name);
        format!("{name}-{}", self.id)
    }

    /// Code object, and offset in it, of the call of `go`.
    pub fn start_place(&self, py: Python<'_>) -> Option<(Py<PyAny>, i32)> {
        let code = self.started.as_ref()?.clone_ref(py);
        Some((code, self.started_at))
    }

    /// `FILE:LINE in FUNCTION` of the call of `go`.
    pub fn start_site(&self, py: Python<'_>) -> String {
        let Some(code) = &self.started else {
            return "an unknown place".into();
        };
        let part = |name| {
            let part = code.bind(py).getattr(name).ok();
            let part = part.as_ref().and_then(|part| part.cast::<PyString>().ok());
            part.map_or_else(|| "?".to_owned(), text::of)
        };
        // SAFETY: attached; made from a frame's code object.
        let line = unsafe { ffi::PyCode_Addr2Line(code.as_ptr().cast(), self.started_at) };
        format!("{}:{line} in {}", part("co_filename"), part("co_name"))
    }

    pub fn describe(slf: &Bound<'_, Self>) -> String {
        let (py, this) = (slf.py(), slf.get());
        let error = match &this.ending.lock().end {
            End::Error(raised) => Some(raised.error.clone_ref(py)),
            End::Open | End::Value(_) => None,
        };
        let end = error.map_or_else(String::new, |error| {
            format!(", raised {}", text::type_name(error.bind(py)))
        });
        let (state, wait) = Self::state_and_wait(slf);
        let wait = wait.map_or_else(String::new, |(what, since)| {
            let seconds = Monotonic.now().saturating_since(since).as_secs_f64();
            format!(" in {what} for {seconds:.1} s")
        });
        format!(
            "<gochan.Goroutine {} {state}{wait}{end}, started at {}>",
            this.full_name(py),
            this.start_site(py)
        )
    }

    /// Its state, and what it waits in if that is what it does. Without the GIL it may go on between two looks, so both are to
    /// be true of one instant.
    pub(super) fn state_and_wait(slf: &Bound<'_, Self>) -> (&'static str, Option<(String, Instant)>) {
        match (Self::waits_in(slf), slf.get().state_name()) {
            (Some(wait), _) => ("waiting", Some(wait)),
            // It did not wait at the first look, and had begun to by the second.
            (None, "waiting") => ("running", None),
            (None, state) => (state, None),
        }
    }

    /// The operation it waits in, and since when.
    pub fn waits_in(slf: &Bound<'_, Self>) -> Option<(String, Instant)> {
        let this = slf.get();
        if let Some(blocked) = this
            .ending
            .lock()
            .rare
            .as_ref()
            .and_then(|rare| rare.blocked.as_ref())
        {
            return Some((blocked.what.clone(), blocked.since));
        }
        coroutine::waits_in(slf)
    }

    /// For [`Self::broken_off`].
    pub fn note_broken_off(&self, what: String) {
        let old = self.ending.lock().rare().broken_off.replace(what);
        drop(old);
    }

    /// What it waited for when the collector broke that off.
    pub fn broken_off(&self) -> Option<String> {
        self.ending.lock().rare.as_ref()?.broken_off.clone()
    }

    pub(super) fn is_blocked(&self) -> bool {
        let ending = self.ending.lock();
        ending.rare.as_ref().is_some_and(|rare| rare.blocked.is_some())
    }

    pub(super) fn state_name(&self) -> &'static str {
        match self.word.standing() {
            Standing::Runnable => "runnable",
            Standing::Running if self.is_blocked() => "waiting",
            Standing::Running => "running",
            Standing::Parked => "waiting",
            Standing::Done => "done",
        }
    }
}

/// The record of a blocking wait, on this thread's goroutine, for as long as this lives.
#[derive(Debug)]
pub struct Waiting<'py>(Option<Bound<'py, Goroutine>>);

impl<'py> Waiting<'py> {
    pub fn enter(py: Python<'py>, operation: &Operation) -> Self {
        let goroutine = current::goroutine(py);
        if let Some(goroutine) = &goroutine {
            let blocked = Blocked {
                what: operation.title(py, operation.names().0),
                since: Monotonic.now(),
            };
            let old = goroutine.get().ending.lock().rare().blocked.replace(blocked);
            drop(old);
        }
        Self(goroutine)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(goroutine) = &self.0 {
            let old = goroutine.get().ending.lock().rare().blocked.take();
            drop(old);
        }
    }
}
