//! A lock that nobody ever waits for: who finds it taken is told so.
//!
//! Invariants:
//! * It is taken and given back by attached threads.
//! * On a build with the GIL taking it is a look and a store. No other attached thread runs in between: the GIL is let go of only
//!   by calls into Python, and there is none. A free-threaded build swaps.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub struct StepLock<T> {
    taken: AtomicBool,
    inner: UnsafeCell<T>,
}

// SAFETY: `inner` is reached through the guard, of which there is one at a time: see `try_lock`.
unsafe impl<T: Send> Sync for StepLock<T> {}

#[derive(Debug)]
pub struct Guard<'a, T>(&'a StepLock<T>);

impl<T> StepLock<T> {
    pub const fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            inner: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let was_taken = if cfg!(Py_GIL_DISABLED) {
            self.taken.swap(true, Ordering::Acquire)
        } else {
            let taken = self.taken.load(Ordering::Acquire);
            self.taken.store(true, Ordering::Relaxed);
            taken
        };
        // Not `then_some`: it would make the guard in any case, and dropping that would give back what somebody else has.
        if was_taken { None } else { Some(Guard(self)) }
    }

    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only guard there is.
        unsafe { &*self.0.inner.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the only guard there is, borrowed mutably.
        unsafe { &mut *self.0.inner.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}
