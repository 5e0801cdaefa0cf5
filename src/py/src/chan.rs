//! `Chan`, `SendChan` and `RecvChan`.
//!
//! ```text
//! _ChanBase        the core, or a view of it; what both directions have
//!  |-- SendChan    adds what sends       type(ch.sender)
//!  |-- RecvChan    adds what receives    type(ch.receiver)
//!       `-- Chan(SendChan, RecvChan)     made with `type()` in `chan_type.rs`: PyO3 knows one base only
//! ```
//!
//! One core has one Python object that owns it and shows it to the collector; a view holds that owner.

use crate::awaitable::Awaitable;
use crate::block;
use crate::chan_iter::{ChanAsyncIter, ChanIter};
use crate::chan_type;
use crate::error;
use crate::face::{self, Face};
use crate::gc;
use crate::goexit;
use crate::html;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::text;
use crate::value::{Ref, Value};
use crate::wake::ChanCore;
use crate::whole;
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple, PyType};
use std::sync::OnceLock;

#[pyclass(subclass, frozen, weakref, generic, module = "gochan", name = "_ChanBase")]
#[derive(Debug)]
pub struct ChanBase {
    /// Set by `__init__`, which a subclass may forget to call: then on first use, without a buffer.
    core: OnceLock<Arc<ChanCore>>,
    /// `None`: this object owns the core. Else a view, and this is the owner.
    owner: Option<Py<PyAny>>,
}

impl ChanBase {
    fn owning() -> Self {
        Self {
            core: OnceLock::new(),
            owner: None,
        }
    }

    /// The Python object of a core that was there before it.
    pub fn owner_of(core: &Arc<ChanCore>) -> Self {
        Self {
            core: OnceLock::from(Arc::clone(core)),
            owner: None,
        }
    }

    /// A view of a core that `owner` shows to the collector.
    pub fn view(core: &Arc<ChanCore>, owner: Py<PyAny>) -> Self {
        Self {
            core: OnceLock::from(Arc::clone(core)),
            owner: Some(owner),
        }
    }

    #[inline]
    pub fn core(&self) -> &Arc<ChanCore> {
        self.core.get_or_init(|| Arc::new(ChanCore::new(0)))
    }

    /// Who shows the core to the collector, if this is a view.
    pub fn owner(&self) -> Option<&Py<PyAny>> {
        self.owner.as_ref()
    }

    fn address(&self) -> usize {
        Arc::as_ptr(self.core()).addr()
    }

    /// For messages and `repr`; runs no Python of the user's.
    pub fn describe(slf: &Bound<'_, Self>) -> String {
        let name = text::type_name(slf);
        // A class of the user's own stands in no module of ours.
        let package = if chan_type::is_ours(&slf.get_type()) {
            "gochan."
        } else {
            ""
        };
        let core = slf.get().core();
        let (receivers, senders) = core.parked();
        let state = if core.is_closed() { "closed" } else { "open" };
        format!(
            "<{package}{name} at {:#x} len={} cap={} receivers={receivers} senders={senders} {state}>",
            slf.get().address(),
            core.len(),
            core.capacity(),
        )
    }
}

#[pymethods]
impl ChanBase {
    // By hand, because a message would name the hidden class that this is a method of.
    #[pyo3(signature = (*args, **kwargs))]
    fn __init__(&self, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let capacity = Capacity::of(args, kwargs)?;
        self.core.set(Arc::new(ChanCore::new(capacity.0))).map_err(|_| {
            PyRuntimeError::new_err(
                "Chan.__init__() on a channel that exists already: its capacity never changes",
            )
        })
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let core = slf.get().core();
        let (len, cap) = (core.len(), core.capacity());
        let (receivers, senders) = core.parked();
        let state = if core.is_closed() { "closed" } else { "open" };
        let depth = match cap {
            0 => "unbuffered".into(),
            cap => format!("{len} of {cap}"),
        };
        let rows = vec![
            ("buffered", depth),
            ("receivers waiting", receivers.to_string()),
            ("senders waiting", senders.to_string()),
        ];
        let title = format!("{}, {state}", text::type_name(slf));
        html::table(slf.py(), &title, rows, Some((len as u64, cap as u64)))
    }

