//! `sleep`, `after`, `tick`, `after_func`, `Timer` and `Ticker`.
//!
//! A timer's channel is an ordinary one that a clock sends on, see [`crate::fed`]. It knows nothing of the `Timer` it came from, so
//! `after()` gives out the channel alone.
//!
//! Invariant of a timer that calls a function: while the call stands among the timers it holds one counted reference to the
//! `Timer`, which the collector is not shown; what the `Timer` holds is shown by it alone.

use crate::awaitable::Awaitable;
use crate::block;
use crate::callable;
use crate::chan::{ChanBase, RecvChan};
use crate::chan_iter::{ChanAsyncIter, ChanIter};
use crate::due::{self, Due};
use crate::fed;
use crate::guard;
use crate::limit::{self, Limit};
use crate::operation::Operation;
use crate::spawn::Origin;
use crate::value::Ref;
use crate::wake::ChanCore;
use crate::world;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::sys::Arc;
use gochan_core::timers::Key;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::PyTuple;
use std::time::Duration;

// ---------------------------------------------------------------- sleep

fn sleeping(
    seconds: &Bound<'_, PyAny>,
    ctx: Option<&Bound<'_, PyAny>>,
    name: &str,
) -> PyResult<(Operation, Limit)> {
    let span = limit::span(seconds, name, "seconds")?;
    let operation = Operation::Sleep(span.unwrap_or(Duration::ZERO)).under(ctx, name)?;
    Ok((operation, span.map_or(Limit::Now, Limit::After)))
}

/// Waits for at least so many seconds. Go's time.Sleep.
///
/// Zero or less returns at once, and gives nobody else a turn (`gosched` does that). The context's error when `ctx` is done before;
/// BlockingError if it would block a running event loop: use `asleep` there.
#[pyfunction]
#[pyo3(signature = (seconds, /, *, ctx=None))]
pub fn sleep(py: Python<'_>, seconds: &Bound<'_, PyAny>, ctx: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let (operation, limit) = sleeping(seconds, ctx, "sleep()")?;
    block::wait(py, operation, limit).map(drop)
}

/// Awaitable twin of `sleep`, for goroutines and asyncio tasks.
#[pyfunction]
#[pyo3(signature = (seconds, /, *, ctx=None))]
pub fn asleep<'py>(
    py: Python<'py>,
    seconds: &Bound<'py, PyAny>,
    ctx: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Awaitable>> {
    let (operation, limit) = sleeping(seconds, ctx, "asleep()")?;
    Awaitable::new(py, operation, limit)
}

// ---------------------------------------------------------------- channels that a clock sends on

/// The channel object of a new feed, armed.
fn channel(py: Python<'_>, after: Duration, period: Option<Duration>) -> PyResult<Py<RecvChan>> {
    let core: Arc<ChanCore> = Arc::new(fed::channel());
    core.arm(after, period);
    let owner = ChanBase::owner_of(&core);
    Py::new(py, PyClassInitializer::from(owner).add_subclass(RecvChan))
}

fn base<'a, 'py>(chan: &'a Bound<'py, RecvChan>) -> &'a Bound<'py, ChanBase> {
    chan.as_super()
}

/// A channel on which one value comes after so many seconds: `time.time()` of the instant it was due. Go's time.After.
///
/// One that nobody waits for costs nothing, and need not be stopped.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
pub fn after(py: Python<'_>, seconds: &Bound<'_, PyAny>) -> PyResult<Py<RecvChan>> {
    let span = limit::span(seconds, "after()", "seconds")?;
    channel(py, span.unwrap_or(Duration::ZERO), None)
}

/// The channel of a `Ticker` that is never stopped; None for a period of zero or less, as in Go. Go's time.Tick.
#[pyfunction]
#[pyo3(signature = (period, /))]
pub fn tick(py: Python<'_>, period: &Bound<'_, PyAny>) -> PyResult<Option<Py<RecvChan>>> {
    let period = limit::span(period, "tick()", "period")?;
    period.map(|period| channel(py, period, Some(period))).transpose()
}

/// `due in 1.5 s`, and the like.
fn when(due: Option<Instant>, otherwise: &str) -> String {
    match due {
        None => otherwise.into(),
        Some(Instant::NEVER) => "due never".into(),
        Some(due) => {
            let left = due.saturating_since(Monotonic.now());
            if left.is_zero() {
                "due now".into()
            } else {
                format!("due in {:.3} s", left.as_secs_f64())
            }
        }
    }
}

fn no_copy(name: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "cannot copy or pickle a {name}: it is one clock's business in one process; make another one"
    ))
}

