//! How a thread sleeps until somebody wakes it.
//!
//! Contract, as of `std::thread::park`: a [`Parker`] holds one token. [`Parker::unpark`] puts it
//! there, [`Parker::park`] waits for it and takes it away. A token may be left over from an earlier
//! wait, so whoever parks checks its own condition again after every return. An unpark that comes
//! before the park is not lost.
//!
//! Only one thread parks on a parker; any thread may unpark it.
//!
//! On Linux this is a bare futex, because it returns when a signal arrives ([`Woken::Interrupted`]):
//! that is what makes Ctrl-C work at once in a blocked main thread. std's and `parking_lot`'s own
//! parking go back to sleep on a signal. Elsewhere it is a condition variable, and who needs signals
//! parks in short slices.

use crate::clock::Instant;

/// Why [`Parker::park`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The token was there.
    Unparked,
    /// The deadline passed. There was no token at that moment.
    TimedOut,
    /// A signal handler of this process ran in this thread, perhaps.
    Interrupted,
}

pub use imp::Parker;

#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
mod imp {
    use super::{Instant, Woken};
    use crate::clock::{Clock, Monotonic};
    use rustix::io::Errno;
    use rustix::thread::futex;
    use rustix::time::Timespec;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    const EMPTY: u32 = 0;
    const TOKEN: u32 = 1;
    const ASLEEP: u32 = 2;

    #[derive(Debug, Default)]
    pub struct Parker(AtomicU32);

    impl Parker {
        pub fn new() -> Self {
            Self(AtomicU32::new(EMPTY))
        }

        pub fn unpark(&self) {
            if self.0.swap(TOKEN, Ordering::Release) == ASLEEP {
                // Fails only for a bad address; the sleeper may have gone already.
                let _ = futex::wake(&self.0, futex::Flags::PRIVATE, 1);
            }
        }

        /// Takes the token if it is there.
        fn take(&self) -> bool {
            self.0.swap(EMPTY, Ordering::Acquire) == TOKEN
        }

        /// Sleeps until the token is there, the deadline has passed, or a signal came.
        pub fn park(&self, deadline: Option<Instant>) -> Woken {
            if self
                .0
                .compare_exchange(EMPTY, ASLEEP, Ordering::Acquire, Ordering::Acquire)
                .is_err()
            {
                self.take();
                return Woken::Unparked;
            }
            loop {
                let left = deadline.map(|deadline| deadline.saturating_since(Monotonic.now()));
                let timed_out = left == Some(Duration::ZERO);
                let result = if timed_out {
                    Err(Errno::TIMEDOUT)
                } else {
                    // A span that does not fit is longer than the machine will run.
                    let left = left.and_then(|left| Timespec::try_from(left).ok());
                    futex::wait(&self.0, futex::Flags::PRIVATE, ASLEEP, left.as_ref())
                };
                if self.0.load(Ordering::Relaxed) == TOKEN {
                    self.take();
                    return Woken::Unparked;
                }
                let woken = match result {
                    Err(Errno::INTR) => Woken::Interrupted,
                    Err(Errno::TIMEDOUT) if timed_out => Woken::TimedOut,
                    // A stray wake, or a timer that rang early: sleep again.
                    _ => continue,
                };
                // The token may come between the look above and here; then it wins.
                return if self.take() { Woken::Unparked } else { woken };
            }
        }
    }
}

#[cfg(not(all(target_os = "linux", not(any(loom, shuttle)))))]
mod imp {
    use super::{Instant, Woken};
    use crate::sys::{CondMutex, Condvar};

    #[derive(Debug)]
    pub struct Parker {
        token: CondMutex<bool>,
        came: Condvar,
    }

    impl Parker {
        #[allow(clippy::new_without_default)]
        pub fn new() -> Self {
            Self {
                token: CondMutex::new(false),
                came: Condvar::new(),
            }
        }

        pub fn unpark(&self) {
            *self.token.lock() = true;
            self.came.notify_one();
        }

        #[cfg(not(any(loom, shuttle)))]
        pub fn park(&self, deadline: Option<Instant>) -> Woken {
            use crate::clock::{Clock, Monotonic};
            let mut token = self.token.lock();
            while !*token {
                if let Some(deadline) = deadline {
                    let left = deadline.saturating_since(Monotonic.now());
                    if left.is_zero() {
                        return Woken::TimedOut;
                    }
                    self.came.wait_for(&mut token, left);
                } else {
                    self.came.wait(&mut token);
                }
            }
            *token = false;
            Woken::Unparked
        }

        /// A model has no clock: a deadline is not looked at.
        #[cfg(any(loom, shuttle))]
        pub fn park(&self, _deadline: Option<Instant>) -> Woken {
            let mut token = self.token.lock();
            while !*token {
                token = self.came.wait_owned(token);
            }
            *token = false;
            Woken::Unparked
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::clock::{Clock, Monotonic};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_token_left_before_is_found() {
        let parker = Parker::new();
        parker.unpark();
        parker.unpark();
        assert_eq!(parker.park(None), Woken::Unparked);
        let soon = Monotonic.now().saturating_add(Duration::from_millis(1));
        assert_eq!(
            parker.park(Some(soon)),
            Woken::TimedOut,
            "one token, however often unparked"
        );
    }

    #[test]
    fn a_deadline_is_not_early() {
        let parker = Parker::new();
        let deadline = Monotonic.now().saturating_add(Duration::from_millis(5));
        assert_eq!(parker.park(Some(deadline)), Woken::TimedOut);
        assert!(Monotonic.now() >= deadline);
    }

    #[test]
    fn two_threads_hand_a_token_back_and_forth() {
        let (here, there) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
        let thread = std::thread::spawn({
            let (here, there) = (Arc::clone(&here), Arc::clone(&there));
            move || {
                for _ in 0..10_000 {
                    while there.park(None) != Woken::Unparked {}
                    here.unpark();
                }
            }
        });
        for _ in 0..10_000 {
            there.unpark();
            while here.park(Some(Instant::NEVER)) != Woken::Unparked {}
        }
        thread.join().unwrap();
    }
}
