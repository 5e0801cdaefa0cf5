//! What a thread needs before it resumes goroutines: hooks for async generators, and for debuggers.
//!
//! Both belong to the thread, not to the goroutine; so they are set once for as long as the thread is a runner.

use crate::guard;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The hooks that were there before, to be set again.
#[allow(missing_debug_implementations)]
pub struct Hooks<'py> {
    py: Python<'py>,
    before: Option<Py<PyAny>>,
}

fn function<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    cell.import(py, "gochan._threads", name).cloned()
}

impl<'py> Hooks<'py> {
    pub fn install(py: Python<'py>) -> Self {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let before = function(py, &ENTER, "enter_runner").and_then(|enter| guard::call(&enter, []));
        match before {
            Ok(before) => Self {
                py,
                before: Some(before.unbind()),
            },
            Err(error) => {
                error.write_unraisable(py, None);
                Self { py, before: None }
            }
        }
    }
}

impl Drop for Hooks<'_> {
    fn drop(&mut self) {
        static LEAVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(before) = self.before.take() else {
            return;
        };
        let py = self.py;
        let pending = PyErr::take(py);
        if let Err(error) =
            function(py, &LEAVE, "leave_runner").and_then(|leave| guard::call(&leave, [before.bind(py)]))
        {
            error.write_unraisable(py, None);
        }
        if let Some(pending) = pending {
            pending.restore(py);
        }
    }
}
