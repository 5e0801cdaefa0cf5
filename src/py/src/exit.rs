//! Leaving: what is done when the interpreter is about to exit.
//!
//! The scheduler stops, so that nothing is resumed any more; then the coroutines that are suspended are closed, while modules are
//! still whole: their `finally` blocks run. Threads in the middle of a goroutine are abandoned, as Go's are.

use crate::aio;
use crate::collection;
use crate::due;
use crate::goroutine::Goroutine;
use crate::lost;
use crate::world;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once `at_exit` is registered.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Before the first goroutine.
#[inline]
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    if PREPARED.load(Ordering::Relaxed) {
        return Ok(());
    }
    register(py)
}

/// Nothing is started any more when the interpreter exits.
pub fn refuse(who: &str) -> PyResult<()> {
    if world::is_stopped() {
        return Err(PyRuntimeError::new_err(format!(
            "{who}: the interpreter is exiting, and nothing that is started now would run"
        )));
    }
    Ok(())
}

#[cold]
fn register(py: Python<'_>) -> PyResult<()> {
    let function = wrap_pyfunction!(at_exit, py)?;
    // All that runs Python is done first: a Ctrl-C that comes there must not leave it half done.
    let register = py.import("atexit")?.getattr("register")?;
    let watch = collection::watch(py)?;
    if !PREPARED.swap(true, Ordering::AcqRel) {
        register.call1((function,))?;
        watch()?;
    }
    Ok(())
}

#[pyfunction]
#[pyo3(name = "_close_goroutines")]
fn at_exit(py: Python<'_>) -> PyResult<()> {
    world::stop();
    aio::stop(py);
    // No list of all goroutines is kept for this: the collector has one.
    let all = py
        .import("gc")?
        .call_method0("get_objects")?
        .cast_into::<PyList>()?;
    let class = py.get_type::<Goroutine>();
    let mut suspended = Vec::new();
    for object in all.iter() {
        if object.get_type().is(&class) {
            suspended.push(object.cast_into::<Goroutine>()?);
        }
    }
    drop(all);
    lost::close_found(py);
    for goroutine in suspended {
        let this = goroutine.get();
        if !this.is_of_another_process() && !this.has_ended() && this.word.retire() {
            lost::close(&goroutine);
        }
    }
    due::forget_all();
    Ok(())
}
