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
    leave: &'static str,
}

fn function<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    cell.import(py, "gochan._threads", name).cloned()
}

impl<'py> Hooks<'py> {
    /// For a thread of our own.
    pub fn of_runner(py: Python<'py>) -> Self {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Self::install(py, function(py, &ENTER, "enter_runner"), "leave_runner")
    }

    /// For the thread of a `run()`, whose tracing is its own business.
    pub fn of_main(py: Python<'py>) -> Self {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Self::install(py, function(py, &ENTER, "enter_main"), "leave_main")
    }

    fn install(py: Python<'py>, enter: PyResult<Bound<'py, PyAny>>, leave: &'static str) -> Self {
        let before = match enter.and_then(|enter| guard::call(&enter, [])) {
            Ok(before) => Some(before.unbind()),
            Err(error) => {
                guard::write_unraisable(py, error, None);
                None
            }
        };
        Self { py, before, leave }
    }
}

/// Sets this thread's trace and profile functions to what `threading` says now.
pub fn refresh(py: Python<'_>) {
    static REFRESH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Err(error) = function(py, &REFRESH, "refresh_hooks").and_then(|refresh| guard::call(&refresh, []))
    {
        guard::write_unraisable(py, error, None);
    }
}

impl Drop for Hooks<'_> {
    fn drop(&mut self) {
        let Some(before) = self.before.take() else {
            return;
        };
        let py = self.py;
        let pending = PyErr::take(py);
        let left = py
            .import("gochan._threads")
            .and_then(|threads| threads.getattr(self.leave))
            .and_then(|leave| guard::call(&leave, [before.bind(py)]));
        if let Err(error) = left {
            guard::write_unraisable(py, error, None);
        }
        if let Some(pending) = pending {
            pending.restore(py);
        }
    }
}
