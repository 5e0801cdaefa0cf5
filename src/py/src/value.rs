//! A user's object on its way from a sender to a receiver.
//!
//! Invariants:
//! * Each [`Value`] is exactly one counted reference. It is moved, never copied.
//! * It is made, opened and dropped by attached threads only, and never under a core lock: the drop
//!   may run a user's `__del__`, which may do anything, use the same channel for example.

use crate::guard;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr::NonNull;

/// `Py<PyAny>` without PyO3's look at the thread on each drop, and with the checks of our own rules.
#[derive(Debug)]
#[repr(transparent)] // as `Py<PyAny>`: see gc.rs
pub struct Value(NonNull<ffi::PyObject>);

// SAFETY: as for `Py<PyAny>`: an owned reference may travel between threads; all use of it needs an
// attached thread, see the invariants.
unsafe impl Send for Value {}

impl Value {
    #[inline]
    pub fn new(object: Bound<'_, PyAny>) -> Self {
        // SAFETY: a `Bound` is never null.
        Self(unsafe { NonNull::new_unchecked(object.into_ptr()) })
    }

    /// Takes a new reference to a borrowed object.
    ///
    /// # Safety
    /// The thread is attached and `object` is a live object.
    #[inline]
    pub unsafe fn from_borrowed(object: *mut ffi::PyObject) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            ffi::Py_INCREF(object);
            Self(NonNull::new_unchecked(object))
        }
    }

    #[inline]
    pub fn into_ptr(self) -> *mut ffi::PyObject {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }

    #[inline]
    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: the reference is ours and goes over to the `Bound`.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    /// For a visit by the garbage collector only.
    #[inline]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }
}

impl Drop for Value {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: invariant of the type: attached, and the reference is ours.
        unsafe {
            debug_assert_eq!(ffi::PyGILState_Check(), 1, "a value dropped by a detached thread");
            guard::decref(self.0.as_ptr());
        }
    }
}
