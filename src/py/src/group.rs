//! `Group`: goroutines that work for one purpose. The first error ends it for all of them.
//!
//! Invariants:
//! * A goroutine that failed is in `failed` before the context is done, its slot is free and the counter has dropped (E1, E5): who comes
//!   back from `wait` finds all errors.
//! * The group holds the handles of those that failed, not their errors: an error that nobody asks the group for is reported like any
//!   other when the group is gone.
//! * After an error that is no Exception (Ctrl-C, SystemExit) nobody waits any more: what was counted is taken off at once, and nothing
//!   is counted from then on (PY6).

use crate::awaitable::Awaitable;
use crate::block;
use crate::callable;
use crate::context::{self, CancelContext};
use crate::context_make;
use crate::context_node;
use crate::error;
use crate::gc;
use crate::goexit;
use crate::goroutine::Goroutine;
use crate::group_step::{Call, Step};
use crate::guard;
use crate::html;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::spawn;
use crate::text;
use crate::told::Told;
use crate::wake::{GroupCore, SemaphoreCore};
use crate::whole;
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Goroutines that work for one purpose: the first error cancels `ctx`, and is what `wait()` raises. Go's errgroup.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Group {
    ctx: Py<CancelContext>,
    /// Those that have not ended.
    running: Arc<GroupCore>,
    /// One permit for each that may run at the same time.
    slots: Option<Arc<SemaphoreCore>>,
    /// Taken by attached threads only. Not under it: a drop, any Python, a wake.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they ended.
    failed: Vec<Py<Goroutine>>,
    /// How many `running` counts.
    counted: i64,
    /// Where in `failed` the first one is whose error is no Exception.
    fatal: Option<usize>,
    /// Whether the first error was told of the others.
    noted: bool,
}

impl Group {
    pub fn running(&self) -> &Arc<GroupCore> {
        &self.running
    }

    pub fn slots(&self) -> Option<&Arc<SemaphoreCore>> {
        self.slots.as_ref()
    }

    pub fn describe(slf: &Bound<'_, Self>) -> String {
        let (py, this) = (slf.py(), slf.get());
        let first = this
            .state
            .lock()
            .failed
            .first()
            .map(|goroutine| goroutine.clone_ref(py));
        let error = first.and_then(|goroutine| goroutine.get().error(py));
        let error = error.map_or_else(String::new, |error| {
            format!(", first error {}", text::type_name(&error))
        });
        let active = this.running.count();
        let limit = match &this.slots {
            Some(slots) => format!(" limit={} queued={}", slots.size(), slots.parked()),
            None => String::new(),
        };
        let waiters = this.running.parked();
        format!(
            "<gochan.Group at {:#x} active={active}{limit} waiters={waiters}{error}>",
            slf.as_ptr().addr()
        )
    }

    /// One more, which was not started yet.
    pub fn begins(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state.lock();
        if state.fatal.is_some() {
            return Ok(());
        }
        // Under the lock, so that nobody takes it off before it is there. It wakes nobody: it counts upwards.
        let added = self.running.add(1);
        if added.is_ok() {
            state.counted += 1;
        }
        drop(state);
        added.map_err(|error| error::add(py, error, 1, self.running.count()))
    }

    pub fn takes_one(&self, py: Python<'_>) -> PyResult<()> {
        {
            let mut state = self.state.lock();
            if state.fatal.is_some() {
                return Ok(());
            }
            state.counted -= 1;
        }
        self.take_off(py, 1)
    }

    fn take_off(&self, py: Python<'_>, count: i64) -> PyResult<()> {
        let taken = self.running.add(-count);
        taken.map_err(|error| error::add(py, error, -count, self.running.count()))
    }

    pub fn gives_slot(&self) {
        if let Some(slots) = &self.slots {
            // Held since it was acquired, so there is no error.
            let _ = slots.release(1);
        }
    }

    /// One that was counted has ended; the end is on its handle.
    pub fn ended(slf: &Bound<'_, Self>, failed: Option<&Bound<'_, Goroutine>>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        // Whatever becomes of the context: nobody is to wait for a place or an end that has come.
        let cancelled = failed.map_or(Ok(()), |goroutine| this.fails(goroutine));
        this.gives_slot();
        if let Err(error) = this.takes_one(py) {
            guard::raise_later(py, error, Some(slf.as_any()));
        }
        cancelled
    }

    fn fails(&self, goroutine: &Bound<'_, Goroutine>) -> PyResult<()> {
        let py = goroutine.py();
        let Some(error) = goroutine.get().error(py) else {
            return Ok(());
        };
        let is_fatal = !error.is_instance_of::<PyException>();
        let (is_first, released) = {
            let mut state = self.state.lock();
            let at = state.failed.len();
            state.failed.push(goroutine.clone().unbind());
            let released = if is_fatal && state.fatal.is_none() {
                state.fatal = Some(at);
                std::mem::take(&mut state.counted)
            } else {
                0
            };
            (at == 0, released)
        };
        let canceled = if is_first || is_fatal {
            self.cancel(py, Some(error))
        } else {
            Ok(())
        };
        if released > 0 {
            self.take_off(py, released)?;
        }
        canceled
    }