    /// Whether the channel is closed. Buffered values may still be there to receive.
    #[getter]
    fn closed(&self) -> bool {
        self.core().is_closed()
    }

    /// How many values the channel buffers; 0 for a rendezvous. Go's cap().
    #[getter]
    fn capacity(&self) -> usize {
        self.core().capacity()
    }

    fn __len__(&self) -> usize {
        self.core().len()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> Py<PyAny> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => PyBool::new(py, Arc::ptr_eq(self.core(), other.get().core()))
                .to_owned()
                .into_any()
                .unbind(),
            Err(_) => py.NotImplemented(),
        }
    }

    fn __hash__(&self) -> usize {
        // Addresses are multiples of 16; the low bits are what a dict looks at first.
        self.address().rotate_right(4)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let name = text::type_name(slf);
        Err(PyTypeError::new_err(format!(
            "cannot copy or pickle a {name}: a channel is one place that many share; pass the object itself"
        )))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.owner {
            Some(owner) => visit.call(owner),
            None => self.core.get().map_or(Ok(()), |core| gc::visit_chan(visit, core)),
        }
    }

    fn __clear__(&self) {
        // A view has nothing of its own that could be part of a cycle except its owner, which is
        // cleared itself.
        if let (None, Some(core)) = (&self.owner, self.core.get()) {
            core.clear();
        }
    }
}

/// A capacity as users give it.
#[derive(Clone, Copy)]
struct Capacity(usize);

impl Capacity {
    /// The only argument of `Chan()`.
    fn of(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let named = match kwargs {
            Some(kwargs) => kwargs.iter().collect(),
            None => Vec::new(),
        };
        for (name, _) in &named {
            let name = name.cast::<PyString>().map_or_else(|_| "?".into(), text::of);
            if name != "capacity" {
                return Err(PyTypeError::new_err(format!(
                    "Chan() takes one argument, capacity, and not {name}"
                )));
            }
        }
        let named = named.into_iter().map(|(_, value)| value);
        let mut given = args.iter().chain(named);
        match (given.next(), given.count()) {
            (None, _) => Ok(Self(0)),
            (Some(capacity), 0) => capacity.extract(),
            (Some(_), more) => Err(PyTypeError::new_err(format!(
                "Chan() takes one argument at most, the capacity, not {}",
                more + 1
            ))),
        }
    }
}

/// A buffer with one pointer per value must fit the address space (Go: makechan: size out of range).
const MAX_CAPACITY: usize = isize::MAX as usize / size_of::<Value>();

impl<'py> FromPyObject<'_, 'py> for Capacity {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let int = whole::int(&given, "Chan(): capacity must be an int")?;
        let fits = int
            .extract::<usize>()
            .ok()
            .filter(|&capacity| capacity <= MAX_CAPACITY);
        fits.map(Self).ok_or_else(|| {
            whole::unfit(&int, |int| {
                format!("Chan(): capacity must be between 0 and {MAX_CAPACITY}, not {int}")
            })
        })
    }
}

/// The object of a new `Chan`, for whichever of its two bases the interpreter asks; refuses all
/// classes that are not a `Chan`.
fn construct(class: &Bound<'_, PyType>, view: &str) -> PyResult<ChanBase> {
    if chan_type::is_chan(class)? {
        return Ok(ChanBase::owning());
    }
    let name = text::of(&class.name()?);
    Err(PyTypeError::new_err(format!(
        "{name} cannot be created by itself: make a Chan and take its .{view}"
    )))
}

/// The send-only face of a channel: what `ch.sender` gives. Every Chan is one too.
#[pyclass(extends = ChanBase, subclass, frozen, module = "gochan")]
#[derive(Debug)]
pub struct SendChan;

/// The receive-only face of a channel: what `ch.receiver` gives. Every Chan is one too.
#[pyclass(extends = ChanBase, subclass, frozen, module = "gochan")]
#[derive(Debug)]
pub struct RecvChan;

fn base<'a, 'py, T>(slf: &'a Bound<'py, T>) -> &'a Bound<'py, ChanBase>
where
    T: pyo3::PyClass<BaseType = ChanBase>,
{
    slf.as_super()
}

