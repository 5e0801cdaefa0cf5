//! `Context` and `CancelContext`.
//!
//! A context is a line of Python objects, each holding its parent: for values, deadline and name. What can end is a
//! [`ContextNode`](crate::context_node::ContextNode) besides, and those form the tree that is cancelled. A context with a value has
//! no node of its own.
//!
//! A class of the user's own may derive from `Context` and define `done`, `err`, `value`, and then `check`, `wait` and `await` work
//! on those; or it may have those three and derive from nothing.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan::{ChanBase, RecvChan};
use crate::context_ask as ask;
use crate::context_node::{self as node, Cause, Link};
use crate::face::Face;
use crate::gc::visit_value;
use crate::goexit;
use crate::guard;
use crate::html;
use crate::kept::intern;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::signals;
use crate::text;
use crate::value::{Ref, Value};
use crate::wake::ChanCore;
use gochan_core::context::Reason;
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyBaseException, PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::cell::RefCell;

/// What one context adds to its parent.
#[derive(Debug)]
pub enum Kind {
    Background,
    Todo,
    /// A user's class: it defines what it is.
    Subclass,
    Value {
        parent: Py<PyAny>,
        key: Py<PyAny>,
        value: Py<PyAny>,
    },
    Without {
        parent: Py<PyAny>,
    },
    Cancel {
        parent: Py<PyAny>,
        node: Link,
        /// Of one that signals end too: their names. Its `cancel` is the end of that.
        signals: Option<Box<str>>,
    },
}

/// Carries a cancellation, a deadline and values to everything that works for one purpose. Go's context.Context.
#[pyclass(subclass, frozen, weakref, module = "gochan")]
#[derive(Debug)]
pub struct Context {
    kind: Kind,
}

/// A context that can be cancelled by itself.
#[pyclass(extends = Context, frozen, module = "gochan")]
#[derive(Debug)]
pub struct CancelContext;

impl Context {
    pub fn of(kind: Kind) -> Self {
        Self { kind }
    }

    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The context above it.
    pub fn parent<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyAny>> {
        match &self.kind {
            Kind::Background | Kind::Todo | Kind::Subclass => None,
            Kind::Value { parent, .. } | Kind::Without { parent } | Kind::Cancel { parent, .. } => {
                Some(parent.bind(py))
            }
        }
    }
}

#[pymethods]
impl Context {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let py = class.py();
        if class.is(py.get_type::<Self>()) {
            return Err(PyTypeError::new_err(
                "a Context cannot be created by itself: begin with background(), and derive from it with with_cancel(), \
                 with_timeout() and the like",
            ));
        }
        Ok(Self { kind: Kind::Subclass })
    }

    /// A channel that is closed when the context is done: an arm for select. None where it can never be.
    #[getter]
    fn done<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, RecvChan>>> {
        match slf.get().kind() {
            Kind::Subclass => Ok(None),
            _ => ask::done_of(slf, "Context.done"),
        }
    }

    /// None, and Canceled or DeadlineExceeded once the context is done: the same object each time.
    #[getter]
    fn err<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().kind() {
            Kind::Subclass => Ok(None),
            _ => ask::err_of(slf),
        }
    }

    /// Why the context is done: the exception that was given to `cancel()` or `with_timeout()`, here or further up;
    /// where none was, `err`.
    #[getter]
    fn cause<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().kind() {
            Kind::Subclass => ask::err_of(slf),
            _ => ask::cause_of(slf),
        }
    }

    /// When it is done at the latest, on the clock of `time.monotonic()`; None without a deadline.
    #[getter]
    fn deadline<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().kind() {
            Kind::Subclass => Ok(None),
            _ => ask::deadline_of(slf),
        }
    }

    /// What `with_value()` bound to `key`, innermost first; else `default`.
    #[pyo3(signature = (key, default=None, /))]
    fn value<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        check_key(key, "Context.value()")?;
        ask::value_of(slf, key, default)
    }

    /// Raises the error of the context when it is done.
    fn check(slf: &Bound<'_, Self>) -> PyResult<()> {
        goexit::check_exit(slf.py())?;
        ask::raised(slf)?.map_or(Ok(()), Err)
    }

    /// Waits until the context is done. TimeoutError after `timeout` seconds.
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let limit = Limit::parse(timeout, "Context.wait()")?;
        block::wait(slf.py(), until_done(slf, "Context.wait()")?, limit).map(drop)
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        Awaitable::new(slf.py(), until_done(slf, "Context.__await__()")?, Limit::Never)
    }

    /// For the stages of `gochan.patterns`, which a cancelled group ends in silence.
    #[getter]
    fn _cancelled_itself(slf: &Bound<'_, Self>) -> bool {
        ask::was_cancelled_itself(slf)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        match slf.get().kind() {
            Kind::Subclass => format!("<{} at {:#x}>", text::type_name(slf), slf.as_ptr().addr()),
            _ => ask::name(slf),
        }
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shown = |object: Bound<'py, PyAny>| object.repr().map(|repr| text::of(&repr));
        let mut rows = vec![("context", Self::__repr__(slf))];
        // By the attributes, as a user's class defines them.
        let err = slf.getattr(intern!(py, "err"))?;
        let state = if err.is_none() { "not done" } else { "done" };
        if !err.is_none() {
            let cause = slf.getattr(intern!(py, "cause"))?;
            rows.push(("ended by", shown(err.clone())?));
            if !cause.is_none() && !cause.is(&err) {
                rows.push(("cause", shown(cause)?));
            }
        }
        if let Ok(deadline) = slf.getattr(intern!(py, "deadline"))?.extract::<f64>() {
            let left = deadline - ask::now_seconds(py);
            rows.push((
                "deadline",
                if left > 0.0 {
                    format!("in {left:.1} s")
                } else {
                    format!("{:.1} s ago", -left)
                },
            ));
        }
        html::table(py, &format!("{}, {state}", text::type_name(slf)), rows, None)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "cannot copy or pickle a {}: it is one place that many watch; pass the object itself",
            text::type_name(slf)
        )))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.kind {
            Kind::Background | Kind::Todo | Kind::Subclass => Ok(()),
            Kind::Value { parent, key, value } => {
                visit.call(parent)?;
                visit.call(key)?;
                visit.call(value)
            }
            Kind::Without { parent } => visit.call(parent),
            Kind::Cancel { parent, node, .. } => {
                visit.call(parent)?;
                visit_value(visit, node.value())
            }
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Refused when the interpreter is nearly gone; then nothing is to be undone either.
        Python::try_attach(|py| {
            guard::with_error_aside(py, || {
                let kind = std::mem::replace(&mut self.kind, Kind::Background);
                match kind {
                    Kind::Cancel { parent, node, .. } => {
                        node::let_go(py, &node);
                        drop_parent(py, parent);
                    }
                    Kind::Value { parent, key, value } => {
                        drop(Value::new(key.into_bound(py)));
                        drop(Value::new(value.into_bound(py)));
                        drop_parent(py, parent);
                    }
                    Kind::Without { parent } => drop_parent(py, parent),
                    Kind::Background | Kind::Todo | Kind::Subclass => {}
                }
            });
        });
    }
}

