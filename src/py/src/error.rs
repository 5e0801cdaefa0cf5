//! The core's errors as Python exceptions, in this one place.
//!
//! The classes are defined in `gochan/errors.py`, where a Python user looks for them, and fetched
//! from there when the first one is raised.

use crate::kept::Kept;
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::time::Duration;

macro_rules! exception {
    ($function:ident, $name:literal) => {
        pub fn $function(py: Python<'_>, message: String) -> PyErr {
            static CLASS: Kept<Py<PyType>> = Kept::new();
            match CLASS.import(py, "gochan.errors", $name) {
                Ok(class) => PyErr::from_type(class.clone(), message),
                Err(error) => error,
            }
        }
    };
}

exception!(chan_closed, "ChanClosed");
exception!(would_block, "WouldBlock");
exception!(wait_group, "WaitGroupError");
exception!(blocking, "BlockingError");
exception!(unlock, "UnlockError");

/// Whether it says that a context is done, and nothing else.
pub fn is_end_of_context(error: &Bound<'_, PyAny>) -> bool {
    crate::context_node::reason_of(error).is_some()
}

pub fn timed_out(operation: &str, limit: Duration, on: &str) -> PyErr {
    let seconds = limit.as_secs_f64();
    PyTimeoutError::new_err(format!("{operation} timed out after {seconds} s on {on}"))
}

/// What the core says of a counter that can not take a step.
pub fn add(py: Python<'_>, error: gochan_core::error::AddError, delta: i64, count: i64) -> PyErr {
    use gochan_core::error::AddError;
    match error {
        AddError::Negative => wait_group(
            py,
            format!(
                "negative WaitGroup counter: add({delta}) with the counter at {count}; \
                 more done() calls than add() announced"
            ),
        ),
        AddError::Overflow => wait_group(
            py,
            format!("WaitGroup counter too large: add({delta}) with the counter at {count}"),
        ),
    }
}
