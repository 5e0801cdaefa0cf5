//! What a thread needs before it resumes goroutines: hooks for async generators, and for debuggers.
//!
//! Both belong to the thread, not to the goroutine; so they are set once for as long as the thread is a runner.

use crate::guard;
use crate::kept::Kept;
use crate::spawn;
use pyo3::prelude::*;

/// The hooks that were there before, to be set again.
#[allow(missing_debug_implementations)]
pub struct Hooks<'py> {
    py: Python<'py>,
    before: Option<Py<PyAny>>,
    is_main: bool,
}

fn function<'py>(py: Python<'py>, cell: &'static Kept<Py<PyAny>>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    cell.import(py, "gochan._threads", name).cloned()
}

/// What a `run()` needs of Python's own functions, looked up before anything has happened.
///
/// In its thread signal handlers run: in the first function written in Python that is called after a signal came. So its hooks are
/// set and taken back by functions in C alone, else a Ctrl-C would come out where nobody can raise it.
#[derive(Debug)]
struct OfMain {
    get: Py<PyAny>,
    set: Py<PyAny>,
    finalizer: Py<PyAny>,
}

fn of_main(py: Python<'_>) -> PyResult<&'static OfMain> {
    static KNOWN: Kept<OfMain> = Kept::new();
    KNOWN.get_or_try_init(py, || {
        let sys = py.import("sys")?;
        Ok(OfMain {
            get: sys.getattr("get_asyncgen_hooks")?.unbind(),
            set: sys.getattr("set_asyncgen_hooks")?.unbind(),
            finalizer: wrap_pyfunction!(spawn::close_asyncgen, py)?.into_any().unbind(),
        })
    })
}

impl OfMain {
    fn enter(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let before = guard::call(self.get.bind(py), [])?;
        guard::call(self.set.bind(py), [py.None().bind(py), self.finalizer.bind(py)])?;
        Ok(before.unbind())
    }

    fn leave(&self, py: Python<'_>, before: &Bound<'_, PyAny>) -> PyResult<()> {
        let [first, last] = [before.get_item(0)?, before.get_item(1)?];
        guard::call(self.set.bind(py), [&first, &last]).map(drop)
    }
}

/// Before a `run()`. Its errors are to be raised.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    of_main(py).map(drop)
}

impl<'py> Hooks<'py> {
    /// For a thread of our own.
    pub fn of_runner(py: Python<'py>) -> Self {
        static ENTER: Kept<Py<PyAny>> = Kept::new();
        let before = function(py, &ENTER, "enter_runner").and_then(|enter| guard::call(&enter, []));
        Self::install(py, before.map(Bound::unbind), false)
    }

    /// For the thread of a `run()`, whose tracing is its own business.
    pub fn of_main(py: Python<'py>) -> Self {
        Self::install(py, of_main(py).and_then(|main| main.enter(py)), true)
    }

    fn install(py: Python<'py>, before: PyResult<Py<PyAny>>, is_main: bool) -> Self {
        let before = before.map_err(|error| guard::raise_later(py, error, None)).ok();
        Self { py, before, is_main }
    }
}

/// Sets this thread's trace and profile functions to what `threading` says now.
pub fn refresh(py: Python<'_>) {
    static REFRESH: Kept<Py<PyAny>> = Kept::new();
    if let Err(error) = function(py, &REFRESH, "refresh_hooks").and_then(|refresh| guard::call(&refresh, []))
    {
        guard::write_unraisable(py, error, None);
    }
}

impl Drop for Hooks<'_> {
    fn drop(&mut self) {
        static LEAVE: Kept<Py<PyAny>> = Kept::new();
        let Some(before) = self.before.take() else {
            return;
        };
        let (py, is_main) = (self.py, self.is_main);
        guard::with_error_aside(py, || {
            let before = before.bind(py);
            let left = if is_main {
                of_main(py).and_then(|main| main.leave(py, before))
            } else {
                function(py, &LEAVE, "leave_runner")
                    .and_then(|leave| guard::call(&leave, [before]))
                    .map(drop)
            };
            if let Err(error) = left {
                guard::raise_later(py, error, None);
            }
        });
    }
}
