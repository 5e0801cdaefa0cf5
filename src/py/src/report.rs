//! Errors of goroutines that nobody looked at.

use crate::callable::{self, Kind};
use crate::goroutine::Goroutine;
use crate::guard;
use crate::kept::Kept;
use crate::text;
use parking_lot::Mutex;
use pyo3::exceptions::{PySystemExit, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the user set. What may not happen under it: a drop, any Python.
static HOOK: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Goroutines that ended with an error nobody looked at yet, for the report at exit. Weak: a handle
/// that goes reports by itself. What may not happen under it: a drop, any Python.
static UNLOOKED: Mutex<BTreeMap<u64, Py<PyWeakrefReference>>> = Mutex::new(BTreeMap::new());

/// Sets what is called with the handle and the exception of a goroutine whose error nobody looked at.
///
/// None restores the default, which writes the traceback to stderr; that is also written when the hook itself raises. SystemExit
/// is not reported, as in threads: `sys.exit()` ends its own goroutine alone, unless main takes its `result()`. TypeError if
/// `hook` is neither callable nor None.
#[pyfunction]
#[pyo3(signature = (hook, /))]
pub fn set_excepthook(hook: &Bound<'_, PyAny>) -> PyResult<()> {
    let new = if hook.is_none() {
        None
    } else if hook.is_callable() {
        if callable::kind_of("set_excepthook()", hook)? == Kind::Coroutine {
            return Err(PyTypeError::new_err(
                "set_excepthook() needs a function, and this `async def` would have to be awaited: start it in one, with go()",
            ));
        }
        Some(hook.clone().unbind())
    } else {
        let kind = text::type_name(hook);
        return Err(PyTypeError::new_err(format!(
            "set_excepthook() needs a function of (goroutine, exception), or None, not {kind}"
        )));
    };
    let old = std::mem::replace(&mut *HOOK.lock(), new);
    drop(old);
    Ok(())
}

/// Keeps the goroutine in mind for the report at exit.
pub fn remember(goroutine: &Bound<'_, Goroutine>) {
    let py = goroutine.py();
    let remembered = register_at_exit(py).and_then(|()| PyWeakrefReference::new(goroutine.as_any()));
    match remembered {
        Ok(weak) => {
            let old = UNLOOKED.lock().insert(goroutine.get().id(), weak.unbind());
            drop(old);
        }
        Err(error) => guard::raise_later(py, error, Some(goroutine.as_any())),
    }
}

pub fn forget(id: u64) {
    let weak = UNLOOKED.lock().remove(&id);
    drop(weak);
}

/// Reports the goroutine's error, if it has one that nobody looked at.
pub fn report(goroutine: &Bound<'_, Goroutine>) {
    let py = goroutine.py();
    if !Goroutine::look(goroutine) {
        return;
    }
    let Some(error) = goroutine.get().error(py) else {
        return;
    };
    // As in threading: whoever calls sys.exit() in a thread means that thread.
    if error.is_instance_of::<PySystemExit>() {
        return;
    }
    guard::run_whole(py, Some(goroutine.as_any()), || {
        let hook = HOOK.lock().as_ref().map(|hook| hook.clone_ref(py));
        let Some(hook) = hook else {
            return write(goroutine, &error);
        };
        let told = guard::call(hook.bind(py), [goroutine.as_any(), &error]);
        if told.is_err() {
            // A hook that fails is not to take the goroutine's own error along.
            if let Err(error) = write(goroutine, &error) {
                guard::raise_later(py, error, Some(goroutine.as_any()));
            }
        }
        told.map(drop)
    });
}

/// The default: writes name, place and traceback to stderr.
fn write(goroutine: &Bound<'_, Goroutine>, error: &Bound<'_, PyAny>) -> PyResult<()> {
    static DEFAULT: Kept<Py<PyAny>> = Kept::new();
    let py = goroutine.py();
    let default = DEFAULT.import(py, "gochan._report", "report")?;
    let head = format!(
        "Exception in goroutine {} (id {}), started at {}:",
        goroutine.get().full_name(py),
        goroutine.get().id(),
        goroutine.get().start_site(py)
    );
    guard::call(default, [head.into_pyobject(py)?.as_any(), error]).map(drop)
}

/// At exit: what is still unlooked at and has a live handle. Later, the modules that hooks need are gone.
#[pyfunction]
#[pyo3(name = "_report_at_exit")]
pub fn report_at_exit(py: Python<'_>) {
    let unlooked = std::mem::take(&mut *UNLOOKED.lock());
    for weak in unlooked.into_values() {
        if let Some(Ok(goroutine)) = weak.bind(py).upgrade().map(Bound::cast_into::<Goroutine>) {
            report(&goroutine);
        }
    }
}

/// Once, when there is a first error to keep in mind.
fn register_at_exit(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if REGISTERED.load(Ordering::Acquire) {
        return Ok(());
    }
    let function = wrap_pyfunction!(report_at_exit, py)?;
    let register = py.import("atexit")?.getattr("register")?;
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        register.call1((function,))?;
    }
    Ok(())
}

/// In a forked child the errors are the parent's to report.
pub fn after_fork_in_child() {
    let unlooked = std::mem::take(&mut *UNLOOKED.lock());
    drop(unlooked);
}
