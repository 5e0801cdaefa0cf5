//! What a receive gives: the same value, or the same close, in the form that each method promises.

use crate::chan::ChanBase;
use crate::error;
use crate::value::Value;
use gochan_core::error::TryRecvError;
use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyTuple};

/// How a receive shows what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// `recv`: the value, or `ChanClosed`.
    Value,
    /// `recv_ok`: `(value, True)` or `(None, False)`.
    Pair,
    /// `recv_many`: a list with up to so many values, empty when closed.
    Many(u32),
    /// `for`: the value, or `StopIteration`.
    Next,
    /// `async for`: the value, or `StopAsyncIteration`.
    AsyncNext,
    /// Waiting for a context: None, when its `done` is closed.
    Done,
}

pub fn recv_now(chan: &Bound<'_, ChanBase>, face: Face) -> PyResult<Option<Py<PyAny>>> {
    match chan.get().core().try_recv() {
        Ok(value) => received(chan, face, value).map(Some),
        Err(TryRecvError::Closed) => closed(chan, face).map(Some),
        Err(TryRecvError::Empty) => Ok(None),
    }
}

pub fn received(chan: &Bound<'_, ChanBase>, face: Face, value: Value) -> PyResult<Py<PyAny>> {
    let py = chan.py();
    match face {
        Face::Value | Face::Next | Face::AsyncNext => Ok(value.into_bound(py).unbind()),
        // Nothing is sent on ours; a foreign context that sends means the same by it.
        Face::Done => Ok(py.None()),
        Face::Pair => {
            let value = value.into_bound(py);
            Ok(
                PyTuple::new(py, [value, PyBool::new(py, true).to_owned().into_any()])?
                    .into_any()
                    .unbind(),
            )
        }
        Face::Many(limit) => {
            let mut values = vec![value];
            // Empty and closed alike: take what is there, and what is there is at least one.
            let _ = chan.get().core().recv_available(limit as usize, &mut values);
            let values: Vec<_> = values.into_iter().map(|value| value.into_bound(py)).collect();
            Ok(PyList::new(py, values)?.into_any().unbind())
        }
    }
}

pub fn closed(chan: &Bound<'_, ChanBase>, face: Face) -> PyResult<Py<PyAny>> {
    let py = chan.py();
    match face {
        Face::Value => Err(recv_on_closed(chan)),
        Face::Pair => Ok((py.None(), false).into_pyobject(py)?.into_any().unbind()),
        Face::Many(_) => Ok(PyList::empty(py).into_any().unbind()),
        Face::Next => Err(PyStopIteration::new_err(())),
        Face::AsyncNext => Err(PyStopAsyncIteration::new_err(())),
        Face::Done => Ok(py.None()),
    }
}

pub fn send_on_closed(chan: &Bound<'_, ChanBase>) -> PyErr {
    error::chan_closed(
        chan.py(),
        format!("send on closed channel {}", ChanBase::describe(chan)),
    )
}

pub fn recv_on_closed(chan: &Bound<'_, ChanBase>) -> PyErr {
    error::chan_closed(
        chan.py(),
        format!("recv on closed and drained channel {}", ChanBase::describe(chan)),
    )
}
