//! A node of the tree of contexts, as the interpreter sees it: what stands behind a `CancelContext`.
//!
//! Three objects share the work, so that each reference is counted once and the collector sees who can still end whom:
//!
//! ```text
//! CancelContext  --->  ContextNode  <--->  ContextNode of the parent
//! (users hold it)      the timers hold it, and its parent does, until it is over
//! ```
//!
//! Invariants:
//! * Whoever can end a node holds a counted reference to it: its parent, the timers, a foreign parent's callback. So what
//!   waits for a deadline is never taken for garbage, although no user can reach it.
//! * Whoever waits on a node's `done` holds its `CancelContext`: a view of the channel does. So when that one goes, nobody
//!   waits and nobody can cancel: the node is let go, and leaves parent and timers unless after-functions hang on it.

use crate::due::{self, Due};
use crate::exit;
use crate::gc::{visit_chan, visit_value};
use crate::guard;
use crate::kept::{Kept, intern};
use crate::spawn::Origin;
use crate::value::{Ref, Value};
use crate::wake::{ChanCore, Waker};
use crate::world;
use gochan_core::clock::Instant;
use gochan_core::context::{self, End, Family, Held, Node, Reason};
use gochan_core::sched::timers::Key;
use gochan_core::sys::Arc;
use gochan_core::wait_queue::Ticket;
use gochan_core::waiter::epoch;
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::atomic::{AtomicU32, Ordering};

/// Contexts as this crate has them.
#[derive(Debug)]
pub struct Tree;

impl Family for Tree {
    type Value = Value;
    type Parked = Waker;
    type Cause = Cause;
    type Func = AtEnd;
    type Link = Link;
}

/// An exception, as the cause of an end.
#[derive(Debug)]
pub struct Cause(Value);

impl Cause {
    pub fn new(error: Bound<'_, PyAny>) -> Self {
        Self(Value::new(error))
    }

    pub fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: attached, a live object.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr()) }
    }
}

impl Clone for Cause {
    fn clone(&self) -> Self {
        // SAFETY: contexts are handled by attached threads only; a live object.
        Self(unsafe { Value::from_borrowed(self.0.as_ptr()) })
    }
}

/// A counted reference to a node.
#[derive(Debug)]
pub struct Link(Ref<ContextNode>);

impl Link {
    pub fn new(node: Bound<'_, ContextNode>) -> Self {
        Self(Ref::new(node))
    }

    pub fn get(&self) -> &ContextNode {
        self.0.get()
    }

    pub fn value(&self) -> &Value {
        self.0.value()
    }
}

impl Clone for Link {
    fn clone(&self) -> Self {
        // SAFETY: contexts are handled by attached threads only.
        let py = unsafe { Python::assume_attached() };
        Self(Ref::new(self.0.bind(py).clone()))
    }
}

impl context::Link<Tree> for Link {
    fn node(&self) -> &Node<Tree> {
        &self.get().core
    }
}

/// What is to be done when a node ends.
#[derive(Debug)]
pub enum AtEnd {
    /// An after-function: it runs in a goroutine of its own, which belongs to whoever registered it, not to who ends the context.
    Start(Box<AfterFunc>),
    /// It needs no timer any more. Of which process the timer is, is named too.
    Disarm(Key, u32),
    /// A foreign parent need not call back any more: its `stop`.
    Unregister(Value),
    /// The goroutine that watches a foreign parent is to end.
    Dismiss(Arc<ChanCore>),
}

/// What `context_after_func` was given, and by whom.
#[derive(Debug)]
pub struct AfterFunc {
    pub function: Value,
    pub origin: Origin,
}

/// The deadline of a context that has one of its own.
#[derive(Debug)]
pub struct Deadline {
    /// On the clock of `time.monotonic()`.
    pub seconds: f64,
    /// The same, on ours.
    pub at: Instant,
    pub cause: Option<Cause>,
}

/// Hidden: users meet its `CancelContext`.
#[pyclass(frozen, module = "gochan", name = "_ContextNode")]
#[derive(Debug)]
pub struct ContextNode {
    core: Node<Tree>,
    deadline: Option<Deadline>,
    /// What `err` gives, once somebody asked: the same object each time.
    err: Mutex<Option<Py<PyAny>>>,
    /// In which process its timer stands.
    epoch: AtomicU32,
}

