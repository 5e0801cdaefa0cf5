//! What a context says when it is asked: `done`, `err`, `cause`, `deadline`, values, its name.
//!
//! A question goes up the line of parents until one decides. No lock is held meanwhile: a key's `__eq__` and a foreign parent may
//! run anything.

use crate::chan::{ChanBase, RecvChan};
use crate::context::{Context, Kind};
use crate::context_node::{self as node, Link};
use crate::context_parent as parents;
use crate::guard;
use crate::kept::intern;
use crate::text;
use crate::wake::ChanCore;
use gochan_core::clock::{Clock, Monotonic};
use gochan_core::context::Reason;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyBaseException, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::PyString;
use std::time::Duration;

/// Sees through contexts with values: who decides about `done` and `err`.
fn deciding<'py>(ctx: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let mut ctx = ctx.clone();
    loop {
        let next = match ctx.cast::<Context>().map(|ours| ours.get().kind()) {
            Ok(Kind::Value { parent, .. }) => parent.bind(ctx.py()).clone(),
            _ => return ctx,
        };
        ctx = next;
    }
}

/// What a context is asked about, where it decides itself.
enum Decides<'py> {
    Never,
    Node(Bound<'py, Context>, Link),
    /// A user's class or object: it is asked.
    Foreign(Bound<'py, PyAny>),
}

impl<'py> Decides<'py> {
    fn about(ctx: &Bound<'py, PyAny>) -> Self {
        let ctx = deciding(ctx);
        let Ok(ours) = ctx.cast::<Context>() else {
            return Self::Foreign(ctx);
        };
        match ours.get().kind() {
            Kind::Cancel { node, .. } => {
                let node = node.clone();
                adopt_all(ours);
                Self::Node(ours.clone(), node)
            }
            Kind::Subclass | Kind::Value { .. } => Self::Foreign(ctx),
            Kind::Background | Kind::Todo | Kind::Without { .. } => Self::Never,
        }
    }
}

/// In a forked child: all deadlines above are to come there too.
pub fn adopt_all(ctx: &Bound<'_, Context>) {
    let py = ctx.py();
    if let Kind::Cancel { node, .. } = ctx.get().kind() {
        if !node::is_of_another_process(node) {
            return;
        }
    }
    let mut ctx = ctx.as_any().clone();
    while let Ok(ours) = ctx.cast::<Context>() {
        if let Kind::Cancel { node, .. } = ours.get().kind() {
            node::adopt(py, node);
        }
        let Some(parent) = ours.get().parent(py).cloned() else {
            return;
        };
        ctx = parent;
    }
}

/// The channel that is closed when a context is done. `None`: it can never be. `operation` is for the message.
pub fn done_of<'py>(ctx: &Bound<'py, PyAny>, operation: &str) -> PyResult<Option<Bound<'py, RecvChan>>> {
    match Decides::about(ctx) {
        Decides::Never => Ok(None),
        Decides::Node(owner, node) => view(&owner, &node).map(Some),
        Decides::Foreign(foreign) => parents::foreign_done(&foreign, operation),
    }
}

/// A `done` as an operation waits for it, with the object that shows it to the collector, if that is not the context.
pub type DoneCore<'py> = (Arc<ChanCore>, Option<Bound<'py, ChanBase>>);

/// As [`done_of`], without an object where the context shows it itself: whoever keeps this keeps the context too.
pub fn done_core<'py>(ctx: &Bound<'py, PyAny>, operation: &str) -> PyResult<Option<DoneCore<'py>>> {
    match Decides::about(ctx) {
        Decides::Never => Ok(None),
        Decides::Node(_, node) => Ok(Some((node.get().core().done(), None))),
        Decides::Foreign(foreign) => Ok(parents::foreign_done(&foreign, operation)?.map(|done| {
            let base: &Bound<'py, ChanBase> = done.as_super();
            (Arc::clone(base.get().core()), Some(base.clone()))
        })),
    }
}

/// The channel of a node, as one that its context owns.
fn view<'py>(owner: &Bound<'py, Context>, node: &Link) -> PyResult<Bound<'py, RecvChan>> {
    let base = ChanBase::view(&node.get().core().done(), owner.clone().into_any().unbind());
    Bound::new(owner.py(), PyClassInitializer::from(base).add_subclass(RecvChan))
}

