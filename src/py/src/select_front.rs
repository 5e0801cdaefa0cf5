//! The fast front of `select` and `aselect`: see `front.rs`. A select without keywords, of which an arm is ready, makes no operation
//! and takes no references.

use crate::awaitable::Awaitable;
use crate::chan::{ChanBase, RecvChan};
use crate::coroutine;
use crate::front;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::select::{self, Select, SendCase};
use crate::value::Value;
use crate::wake::Waker;
use gochan_core::channel::RawChannel;
use gochan_core::select::{Arm, Leads, Start, try_select};
use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

/// More arms than this take the long way.
const FEW: usize = 16;

static SELECT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ASELECT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Puts the functions in front of those that the module has.
pub fn put_in_front(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let behind = |name| module.getattr(name);
    module.setattr(
        "select",
        front::function(c"select", select_now, behind("select")?, &SELECT)?,
    )?;
    module.setattr(
        "aselect",
        front::function(c"aselect", aselect, behind("aselect")?, &ASELECT)?,
    )
}

/// A channel whose object the caller of the function holds over the call.
struct Near<'a, 'py> {
    chan: &'a Bound<'py, ChanBase>,
    number: u32,
}

impl Leads<Value, Waker> for Near<'_, '_> {
    fn channel(&self) -> &RawChannel<Value, Waker> {
        self.chan.get().core()
    }
}

/// The result, if an arm is ready and nothing about the arguments is unusual.
#[inline]
fn attempt<'py>(py: Python<'py>, given: &[Bound<'py, PyAny>]) -> Option<PyResult<Py<PyAny>>> {
    let mut arms: SmallVec<[Arm<Near<'_, 'py>, Value>; FEW]> = SmallVec::new();
    for (number, arm) in (0..).zip(given) {
        if let Ok(chan) = arm.cast::<RecvChan>() {
            let chan = chan.as_super();
            arms.push(Arm::recv(Near { chan, number }));
        } else if let Ok(case) = arm.cast::<SendCase>() {
            if let Some((chan, value)) = case.get().parts(py) {
                arms.push(Arm::send(Near { chan, number }, value));
            }
        } else if !arm.is_none() {
            return None;
        }
    }
    match try_select(&mut arms, select::random_order()) {
        Start::NoneReady => None,
        Start::Fired(at, did) => {
            let Near { chan, number } = arms[at].chan;
            Some(select::result(chan, number, did))
        }
    }
}

/// The arguments of a fast call, borrowed.
///
/// # Safety
/// Called with `count` live objects, for no longer than the call. Attached.
unsafe fn borrowed<'a, 'py>(
    _py: Python<'py>,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> &'a [Bound<'py, PyAny>] {
    if count == 0 {
        return &[];
    }
    // SAFETY: a `Bound` is one pointer, never null; nobody drops these, because they are only lent. The caller's promise for
    // the rest.
    unsafe { std::slice::from_raw_parts(arguments.cast::<Bound<'py, PyAny>>(), count.unsigned_abs()) }
}

/// Gives the interpreter a result or an error; a panic becomes an error, as in PyO3's own trampolines.
fn give(py: Python<'_>, run: impl FnOnce() -> Option<PyResult<Py<PyAny>>>) -> Option<*mut ffi::PyObject> {
    let end = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Some(Err(PySystemError::new_err("panic in a select of gochan"))));
    match end? {
        Ok(result) => Some(result.into_ptr()),
        Err(error) => {
            error.restore(py);
            Some(null_mut())
        }
    }
}

unsafe extern "C" fn select_now(
    _module: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called as a function of the module, so attached and with live arguments.
    unsafe {
        if names.is_null() && count.unsigned_abs() <= FEW && !coroutine::some_exit() {
            let py = Python::assume_attached();
            let given = borrowed(py, arguments, count);
            if let Some(result) = give(py, || attempt(py, given)) {
                return result;
            }
        }
        front::fall_back(&SELECT, null_mut(), arguments, count, names)
    }
}

unsafe extern "C" fn aselect(
    _module: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called as a function of the module, so attached and with live arguments.
    unsafe {
        if names.is_null() {
            let py = Python::assume_attached();
            let given = borrowed(py, arguments, count);
            let later = || {
                let select = Select::plain("aselect()", given)?;
                Awaitable::new(py, Operation::Select(Box::new(select)), Limit::Never)
                    .map(|awaitable| awaitable.into_any().unbind())
            };
            if let Some(result) = give(py, || Some(later())) {
                return result;
            }
        }
        front::fall_back(&ASELECT, null_mut(), arguments, count, names)
    }
}
