//! What somebody gave to be called: whether it can be, what a call of it makes, and what it is called.

use crate::awaitable::Awaitable;
use crate::guard;
use crate::host;
use crate::kept::intern;
use crate::text;
use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Something that can be resumed like a coroutine: one of `async def`, or an object with its methods.
pub fn is_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached, a live object, whose type has a slot for `__await__` or not: most results have none.
    unsafe {
        if ffi::PyCoro_CheckExact(object.as_ptr()) == 1 {
            return true;
        }
        let slots = (*ffi::Py_TYPE(object.as_ptr())).tp_as_async;
        if slots.is_null() || (*slots).am_await.is_none() {
            return false;
        }
    }
    if object.is_instance_of::<Awaitable>() {
        return true;
    }
    let py = object.py();
    // As collections.abc.Coroutine has it. Generators lack __await__; futures and tasks lack send.
    [
        intern!(py, "__await__"),
        intern!(py, "send"),
        intern!(py, "throw"),
        intern!(py, "close"),
    ]
    .iter()
    .all(|name| object.get_type().hasattr(*name).unwrap_or(false))
}

// Flags of a code object: what a call of it makes instead of running it.
const CO_GENERATOR: u32 = 0x20;
const CO_COROUTINE: u32 = 0x80;
const CO_ITERABLE_COROUTINE: u32 = 0x100;
const CO_ASYNC_GENERATOR: u32 = 0x200;

/// What a call of a function makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Call,
    Coroutine,
}

pub fn kind_of(who: &str, function: &Bound<'_, PyAny>) -> PyResult<Kind> {
    if !function.is_callable() {
        return Err(not_callable(who, function));
    }
    match code_flags(function) {
        Some(flags) if flags & CO_COROUTINE != 0 => Ok(Kind::Coroutine),
        Some(flags)
            if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR) != 0 && flags & CO_ITERABLE_COROUTINE == 0 =>
        {
            let name = name_of(function);
            let name = text::of(name.bind(function.py()));
            Err(PyTypeError::new_err(format!(
                "{who}: {name} is a generator function, and calling it runs nothing of it: \
                 pass a function that iterates over it"
            )))
        }
        _ => Ok(Kind::Call),
    }
}

#[cold]
fn not_callable(who: &str, function: &Bound<'_, PyAny>) -> PyErr {
    if is_coroutine(function) {
        // Python would warn besides that it was never awaited; this error says what to do about it.
        let _ = function.call_method0("close");
    }
    let kind = text::type_name(function);
    let call = who.trim_end_matches("()");
    if !call.ends_with("go") && call != "run" {
        return PyTypeError::new_err(format!(
            "{who} needs a function to call, not {kind}: pass the function itself, not the result of a call, and \
             `lambda: function(1)` for one with arguments"
        ));
    }
    PyTypeError::new_err(format!(
        "{who} needs a function to call, not {kind}: pass the function and its arguments, {call}(function, 1), \
         not the result of a call, {call}(function(1))"
    ))
}

/// The code flags of what a call would run, as far as they can be known. Looks through methods,
/// partials and `__call__`.
fn code_flags(function: &Bound<'_, PyAny>) -> Option<u32> {
    let py = function.py();
    // SAFETY: attached, a live object; a function's code is a borrowed code object. Without the GIL another thread may give
    // the function other code before ours is counted.
    unsafe {
        if !cfg!(Py_GIL_DISABLED) && ffi::PyFunction_Check(function.as_ptr()) == 1 {
            let code = Bound::from_borrowed_ptr(py, ffi::PyFunction_GetCode(function.as_ptr()));
            return flags_of(&code);
        }
    }
    let mut function = function.clone();
    // A partial of a partial is flattened by Python; more depth than this is somebody's joke.
    for _ in 0..4 {
        if let Some(code) = guard::found(py, function.getattr(intern!(py, "__code__"))) {
            return flags_of(&code);
        }
        let inner = if is_partial(&function) {
            function.getattr(intern!(py, "func"))
        } else {
            function.get_type().getattr(intern!(py, "__call__"))
        };
        function = guard::found(py, inner)?;
    }
    None
}

/// The flags of the code object that was asked for last: the same function is started many times in a row. What may not happen under
/// it: a drop, any Python.
static LAST_FLAGS: Mutex<Option<(Py<PyAny>, u32)>> = Mutex::new(None);

fn flags_of(code: &Bound<'_, PyAny>) -> Option<u32> {
    if let Some((last, flags)) = &*LAST_FLAGS.lock() {
        if last.is(code) {
            return Some(*flags);
        }
    }
    let flags = code.getattr(intern!(code.py(), "co_flags"));
    let flags = guard::found(code.py(), flags.and_then(|flags| flags.extract()))?;
    let old = LAST_FLAGS.lock().replace((code.clone().unbind(), flags));
    drop(old);
    Some(flags)
}

/// A partial can only exist when functools was imported.
fn is_partial(function: &Bound<'_, PyAny>) -> bool {
    let py = function.py();
    let Ok(Some(functools)) = host::imported(py, crate::kept::intern!(py, "functools")) else {
        return false;
    };
    let is_partial = functools
        .getattr(intern!(py, "partial"))
        .and_then(|partial| function.is_instance(&partial));
    guard::found(py, is_partial).unwrap_or(false)
}

/// The function's name for messages: without the names of the functions it was defined in.
pub fn short_name(function: &Bound<'_, PyAny>) -> String {
    let name = name_of(function);
    let name = name.bind(function.py()).to_string_lossy();
    name.rsplit_once("<locals>.")
        .map_or(&*name, |(_, name)| name)
        .to_owned()
}

/// The function's qualified name.
pub fn name_of(function: &Bound<'_, PyAny>) -> Py<PyString> {
    let py = function.py();
    // SAFETY: attached, a live object; a function's qualified name is a str. Without the GIL another thread may give the function
    // another name before ours is counted.
    unsafe {
        if !cfg!(Py_GIL_DISABLED) && ffi::PyFunction_Check(function.as_ptr()) == 1 {
            let name = (*function.as_ptr().cast::<ffi::PyFunctionObject>()).func_qualname;
            return Bound::from_borrowed_ptr(py, name).cast_into_unchecked().unbind();
        }
    }
    let named = |object: &Bound<'_, PyAny>| -> Option<Py<PyString>> {
        let name = guard::found(py, object.getattr_opt(intern!(py, "__qualname__"))).flatten()?;
        Some(name.cast_into::<PyString>().ok()?.unbind())
    };
    named(function)
        .or_else(|| is_partial(function).then(|| named(&function.getattr(intern!(py, "func")).ok()?))?)
        .unwrap_or_else(|| PyString::new(py, &text::type_name(function)).unbind())
}