/// Whether it was `ctx` that was cancelled, not one that it derives from, nor by a deadline.
pub fn was_cancelled_itself(ctx: &Bound<'_, PyAny>) -> bool {
    let Decides::Node(_, node) = Decides::about(ctx) else {
        return false;
    };
    let core = node.get().core();
    core.was_ended_itself() && core.reason() == Some(Reason::Canceled)
}

/// `ctx.err`.
pub fn err_of<'py>(ctx: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match Decides::about(ctx) {
        Decides::Never => Ok(None),
        Decides::Node(_, node) => node.get().err(ctx.py()),
        Decides::Foreign(foreign) => {
            let err = foreign.getattr(intern!(ctx.py(), "err"))?;
            Ok((!err.is_none()).then_some(err))
        }
    }
}

/// `ctx.cause`.
pub fn cause_of<'py>(ctx: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match Decides::about(ctx) {
        Decides::Never => Ok(None),
        Decides::Node(_, node) => node.get().cause(ctx.py()),
        Decides::Foreign(foreign) => match foreign.getattr_opt(intern!(ctx.py(), "cause"))? {
            Some(cause) => Ok((!cause.is_none()).then_some(cause)),
            None => err_of(&foreign),
        },
    }
}

/// The error of a context that is done, to be raised: a new exception each time, so that tracebacks do not pile up on the one that
/// `err` shows. The cause that was given is its `__cause__`.
pub fn fresh_error(ctx: &Bound<'_, PyAny>) -> PyErr {
    raised(ctx).unwrap_or_else(Some).unwrap_or_else(|| {
        // A context of the user's own that is done before it says why.
        node::error_of(ctx.py(), Reason::Canceled).map_or_else(|error| error, PyErr::from_value)
    })
}

/// What `check` raises. `None`: it is not done.
pub fn raised(ctx: &Bound<'_, PyAny>) -> PyResult<Option<PyErr>> {
    let py = ctx.py();
    let (reason, cause) = match Decides::about(ctx) {
        Decides::Never => return Ok(None),
        Decides::Node(_, node) => match node.get().core().end() {
            Some(end) => (end.reason, end.cause.map(|cause| cause.bind(py))),
            None => return Ok(None),
        },
        Decides::Foreign(foreign) => {
            let Some(err) = err_of(&foreign)? else {
                return Ok(None);
            };
            if !err.is_instance_of::<PyBaseException>() {
                return Err(PyTypeError::new_err(format!(
                    "the `err` of {} must be an exception or None, not {}",
                    text::type_name(&foreign),
                    text::type_name(&err)
                )));
            }
            let Some(reason) = node::reason_of(&err) else {
                // Its own, and its own business.
                return Ok(Some(PyErr::from_value(err)));
            };
            let cause = cause_of(&foreign)?.filter(|cause| !cause.is(&err));
            (
                reason,
                cause.filter(|cause| node::reason_of(cause) != Some(reason)),
            )
        }
    };
    let error = PyErr::from_value(node::error_of(py, reason)?);
    if let Some(cause) = cause {
        error.set_cause(py, Some(PyErr::from_value(cause)));
    }
    Ok(Some(error))
}

/// How a context is called in messages and by `repr` (X17).
pub fn name(ctx: &Bound<'_, PyAny>) -> String {
    let py = ctx.py();
    let mut parts = Vec::new();
    let mut by_signals = 0;
    let mut ctx = ctx.clone();
    let join = |mut parts: Vec<String>, by_signals| {
        parts.reverse();
        "signal.NotifyContext(".repeat(by_signals) + &parts.concat()
    };
    while let Ok(ours) = ctx.cast::<Context>() {
        parts.push(match ours.get().kind() {
            Kind::Background => "context.Background".into(),
            Kind::Todo => "context.TODO".into(),
            Kind::Subclass => break,
            Kind::Value { key, value, .. } => {
                format!(
                    ".WithValue({}, {})",
                    in_short(key.bind(py)),
                    in_short(value.bind(py))
                )
            }
            Kind::Without { .. } => ".WithoutCancel".into(),
            Kind::Cancel {
                signals: Some(names), ..
            } => {
                by_signals += 1;
                if names.is_empty() {
                    ")".into()
                } else {
                    format!(", [{names}])")
                }
            }
            Kind::Cancel { node, .. } => match node.get().deadline() {
                None => ".WithCancel".into(),
                Some(deadline) => {
                    let at = deadline.seconds;
                    format!(".WithDeadline({at:.3} [{:.3} s])", at - now_seconds(py))
                }
            },
        });
        let Some(parent) = ours.get().parent(py).cloned() else {
            return join(parts, by_signals);
        };
        ctx = parent;
    }
    parts.push(text::type_name(&ctx));
    join(parts, by_signals)
}