#[pymethods]
impl ContextNode {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        self.core.try_visit(&mut |held| {
            if result.is_err() {
                return;
            }
            result = match held {
                Held::Done(done) => visit_chan(visit, done),
                Held::Cause(cause) => visit_value(visit, &cause.0),
                Held::Kin(link) => visit_value(visit, link.value()),
                Held::Func(AtEnd::Start(func)) => {
                    visit_value(visit, &func.function).and_then(|()| func.origin.traverse(visit))
                }
                Held::Func(AtEnd::Unregister(stop)) => visit_value(visit, stop),
                Held::Func(AtEnd::Disarm(..) | AtEnd::Dismiss(_)) => Ok(()),
            };
        });
        result?;
        if let Some(cause) = self
            .deadline
            .as_ref()
            .and_then(|deadline| deadline.cause.as_ref())
        {
            visit_value(visit, &cause.0)?;
        }
        match self.err.try_lock().as_deref() {
            Some(err) => visit.call(err),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.core.clear();
        let err = self.err.lock().take();
        drop(err);
    }
}

impl ContextNode {
    pub fn make(py: Python<'_>, deadline: Option<Deadline>) -> PyResult<Link> {
        // A context may end when the interpreter does, where nothing can be imported any more.
        class(py, Reason::Canceled)?;
        class(py, Reason::DeadlineExceeded)?;
        let node = Self {
            core: Node::new(),
            deadline,
            err: Mutex::new(None),
            epoch: AtomicU32::new(epoch::current()),
        };
        Ok(Link::new(Bound::new(py, node)?))
    }

    pub fn core(&self) -> &Node<Tree> {
        &self.core
    }

    pub fn deadline(&self) -> Option<&Deadline> {
        self.deadline.as_ref()
    }

    /// The exception that says how it ended: one object for the life of the node.
    pub fn err<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(reason) = self.core.reason() else {
            return Ok(None);
        };
        if let Some(err) = self.err.lock().as_ref() {
            return Ok(Some(err.bind(py).clone()));
        }
        // Not under the lock: making it runs Python.
        let made = error_of(py, reason)?;
        let mut slot = self.err.lock();
        let err = slot.get_or_insert_with(|| made.clone().unbind()).bind(py).clone();
        drop(slot);
        drop(made);
        Ok(Some(err))
    }

    /// Why it ended: the cause that was given, else the error itself (X6).
    pub fn cause<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.core.end().and_then(|end| end.cause) {
            Some(cause) => Ok(Some(cause.bind(py))),
            None => self.err(py),
        }
    }
}

