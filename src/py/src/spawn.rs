//! `go`: from a function and its arguments to a running goroutine.

use crate::goroutine::{self, Goroutine, type_name};
use crate::host;
use crate::job::{Job, Work};
use crate::threads;
use crate::wait_group::WaitGroup;
use pyo3::exceptions::{PyNotImplementedError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Runs `function(*args, **kwargs)` concurrently. Go's `go f(x)`.
///
/// Plain functions run on goroutine threads, with a copy of the caller's contextvars. TypeError for
/// something that cannot be called.
#[pyfunction]
#[pyo3(signature = (r#fn, /, *args, **kwargs))]
pub fn go<'py>(
    r#fn: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, Goroutine>> {
    spawn("go()", r#fn, args, kwargs, None)
}

pub fn spawn<'py>(
    who: &str,
    function: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
    group: Option<&Bound<'py, WaitGroup>>,
) -> PyResult<Bound<'py, Goroutine>> {
    let py = function.py();
    check(who, function)?;
    // SAFETY: attached; a new reference or null with an error.
    let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent())? };
    let goroutine = Bound::new(py, Goroutine::new(name_of(function), caller(py)))?;
    let work = Work {
        context: context.unbind(),
        function: function.clone().unbind(),
        args: args.unbind(),
        kwargs: kwargs.unwrap_or_else(|| PyDict::new(py)).unbind(),
    };
    let job = Bound::new(py, Job::new(work))?;
    if let Some(group) = group {
        group.get().change(py, 1)?;
    }
    goroutine::began();
    job.get()
        .arm(goroutine.clone().unbind(), group.cloned().map(Bound::unbind));
    if let Err(error) = threads::run(job.clone()) {
        job.get().disarm();
        goroutine::never_began();
        if let Some(group) = group {
            group.get().change(py, -1)?;
        }
        return Err(error);
    }
    Ok(goroutine)
}

// Flags of a code object: what a call of it makes instead of running it.
const CO_GENERATOR: u32 = 0x20;
const CO_COROUTINE: u32 = 0x80;
const CO_ASYNC_GENERATOR: u32 = 0x200;

fn check(who: &str, function: &Bound<'_, PyAny>) -> PyResult<()> {
    if !function.is_callable() {
        let kind = type_name(function);
        return Err(PyTypeError::new_err(format!(
            "{who} needs a function to call, not {kind}: pass the function and its arguments, \
             go(worker, 1), not the result of a call, go(worker(1))"
        )));
    }
    match code_flags(function) {
        Some(flags) if flags & CO_COROUTINE != 0 => Err(unsupported_coroutine()),
        Some(flags) if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR) != 0 => {
            let name = name_of(function);
            Err(PyTypeError::new_err(format!(
                "{who}: {name} is a generator function, and calling it runs nothing of it: \
                 pass a function that iterates over it"
            )))
        }
        _ => Ok(()),
    }
}

pub fn unsupported_coroutine() -> PyErr {
    PyNotImplementedError::new_err(
        "`async def` goroutines need gochan's scheduler, which this version does not have yet: pass a plain \
         function, or run the coroutine in an asyncio task, which can use the same channels",
    )
}

/// The code flags of what a call would run, as far as they can be known. Looks through methods,
/// partials and `__call__`.
fn code_flags(function: &Bound<'_, PyAny>) -> Option<u32> {
    let py = function.py();
    let mut function = function.clone();
    // A partial of a partial is flattened by Python; more depth than this is somebody's joke.
    for _ in 0..4 {
        if let Ok(code) = function.getattr(intern!(py, "__code__")) {
            return code.getattr(intern!(py, "co_flags")).ok()?.extract().ok();
        }
        function = if is_partial(&function) {
            function.getattr(intern!(py, "func")).ok()?
        } else {
            function.get_type().getattr(intern!(py, "__call__")).ok()?
        };
    }
    None
}

/// A partial can only exist when functools was imported.
fn is_partial(function: &Bound<'_, PyAny>) -> bool {
    let Ok(Some(functools)) = host::imported(function.py(), "functools") else {
        return false;
    };
    functools
        .getattr(intern!(function.py(), "partial"))
        .is_ok_and(|partial| function.is_instance(&partial).unwrap_or(false))
}

/// The function's name without the names of the functions it was defined in.
fn name_of(function: &Bound<'_, PyAny>) -> String {
    let py = function.py();
    let named = |object: &Bound<'_, PyAny>| -> Option<String> {
        let name = object
            .getattr_opt(intern!(py, "__qualname__"))
            .ok()
            .flatten()?
            .extract::<String>()
            .ok()?;
        Some(match name.rsplit_once("<locals>.") {
            Some((_, name)) => name.to_owned(),
            None => name,
        })
    };
    named(function)
        .or_else(|| is_partial(function).then(|| named(&function.getattr(intern!(py, "func")).ok()?))?)
        .unwrap_or_else(|| type_name(function))
}

/// Code object and line of the Python frame that called us.
fn caller(py: Python<'_>) -> Option<(Py<PyAny>, i32)> {
    // SAFETY: attached; a borrowed reference or null, without an error.
    let frame = unsafe { ffi::PyEval_GetFrame() };
    if frame.is_null() {
        return None;
    }
    // SAFETY: a live frame; `PyFrame_GetCode` gives a new reference and never fails.
    unsafe {
        let code = Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame).cast());
        Some((code.unbind(), ffi::PyFrame_GetLineNumber(frame)))
    }
}