/// Whose `done` a channel is, for messages.
pub fn name_of_done(done: &Bound<'_, ChanBase>) -> String {
    match done.get().owner() {
        Some(owner) => name(owner.bind(done.py())),
        None => ChanBase::describe(done),
    }
}

/// As Go shows keys and values: a text as it is, of everything else the type.
fn in_short(object: &Bound<'_, PyAny>) -> String {
    match object.cast::<PyString>() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) if object.is_none() => "None".into(),
        Err(_) => text::type_name(object),
    }
}

/// The clock of `time.monotonic()`.
pub fn now_seconds(py: Python<'_>) -> f64 {
    #[cfg(target_os = "linux")]
    {
        let _ = py;
        Duration::from_nanos(Monotonic.now().as_nanos()).as_secs_f64()
    }
    #[cfg(not(target_os = "linux"))]
    {
        static CLOCK: crate::kept::Kept<Py<PyAny>> = crate::kept::Kept::new();
        let read = || CLOCK.import(py, "time", "monotonic")?.call0()?.extract();
        read().unwrap_or_else(|_: PyErr| Duration::from_nanos(Monotonic.now().as_nanos()).as_secs_f64())
    }
}

/// `ctx.deadline`.
pub fn deadline_of<'py>(ctx: &Bound<'py, Context>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = ctx.py();
    let mut ctx = ctx.as_any().clone();
    while let Ok(ours) = ctx.cast::<Context>() {
        match ours.get().kind() {
            Kind::Without { .. } => return Ok(None),
            Kind::Subclass => break,
            Kind::Cancel { node, .. } => {
                if let Some(deadline) = node.get().deadline() {
                    return Ok(Some(deadline.seconds.into_pyobject(py)?.into_any()));
                }
            }
            Kind::Background | Kind::Todo | Kind::Value { .. } => {}
        }
        let Some(parent) = ours.get().parent(py).cloned() else {
            return Ok(None);
        };
        ctx = parent;
    }
    // Not all that behaves like a context has one.
    let deadline = ctx.getattr_opt(intern!(py, "deadline"))?;
    Ok(deadline.filter(|deadline| !deadline.is_none()))
}

/// `ctx.value(key, default)`.
pub fn value_of<'py>(
    asked: &Bound<'py, Context>,
    key: &Bound<'py, PyAny>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = asked.py();
    let mut ctx = asked.as_any().clone();
    loop {
        let Ok(ours) = ctx.cast::<Context>() else {
            return foreign_value(&ctx, key, default);
        };
        if let Kind::Value { key: mine, value, .. } = ours.get().kind() {
            let mine = mine.bind(py);
            if mine.get_type().is(key.get_type()) && (mine.is(key) || mine.eq(key)?) {
                return Ok(Some(value.bind(py).clone()));
            }
        }
        let Some(parent) = ours.get().parent(py).cloned() else {
            // The class of the one that is asked has no word of its own for it, or it would not be asked here.
            return if matches!(ours.get().kind(), Kind::Subclass) && !ours.is(asked) {
                foreign_value(&ctx, key, default)
            } else {
                Ok(default)
            };
        };
        ctx = parent;
    }
}

/// A value from a context that is not ours. It may know no default; then None is its word for "not found".
fn foreign_value<'py>(
    ctx: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = ctx.py();
    let method = ctx.getattr(intern!(py, "value"))?;
    let Some(default) = default else {
        return guard::call(&method, [key]).map(Some);
    };
    match guard::call(&method, [key, &default]) {
        // It was not even entered: it takes the key alone.
        Err(error) if error.is_instance_of::<PyTypeError>(py) && error.traceback(py).is_none() => {
            let value = guard::call(&method, [key])?;
            Ok(Some(if value.is_none() { default } else { value }))
        }
        result => result.map(Some),
    }
}
