//! `select`, `aselect` and `sending`: one of several sends and receives, whichever can happen first.
//!
//! What an arm is, is looked at in the call, before any effect: a channel that receives, what [`sending`] made, or None, which is
//! Go's nil channel and never ready. Arms that are None are left out, and the others keep their number.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::{ChanBase, RecvChan, SendChan};
use crate::chan_type;
use crate::context::Context;
use crate::face;
use crate::fed;
use crate::gc::visit_value;
use crate::goroutine::Goroutine;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::operation::{Operation, Queued};
use crate::registration::{Queue, Stay, Stays};
use crate::text;
use crate::timer::{Ticker, Timer};
use crate::value::{Ref, Value};
use crate::wake::{ChanCore, Waker};
use gochan_core::Outcome;
use gochan_core::channel::RawChannel;
use gochan_core::select::{self as core, Did, Leads, MOST_ARMS, Order, Start, Way};
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyTuple};
use smallvec::SmallVec;
use std::cell::Cell;
use std::fmt::Write;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

/// A channel and the number of its arm, as the user wrote it.
#[derive(Debug)]
struct Target {
    chan: Ref<ChanBase>,
    number: u32,
}

impl Leads<Value, Waker> for Target {
    fn channel(&self) -> &RawChannel<Value, Waker> {
        self.chan.get().core()
    }
}

impl Target {
    fn core(&self) -> &Arc<ChanCore> {
        self.chan.get().core()
    }

    /// What the arm gives when it has done something.
    fn did(&self, py: Python<'_>, did: Did<Value>) -> PyResult<Py<PyAny>> {
        result(self.chan.bind(py), self.number, did)
    }
}

/// `(index, value, ok)`, for what an arm of that channel has done.
#[inline]
pub fn result(chan: &Bound<'_, ChanBase>, number: u32, did: Did<Value>) -> PyResult<Py<PyAny>> {
    let py = chan.py();
    let (value, ok) = match did {
        Did::Received(value) => (value.into_bound(py), true),
        Did::Ticked(due) => (chan.get().core().made(due).into_bound(py), true),
        Did::Sent => (py.None().into_bound(py), true),
        Did::FoundClosed => (py.None().into_bound(py), false),
        Did::Refused(_) => return Err(face::send_on_closed(chan)),
    };
    let number = number_of(py, number);
    let ok = PyBool::new(py, ok).to_owned().into_any();
    // SAFETY: attached. A new tuple or null; each place is filled once, with a reference that goes over.
    unsafe {
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(3))?;
        for (at, item) in (0..).zip([number, value, ok]) {
            ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at, item.into_ptr());
        }
        Ok(tuple.unbind())
    }
}

/// The number of an arm as an int.
#[inline]
fn number_of(py: Python<'_>, number: u32) -> Bound<'_, PyAny> {
    static FIRST: Kept<[Py<PyInt>; 16]> = Kept::new();
    let first = FIRST.get_or_init(py, || {
        std::array::from_fn(|number| PyInt::new(py, number).unbind())
    });
    match first.get(number as usize) {
        Some(number) => number.bind(py).clone().into_any(),
        None => PyInt::new(py, number).into_any(),
    }
}

type Arm = core::Arm<Target, Value>;

#[derive(Debug)]
pub struct Select {
    arms: SmallVec<[Arm; 2]>,
    /// Rather nothing than to wait.
    default: bool,
    priority: bool,
    /// Nothing was ready a moment ago, when `at_once` looked.
    looked: bool,
}

/// So many arms have room in the memory that is kept, 3 KB: a thread that once chose among thousands is not to hold the memory for
/// that until it ends.
const KEPT_ARMS: usize = 64;

thread_local! {
    /// Memory for the next select of this thread: empty, and so of no interest to Python.
    static SPARE: Cell<Option<Box<Select>>> = const { Cell::new(None) };
}

/// One arm that sends: what `sending(ch, value)` makes.
#[pyclass(frozen, generic, module = "gochan")]
#[derive(Debug)]
pub struct SendCase {
    /// `None`: a nil channel.
    chan: Option<Py<SendChan>>,
    value: Py<PyAny>,
}

impl SendCase {
    /// The channel and a reference to the value, unless the channel is nil.
    #[inline]
    pub fn parts<'a, 'py>(&'a self, py: Python<'py>) -> Option<(&'a Bound<'py, ChanBase>, Value)> {
        let chan = self.chan.as_ref()?.bind(py).as_super();
        Some((chan, Value::new(self.value.bind(py).clone())))
    }
}

#[pymethods]
impl SendCase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err(
            "a SendCase cannot be created by itself: sending(ch, value) makes one",
        ))
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let value = text::type_name(self.value.bind(py));
        match &self.chan {
            Some(chan) => format!(
                "<gochan.SendCase of a value of type {value} on {}>",
                ChanBase::describe(chan.bind(py).as_super())
            ),
            None => format!("<gochan.SendCase of a value of type {value} on no channel>"),
        }
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a SendCase: its channel is one place that many share; make another with sending()",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.chan)?;
        visit.call(&self.value)
    }
}