/// The class for a reason.
fn class(py: Python<'_>, reason: Reason) -> PyResult<&Bound<'_, PyType>> {
    static CANCELED: Kept<Py<PyType>> = Kept::new();
    static DEADLINE_EXCEEDED: Kept<Py<PyType>> = Kept::new();
    match reason {
        Reason::Canceled => CANCELED.import(py, "gochan.errors", "Canceled"),
        Reason::DeadlineExceeded => DEADLINE_EXCEEDED.import(py, "gochan.errors", "DeadlineExceeded"),
    }
}

/// A new exception for a reason, with Go's words.
///
/// Not by way of `PyErr`, which attaches anew when it makes its exception: when the interpreter is nearly gone it can not.
pub fn error_of(py: Python<'_>, reason: Reason) -> PyResult<Bound<'_, PyAny>> {
    let text = match reason {
        Reason::Canceled => intern!(py, "context canceled"),
        Reason::DeadlineExceeded => intern!(py, "context deadline exceeded"),
    };
    guard::call(class(py, reason)?, [text])
}

/// What an exception says when it is one of ours, and nothing else.
pub fn reason_of(error: &Bound<'_, PyAny>) -> Option<Reason> {
    let is = |&reason: &Reason| class(error.py(), reason).is_ok_and(|class| error.get_type().is(class));
    [Reason::Canceled, Reason::DeadlineExceeded].into_iter().find(is)
}

/// Ends a node and all below it, and does what is to be done then. True: it was not over before.
pub fn end(py: Python<'_>, link: &Link, reason: Reason, cause: Option<Cause>) -> bool {
    let cancelled = context::cancel::<Tree>(link, End::new(reason, cause));
    carry_out(py, cancelled.ended);
    cancelled.first
}

/// Ends a node whose parent is a foreign one, as that has ended.
pub fn end_with_parent(py: Python<'_>, link: &Link, reason: Reason, cause: Option<Cause>) {
    let cancelled = context::inherit::<Tree>(link, End::new(reason, cause));
    carry_out(py, cancelled.ended);
}

/// Makes a new node end with its parent.
pub fn attach(py: Python<'_>, parent: &Link, child: &Link) {
    carry_out(py, context::attach::<Tree>(parent, child));
}

/// Does something when the node ends, or is let go; at once when it is over.
pub fn tie(py: Python<'_>, link: &Link, what: AtEnd) {
    if let Err(what) = link.get().core.tie(what) {
        carry_out(py, vec![what]);
    }
}

/// Does something for the user when the node ends; at once when it is over, and then `None`.
pub fn add_func(py: Python<'_>, link: &Link, what: AtEnd) -> Option<Ticket> {
    match link.get().core.add_func(what) {
        Ok(ticket) => Some(ticket),
        Err(what) => {
            carry_out(py, vec![what]);
            None
        }
    }
}

/// Takes back what [`add_func`] added. False: too late.
pub fn remove_func(py: Python<'_>, link: &Link, ticket: Ticket) -> bool {
    match context::remove_func::<Tree>(link, ticket) {
        Some((func, undone)) => {
            drop(func);
            carry_out(py, undone);
            true
        }
        None => false,
    }
}

/// Nobody can ask for its `done` any more, nor cancel it.
pub fn let_go(py: Python<'_>, link: &Link) {
    if link.get().core.is_over() {
        return;
    }
    carry_out(py, context::let_go::<Tree>(link));
}

fn carry_out(py: Python<'_>, ended: Vec<AtEnd>) {
    for what in ended {
        match what {
            AtEnd::Start(func) => start(py, *func),
            AtEnd::Disarm(key, made_in) => {
                if made_in == epoch::current() {
                    due::cancel(key);
                }
            }
            AtEnd::Unregister(stop) => {
                let stop = stop.into_bound(py);
                if let Err(error) = guard::call(&stop, []) {
                    guard::raise_later(py, error, Some(&stop));
                }
            }
            AtEnd::Dismiss(quit) => {
                let _ = quit.close();
            }
        }
    }
}

/// Runs an after-function in a goroutine of its own.
fn start(py: Python<'_>, func: AfterFunc) {
    let AfterFunc { function, origin } = func;
    let function = function.into_bound(py);
    if world::is_stopped() {
        // The program has ended, as when Go's main returns.
        return;
    }
    if let Err(error) = origin.start(&function) {
        guard::raise_later(py, error, Some(&function));
    }
}

/// Has the node end at its deadline. Its parent may have ended it already.
pub fn arm(py: Python<'_>, link: &Link) {
    let node = link.get();
    let Some(deadline) = node.deadline() else { return };
    if deadline.at == Instant::NEVER || node.core.is_over() {
        return;
    }
    // Then what waits for its time can go at exit.
    if let Err(error) = exit::prepare(py) {
        guard::raise_later(py, error, None);
    }
    let key = due::add(py, deadline.at, Due::Context(link.clone()));
    tie(py, link, AtEnd::Disarm(key, epoch::current()));
}

/// Whether it was made before this process was forked.
pub fn is_of_another_process(link: &Link) -> bool {
    link.get().epoch.load(Ordering::Relaxed) != epoch::current()
}

/// In a forked child: the timers stayed in the parent, so the node needs a new one.
pub fn adopt(py: Python<'_>, link: &Link) {
    let now = epoch::current();
    if link.get().epoch.load(Ordering::Relaxed) != now && link.get().epoch.swap(now, Ordering::AcqRel) != now
    {
        arm(py, link);
    }
}

/// Its deadline has come.
pub fn expire(link: &Link) {
    // SAFETY: what is due happens in an attached thread.
    let py = unsafe { Python::assume_attached() };
    let cause = link.get().deadline().and_then(|deadline| deadline.cause.clone());
    end(py, link, Reason::DeadlineExceeded, cause);
}
