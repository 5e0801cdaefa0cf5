//! The fast front of `select` and `aselect`: see `front.rs`. A select without keywords, of which an arm is ready, makes no operation
//! and takes no references.

use crate::awaitable::Awaitable;
use crate::chan::ChanBase;
use crate::chan_type;
use crate::front::{self, front};
use crate::goexit;
use crate::kept::Kept;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::select::{self, Select, SendCase};
use crate::value::Value;
use crate::wake::Waker;
use gochan_core::channel::RawChannel;
use gochan_core::select::{Arm, Leads, Order, Start, try_select};
use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

/// More arms than this take the long way.
const FEW: usize = 16;

static SELECT: Kept<Py<PyAny>> = Kept::new();
static ASELECT: Kept<Py<PyAny>> = Kept::new();

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
        if let Some(chan) = chan_type::receiver_of(arm) {
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
    match try_select(&mut arms, Order::Random(select::random_seed())) {
        Start::NoneReady => None,
        Start::Fired(at, did) => {
            let Near { chan, number } = arms[at].chan;
            Some(select::result(chan, number, did))
        }
    }
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

front!(select_now, SELECT, select_at_once);
front!(aselect, ASELECT, aselect_plain);

/// # Safety
/// Attached.
#[inline]
unsafe fn select_at_once(_: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    let py = given.first()?.py();
    if given.len() > FEW || goexit::some_exit() {
        return None;
    }
    give(py, || attempt(py, given))
}

/// # Safety
/// Attached.
#[inline]
unsafe fn aselect_plain(_: *mut ffi::PyObject, given: &[Bound<'_, PyAny>]) -> Option<*mut ffi::PyObject> {
    let py = given.first()?.py();
    let later = || {
        let select = Select::plain("aselect()", given)?;
        Awaitable::new(py, Operation::Select(select), Limit::Never)
            .map(|awaitable| awaitable.into_any().unbind())
    };
    give(py, || Some(later()))
}
