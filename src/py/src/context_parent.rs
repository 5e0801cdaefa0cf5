//! What a context hangs on: one of ours, directly; or an object that only behaves like one (X15).
//!
//! A foreign parent is watched in one of three ways: not at all, when it can never be done or its `done` is one of our own; by its
//! method `after_func(fn) -> stop`, if it has one; else by a goroutine, which ends when the child does.

use crate::chan::{ChanBase, RecvChan};
use crate::context::{Context, Kind};
use crate::context_ask as ask;
use crate::context_node::{self as node, AtEnd, Cause, Link};
use crate::guard;
use crate::kept::{Kept, intern};
use crate::spawn;
use crate::text;
use crate::value::Value;
use crate::wake::ChanCore;
use gochan_core::context::Reason;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyBaseException, PyTimeoutError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::PyTuple;

/// Who ends what hangs on a context.
pub enum Source<'py> {
    /// Nobody: it can never be done.
    Never,
    /// One of our nodes.
    Node(Link),
    /// Somebody we can only watch: the object, and its `done`.
    Foreign(Bound<'py, PyAny>, Bound<'py, RecvChan>),
}

/// Whether an object can be a parent at all. `who` is for the message.
pub fn check(parent: &Bound<'_, PyAny>, who: &str) -> PyResult<()> {
    let py = parent.py();
    if parent.is_instance_of::<Context>() {
        return Ok(());
    }
    if parent.is_none() {
        return Err(PyTypeError::new_err(format!(
            "{who}: cannot create a context from None; without another parent use background()"
        )));
    }
    for name in [intern!(py, "done"), intern!(py, "err"), intern!(py, "value")] {
        if parent.getattr_opt(name)?.is_none() {
            return Err(not_a_context(parent, who));
        }
    }
    Ok(())
}

#[cold]
pub fn not_a_context(given: &Bound<'_, PyAny>, who: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "{who}: the context must be a Context, or an object with its `done`, `err` and `value`, not {}",
        text::type_name(given)
    ))
}

/// The `done` of an object that behaves like a context.
pub fn foreign_done<'py>(ctx: &Bound<'py, PyAny>, who: &str) -> PyResult<Option<Bound<'py, RecvChan>>> {
    let Some(done) = ctx.getattr_opt(intern!(ctx.py(), "done"))? else {
        return Err(not_a_context(ctx, who));
    };
    if done.is_none() {
        return Ok(None);
    }
    done.cast_into::<RecvChan>().map(Some).map_err(|error| {
        PyTypeError::new_err(format!(
            "{who}: the `done` of {} must be a RecvChan or None, not {}",
            text::type_name(ctx),
            text::type_name(&error.into_inner())
        ))
    })
}

impl<'py> Source<'py> {
    pub fn of(ctx: &Bound<'py, PyAny>, who: &str) -> PyResult<Self> {
        let mut ctx = ctx.clone();
        while let Ok(ours) = ctx.cast::<Context>() {
            let next = match ours.get().kind() {
                Kind::Background | Kind::Todo | Kind::Without { .. } => return Ok(Self::Never),
                Kind::Cancel { node, .. } => {
                    ask::adopt_all(ours);
                    return Ok(Self::Node(node.clone()));
                }
                Kind::Value { parent, .. } => parent.bind(ctx.py()).clone(),
                Kind::Subclass => break,
            };
            ctx = next;
        }
        let Some(done) = foreign_done(&ctx, who)? else {
            return Ok(Self::Never);
        };
        Ok(match node_of(&done) {
            Some(node) => Self::Node(node),
            None => Self::Foreign(ctx, done),
        })
    }
}

/// Whose `done` a channel is, if it is one of ours.
fn node_of(done: &Bound<'_, RecvChan>) -> Option<Link> {
    let base: &Bound<'_, ChanBase> = done.as_super();
    let owner = base.get().owner()?.bind(done.py()).cast::<Context>().ok()?;
    match owner.get().kind() {
        Kind::Cancel { node, .. } => Some(node.clone()),
        _ => None,
    }
}

/// Makes a new node end when its source does, and at once when that is over.
pub fn follow(source: &Source<'_>, child: &Link, py: Python<'_>, who: &str) -> PyResult<()> {
    match source {
        Source::Never => Ok(()),
        Source::Node(parent) => {
            node::attach(py, parent, child);
            Ok(())
        }
        Source::Foreign(parent, done) => follow_foreign(parent, done, child, who),
    }
}

/// The goroutine that watches a parent which offers nothing better.
static WATCH: Kept<Py<PyAny>> = Kept::new();

fn follow_foreign(
    parent: &Bound<'_, PyAny>,
    done: &Bound<'_, RecvChan>,
    child: &Link,
    who: &str,
) -> PyResult<()> {
    let py = parent.py();
    let base: &Bound<'_, ChanBase> = done.as_super();
    let propagate = Propagate {
        parent: parent.clone().unbind(),
        child: child.clone(),
    };
    if base.get().core().is_closed() {
        propagate.__call__(py);
        return Ok(());
    }
    let propagate = Bound::new(py, propagate)?.into_any();
    if let Some(after_func) = parent.getattr_opt(intern!(py, "after_func"))? {
        let stop = guard::call(&after_func, [&propagate])?;
        if !stop.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "{who}: {}.after_func() must return a function that stops it, not {}",
                text::type_name(parent),
                text::type_name(&stop)
            )));
        }
        node::tie(py, child, AtEnd::Unregister(Value::new(stop)));
        return Ok(());
    }
    let watch = WATCH.import(py, "gochan._context", "watch")?;
    let core = Arc::new(ChanCore::new(0));
    let quit = Bound::new(
        py,
        PyClassInitializer::from(ChanBase::owner_of(&core)).add_subclass(RecvChan),
    )?;
    let arguments = PyTuple::new(py, [done.as_any(), quit.as_any(), &propagate])?;
    spawn::spawn(who, watch, arguments, None, None)?;
    node::tie(py, child, AtEnd::Dismiss(core));
    Ok(())
}

/// Ends a context as its foreign parent has ended: what is given to the parent's `after_func`.
#[pyclass(frozen, module = "gochan", name = "_Propagate")]
#[derive(Debug)]
pub struct Propagate {
    parent: Py<PyAny>,
    child: Link,
}

#[pymethods]
impl Propagate {
    fn __call__(&self, py: Python<'_>) {
        let parent = self.parent.bind(py);
        let (reason, cause) = how_it_ended(parent).unwrap_or_else(|error| {
            // It is done, whatever it says about it.
            guard::raise_later(py, error, Some(parent));
            (Reason::Canceled, None)
        });
        node::end_with_parent(py, &self.child, reason, cause);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.parent)?;
        crate::gc::visit_value(visit, self.child.value())
    }
}

/// Reason and cause of a foreign context that is done. An error that is none of ours is its cause.
fn how_it_ended(parent: &Bound<'_, PyAny>) -> PyResult<(Reason, Option<Cause>)> {
    let py = parent.py();
    let err = parent.getattr(intern!(py, "err"))?;
    let reason = if err.is_instance_of::<PyTimeoutError>() {
        Reason::DeadlineExceeded
    } else {
        Reason::Canceled
    };
    let cause = match parent.getattr_opt(intern!(py, "cause"))? {
        Some(cause) if cause.is_instance_of::<PyBaseException>() => cause,
        _ => err,
    };
    let is_cause = cause.is_instance_of::<PyBaseException>() && node::reason_of(&cause) != Some(reason);
    Ok((reason, is_cause.then(|| Cause::new(cause))))
}
