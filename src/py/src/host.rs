//! Which host is it that wants to wait? Asked only when something really has to wait.

use crate::current;
use crate::error;
use crate::kept::{Kept, intern};
use crate::operation::Operation;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::atomic::{AtomicUsize, Ordering};

fn modules(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    static MODULES: Kept<Py<PyDict>> = Kept::new();
    MODULES
        .get_or_try_init(py, || {
            Ok(py
                .import("sys")?
                .getattr("modules")?
                .cast_into::<PyDict>()?
                .unbind())
        })
        .map(|modules| modules.bind(py))
}

/// A module that somebody imported already; a host that nobody imported can not be running.
pub fn imported<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(modules(py)?.get_item(name)?.filter(|module| !module.is_none()))
}

/// The asyncio loop (or uvloop) that runs in this thread. Cheap where none ever did, because every wait asks.
pub fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(get) = asyncios_answer(py)? else {
        return Ok(None);
    };
    if !may_have_note_of_loop(get)? {
        return Ok(None);
    }
    let running = get.call0()?;
    Ok((!running.is_none()).then_some(running))
}

/// Whether an event loop was started inside of the goroutine that this thread resumes, so that a task of that loop is
/// what wants to wait. Each park of a goroutine asks, so one that finds as many modules as there were without asyncio takes them for
/// the same.
#[inline]
pub fn loop_inside(py: Python<'_>) -> PyResult<bool> {
    if WITHOUT_ASYNCIO.load(Ordering::Relaxed) == modules(py)?.len() {
        return Ok(false);
    }
    Ok(running_loop(py)?.is_some_and(|running| running.as_ptr() != current::outer_loop()))
}

/// How many modules there were when asyncio was looked for in vain; none once it was found.
static WITHOUT_ASYNCIO: AtomicUsize = AtomicUsize::new(0);

/// The function that asyncio answers with which loop runs in this thread. None before asyncio is imported: then none runs.
#[inline]
fn asyncios_answer(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyAny>>> {
    static GET: Kept<Py<PyAny>> = Kept::new();
    if let Some(get) = GET.get(py) {
        return Ok(Some(get.bind(py)));
    }
    // Before the look: one that comes meanwhile makes it another number.
    let count = modules(py)?.len();
    let Some(events) = imported(py, intern!(py, "asyncio.events"))? else {
        WITHOUT_ASYNCIO.store(count, Ordering::Relaxed);
        return Ok(None);
    };
    WITHOUT_ASYNCIO.store(0, Ordering::Relaxed);
    if is_half_imported(&events)? {
        // By another thread. It may not have the function yet, or one that asyncio's half in C will take the place of.
        return Ok(None);
    }
    let get = GET.get_or_try_init(py, || events.getattr("_get_running_loop").map(Bound::unbind))?;
    Ok(Some(get.bind(py)))
}

/// Whether the import of a module has begun, and not ended. It is in `sys.modules` all the same.
#[cold]
fn is_half_imported(module: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(spec) = module.getattr_opt("__spec__")? else {
        return Ok(false);
    };
    spec.getattr_opt("_initializing")?
        .map_or(Ok(false), |initializing| initializing.is_truthy())
}

/// Up to 3.11 asyncio's half in C notes its running loop in the thread's dictionary, and asking asyncio for it costs a system
/// call (to find out about forks); so look whether there is a note at all. Without that half, asyncio keeps them elsewhere.
#[cfg(not(Py_3_12))]
fn may_have_note_of_loop(get: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = get.py();
    let key = intern!(py, "__asyncio_running_event_loop__");
    // SAFETY: attached; a live object; a borrowed dictionary, or null when the thread has none.
    unsafe {
        if pyo3::ffi::PyCFunction_Check(get.as_ptr()) == 0 {
            return Ok(true);
        }
        let state = pyo3::ffi::PyThreadState_GetDict();
        if state.is_null() {
            return Ok(false);
        }
        let note = pyo3::ffi::PyDict_GetItemWithError(state, key.as_ptr());
        if note.is_null() && !pyo3::ffi::PyErr_Occurred().is_null() {
            return Err(PyErr::fetch(py));
        }
        Ok(!note.is_null())
    }
}

#[cfg(Py_3_12)]
#[allow(clippy::unnecessary_wraps)]
fn may_have_note_of_loop(_get: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(true)
}

/// Whether this thread runs a trio loop.
pub fn in_trio(py: Python<'_>) -> PyResult<bool> {
    if imported(py, intern!(py, "trio"))?.is_none() {
        return Ok(false);
    }
    let Some(sniffio) = imported(py, intern!(py, "sniffio"))? else {
        return Ok(false);
    };
    let Some(local) = sniffio.getattr_opt("thread_local")? else {
        return Ok(false);
    };
    local
        .getattr_opt("name")?
        .map_or(Ok(false), |name| name.eq("trio"))
}

/// Whether this is an IPython or Jupyter session, where every cell runs in the main thread under a
/// loop that waits for the cell anyway.
fn in_ipython_cell(py: Python<'_>) -> PyResult<bool> {
    let Some(ipython) = imported(py, intern!(py, "IPython"))? else {
        return Ok(false);
    };
    // The name may be found by a `__getattr__` of the module, in which Ctrl-C may come: that error is not the answer "no".
    let get_ipython = match ipython.getattr("get_ipython") {
        Ok(get_ipython) => get_ipython,
        Err(error) if error.is_instance_of::<PyException>(py) => return Ok(false),
        Err(error) => return Err(error),
    };
    if get_ipython.call0()?.is_none() {
        return Ok(false);
    }
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    main.eq(threading.call_method0("get_ident")?)
}

/// The event loop that this thread runs and must not be kept from.
pub fn event_loop_name(py: Python<'_>) -> PyResult<Option<&'static str>> {
    let name = if running_loop(py)?.is_some() {
        "asyncio"
    } else if in_trio(py)? {
        "trio"
    } else {
        return Ok(None);
    };
    Ok((!in_ipython_cell(py)?).then_some(name))
}

/// Refuses to block a thread that runs an event loop.
pub fn refuse_in_event_loop(py: Python<'_>, operation: &Operation) -> PyResult<()> {
    let Some(host) = event_loop_name(py)? else {
        return Ok(());
    };
    let (blocking, _) = operation.names();
    let title = operation.title(py, blocking);
    let advice = if host == "trio" {
        // What the awaitable twin says there is that it cannot wait either.
        "call it in another thread (gochan.go, trio.to_thread.run_sync)".into()
    } else {
        format!(
            "write `{}`, or call it in another thread (gochan.go)",
            operation.advice()
        )
    };
    Err(error::blocking(
        py,
        format!("{title} would block the running {host} event loop of this thread: {advice}"),
    ))
}
