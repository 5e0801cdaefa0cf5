//! Keeps the memory of objects that are made and dropped all the time, for the next one.
//!
//! An awaitable lives for one operation. Making one through PyO3 and the interpreter's allocator and giving it back cost more
//! than the operation (about 75 of 135 ns per ready operation); PyO3's own `freelist` gives out objects that the
//! collector does not track.
//!
//! Invariants:
//! * What is in a pool is memory only: contents dropped, weak references cleared, not tracked, its count zero. It keeps its type, and
//!   its reference to that, which is never freed.
//! * An object that leaves a pool is counted, filled, and only then tracked. (`PyObject_Init`, which sets the type, and tells
//!   `tracemalloc` of a new place where the memory is from, is a fifth of what is left of an awaitable's price.)
//! * A pool is used by attached threads under the GIL, which never let go of it in here. Without a GIL there is no pool.

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;
use std::sync::OnceLock;

/// More than this go back to the allocator: a burst of a thousand goroutines finds what the last one left, in 200 KB.
const KEEP: usize = 1024;

#[derive(Debug)]
pub struct Pool {
    free: UnsafeCell<Vec<*mut ffi::PyObject>>,
    /// Where in an object its Rust value lies. Known once one was made by PyO3.
    offset: OnceLock<usize>,
}

// SAFETY: `free` is touched by attached threads under the GIL only, see the invariants.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Pool {}

impl Pool {
    pub const fn new() -> Self {
        Self {
            free: UnsafeCell::new(Vec::new()),
            offset: OnceLock::new(),
        }
    }

    /// A new object with `value` in it.
    #[inline]
    #[allow(clippy::cast_ptr_alignment)] // as below
    pub fn make<'py, T: PyClass + Into<pyo3::PyClassInitializer<T>>>(
        &self,
        py: Python<'py>,
        value: T,
    ) -> PyResult<Bound<'py, T>> {
        if !cfg!(Py_GIL_DISABLED) {
            // SAFETY: attached under the GIL, and nothing in between lets go of it.
            let free = unsafe { (*self.free.get()).pop() };
            if let (Some(object), Some(&offset)) = (free, self.offset.get()) {
                // SAFETY: memory of an object of this very type, which holds no value, and a count of zero: one from here on. It is
                // tracked when it is whole.
                unsafe {
                    debug_assert_eq!(ffi::Py_TYPE(object), T::type_object_raw(py));
                    ffi::Py_INCREF(object);
                    object.cast::<u8>().add(offset).cast::<T>().write(value);
                    ffi::PyObject_GC_Track(object.cast());
                    return Ok(Bound::from_owned_ptr(py, object).cast_into_unchecked());
                }
            }
        }
        self.make_first(py, value)
    }

    #[cold]
    fn make_first<'py, T: PyClass + Into<pyo3::PyClassInitializer<T>>>(
        &self,
        py: Python<'py>,
        value: T,
    ) -> PyResult<Bound<'py, T>> {
        let object = Bound::new(py, value)?;
        self.offset.get_or_init(|| {
            let value = std::ptr::from_ref(&*object.borrow()).addr();
            value - object.as_ptr().addr()
        });
        Ok(object)
    }

    /// The end of an object of class `T`, as its `tp_dealloc`.
    ///
    /// # Safety
    /// Called as a slot, with an object of exactly that class whose count is zero. What `is_empty` says yes to
    /// holds nothing that a drop would give back. An object whose finalizer was called is not kept: that is noted in
    /// its memory, and it is not called again.
    #[inline]
    #[allow(clippy::cast_ptr_alignment)] // offsets within an object, which the interpreter keeps aligned
    pub unsafe fn dealloc<T: PyClass>(
        &self,
        object: *mut ffi::PyObject,
        is_empty: impl FnOnce(&mut T) -> bool,
        keep: bool,
    ) {
        // SAFETY: the caller's promise. `offset` is known, since an object exists. A class made by PyO3 keeps its weak
        // references at `tp_weaklistoffset`.
        unsafe {
            let class = ffi::Py_TYPE(object);
            ffi::PyObject_GC_UnTrack(object.cast());
            let weak = (*class).tp_weaklistoffset;
            if weak > 0 {
                let list = object.cast::<u8>().offset(weak).cast::<*mut ffi::PyObject>();
                if !(*list).is_null() {
                    ffi::PyObject_ClearWeakRefs(object);
                }
            }
            let Some(&offset) = self.offset.get() else {
                debug_assert!(false, "an object that its pool did not make");
                return;
            };
            let value = object.cast::<u8>().add(offset).cast::<T>();
            if !is_empty(&mut *value) {
                // Told to PyO3, which puts off the drop of a `Py` in a thread that it does not know to be attached. Refused when the
                // interpreter is nearly gone: then nothing is dropped any more.
                Python::try_attach(|_| std::ptr::drop_in_place(value));
            }
            if !cfg!(Py_GIL_DISABLED) && keep && (*self.free.get()).len() < KEEP {
                (*self.free.get()).push(object);
                return;
            }
            if let Some(release) = (*class).tp_free {
                release(object.cast());
            }
            ffi::Py_DECREF(class.cast());
        }
    }
}