thread_local! {
    /// Parents that are to be dropped by whoever is at it on this thread already.
    static PARENTS: RefCell<Option<Vec<Py<PyAny>>>> = const { RefCell::new(None) };
}

/// Drops a parent, and its parent, and so on, one after the other: a line of contexts may be longer than the stack is deep.
fn drop_parent(py: Python<'_>, parent: Py<PyAny>) {
    let left = PARENTS.with_borrow_mut(|waiting| {
        if let Some(waiting) = waiting {
            waiting.push(parent);
            return None;
        }
        *waiting = Some(Vec::new());
        Some(parent)
    });
    let mut next = left;
    while let Some(parent) = next {
        drop(Value::new(parent.into_bound(py)));
        next = PARENTS.with_borrow_mut(|waiting| {
            let next = waiting.as_mut().and_then(Vec::pop);
            if next.is_none() {
                *waiting = None;
            }
            next
        });
    }
}

fn until_done(ctx: &Bound<'_, Context>, operation: &str) -> PyResult<Operation> {
    let done = match ask::done_of(ctx, operation)? {
        Some(done) => done,
        None => Bound::new(
            ctx.py(),
            PyClassInitializer::from(ChanBase::owner_of(&Arc::new(ChanCore::new(0)))).add_subclass(RecvChan),
        )?,
    };
    Ok(Operation::Recv {
        chan: Ref::new(done.into_super()),
        face: Face::Done,
    })
}

/// Keys are told apart by type and equality, and equality is worth nothing without a hash.
pub fn check_key(key: &Bound<'_, PyAny>, who: &str) -> PyResult<()> {
    if key.is_none() {
        return Err(PyTypeError::new_err(format!(
            "{who}: the key must not be None; use an object of your own, such as a string or a class"
        )));
    }
    key.hash().map(drop).map_err(|error| {
        if !error.is_instance_of::<PyException>(key.py()) {
            return error; // Ctrl-C, in a `__hash__` written in Python
        }
        let refused = PyTypeError::new_err(format!(
            "{who}: the key must be hashable, which this {} is not",
            text::type_name(key)
        ));
        refused.set_cause(key.py(), Some(error));
        refused
    })
}

#[pymethods]
impl CancelContext {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        Err(PyTypeError::new_err(
            "a CancelContext cannot be created by itself: with_cancel(), with_timeout() and with_deadline() make one",
        ))
    }

    /// Ends the context and all that derive from it; when it returns all of them are done. Idempotent: the first end counts.
    ///
    /// `cause` is what `cause` shows then; TypeError if it is no exception.
    #[pyo3(signature = (cause=None, /))]
    fn cancel(slf: &Bound<'_, Self>, cause: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let cause = checked_cause(cause, "CancelContext.cancel()")?;
        goexit::check_exit(slf.py())?;
        cancel(slf, cause)
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(slf: &Bound<'_, Self>, _exc: &Bound<'_, PyAny>) -> PyResult<()> {
        goexit::check_exit(slf.py())?;
        cancel(slf, None)
    }

    /// The context and its `cancel`: `ctx, cancel = with_cancel(parent)`.
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cancel = slf.getattr(intern!(py, "cancel"))?;
        PyTuple::new(py, [slf.as_any(), &cancel])?
            .try_iter()
            .map(Bound::into_any)
    }
}

pub fn cancel(ctx: &Bound<'_, CancelContext>, cause: Option<Cause>) -> PyResult<()> {
    let base: &Bound<'_, Context> = ctx.as_super();
    if let Kind::Cancel { node, signals, .. } = base.get().kind() {
        node::end(ctx.py(), node, Reason::Canceled, cause);
        if signals.is_some() {
            return signals::stop_context(ctx.py(), node);
        }
    }
    Ok(())
}

pub fn checked_cause(cause: Option<Bound<'_, PyAny>>, who: &str) -> PyResult<Option<Cause>> {
    match cause.filter(|cause| !cause.is_none()) {
        None => Ok(None),
        Some(cause) if cause.is_instance_of::<PyBaseException>() => Ok(Some(Cause::new(cause))),
        Some(other) => Err(PyTypeError::new_err(format!(
            "{who}: the cause must be an exception (an instance, not a class) or None, not {}",
            text::type_name(&other)
        ))),
    }
}