fn owned(chan: &Bound<'_, ChanBase>) -> Ref<ChanBase> {
    Ref::new(chan.clone())
}

#[pymethods]
impl SendChan {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let base = construct(class, "sender")?;
        Ok(PyClassInitializer::from(base).add_subclass(Self))
    }

    /// Sends a value; waits while nobody can take it. Go's `ch <- value`.
    ///
    /// Senders are served in the order they came. ChanClosed if the channel is closed, before or while it waits.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop.
    #[pyo3(signature = (value, /, *, timeout=None, ctx=None))]
    fn send(
        slf: &Bound<'_, Self>,
        value: Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let limit = Limit::parse(timeout, "Chan.send()")?;
        let chan = base(slf);
        if ctx.is_some() {
            let send = Operation::Send {
                chan: owned(chan),
                value: Some(Value::new(value)),
            };
            return block::wait(slf.py(), send.under(ctx, "Chan.send()")?, limit).map(drop);
        }
        goexit::check_exit(slf.py())?;
        match chan.get().core().try_send(Value::new(value)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(face::send_on_closed(chan)),
            Err(TrySendError::Full(value)) => {
                let send = Operation::Send {
                    chan: owned(chan),
                    value: Some(value),
                };
                block::wait_after_attempt(slf.py(), send, limit).map(drop)
            }
        }
    }

    /// Awaitable twin of `send`. Nothing is sent before the `await`; whatever cancels it, the value was sent or it was not.
    ///
    /// ChanClosed if the channel is closed, before or while it waits.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done.
    #[pyo3(signature = (value, /, *, timeout=None, ctx=None))]
    fn asend<'py>(
        slf: &Bound<'py, Self>,
        value: Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let limit = Limit::parse(timeout, "Chan.asend()")?;
        let send = Operation::Send {
            chan: owned(base(slf)),
            value: Some(Value::new(value)),
        };
        Awaitable::new(slf.py(), send.under(ctx, "Chan.asend()")?, limit)
    }

    /// Sends a value if that is possible at once, else raises WouldBlock. ChanClosed if it is closed.
    #[pyo3(signature = (value, /))]
    fn send_nowait(slf: &Bound<'_, Self>, value: Bound<'_, PyAny>) -> PyResult<()> {
        goexit::check_exit(slf.py())?;
        let chan = base(slf);
        match chan.get().core().try_send(Value::new(value)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(face::send_on_closed(chan)),
            Err(TrySendError::Full(_)) => Err(error::would_block(
                slf.py(),
                format!(
                    "send_nowait on {}: no receiver waits and no room is left",
                    ChanBase::describe(chan)
                ),
            )),
        }
    }

    /// Closes the channel. Waiting receivers see the end, waiting senders raise ChanClosed; buffered
    /// values stay receivable. Raises ChanClosed if it is closed already. Go's `close(ch)`.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        goexit::check_exit(slf.py())?;
        let chan = base(slf);
        chan.get().core().close().map_err(|_| {
            error::chan_closed(
                slf.py(),
                format!("close of closed channel {}", ChanBase::describe(chan)),
            )
        })
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(slf: &Bound<'_, Self>, _exc: &Bound<'_, PyAny>) -> PyResult<()> {
        goexit::check_exit(slf.py())?;
        // Closed already is fine: leaving makes sure of it.
        let _ = base(slf).get().core().close();
        Ok(())
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Awaitable>> {
        let result = Some(slf.clone().into_any().unbind());
        Awaitable::new(slf.py(), Operation::Ready { result }, Limit::Never)
    }

    #[pyo3(signature = (*_exc))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, _exc: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Awaitable>> {
        Awaitable::new(
            slf.py(),
            Operation::Close {
                chan: owned(base(slf)),
            },
            Limit::Never,
        )
    }
}

impl RecvChan {
    fn receive(
        slf: &Bound<'_, Self>,
        face: Face,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let receive = Operation::Recv {
            chan: owned(base(slf)),
            face,
        };
        let name = receive.names().0;
        let limit = Limit::parse(timeout, name)?;
        block::wait(slf.py(), receive.under(ctx, name)?, limit)
    }

