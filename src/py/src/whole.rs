//! Whole numbers, as users give them.

use crate::text;
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::fmt::Display;

/// `operator.index(object)`, or `None` where there is no such thing.
pub fn as_int<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: attached, a live object.
    if unsafe { ffi::PyIndex_Check(object.as_ptr()) } == 0 {
        return Ok(None);
    }
    // SAFETY: attached, a live object; a new reference or null with an error.
    let int = unsafe { Bound::from_owned_ptr_or_err(object.py(), ffi::PyNumber_Index(object.as_ptr())) };
    match int {
        // An array has the method, and is no int most of the time.
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Ok(None),
        int => int.map(Some),
    }
}

/// The int that was given, or a TypeError: `needs`, not whatever it is.
pub fn int<'py>(given: &Bound<'py, PyAny>, needs: impl Display) -> PyResult<Bound<'py, PyAny>> {
    as_int(given)?.ok_or_else(|| {
        let kind = text::type_name(given);
        PyTypeError::new_err(format!("{needs}, not {kind}"))
    })
}

/// A ValueError about an int that does not fit, with the int in it; or what came while that was written out.
pub fn unfit(int: &Bound<'_, PyAny>, message: impl FnOnce(&str) -> String) -> PyErr {
    match int.str() {
        Ok(digits) => PyValueError::new_err(message(&text::of(&digits))),
        // Python refuses to write out thousands of digits, and a class of the user's may refuse too.
        Err(error) if error.is_instance_of::<PyException>(int.py()) => {
            PyValueError::new_err(message("a number too long to print"))
        }
        Err(error) => error,
    }
}
