//! The functions that make contexts, and `context_after_func`.

use crate::context::{CancelContext, Context, Kind, check_key, checked_cause};
use crate::context_ask as ask;
use crate::context_node::{self as node, AtEnd, Cause, ContextNode, Deadline, Link};
use crate::context_parent::{self as parents, Source};
use crate::gc::visit_value;
use crate::kept::{Kept, intern};
use crate::limit;
use crate::spawn::Origin;
use crate::text;
use crate::value::Value;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::context::Reason;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::{PyException, PyOverflowError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::PyInt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn root(py: Python<'_>, slot: &'static Kept<Py<Context>>, kind: Kind) -> PyResult<Py<Context>> {
    slot.get_or_try_init(py, || Py::new(py, Context::of(kind)))
        .map(|root| root.clone_ref(py))
}

/// The context that is never done, has no deadline and no values: where all others begin. The same object each time.
#[pyfunction]
pub fn background(py: Python<'_>) -> PyResult<Py<Context>> {
    static ROOT: Kept<Py<Context>> = Kept::new();
    root(py, &ROOT, Kind::Background)
}

/// As `background()`, for where it is not clear yet which context to use.
#[pyfunction]
pub fn todo(py: Python<'_>) -> PyResult<Py<Context>> {
    static ROOT: Kept<Py<Context>> = Kept::new();
    root(py, &ROOT, Kind::Todo)
}

fn child<'py>(
    parent: &Bound<'py, PyAny>,
    deadline: Option<Deadline>,
    signals: Option<Box<str>>,
    who: &str,
) -> PyResult<Bound<'py, CancelContext>> {
    let py = parent.py();
    let source = Source::of(parent, who)?;
    let node = ContextNode::make(py, deadline)?;
    let kind = Kind::Cancel {
        parent: parent.clone().unbind(),
        node: node.clone(),
        signals,
    };
    let ctx = Bound::new(
        py,
        PyClassInitializer::from(Context::of(kind)).add_subclass(CancelContext),
    )?;
    parents::follow(&source, &node, py, who)?;
    Ok(ctx)
}

/// A context that is done when `cancel()` is called on it, or when its parent is.
#[pyfunction]
#[pyo3(signature = (parent, /))]
pub fn with_cancel<'py>(parent: &Bound<'py, PyAny>) -> PyResult<Bound<'py, CancelContext>> {
    let who = "with_cancel()";
    parents::check(parent, who)?;
    child(parent, None, None, who)
}

/// The context of a group, below `parent` if there is one.
pub fn of_group<'py>(
    py: Python<'py>,
    parent: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, CancelContext>> {
    let who = "Group()";
    match parent {
        Some(parent) => {
            if parent.is_instance_of::<PyInt>() {
                return Err(PyTypeError::new_err(format!(
                    "{who}: the context must be a Context, not {}; a limit is given by name, Group(limit=8)",
                    text::type_name(parent)
                )));
            }
            parents::check(parent, who)?;
            child(parent, None, None, who)
        }
        None => child(background(py)?.bind(py).as_any(), None, None, who),
    }
}

/// One that signals are to end too. Their names are for its own.
pub fn with_signals<'py>(
    parent: &Bound<'py, PyAny>,
    names: String,
) -> PyResult<(Bound<'py, CancelContext>, Link)> {
    let who = "signal.notify_context()";
    parents::check(parent, who)?;
    let ctx = child(parent, None, Some(names.into()), who)?;
    let base: &Bound<'_, Context> = ctx.as_super();
    let Kind::Cancel { node, .. } = base.get().kind() else {
        unreachable!("it was just made as one");
    };
    let node = node.clone();
    Ok((ctx, node))
}

/// As `with_cancel()`, and done after `timeout` seconds at the latest, with `cause`.
#[pyfunction]
#[pyo3(signature = (parent, timeout, /, *, cause=None))]
pub fn with_timeout<'py>(
    parent: &Bound<'py, PyAny>,
    timeout: &Bound<'py, PyAny>,
    cause: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, CancelContext>> {
    let who = "with_timeout()";
    parents::check(parent, who)?;
    let timeout = limit::seconds(timeout, who, "timeout")?;
    let cause = checked_cause(cause, who)?;
    until(parent, ask::now_seconds(parent.py()) + timeout, cause, who)
}

/// As `with_cancel()`, and done at `deadline` at the latest, on the clock of `time.monotonic()`, with `cause`.
#[pyfunction]
#[pyo3(signature = (parent, deadline, /, *, cause=None))]
pub fn with_deadline<'py>(
    parent: &Bound<'py, PyAny>,
    deadline: &Bound<'py, PyAny>,
    cause: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, CancelContext>> {
    let who = "with_deadline()";
    parents::check(parent, who)?;
    let deadline = instant(deadline, who)?;
    let cause = checked_cause(cause, who)?;
    until(parent, deadline, cause, who)
}

/// A point on the clock, as users give it.
fn instant(deadline: &Bound<'_, PyAny>, who: &str) -> PyResult<f64> {
    deadline.extract::<f64>().map_err(|error| {
        if !error.is_instance_of::<PyException>(deadline.py()) {
            return error; // Ctrl-C, in a `__float__` written in Python
        }
        if error.is_instance_of::<PyOverflowError>(deadline.py()) {
            return PyValueError::new_err(format!("{who}: deadline must be in the range of a float"));
        }
        PyTypeError::new_err(format!(
            "{who}: deadline must be seconds on the clock of time.monotonic() (float or int), not {}",
            text::type_name(deadline)
        ))
    })
}

