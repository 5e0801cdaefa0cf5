//! `go`: from a function and its arguments to a running goroutine.

use crate::goroutine::{self, Goroutine, type_name};
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
    let job = Job::new(
        work,
        goroutine.clone().unbind(),
        group.cloned().map(Bound::unbind),
    );
    if let Some(group) = group {
        group.get().change(py, 1)?;
    }
    goroutine::began();
    if let Err(error) = threads::run(Bound::new(py, job)?) {
        goroutine::never_began();
        if let Some(group) = group {
            group.get().change(py, -1)?;
        }
        return Err(error);
    }
    Ok(goroutine)
}

fn check(who: &str, function: &Bound<'_, PyAny>) -> PyResult<()> {
    if !function.is_callable() {
        let kind = type_name(function);
        return Err(PyTypeError::new_err(format!(
            "{who} needs a function to call, not {kind}: pass the function and its arguments, \
             go(worker, 1), not the result of a call, go(worker(1))"
        )));
    }
    if is_async(function)? {
        return Err(unsupported_coroutine());
    }
    Ok(())
}

pub fn unsupported_coroutine() -> PyErr {
    PyNotImplementedError::new_err(
        "`async def` goroutines need gochan's scheduler, which this version does not have yet: pass a plain \
         function, or run the coroutine in an asyncio task, which can use the same channels",
    )
}

/// Whether a call would only make a coroutine. Looks through methods, partials and `__call__`.
fn is_async(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    const CO_COROUTINE: u32 = 0x80;
    let py = function.py();
    let mut function = function.clone();
    // A partial of a partial is flattened by Python; more depth than this is somebody's joke.
    for _ in 0..4 {
        if let Some(code) = function.getattr_opt(intern!(py, "__code__"))? {
            let flags = code.getattr_opt(intern!(py, "co_flags"))?;
            return Ok(flags.is_some_and(|flags| {
                flags
                    .extract::<u32>()
                    .is_ok_and(|flags| flags & CO_COROUTINE != 0)
            }));
        }
        let is_partial = function.getattr_opt(intern!(py, "keywords"))?.is_some();
        function = match function.getattr_opt(intern!(py, "func"))? {
            Some(inner) if is_partial => inner,
            _ => match function.get_type().getattr_opt(intern!(py, "__call__"))? {
                Some(call) => call,
                None => return Ok(false),
            },
        };
    }
    Ok(false)
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
        .or_else(|| named(&function.getattr_opt(intern!(py, "func")).ok().flatten()?))
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