// ---------------------------------------------------------------- Timer

/// Sends one value on its channel `c` after so many seconds, `time.time()` of that instant. Go's time.NewTimer.
///
/// What `after_func` returns is a Timer too: it has no channel, and calls its function instead.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Timer {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sends(Py<RecvChan>),
    Calls(Box<Call>),
}

#[derive(Debug)]
struct Call {
    function: Py<PyAny>,
    origin: Origin,
    /// Where the next call stands among the timers, and in which process; it may have happened. What may not happen under it: a drop.
    place: Mutex<Option<(Key, u32)>>,
}

impl Call {
    fn stop(&self) -> bool {
        let left = take_back(&mut self.place.lock());
        left.is_some()
    }

    fn reset(timer: &Bound<'_, Timer>, call: &Self, span: Duration) -> bool {
        let at = Monotonic.now().saturating_add(span);
        let job = Due::Call(Ref::new(timer.clone()));
        let (left, is_first) = {
            let mut place = call.place.lock();
            let left = take_back(&mut place);
            let (key, is_first) = world::get().timers.add(at, job);
            *place = Some((key, epoch::current()));
            (left, is_first)
        };
        if is_first {
            due::is_next(timer.py(), at);
        }
        left.is_some()
    }

    /// When the next call is due.
    fn due(&self) -> Option<Instant> {
        let (key, made_in) = (*self.place.lock())?;
        (made_in == epoch::current() && world::get().timers.has(key)).then(|| key.at())
    }
}

/// Takes the call back, if it has not happened.
fn take_back(place: &mut Option<(Key, u32)>) -> Option<Due> {
    let (key, made_in) = place.take()?;
    if made_in != epoch::current() {
        return None;
    }
    world::get().timers.cancel(key)
}

impl Timer {
    /// Its time has come: the function begins, in a goroutine of its own.
    pub fn call(&self, py: Python<'_>) {
        let Kind::Calls(call) = &self.kind else {
            return;
        };
        let function = call.function.bind(py);
        guard::with_error_aside(py, || {
            if let Err(error) = call.origin.start(function) {
                guard::raise_later(py, error, Some(function));
            }
        });
    }
}

/// Calls `fn()` in a goroutine of its own after so many seconds. Go's time.AfterFunc.
///
/// The Timer's `stop()` takes the call back; `reset()` has it made again. The goroutine has a copy of the caller's contextvars.
/// TypeError for something that cannot be called.
#[pyfunction]
#[pyo3(signature = (seconds, r#fn, /))]
pub fn after_func<'py>(seconds: &Bound<'py, PyAny>, r#fn: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Timer>> {
    let span = limit::span(seconds, "after_func()", "seconds")?;
    let call = Call {
        origin: Origin::here("after_func()", r#fn)?,
        function: r#fn.clone().unbind(),
        place: Mutex::new(None),
    };
    let kind = Kind::Calls(Box::new(call));
    let timer = Bound::new(r#fn.py(), Timer { kind })?;
    if let Kind::Calls(call) = &timer.get().kind {
        Call::reset(&timer, call, span.unwrap_or(Duration::ZERO));
    }
    Ok(timer)
}

#[pymethods]
impl Timer {
    #[new]
    #[pyo3(signature = (seconds, /))]
    fn new(py: Python<'_>, seconds: &Bound<'_, PyAny>) -> PyResult<Self> {
        let span = limit::span(seconds, "Timer()", "seconds")?;
        let kind = Kind::Sends(channel(py, span.unwrap_or(Duration::ZERO), None)?);
        Ok(Self { kind })
    }

    /// The channel, which works on when the Timer is gone; None for `after_func`'s.
    #[getter]
    fn c<'py>(&self, py: Python<'py>) -> Option<Bound<'py, RecvChan>> {
        match &self.kind {
            Kind::Sends(chan) => Some(chan.bind(py).clone()),
            Kind::Calls(_) => None,
        }
    }

    /// Stops it. True if that kept its value from being received, or its function from being started.
    ///
    /// False: the value was received, the function was started (it may still run), or it was stopped before. After it no
    /// value can be received any more. It closes nothing. Go's Timer.Stop.
    fn stop(&self, py: Python<'_>) -> bool {
        match &self.kind {
            Kind::Sends(chan) => {
                let core = base(chan.bind(py)).get().core();
                let was = core.disarm();
                fed::left(core);
                was
            }
            Kind::Calls(call) => call.stop(),
        }
    }

    /// Starts it anew, to fire after so many seconds from now. The result is what `stop()` would have said.
    ///
    /// A value of the old setting can not be received any more. Go's Timer.Reset.
    #[pyo3(signature = (seconds, /))]
    fn reset(slf: &Bound<'_, Self>, seconds: &Bound<'_, PyAny>) -> PyResult<bool> {
        let span = limit::span(seconds, "Timer.reset()", "seconds")?.unwrap_or(Duration::ZERO);
        Ok(match &slf.get().kind {
            Kind::Sends(chan) => {
                let chan = base(chan.bind(slf.py()));
                let was = chan.get().core().arm(span, None);
                fed::attend(chan);
                was
            }
            Kind::Calls(call) => {
                crate::exit::refuse("Timer.reset()")?;
                Call::reset(slf, call, span)
            }
        })
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (py, at) = (slf.py(), slf.as_ptr().addr());
        match &slf.get().kind {
            Kind::Sends(chan) => {
                let state = when(base(chan.bind(py)).get().core().due(), "not armed");
                format!("<gochan.Timer at {at:#x} {state}>")
            }
            Kind::Calls(call) => {
                let (name, state) = (
                    callable::short_name(call.function.bind(py)),
                    when(call.due(), "not armed"),
                );
                format!("<gochan.Timer at {at:#x} of {name}() {state}>")
            }
        }
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy("Timer"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.kind {
            Kind::Sends(chan) => visit.call(chan),
            Kind::Calls(call) => {
                visit.call(&call.function)?;
                call.origin.traverse(visit)
            }
        }
    }
}

