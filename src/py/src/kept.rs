//! What is found out once and kept for as long as the process lives: names, functions and classes of Python's.
//!
//! PyO3's `PyOnceLock`, and `intern!` on top of it, let go of the GIL while they make their value, and note that somebody is about to. A
//! `fork()` just then leaves the child a value that is being made for ever, by a thread that it does not have: whoever asks for it there
//! sleeps. So here nothing is noted before the value is there. Two who come at once both make one; the first that is ready is kept, and
//! the other is dropped.
//!
//! Invariant: the pointer is null, or it came from a box that is never freed.

use pyo3::PyTypeCheck;
use pyo3::prelude::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

#[derive(Debug)]
pub struct Kept<T>(AtomicPtr<T>);

/// Shared between threads as a reference, and dropped by another one than made it perhaps.
impl<T: Send + Sync> Kept<T> {
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    #[inline]
    pub fn get(&self, _py: Python<'_>) -> Option<&T> {
        // SAFETY: the invariant. What the box holds was written before the pointer was published.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    #[inline]
    pub fn get_or_init(&self, py: Python<'_>, make: impl FnOnce() -> T) -> &T {
        match self.get(py) {
            Some(value) => value,
            None => self.keep(make()),
        }
    }

    /// An error leaves it as it was.
    #[inline]
    pub fn get_or_try_init<E>(&self, py: Python<'_>, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get(py) {
            Some(value) => Ok(value),
            None => Ok(self.keep(make()?)),
        }
    }

    #[cold]
    fn keep(&self, value: T) -> &T {
        let new = Box::into_raw(Box::new(value));
        match self
            .0
            .compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: just made, and published: never freed from here on.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: `new` was seen by nobody; `theirs` is published and never freed.
                unsafe {
                    drop(Box::from_raw(new));
                    &*theirs
                }
            }
        }
    }
}

impl<T: PyTypeCheck> Kept<Py<T>>
where
    Py<T>: Send + Sync,
{
    /// What a module has under a name.
    pub fn import<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<&Bound<'py, T>> {
        self.get_or_try_init(py, || {
            let found = py.import(module)?.getattr(name)?;
            Ok(found.cast_into()?.unbind())
        })
        .map(|found| found.bind(py))
    }
}

/// A str of Python's, made once for each place it is written in.
macro_rules! intern {
    ($py:expr, $text:literal) => {{
        static KEPT: $crate::kept::Kept<pyo3::Py<pyo3::types::PyString>> = $crate::kept::Kept::new();
        let py = $py;
        KEPT.get_or_init(py, || pyo3::types::PyString::intern(py, $text).unbind())
            .bind(py)
    }};
}
pub(crate) use intern;