    fn receive_later<'py>(
        slf: &Bound<'py, Self>,
        face: Face,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        let receive = Operation::Recv {
            chan: owned(base(slf)),
            face,
        };
        let name = receive.names().1;
        let limit = Limit::parse(timeout, name)?;
        Awaitable::new(slf.py(), receive.under(ctx, name)?, limit)
    }
}

#[pymethods]
impl RecvChan {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let base = construct(class, "receiver")?;
        Ok(PyClassInitializer::from(base).add_subclass(Self))
    }

    /// Receives a value; waits until there is one. Go's `<-ch`.
    ///
    /// Receivers are served in the order they came; every value goes to exactly one. ChanClosed when the channel is closed and
    /// drained.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn recv(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Self::receive(slf, Face::Value, timeout, ctx)
    }

    /// Receives `(value, True)`, or `(None, False)` when the channel is closed and drained.
    /// Go's `value, ok := <-ch`.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn recv_ok(
        slf: &Bound<'_, Self>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Self::receive(slf, Face::Pair, timeout, ctx)
    }

    /// Awaitable twin of `recv`. If its task is cancelled when a value was handed over already, that goes back to the channel.
    ///
    /// ChanClosed when the channel is closed and drained.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn arecv<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        Self::receive_later(slf, Face::Value, timeout, ctx)
    }

    /// Awaitable twin of `recv_ok`: `(value, True)`, or `(None, False)` when the channel is closed and drained.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn arecv_ok<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        Self::receive_later(slf, Face::Pair, timeout, ctx)
    }

    /// Receives a value that is there at once, else raises WouldBlock. ChanClosed when closed and
    /// drained.
    fn recv_nowait(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        goexit::check_exit(slf.py())?;
        let chan = base(slf);
        match chan.get().core().try_recv() {
            Ok(value) => Ok(value.into_bound(slf.py()).unbind()),
            Err(TryRecvError::Closed) => Err(face::recv_on_closed(chan)),
            Err(TryRecvError::Empty) => Err(error::would_block(
                slf.py(),
                format!(
                    "recv_nowait on {}: nothing is there to receive",
                    ChanBase::describe(chan)
                ),
            )),
        }
    }

    /// Waits for one value, then takes what else is there, at most `limit` in all. An empty list when
    /// the channel is closed and drained. ValueError if `limit` is less than 1.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done; BlockingError if it would block a running event loop.
    #[pyo3(signature = (limit, /, *, timeout=None, ctx=None))]
    fn recv_many(
        slf: &Bound<'_, Self>,
        limit: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        ctx: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Self::receive(slf, Face::Many(many(limit, "Chan.recv_many()")?), timeout, ctx)
    }

    /// Awaitable twin of `recv_many`: one to `limit` values, or an empty list when the channel is closed and drained.
    ///
    /// `timeout` is in seconds, or a timedelta; 0 or less tries once. TimeoutError when it has passed; the error of `ctx`, Canceled
    /// or DeadlineExceeded, when that is done.
    #[pyo3(signature = (limit, /, *, timeout=None, ctx=None))]
    fn arecv_many<'py>(
        slf: &Bound<'py, Self>,
        limit: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        ctx: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Awaitable>> {
        Self::receive_later(slf, Face::Many(many(limit, "Chan.arecv_many()")?), timeout, ctx)
    }

    /// Receives until the channel is closed and drained. Go's `for value := range ch`.
    fn __iter__(slf: &Bound<'_, Self>) -> ChanIter {
        ChanIter::new(owned(base(slf)))
    }

    fn __aiter__(slf: &Bound<'_, Self>) -> ChanAsyncIter {
        ChanAsyncIter::new(owned(base(slf)))
    }
}

/// How many values `recv_many` takes at most.
fn many(limit: &Bound<'_, PyAny>, operation: &str) -> PyResult<u32> {
    let int = whole::int(limit, format_args!("{operation}: limit must be an int"))?;
    if int.lt(1)? {
        return Err(whole::unfit(&int, |int| {
            format!("{operation}: limit must be at least 1, not {int}")
        }));
    }
    // No list is longer.
    Ok(int.extract::<u32>().unwrap_or(u32::MAX))
}