/// An arm for `select` and `aselect` that sends `value` on `ch`; None for `ch` is an arm that is never ready.
///
/// It may be used again, each time to send the same value. Go's `case ch <- value:`.
#[pyfunction]
#[pyo3(signature = (ch, value, /))]
pub fn sending(ch: &Bound<'_, PyAny>, value: Py<PyAny>) -> PyResult<SendCase> {
    if ch.is_none() {
        return Ok(SendCase { chan: None, value });
    }
    match ch.cast::<SendChan>() {
        Ok(chan) => Ok(SendCase {
            chan: Some(chan.clone().unbind()),
            value,
        }),
        Err(_) if ch.is_instance_of::<RecvChan>() => Err(PyTypeError::new_err(
            "sending(): this channel is receive-only; send on the Chan itself or on its .sender",
        )),
        Err(_) => {
            let kind = text::type_name(ch);
            Err(PyTypeError::new_err(format!(
                "sending(): the first argument must be a channel that sends, or None, not {kind}"
            )))
        }
    }
}

/// A bool as users give it. Which parameter it is for, only the function knows that asks.
pub enum Switch<'py> {
    Off,
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Switch<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(given.to_owned()))
    }
}

impl Switch<'_> {
    fn is_on(&self, name: &str, parameter: &str) -> PyResult<bool> {
        let given = match self {
            Self::Off => return Ok(false),
            Self::Given(given) => given,
        };
        let Ok(given) = given.cast::<PyBool>() else {
            let kind = text::type_name(given);
            return Err(PyTypeError::new_err(format!(
                "{name}: {parameter} must be True or False, not {kind}"
            )));
        };
        Ok(given.is_true())
    }
}

/// Waits until one of the arms can happen, does it, and returns `(index, value, ok)`.
///
/// An arm is a channel (it receives), `sending(ch, value)`, or None (it is never ready). If several are ready, each is as likely as any
/// other; with `priority=True` the first of them is taken. A receive gives `(i, value, True)`, or `(i, None, False)` when the
/// channel is closed and drained; a send gives `(i, None, True)`, or raises ChanClosed when the channel is closed.
///
/// With `default=True` it never waits: None if no arm is ready. Without an arm that could ever be ready it waits for ever. Go's select.
///
/// `timeout` is in seconds, or a timedelta. TimeoutError when it has passed; the error of `ctx`, Canceled or DeadlineExceeded, when that
/// is done, which wins over every arm and over the default; TypeError for what is no arm; ValueError for a default and a timeout;
/// BlockingError if it would block a running event loop.
#[pyfunction]
#[pyo3(
    signature = (*arms, default=Switch::Off, timeout=None, ctx=None, priority=Switch::Off),
    text_signature = "(*arms, default=False, timeout=None, ctx=None, priority=False)"
)]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn select(
    arms: &Bound<'_, PyTuple>,
    default: Switch<'_>,
    timeout: Option<&Bound<'_, PyAny>>,
    ctx: Option<&Bound<'_, PyAny>>,
    priority: Switch<'_>,
) -> PyResult<Py<PyAny>> {
    let (operation, limit) = Select::parse("select()", arms, &default, timeout, ctx, &priority)?;
    block::wait(arms.py(), operation, limit)
}

/// Awaitable twin of `select`: the same arguments, results and errors, but for BlockingError.
#[pyfunction]
#[pyo3(
    signature = (*arms, default=Switch::Off, timeout=None, ctx=None, priority=Switch::Off),
    text_signature = "(*arms, default=False, timeout=None, ctx=None, priority=False)"
)]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn aselect<'py>(
    arms: &Bound<'py, PyTuple>,
    default: Switch<'_>,
    timeout: Option<&Bound<'py, PyAny>>,
    ctx: Option<&Bound<'py, PyAny>>,
    priority: Switch<'_>,
) -> PyResult<Bound<'py, Awaitable>> {
    let (operation, limit) = Select::parse("aselect()", arms, &default, timeout, ctx, &priority)?;
    Awaitable::new(arms.py(), operation, limit)
}

/// Counts the selects of this process: each has a number of its own to begin with.
static SELECTS: AtomicU64 = AtomicU64::new(0);