    /// Ends the context, if nothing has ended it yet.
    pub fn cancel(&self, py: Python<'_>, cause: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        context::cancel(self.ctx.bind(py), cause.map(context_node::Cause::new))
    }

    /// Those that failed, and where among them the first one is whose error is no Exception.
    fn failed<'py>(&self, py: Python<'py>) -> (Vec<Bound<'py, Goroutine>>, Option<usize>) {
        let state = self.state.lock();
        let failed = state.failed.iter();
        let failed = failed.map(|goroutine| goroutine.bind(py).clone()).collect();
        (failed, state.fatal)
    }

    /// Nothing runs any more, or nobody is to wait for it. Where the body of a `with` block has an error of its own, that one is raised.
    pub fn over(slf: &Bound<'_, Self>, body_failed: bool) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        this.cancel(py, None)?;
        let (failed, fatal) = this.failed(py);
        if body_failed && fatal.is_none() {
            // What they ended with because they were told to end is nobody's business; anything else is told in the group's place.
            for goroutine in failed {
                let error = goroutine.get().error(py);
                if error.is_some_and(|error| error::is_end_of_context(&error)) {
                    Goroutine::look(&goroutine);
                }
            }
            return Ok(py.None());
        }
        let Some(raised) = failed.get(fatal.unwrap_or(0)) else {
            return Ok(py.None());
        };
        for goroutine in &failed {
            Goroutine::look(goroutine);
        }
        let others = failed.iter().filter(|other| !other.is(raised));
        this.note_others(raised, others);
        Goroutine::look_at_result(raised)
    }

    /// One error is raised. That there are more is said with it, once.
    fn note_others<'a, 'py: 'a>(
        &self,
        raised: &Bound<'py, Goroutine>,
        others: impl Iterator<Item = &'a Bound<'py, Goroutine>>,
    ) {
        let py = raised.py();
        if std::mem::replace(&mut self.state.lock().noted, true) {
            return;
        }
        let Some(error) = raised.get().error(py) else {
            return;
        };
        let kinds: Vec<_> = others
            .filter_map(|other| other.get().error(py))
            .filter(|other| !other.is(&error) && !error::is_end_of_context(other))
            .map(|other| text::type_name(&other))
            .collect();
        if let Some(first) = kinds.first() {
            let note = match kinds.len() {
                1 => format!("another goroutine of the group failed with {first}: Group.errors has both"),
                n => format!(
                    "{n} more goroutines of the group failed, first with {first}: Group.errors has all"
                ),
            };
            // The error goes out as it is where that is no place for notes.
            guard::found(py, error.call_method1("add_note", (note,)));
        }
    }

    /// With its slot taken.
    pub fn start<'py>(slf: &Bound<'py, Self>, call: Call) -> PyResult<Bound<'py, Goroutine>> {
        let py = slf.py();
        let (function, args, kwargs) = call.open(py)?;
        let told = Told::Group(slf.clone().unbind());
        let started = spawn::spawn("Group.go()", &function, args, kwargs, Some(&told));
        if started.is_err() {
            slf.get().gives_slot();
        }
        started
    }

    fn wait_step(slf: &Bound<'_, Self>, body_failed: bool) -> Operation {
        let group = slf.clone().unbind();
        Operation::Group(Box::new(Step::Wait { group, body_failed }))
    }

    /// What leaving a `with` block does: `None` when that is not to wait.
    fn leave(slf: &Bound<'_, Self>, error: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Operation>> {
        match error.filter(|error| !error.is_none()) {
            None => Ok(Some(Operation::Group(Box::new(Step::Leave {
                group: slf.clone().unbind(),
            })))),
            Some(error) => {
                slf.get().cancel(slf.py(), Some(error.clone()))?;
                // Ctrl-C, a cancellation or an exit is not held up.
                Ok(error
                    .is_instance_of::<PyException>()
                    .then(|| Self::wait_step(slf, true)))
            }
        }
    }
}

/// How many may run at the same time, as users give it.
#[derive(Clone, Copy)]
struct Slots(u64);

impl<'py> FromPyObject<'_, 'py> for Slots {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let int = whole::int(&given, "Group(): limit must be an int or None")?;
        let fits = int.extract::<i64>().ok().and_then(|n| u64::try_from(n).ok());
        fits.map(Self).ok_or_else(|| {
            whole::unfit(&int, |int| {
                format!("Group(): limit must be 0 or more, not {int}; leave it out for no limit")
            })
        })
    }
}

#[pymethods]
impl Group {
    #[new]
    #[pyo3(signature = (ctx=None, *, limit=None))]
    fn new(py: Python<'_>, ctx: Option<&Bound<'_, PyAny>>, limit: Option<Slots>) -> PyResult<Self> {
        Ok(Self {
            ctx: context_make::of_group(py, ctx)?.unbind(),
            running: Arc::new(GroupCore::new()),
            slots: limit.map(|limit| Arc::new(SemaphoreCore::new(limit.0))),
            state: Mutex::default(),
        })
    }

