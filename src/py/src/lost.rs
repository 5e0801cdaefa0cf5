//! Goroutines that nobody will resume any more: found by the collector, or suspended when the program ends. They are closed.

use crate::awaitable::Awaitable;
use crate::coroutine::next_in_chain;
use crate::current::Closing;
use crate::goexit;
use crate::goroutine::{End, Goroutine};
use crate::guard;
use crate::kept::intern;
use crate::scope;
use crate::world;
use parking_lot::Mutex;
use pyo3::exceptions::{PyGeneratorExit, PyResourceWarning, PyStopAsyncIteration, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;

/// Goroutines that were found while their own coroutine was running: closed at the end of the collection, or a little later
/// if it was none.
/// What may not happen under it: a drop, any Python.
static LATER: Mutex<Vec<Py<Goroutine>>> = Mutex::new(Vec::new());

/// Those of the parent are the parent's to close.
pub fn after_fork_in_child() {
    std::mem::forget(std::mem::take(&mut *LATER.lock()));
}

/// The collector, or the last reference, found a goroutine that has not ended: nothing can wake it any more.
pub fn collected(goroutine: &Bound<'_, Goroutine>) {
    let this = goroutine.get();
    if this.is_of_another_process() {
        return;
    }
    let waits = Goroutine::waits_in(goroutine);
    if !this.word.retire() {
        return;
    }
    // SAFETY: attached, and `retire` made sure that nobody has the right to resume it, nor gets it.
    let Some(body) = (unsafe { this.body() }) else {
        return;
    };
    if is_running(body.coroutine.bind(goroutine.py())) {
        // The collector comes to the objects of a cycle in any order. It closed a coroutine further down the chain first,
        // and we are inside of that: the rest has to wait until it is done.
        close_soon(goroutine);
        return;
    }
    report_lost(goroutine, waits.map(|(what, _)| what));
    close(goroutine);
}

fn report_lost(goroutine: &Bound<'_, Goroutine>, waits: Option<String>) {
    let (py, this) = (goroutine.py(), goroutine.get());
    if this.is_abandoned() || world::is_stopped() {
        return;
    }
    let what = waits.or_else(|| this.broken_off()).map_or_else(
        || "it was waiting".to_owned(),
        |what| format!("it waits in {what}"),
    );
    let text = format!(
        "goroutine {} can never be woken: {what}, and nothing else can reach that; started at {}",
        this.full_name(py),
        this.start_site(py)
    );
    if let Err(error) = warn(py, &text) {
        guard::raise_later(py, error, Some(goroutine.as_any()));
    }
}

/// Whether a coroutine of the chain of awaits is executing at this moment.
fn is_running(coroutine: &Bound<'_, PyAny>) -> bool {
    let mut at = coroutine.clone();
    loop {
        // The end of nearly every chain. To ask it for what it refers to would stop the world, without the GIL.
        if at.is_instance_of::<Awaitable>() {
            return false;
        }
        if is_executing(&at) {
            return true;
        }
        let Some(next) = next_in_chain(&at) else {
            return false;
        };
        at = next;
    }
}

fn is_executing(at: &Bound<'_, PyAny>) -> bool {
    let is = |name| {
        let flag = guard::found(at.py(), at.getattr_opt(name)).flatten();
        flag.map(|flag| flag.is_truthy().unwrap_or(false))
    };
    // An async generator calls itself running from the time its next value is asked for until it has come, also while it is
    // suspended in between. Up to 3.11 it does not tell the two apart; there, closing who iterates leaves the generator alone.
    if is("ag_running") == Some(true) {
        return is("ag_suspended") == Some(false);
    }
    is("cr_running").or_else(|| is("gi_running")).unwrap_or(false)
}

extern "C" fn close_later(_nothing: *mut std::ffi::c_void) -> std::ffi::c_int {
    Python::try_attach(close_found);
    0
}

/// Closes those that were found while they could not be closed.
pub fn close_found(py: Python<'_>) {
    if LATER.lock().is_empty() {
        return;
    }
    let found = std::mem::take(&mut *LATER.lock());
    for goroutine in found {
        let goroutine = goroutine.into_bound(py);
        // SAFETY: attached, and the word is DONE: nobody has the right to resume it.
        let body = unsafe { goroutine.get().body().as_ref() };
        if body.is_some_and(|body| is_running(body.coroutine.bind(py))) {
            // Still inside of it.
            close_soon(&goroutine);
            continue;
        }
        report_lost(&goroutine, None);
        close(&goroutine);
    }
}

fn close_soon(goroutine: &Bound<'_, Goroutine>) {
    LATER.lock().push(goroutine.clone().unbind());
    // SAFETY: attached. A full list of pending calls is not an error: the next one, or exit, sees to all.
    unsafe { ffi::Py_AddPendingCall(Some(close_later), std::ptr::null_mut()) };
}

fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    // Gone at the very end of the interpreter, when nobody is left to read warnings.
    let Ok(warnings) = py.import("warnings") else {
        return Ok(());
    };
    let warn = warnings.getattr("warn")?;
    let (text, one) = (text.into_pyobject(py)?, 1_i32.into_pyobject(py)?);
    let kind = py.get_type::<PyResourceWarning>();
    // Without the goroutine as its source: whoever records warnings would keep it alive.
    guard::call(&warn, [text.as_any(), kind.as_any(), one.as_any()]).map(drop)
}