impl Select {
    fn parse(
        name: &str,
        given: &Bound<'_, PyTuple>,
        default: &Switch<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
        priority: &Switch<'_>,
    ) -> PyResult<(Operation, Limit)> {
        let default = default.is_on(name, "default")?;
        let priority = priority.is_on(name, "priority")?;
        let limit = Limit::parse(timeout, name)?;
        if default && limit != Limit::Never {
            return Err(PyValueError::new_err(format!(
                "{name}: with default=True it never waits, so a timeout means nothing: give one of the two"
            )));
        }
        let mut select = Self::empty();
        (select.default, select.priority) = (default, priority);
        select.parse_arms(name, given.iter_borrowed())?;
        let operation = Operation::Select(select).under(ctx, name)?;
        Ok((operation, limit))
    }

    /// With nothing but arms.
    #[inline]
    pub fn plain(name: &str, given: &[Bound<'_, PyAny>]) -> PyResult<Box<Self>> {
        let mut select = Self::empty();
        select.parse_arms(name, given.iter())?;
        Ok(select)
    }

    /// Without arms, in the memory of one that was, if there is any.
    #[inline]
    #[allow(clippy::unnecessary_box_returns)] // the box is what is kept
    fn empty() -> Box<Self> {
        // An error: the thread is about to end.
        if let Ok(Some(spare)) = SPARE.try_with(Cell::take) {
            return spare;
        }
        Box::new(Self {
            arms: SmallVec::new(),
            default: false,
            priority: false,
            looked: false,
        })
    }

    #[inline]
    fn parse_arms<'py, A>(&mut self, name: &str, given: impl ExactSizeIterator<Item = A>) -> PyResult<()>
    where
        A: Deref<Target = Bound<'py, PyAny>>,
    {
        if given.len() > MOST_ARMS {
            return Err(PyValueError::new_err(format!(
                "{name}: at most {MOST_ARMS} arms, not {}",
                given.len()
            )));
        }
        for (number, arm) in (0..).zip(given) {
            if let Some(arm) = parse_arm(name, number, &arm)? {
                self.arms.push(arm);
            }
        }
        Ok(())
    }

    /// The end of one that nobody waits for: its memory is kept, unless it had very many arms.
    #[inline]
    pub fn recycle(mut self: Box<Self>) {
        self.arms.clear();
        if self.arms.capacity() > KEPT_ARMS {
            return;
        }
        (self.default, self.priority, self.looked) = (false, false, false);
        // Only now: what was dropped may have selected.
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    #[inline]
    fn order(&mut self) -> Order {
        if self.priority {
            Order::Written
        } else if std::mem::take(&mut self.looked) {
            Order::Looked(random_seed())
        } else {
            Order::Random(random_seed())
        }
    }

    /// Fires an arm if one of them is seen to be ready. `None` says nothing of any one instant, and nothing has changed then.
    #[inline]
    pub fn at_once(&mut self, py: Python<'_>) -> Option<PyResult<Py<PyAny>>> {
        if self.priority {
            return None;
        }
        let fired = core::look_once(&mut self.arms, random_seed());
        self.looked = fired.is_none();
        fired.map(|(at, did)| self.arms[at].chan.did(py, did))
    }

    pub fn attempt(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let order = self.order();
        match core::try_select(&mut self.arms, order) {
            Start::Fired(at, did) => self.arms[at].chan.did(py, did).map(Some),
            Start::NoneReady if self.default => Ok(Some(py.None())),
            Start::NoneReady => Ok(None),
        }
    }

    pub fn queue(&mut self, py: Python<'_>, waker: &mut dyn FnMut(u32) -> Waker) -> PyResult<Queued> {
        let order = self.order();
        match core::select_or_park(&mut self.arms, order, waker) {
            Start::Fired(at, did) => self.arms[at].chan.did(py, did).map(Queued::Not),
            Start::NoneReady => {
                for arm in &self.arms {
                    fed::attend(arm.chan.chan.bind(py));
                }
                Ok(Queued::In(Ticket::NOWHERE))
            }
        }
    }

    /// What the arm gives that a peer settled.
    pub fn finish(&mut self, py: Python<'_>, outcome: Outcome<Value>, arm: u32) -> PyResult<Py<PyAny>> {
        let core::Arm { chan, way, .. } = &self.arms[arm as usize];
        match (outcome, way) {
            (Outcome::Received(value, _), _) => chan.did(py, Did::Received(value)),
            (Outcome::Ticked(tick), _) => chan.did(py, Did::Ticked(tick.due)),
            (Outcome::Closed, Way::Recv) => chan.did(py, Did::FoundClosed),
            (Outcome::Closed, Way::Send(_)) => Err(face::send_on_closed(chan.chan.bind(py))),
            (_, _) => chan.did(py, Did::Sent),
        }
    }

    /// Takes the waiter out of all queues.
    pub fn leave(&self) {
        core::leave(&self.arms);
        for arm in &self.arms {
            fed::left(arm.chan.core());
        }
    }

    pub fn give_back(&self, outcome: Outcome<Value>, arm: u32) {
        if let Some(arm) = self.arms.get(arm as usize) {
            fed::give_back(arm.chan.core(), outcome);
        }
    }

    pub fn stays(&self) -> Stays {
        let stay = |(arm, at): (&Arm, u32)| {
            let chan = Arc::clone(arm.chan.core());
            Stay {
                queue: match arm.way {
                    Way::Recv => Queue::Receiver(chan),
                    Way::Send(_) => Queue::Sender(chan),
                },
                ticket: arm.ticket,
                arm: at,
            }
        };
        self.arms.iter().zip(0..).map(stay).collect()
    }

    /// Whether `queue` does all that `attempt` does.
    pub fn is_plain(&self) -> bool {
        !self.default
    }

    /// For messages.
    pub fn describe(&self, py: Python<'_>) -> String {
        const SHOWN: usize = 3;
        if self.arms.is_empty() {
            return "no channel at all".into();
        }
        let arm = |arm: &Arm| {
            let way = match arm.way {
                Way::Recv => "recv from",
                Way::Send(_) => "send on",
            };
            format!("{way} {}", ChanBase::describe(arm.chan.chan.bind(py)))
        };
        let mut text = self
            .arms
            .iter()
            .take(SHOWN)
            .map(arm)
            .collect::<Vec<_>>()
            .join(", ");
        if self.arms.len() > SHOWN {
            // Writing to a string does not fail.
            let _ = write!(text, " and {} more", self.arms.len() - SHOWN);
        }
        text
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for arm in &self.arms {
            visit_value(visit, arm.chan.chan.value())?;
            if let Way::Send(Some(value)) = &arm.way {
                visit_value(visit, value)?;
            }
        }
        Ok(())
    }
}

/// A fresh one each time.
#[inline]
pub fn random_seed() -> u64 {
    let number = SELECTS.load(Ordering::Relaxed);
    // Not in one atomic step, which would cost as much as all else here. Without the GIL a thread that is held up in between sets the
    // count back, and numbers come again: each select chooses at random all the same.
    SELECTS.store(number.wrapping_add(1), Ordering::Relaxed);
    core::mixed(&mut (number ^ seed()))
}

/// One arm as the user gives it; `None` for one that is never ready.
#[inline]
fn parse_arm(name: &str, number: u32, arm: &Bound<'_, PyAny>) -> PyResult<Option<Arm>> {
    if let Some(chan) = chan_type::receiver_of(arm) {
        let chan = Ref::new(chan.as_super().clone());
        return Ok(Some(Arm::recv(Target { chan, number })));
    }
    if arm.is_none() {
        return Ok(None);
    }
    let Ok(case) = arm.cast::<SendCase>() else {
        return Err(no_arm(name, number, arm));
    };
    Ok(case.get().parts(arm.py()).map(|(chan, value)| {
        let chan = Ref::new(chan.clone());
        Arm::send(Target { chan, number }, value)
    }))
}

#[cold]
fn no_arm(name: &str, number: u32, arm: &Bound<'_, PyAny>) -> PyErr {
    if arm.is_instance_of::<SendChan>() {
        return PyTypeError::new_err(format!(
            "{name}: arm {number} is a send-only channel, which can not receive; to send write sending(ch, value)"
        ));
    }
    let kind = text::type_name(arm);
    let channel = if arm.is_instance_of::<Timer>() || arm.is_instance_of::<Ticker>() {
        "c"
    } else if arm.is_instance_of::<Goroutine>() || arm.is_instance_of::<Context>() {
        "done"
    } else {
        return PyTypeError::new_err(format!(
            "{name}: arm {number} must be a channel to receive from, sending(ch, value) or None, not {kind}"
        ));
    };
    PyTypeError::new_err(format!(
        "{name}: arm {number} is a {kind}, which is no channel but has one: write its .{channel}"
    ))
}

/// Where this process begins to count; 0 before it is asked.
static SEED: AtomicU64 = AtomicU64::new(0);

/// The children of one parent are not to choose alike.
pub fn after_fork_in_child() {
    SEED.store(0, Ordering::Relaxed);
}

/// Somewhere else each time, so that programs do not come to rely on one order.
fn seed() -> u64 {
    let known = SEED.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |since| {
            u64::from(since.subsec_nanos()) ^ (since.as_secs() << 30)
        });
    let mut state = now ^ (u64::from(std::process::id()) << 32);
    let new = core::mixed(&mut state) | 1;
    SEED.store(new, Ordering::Relaxed);
    new
}
