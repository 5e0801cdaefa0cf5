//! How long an operation may take: `timeout=` as users write it.

use crate::host;
use crate::text;
use crate::whole;
use gochan_core::clock::{Clock, Instant, Monotonic};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFloat;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// No limit.
    Never,
    /// Zero or less: an immediate try.
    Now,
    /// A positive span.
    After(Duration),
}

impl Limit {
    /// `None`, or seconds as float, int or `datetime.timedelta`. `operation` is for the message.
    pub fn parse(timeout: Option<&Bound<'_, PyAny>>, operation: &str) -> PyResult<Self> {
        let Some(timeout) = timeout.filter(|timeout| !timeout.is_none()) else {
            return Ok(Self::Never);
        };
        let seconds = seconds(timeout, operation, "timeout")?;
        if seconds <= 0.0 {
            return Ok(Self::Now);
        }
        // What is too long to be counted is as good as no limit.
        Ok(Duration::try_from_secs_f64(seconds).map_or(Self::Never, Self::After))
    }

    /// What is left of it when the wait began at `begin`.
    pub fn since(self, begin: Option<Instant>) -> Self {
        let (Self::After(span), Some(begin)) = (self, begin) else {
            return self;
        };
        match span.checked_sub(Monotonic.now().saturating_since(begin)) {
            Some(rest) if !rest.is_zero() => Self::After(rest),
            _ => Self::Now,
        }
    }

    pub fn is_now(self) -> bool {
        self == Self::Now
    }

    /// For messages.
    pub fn span(self) -> Duration {
        match self {
            Self::After(span) => span,
            Self::Never | Self::Now => Duration::ZERO,
        }
    }
}

/// A positive span, as `timeout` is given: `None` for zero or less. One too long to be counted is the longest there is.
pub fn span(given: &Bound<'_, PyAny>, operation: &str, what: &str) -> PyResult<Option<Duration>> {
    let seconds = seconds(given, operation, what)?;
    if seconds <= 0.0 {
        return Ok(None);
    }
    let span = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Ok(Some(span.max(Duration::from_nanos(1))))
}

/// Seconds, which may be negative.
pub fn seconds(given: &Bound<'_, PyAny>, operation: &str, what: &str) -> PyResult<f64> {
    let seconds = number(given, operation, what)?;
    if seconds.is_nan() {
        return Err(PyValueError::new_err(format!(
            "{operation}: {what} is not a number (NaN)"
        )));
    }
    Ok(seconds)
}

fn number(timeout: &Bound<'_, PyAny>, operation: &str, what: &str) -> PyResult<f64> {
    if let Ok(float) = timeout.cast::<PyFloat>() {
        return Ok(float.value());
    }
    let py = timeout.py();
    if let Some(int) = whole::as_int(timeout)? {
        // An int beyond a float's range is a very long time, in one direction or the other.
        return match int.extract::<f64>() {
            Ok(seconds) => Ok(seconds),
            Err(_) if int.gt(0)? => Ok(f64::INFINITY),
            Err(_) => Ok(f64::NEG_INFINITY),
        };
    }
    // A timedelta can only exist when datetime was imported; importing it here would cost everybody.
    if let Some(datetime) = host::imported(py, crate::kept::intern!(py, "datetime"))? {
        if timeout.is_instance(&datetime.getattr("timedelta")?)? {
            return timeout.call_method0("total_seconds")?.extract();
        }
    }
    let kind = text::type_name(timeout);
    let in_seconds = if what == "seconds" {
        "a number "
    } else {
        "seconds "
    };
    Err(PyTypeError::new_err(format!(
        "{operation}: {what} must be {in_seconds}(float or int) or a timedelta, not {kind}"
    )))
}