/// Ends a goroutine that nobody will resume any more: its `finally` blocks run, and can not wait.
///
/// Its word is DONE already.
pub fn close(goroutine: &Bound<'_, Goroutine>) {
    let py = goroutine.py();
    // SAFETY: attached, and the word is DONE: nobody else has the right to resume it.
    let Some(body) = (unsafe { goroutine.get().body().take() }) else {
        return;
    };
    scope::stepped_ended();
    let closing = Closing::enter();
    let coroutine = body.coroutine.bind(py);
    // SAFETY: attached, a live context, which nobody has entered: the goroutine does not run.
    let entered = unsafe { ffi::PyContext_Enter(body.context.as_ptr()) } == 0;
    if !entered {
        drop(PyErr::take(py));
    }
    close_generators(coroutine);
    if let Err(error) = guard::call_method(coroutine, intern!(py, "close"), []) {
        if !goexit::is_goexit(py, error.value(py)) {
            guard::raise_later(py, error, Some(goroutine.as_any()));
        }
    }
    if entered {
        // SAFETY: entered above.
        unsafe { ffi::PyContext_Exit(body.context.as_ptr()) };
    }
    body.drop_guarded(py);
    drop(closing);
    Goroutine::finish(goroutine, End::Value(py.None()));
}

/// Closes the async generators of a chain of awaits that wait themselves, from the innermost outwards.
///
/// Up to 3.12, closing whoever iterates over such a generator leaves it where it is, for ever: `close` of what `__anext__` or `aclose` gave
/// does nothing. `throw` reaches it.
fn close_generators(coroutine: &Bound<'_, PyAny>) {
    if cfg!(Py_3_13) {
        return;
    }
    let py = coroutine.py();
    let mut steps = Vec::new();
    let mut at = Some(coroutine.clone());
    // Most chains end after one step, and at exit a million may be closed.
    while let Some(object) = at.filter(|object| !object.is_exact_instance_of::<Awaitable>()) {
        at = next_in_chain(&object);
        if object
            .get_type()
            .name()
            .is_ok_and(|name| name == "async_generator_asend" || name == "async_generator_athrow")
        {
            steps.push(object);
        }
    }
    for step in steps.into_iter().rev() {
        let closing = PyGeneratorExit::new_err(())
            .into_value(py)
            .into_bound(py)
            .into_any();
        match guard::call_method(&step, intern!(py, "throw"), [&closing]) {
            Err(error) if error.is_instance_of::<PyGeneratorExit>(py) => {}
            // What `throw` gives when the generator has ended: it, or `aclose`.
            Err(error) if error.is_instance_of::<PyStopAsyncIteration>(py) => {}
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => {}
            Err(error) => guard::raise_later(py, error, Some(&step)),
            // It goes on all the same. Python says so of it when it is dropped, as of a coroutine that does.
            Ok(_) => {}
        }
    }
}
