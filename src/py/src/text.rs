//! Texts of Python objects, for messages and reprs.
//!
//! `format!("{object}")` and `object.to_string()` are not written in this crate. They call `str(object)`, which first runs signal
//! handlers, and they have nowhere to put an error: a Ctrl-C that came just then would be printed as ignored, and lost. So a text is
//! read where it lies, and `str()` and `repr()` are called where their errors can be raised.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// What a str says; calls nothing. Half a surrogate pair shows as a question mark.
pub fn of(text: &Bound<'_, PyString>) -> String {
    text.to_string_lossy().into_owned()
}

/// `type(object).__name__`; calls nothing of the user's.
pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .name()
        .map_or_else(|_| "?".into(), |name| of(&name))
}
