//! A user's object on its way from a sender to a receiver.
//!
//! Invariants:
//! * Each [`Value`] is exactly one counted reference. It is moved, never copied.
//! * It is made, opened and dropped by attached threads only, and never under a core lock: the drop
//!   may run a user's `__del__`, which may do anything, use the same channel for example.

use crate::guard;
use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// `Py<PyAny>` without PyO3's look at the thread on each drop, and with the checks of our own rules.
#[derive(Debug)]
#[repr(transparent)] // as `Py<PyAny>`: see gc.rs
pub struct Value(NonNull<ffi::PyObject>);

// SAFETY: as for `Py<PyAny>`: an owned reference may travel between threads; all use of it needs an
// attached thread, see the invariants.
unsafe impl Send for Value {}
// SAFETY: as above; a shared reference gives nothing but the pointer.
unsafe impl Sync for Value {}

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
    pub fn none(py: Python<'_>) -> Self {
        Self::new(py.None().into_bound(py))
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

    #[inline]
    pub fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        // SAFETY: both are one pointer to a live object, which is ours for longer than the borrow.
        let object = unsafe { &*std::ptr::from_ref(self).cast::<Py<PyAny>>() };
        object.bind(py)
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
            #[cfg(not(Py_GIL_DISABLED))]
            if ffi::Py_REFCNT(self.0.as_ptr()) > 1 {
                // Not the last one: only a count, no Python runs.
                ffi::Py_DECREF(self.0.as_ptr());
                return;
            }
            guard::decref(self.0.as_ptr());
        }
    }
}

/// Makes the caller's reference one that any thread can give up, and the object ends where the last one is.
///
/// Without the GIL an object belongs to the thread that made it, which counts its references by itself. Another thread that gives up the
/// last of these can only ask it to look, and it does so when it runs Python: not while it waits in here. A goroutine's error
/// would not be reported while the one who started it waits for ever for what the goroutine was to do.
#[inline]
pub fn share(object: &Bound<'_, PyAny>) {
    let _ = object;
    #[cfg(Py_GIL_DISABLED)]
    // SAFETY: attached, a live object. One reference is added as any other thread but the owner does it (`Py_INCREF`: the count is kept
    // above two bits of flags), and one is given up, as if it were the caller's.
    unsafe {
        const ONE: isize = 1 << 2;
        (*object.as_ptr())
            .ob_ref_shared
            .fetch_add(ONE, std::sync::atomic::Ordering::Relaxed);
        ffi::Py_DECREF(object.as_ptr());
    }
}

/// A counted reference to an object of one of our classes, as a [`Value`]: cheaper to drop than `Py<T>`, which looks at
/// the thread each time.
#[repr(transparent)]
pub struct Ref<T>(Value, PhantomData<T>);

// SAFETY: as for `Value`; what it gives out is `&T` of a class that is `Sync`.
unsafe impl<T: Sync> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Ref<T> {}

impl<T> std::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ref({:p})", self.0.as_ptr())
    }
}

impl<T: PyClass<Frozen = True> + Sync> Ref<T> {
    #[inline]
    pub fn new(object: Bound<'_, T>) -> Self {
        Self(Value::new(object.into_any()), PhantomData)
    }

    #[inline]
    pub fn get(&self) -> &T {
        // SAFETY: both are one pointer to a live object, and it is a `T`.
        let object = unsafe { &*std::ptr::from_ref(&self.0).cast::<Py<T>>() };
        object.get()
    }

    #[inline]
    pub fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, T> {
        // SAFETY: as in `get`.
        let object = unsafe { &*std::ptr::from_ref(&self.0).cast::<Py<T>>() };
        object.bind(py)
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}
