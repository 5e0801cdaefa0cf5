//! Go's `sync.Once`: the first one runs, all others wait for it.
//!
//! Invariants:
//! * The stages follow one another: new, running, done. Whoever takes it from new to running runs, and makes it done, whatever
//!   becomes of what it ran (O2).
//! * The group counts one until it is done; so who waits is released then, and who comes later does not wait (O1).

use crate::sys::atomic::{AtomicU8, Ordering};
use crate::wait_group::RawWaitGroup;
use crate::wake_list::{Parked, Party};

const NEW: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;

/// One whose parked parties are a waiter beside a waker.
pub type Once<T, W> = RawOnce<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawOnce<T, P: Parked<T>> {
    stage: AtomicU8,
    running: RawWaitGroup<T, P>,
}

impl<T, P: Parked<T>> RawOnce<T, P> {
    /// # Panics
    /// Never: one fits the counter.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let running = RawWaitGroup::new();
        running.add(1).expect("one fits the counter");
        Self {
            stage: AtomicU8::new(NEW),
            running,
        }
    }

    /// True for the first one: it runs now, and calls [`Self::finish`] in any case.
    pub fn begin(&self) -> bool {
        self.stage
            .compare_exchange(NEW, RUNNING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// The one who runs has ended.
    pub fn finish(&self) {
        if self.stage.swap(DONE, Ordering::AcqRel) != DONE {
            let released = self.running.add(-1);
            debug_assert!(released.is_ok(), "counted once");
        }
    }

    /// Whether what ran has ended. Then all that it did is seen (O7).
    #[inline]
    pub fn is_done(&self) -> bool {
        self.stage.load(Ordering::Acquire) == DONE
    }

    pub fn is_running(&self) -> bool {
        self.stage.load(Ordering::Acquire) == RUNNING
    }

    /// Where the others wait.
    pub fn running(&self) -> &RawWaitGroup<T, P> {
        &self.running
    }
}
