//! A lock that nobody ever waits for: who finds it taken is told so. (But for a moment, behind one who only looks.)
//!
//! Invariants:
//! * It is taken and given back by attached threads.
//! * On a build with the GIL taking it is a look and a store. No other attached thread runs in between: the GIL is let go of only
//!   by calls into Python, and there is none. A free-threaded build exchanges.
//! * Who has it to look calls no Python. So on a build with the GIL nobody ever meets a look; on a free-threaded one it is waited
//!   for, because a `repr` in one thread is no reason for an error in another one's `await`.

use pyo3::Python;
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const LOOKED_AT: u8 = 2;

#[derive(Debug)]
pub struct StepLock<T> {
    state: AtomicU8,
    inner: UnsafeCell<T>,
}

// SAFETY: `inner` is reached through the guard, of which there is one at a time: see `try_lock`.
unsafe impl<T: Send> Sync for StepLock<T> {}

#[derive(Debug)]
pub struct Guard<'a, T>(&'a StepLock<T>);

impl<T> StepLock<T> {
    pub const fn new(value: T) -> Self {
        Self {
            state: AtomicU8::new(FREE),
            inner: UnsafeCell::new(value),
        }
    }

    /// Takes it, to change what is inside; behind whoever looks.
    #[inline]
    pub fn try_lock(&self, py: Python<'_>) -> Option<Guard<'_, T>> {
        loop {
            match self.exchange(TAKEN) {
                FREE => return Some(Guard(self)),
                LOOKED_AT => give_way(py),
                _ => return None,
            }
        }
    }

    /// Takes it for a look.
    #[inline]
    pub fn try_look(&self) -> Option<Guard<'_, T>> {
        // Not `then_some`: it would make the guard in any case, and dropping that would give back what somebody else has.
        if self.exchange(LOOKED_AT) == FREE {
            Some(Guard(self))
        } else {
            None
        }
    }

    /// What it was, and is still unless that is free.
    #[inline]
    fn exchange(&self, new: u8) -> u8 {
        if cfg!(Py_GIL_DISABLED) {
            return self
                .state
                .compare_exchange(FREE, new, Ordering::Acquire, Ordering::Relaxed)
                .unwrap_or_else(|old| old);
        }
        let old = self.state.load(Ordering::Acquire);
        if old == FREE {
            self.state.store(new, Ordering::Relaxed);
        }
        old
    }

    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

/// Out of the way of those who need not, which is everybody on a build with the GIL: it asks who this thread is.
#[cold]
#[inline(never)]
fn give_way(py: Python<'_>) {
    py.detach(std::thread::yield_now);
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
        self.0.state.store(FREE, Ordering::Release);
    }
}
