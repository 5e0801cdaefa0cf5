//! How a goroutine's memory is made and given back: the slots of its type that are filled by hand.

use super::ending::End;
use super::{Goroutine, flag};
use crate::guard;
use crate::lost;
use crate::pool::Pool;
use crate::report;
use pyo3::ffi;
use pyo3::prelude::*;

/// Gives the type its finalizer, which PyO3 has no word for: it runs before anything of the object is
/// taken apart, by the collector too, so that the report can show handle and traceback whole.
///
/// # Safety
/// To be called once, attached, while nobody uses the type yet.
pub unsafe fn fill_slots(py: Python<'_>) {
    let class = py.get_type::<Goroutine>().as_type_ptr();
    // SAFETY: nobody looks at the type concurrently.
    unsafe {
        (*class).tp_dealloc = Some(dealloc);
        (*class).tp_finalize = Some(finalize);
        ffi::PyType_Modified(class);
    }
}

static POOL: Pool = Pool::new();

/// A goroutine object.
#[inline]
pub fn make(py: Python<'_>, goroutine: Goroutine) -> PyResult<Bound<'_, Goroutine>> {
    POOL.make(py, goroutine)
}

unsafe extern "C" fn finalize(object: *mut ffi::PyObject) {
    // Refused when the interpreter is nearly gone; the report at exit has been then.
    Python::try_attach(|py| {
        // SAFETY: the slot is called with an instance of its type, which is alive.
        let goroutine = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<Goroutine>() };
        goroutine.get().set(flag::FINALIZED);
        if !goroutine.get().has_ended() {
            guard::with_error_aside(py, || lost::collected(&goroutine));
        } else if !goroutine.get().has(flag::LOOKED) {
            guard::with_error_aside(py, || report::report(&goroutine));
        }
    });
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called as `tp_dealloc` of this type, which has no subclasses, with a count of zero.
    unsafe {
        let this = Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<Goroutine>();
        let needs_no_finalizer = match &this.get().ending.lock().end {
            End::Value(_) => true,
            End::Error(..) => this.get().has(flag::LOOKED),
            End::Open => false,
        };
        // A hook may keep the handle: then it lives.
        if !needs_no_finalizer && ffi::PyObject_CallFinalizerFromDealloc(object) != 0 {
            return;
        }
        let keep = !this.get().has(flag::FINALIZED);
        POOL.dealloc::<Goroutine>(object, |_| false, keep);
    }
}
