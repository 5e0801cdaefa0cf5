//! Where `go` was called. No text is made of it before somebody asks.

use crate::current;
use crate::guard;
use crate::kept::intern;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Code object, and offset in it: a place in a program.
pub type StartPlace = (Py<PyAny>, i32);

/// The place in the user's program from which we were called.
pub fn caller(py: Python<'_>) -> Option<StartPlace> {
    // SAFETY: attached; borrowed references or null, without an error. The running frame lives, and so do its globals.
    unsafe {
        let (frame, globals) = (ffi::PyEval_GetFrame(), ffi::PyEval_GetGlobals());
        if frame.is_null() || globals.is_null() {
            return None;
        }
        if is_ours(py, globals) {
            return outside(py, frame);
        }
        Some(place(py, frame))
    }
}

/// The place from which gochan's own Python was called, which starts at `frame`: nobody looks for his mistakes there.
///
/// # Safety
/// A live frame.
#[cold]
unsafe fn outside(py: Python<'_>, frame: *mut ffi::PyFrameObject) -> Option<StartPlace> {
    // SAFETY: the caller's promise, and then the frames that called it, each counted until the next one is. These functions give a
    // new reference each; `PyFrame_GetBack` may give null without an error.
    unsafe {
        let mut next = Bound::from_borrowed_ptr(py, frame.cast());
        loop {
            let frame = next.as_ptr().cast();
            let globals = Bound::from_owned_ptr(py, ffi::PyFrame_GetGlobals(frame).cast());
            if !is_ours(py, globals.as_ptr()) {
                return Some(place(py, frame));
            }
            match Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(frame).cast()) {
                Some(back) => next = back,
                None => break,
            }
        }
        // A goroutine of gochan's own begins what another one needs.
        current::goroutine(py)
            .and_then(|goroutine| goroutine.get().start_place(py))
            .or_else(|| Some(place(py, frame)))
    }
}

/// # Safety
/// A live frame.
unsafe fn place(py: Python<'_>, frame: *mut ffi::PyFrameObject) -> StartPlace {
    // SAFETY: the caller's promise; `PyFrame_GetCode` gives a new reference and never fails.
    unsafe {
        let code = Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame).cast());
        (code.unbind(), ffi::PyFrame_GetLasti(frame))
    }
}

/// The address of the globals that were looked at last and are none of ours: the same ones start many goroutines in a row. Should a
/// module of ours come to be where a user's was, which takes one that is gone, a place in ours is told, which is true as well.
static LAST_OUTSIDE: AtomicUsize = AtomicUsize::new(0);

/// Whether these are the globals of a module of gochan. Not counted before it is known to be worth it: all threads share them.
///
/// # Safety
/// A live object.
#[inline]
unsafe fn is_ours(py: Python<'_>, globals: *mut ffi::PyObject) -> bool {
    if LAST_OUTSIDE.load(Ordering::Relaxed) == globals.addr() {
        return false;
    }
    // SAFETY: the caller's promise.
    let is_ours = has_our_name(&unsafe { Bound::from_borrowed_ptr(py, globals) });
    if !is_ours {
        LAST_OUTSIDE.store(globals.addr(), Ordering::Relaxed);
    }
    is_ours
}

fn has_our_name(globals: &Bound<'_, PyAny>) -> bool {
    let py = globals.py();
    let Ok(globals) = globals.cast::<PyDict>() else {
        return false;
    };
    let name = guard::found(py, globals.get_item(intern!(py, "__name__"))).flatten();
    let name = name.as_ref().and_then(|name| name.cast::<PyString>().ok());
    let rest = name.and_then(|name| name.to_str().ok()?.strip_prefix("gochan"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