    /// Done when a goroutine of the group has failed, with that error as its cause, and when `wait()` has returned.
    #[getter]
    fn ctx(&self, py: Python<'_>) -> Py<CancelContext> {
        self.ctx.clone_ref(py)
    }

    /// All errors so far, in the order in which the goroutines ended.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let failed = self.failed(py).0.into_iter();
        let errors: Vec<_> = failed
            .filter_map(|goroutine| {
                Goroutine::look(&goroutine);
                goroutine.get().error(py)
            })
            .collect();
        PyTuple::new(py, errors)
    }

    /// Runs `fn(*args, **kwargs)` in a goroutine of the group; waits while as many as `limit` are active.
    ///
    /// It starts the goroutine also when `ctx` is done. With a full limit, a call from a goroutine of the group itself can wait for
    /// ever. BlockingError if it would block a running event loop.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn go<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        callable::kind_of("Group.go()", &r#fn)?;
        goexit::check_exit(py)?;
        let call = Call::new(r#fn, args, kwargs);
        if slf.get().slots.as_ref().is_none_or(|slots| slots.try_acquire(1)) {
            return Ok(Self::start(slf, call)?.into_any().unbind());
        }
        let step = Step::go(slf, call);
        block::wait_after_attempt(py, Operation::Group(Box::new(step)), Limit::Never)
    }

    /// Awaitable twin of `go`.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn ago<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        callable::kind_of("Group.ago()", &r#fn)?;
        let step = Step::go(slf, Call::new(r#fn, args, kwargs));
        Awaitable::new(slf.py(), Operation::Group(Box::new(step)), Limit::Never)
    }

    /// As `go` if that does not have to wait; says whether it started it. Never waits.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn try_go<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<bool> {
        callable::kind_of("Group.try_go()", &r#fn)?;
        goexit::check_exit(slf.py())?;
        let has_slot = slf.get().slots.as_ref().is_none_or(|slots| slots.try_acquire(1));
        if has_slot {
            Self::start(slf, Call::new(r#fn, args, kwargs))?;
        }
        Ok(has_slot)
    }

    /// Waits until all goroutines of the group have ended, then cancels `ctx` and raises the first error.
    ///
    /// An error that is no Exception (Ctrl-C, SystemExit) is raised at once, without waiting for the others. TimeoutError after `timeout`
    /// seconds, the context's error when the `ctx` given here is done: the goroutines go on then.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn wait(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let name = "Group.wait()";
        let limit = Limit::parse(timeout, name)?;
        let wait = Self::wait_step(slf, false).under(ctx, name)?;
        block::wait(slf.py(), wait, limit).map(drop)
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        Awaitable::new(slf.py(), Self::wait_step(slf, false), Limit::Never)
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (_kind=None, error=None, /, *_exc))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: Option<&Bound<'_, PyAny>>,
        error: Option<&Bound<'_, PyAny>>,
        _exc: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        match Self::leave(slf, error)? {
            Some(wait) => block::wait(slf.py(), wait, Limit::Never).map(drop),
            None => Ok(()),
        }
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        let result = Some(slf.clone().into_any().unbind());
        Awaitable::new(slf.py(), Operation::Ready { result }, Limit::Never)
    }

    #[pyo3(signature = (_kind=None, error=None, /, *_exc))]
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        _kind: Option<&Bound<'py, PyAny>>,
        error: Option<&Bound<'py, PyAny>>,
        _exc: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        match Self::leave(slf, error)? {
            Some(wait) => Awaitable::new(slf.py(), wait, Limit::Never),
            None => Awaitable::nothing(slf.py()),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let active = self.running.count();
        let mut rows = Vec::new();
        match &self.slots {
            Some(slots) => {
                rows.push(("active", format!("{active} of {}", slots.size())));
                rows.push(("waiting to start", slots.parked().to_string()));
            }
            None => rows.push(("active", active.to_string())),
        }
        rows.push(("waiting for the end", self.running.parked().to_string()));
        // Showing them is not looking at them.
        for goroutine in self.failed(py).0 {
            if let Some(error) = goroutine.get().error(py) {
                rows.push(("failed", text::of(&error.repr()?)));
            }
        }
        let full = self.slots.as_ref().map(|slots| slots.size());
        let meter = full.map(|full| (active.unsigned_abs(), full));
        html::table(py, "Group", rows, meter).map(Bound::unbind)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Group: its goroutines belong to one place that many share; pass the object itself",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ctx)?;
        if let Some(state) = self.state.try_lock() {
            for goroutine in &state.failed {
                visit.call(goroutine)?;
            }
        }
        gc::visit_waiters(visit, |show| self.running.try_visit(show))?;
        match &self.slots {
            Some(slots) => gc::visit_waiters(visit, |show| slots.try_visit(show)),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.running.clear();
        if let Some(slots) = &self.slots {
            slots.clear();
        }
        let failed = std::mem::take(&mut self.state.lock().failed);
        drop(failed);
    }
}