fn until<'py>(
    parent: &Bound<'py, PyAny>,
    seconds: f64,
    cause: Option<Cause>,
    who: &str,
) -> PyResult<Bound<'py, CancelContext>> {
    let py = parent.py();
    if seconds.is_nan() {
        return Err(PyValueError::new_err(format!("{who}: not a number (NaN)")));
    }
    let above = match parent.cast::<Context>() {
        Ok(ours) if !matches!(ours.get().kind(), Kind::Subclass) => ask::deadline_of(ours)?,
        _ => parent
            .getattr_opt(intern!(py, "deadline"))?
            .filter(|above| !above.is_none()),
    };
    if let Some(above) = above {
        if above.extract::<f64>()? < seconds {
            // X7: the parent ends it before, so there is nothing to have a cause for.
            return child(parent, None, None, who);
        }
    }
    let left = seconds - ask::now_seconds(py);
    let at = match Duration::try_from_secs_f64(left.max(0.0)) {
        Ok(left) => Monotonic.now().saturating_add(left),
        // What is too far away to be counted never comes.
        Err(_) => Instant::NEVER,
    };
    let late = cause.clone();
    let ctx = child(parent, Some(Deadline { seconds, at, cause }), None, who)?;
    let base: &Bound<'_, Context> = ctx.as_super();
    if let Kind::Cancel { node, .. } = base.get().kind() {
        if left <= 0.0 {
            // X8: but a parent that was done already has won.
            node::end(py, node, Reason::DeadlineExceeded, late);
        } else {
            node::arm(py, node);
        }
    }
    Ok(ctx)
}

/// A context with one value more, for all that derive from it. Keys match by type and equality.
#[pyfunction]
#[pyo3(signature = (parent, key, value, /))]
pub fn with_value(
    parent: &Bound<'_, PyAny>,
    key: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Py<Context>> {
    let who = "with_value()";
    parents::check(parent, who)?;
    check_key(key, who)?;
    let kind = Kind::Value {
        parent: parent.clone().unbind(),
        key: key.clone().unbind(),
        value: value.clone().unbind(),
    };
    Py::new(parent.py(), Context::of(kind))
}

/// A context with the values of its parent, but never done: for what has to go on after a cancellation.
#[pyfunction]
#[pyo3(signature = (parent, /))]
pub fn without_cancel(parent: &Bound<'_, PyAny>) -> PyResult<Py<Context>> {
    parents::check(parent, "without_cancel()")?;
    let kind = Kind::Without {
        parent: parent.clone().unbind(),
    };
    Py::new(parent.py(), Context::of(kind))
}

/// Runs `fn()` in a goroutine of its own when the context is done; at once when it is already. Returns `stop`, which takes it back:
/// true if it was not started, and is not now.
#[pyfunction]
#[pyo3(signature = (ctx, r#fn, /))]
pub fn context_after_func<'py>(
    ctx: &Bound<'py, PyAny>,
    r#fn: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, AfterFunc>> {
    let who = "context_after_func()";
    let py = ctx.py();
    parents::check(ctx, who)?;
    let func = node::AfterFunc {
        origin: Origin::here(who, r#fn)?,
        function: Value::new(r#fn.clone()),
    };
    let what = AtEnd::Start(Box::new(func));
    let place = match Source::of(ctx, who)? {
        Source::Never => Place::Nowhere(AtomicBool::new(false)),
        Source::Node(node) => on(py, node, what),
        foreign @ Source::Foreign(..) => {
            // A node of its own, as a child context would have; what hangs on it keeps it.
            let node = ContextNode::make(py, None)?;
            let place = on(py, node.clone(), what);
            parents::follow(&foreign, &node, py, who)?;
            node::let_go(py, &node);
            place
        }
    };
    Bound::new(py, AfterFunc { place })
}

fn on(py: Python<'_>, node: Link, what: AtEnd) -> Place {
    match node::add_func(py, &node, what) {
        Some(ticket) => Place::At(node, ticket),
        None => Place::Started,
    }
}

/// What `context_after_func()` returns: a call takes the function back.
#[pyclass(frozen, module = "gochan", name = "_AfterFunc")]
#[derive(Debug)]
pub struct AfterFunc {
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The context can never be done. Whether it was taken back.
    Nowhere(AtomicBool),
    Started,
    At(Link, Ticket),
}

#[pymethods]
impl AfterFunc {
    /// Takes the function back. True if that prevented it; false if it was started, or taken back before.
    fn __call__(&self, py: Python<'_>) -> bool {
        match &self.place {
            Place::Nowhere(stopped) => !stopped.swap(true, Ordering::AcqRel),
            Place::Started => false,
            Place::At(node, ticket) => node::remove_func(py, node, *ticket),
        }
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle what stops an after-function: pass the object itself",
        ))
    }

    fn __repr__(&self) -> &'static str {
        match &self.place {
            Place::Nowhere(_) => "<gochan stop of an after-function on a context that is never done>",
            Place::Started => "<gochan stop of an after-function that was started at once>",
            Place::At(..) => "<gochan stop of an after-function>",
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.place {
            Place::At(node, _) => visit_value(visit, node.value()),
            Place::Nowhere(_) | Place::Started => Ok(()),
        }
    }
}