// ---------------------------------------------------------------- Ticker

/// Sends on its channel `c` every `period` seconds, `time.time()` of the instant each tick was due. Go's time.NewTicker.
///
/// The ticks keep to their grid. For a slow receiver ticks are dropped: it gets the first one it missed, then the next that is to
/// come. `for` and `async for` receive from the channel, and never end by themselves; leaving `with` stops the ticker.
#[pyclass(frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Ticker {
    chan: Py<RecvChan>,
}

fn positive(period: &Bound<'_, PyAny>, name: &str) -> PyResult<Duration> {
    limit::span(period, name, "period")?.ok_or_else(|| {
        PyValueError::new_err(format!(
            "{name}: non-positive interval: the period must be more than 0 seconds"
        ))
    })
}

impl Ticker {
    fn core(&self, py: Python<'_>) -> Arc<ChanCore> {
        Arc::clone(base(self.chan.bind(py)).get().core())
    }
}

#[pymethods]
impl Ticker {
    #[new]
    #[pyo3(signature = (period, /))]
    fn new(py: Python<'_>, period: &Bound<'_, PyAny>) -> PyResult<Self> {
        let period = positive(period, "Ticker()")?;
        let chan = channel(py, period, Some(period))?;
        Ok(Self { chan })
    }

    /// The channel, which works on when the Ticker is gone.
    #[getter]
    fn c<'py>(&self, py: Python<'py>) -> Bound<'py, RecvChan> {
        self.chan.bind(py).clone()
    }

    /// Stops it: no tick can be received any more. It does not close the channel; whoever waits there waits on. Go's Ticker.Stop.
    fn stop(&self, py: Python<'_>) {
        let core = self.core(py);
        core.disarm();
        fed::left(&core);
    }

    /// Starts it anew with another period, also after a stop: the first tick comes a period from now. Go's Ticker.Reset.
    #[pyo3(signature = (period, /))]
    fn reset(&self, period: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = period.py();
        let period = positive(period, "Ticker.reset()")?;
        self.core(py).arm(period, Some(period));
        fed::attend(base(self.chan.bind(py)));
        Ok(())
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, py: Python<'_>, _exc: &Bound<'_, PyTuple>) {
        self.stop(py);
    }

    fn __iter__(&self, py: Python<'_>) -> ChanIter {
        ChanIter::new(Ref::new(base(self.chan.bind(py)).clone()))
    }

    fn __aiter__(&self, py: Python<'_>) -> ChanAsyncIter {
        ChanAsyncIter::new(Ref::new(base(self.chan.bind(py)).clone()))
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (py, at) = (slf.py(), slf.as_ptr().addr());
        let core = slf.get().core(py);
        let state = when(core.due(), "stopped");
        // Whoever asked for more than the clock counts to, or for ever, gets its end.
        let counted = |period: &Duration| period.as_nanos() < u64::MAX.into();
        let period = core.period().filter(counted);
        let period = period.map_or(f64::INFINITY, |period| period.as_secs_f64());
        format!("<gochan.Ticker at {at:#x} every {period} s, {state}>")
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(no_copy("Ticker"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.chan)
    }
}
