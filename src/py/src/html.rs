//! Notebook faces: what `_repr_html_` of the classes shares. The table itself is made in Python (`gochan/_html.py`).

use crate::kept::intern;
use pyo3::prelude::*;

/// A table of `rows` under `title`; `meter` is how full it is, and what would be full, of the first row.
pub fn table<'py>(
    py: Python<'py>,
    title: &str,
    rows: Vec<(&str, String)>,
    meter: Option<(u64, u64)>,
) -> PyResult<Bound<'py, PyAny>> {
    // Not kept in a `Kept`: an import may run the user's code (a file of theirs named as one of the standard library's), which
    // may show an object, and would wait here for itself.
    py.import(intern!(py, "gochan._html"))?
        .call_method1(intern!(py, "table"), (title, rows, meter))
}
