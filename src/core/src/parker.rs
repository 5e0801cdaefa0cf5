//! How a thread sleeps until somebody wakes it.
//!
//! Contract, as of `std::thread::park`: a [`Parker`] holds one token. [`Parker::unpark`] puts it
//! there, [`Parker::park`] waits for it and takes it away. A token may be left over from an earlier
//! wait, so whoever parks checks its own condition again after every return. An unpark that comes
//! before the park is not lost.
//!
//! Only one thread parks on a parker; any thread may unpark it.
//!
//! A thread whose peer runs at this moment, on another core, gets its token within a microsecond or so;
//! going to sleep for that costs a wake-up of an idle core, which is 30-60 us on the machines we measured.
//! So [`Parker::poll`] looks a few times before the sleep, and yields the processor in between, so that a
//! peer that shares the core gets on with it. It learns: a thread whose polls are in vain polls less and
//! less, and hardly any more where a yield cost it the core for long, because other programs want it: who sleeps is
//! given the core as soon as it is woken, who yields comes last. At most as many threads poll as there are cores.
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

#[cfg(not(any(loom, shuttle)))]
mod poll {
    use super::Parker;
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    /// Looks with a pause of the pipeline between them.
    const SHORT_LOOKS: u32 = 60;
    /// Then for so long, with the processor offered to others in between: longer than a peer that sleeps
    /// takes to wake up, so that two that hand over to each other get to find each other awake.
    const LONG_LOOK: Duration = Duration::from_micros(150);
    /// When a yield takes this long, the core has other work: sleeping is right then.
    const TOO_LONG: Duration = Duration::from_micros(60);
    /// After so many vain polls in a row ...
    const LIVES: u32 = 3;
    /// ... this many parks go without, and twice as many each time up to this.
    const FIRST_REST: u32 = 8;
    const LONGEST_REST: u32 = 1024;
    /// After a yield that took too long, at least so many.
    const REST_OF_THE_BUSY: u32 = 256;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Look {
        /// The token was there, and was taken.
        Came,
        /// The same, but others had the core meanwhile: perhaps long after it came.
        CameLate,
        Vain,
    }

    /// Threads that poll now.
    static POLLING: AtomicUsize = AtomicUsize::new(0);

    #[derive(Debug, Clone, Copy)]
    pub(super) struct Habit {
        pub(super) lives: u32,
        /// Parks to go without polling.
        pub(super) resting: u32,
        /// The next rest after vain polls.
        next_rest: u32,
        /// The last rest after a yield that took too long, halved with each poll that was worth it.
        busy: u32,
    }

    impl Habit {
        pub(super) const NEW: Self = Self {
            lives: LIVES,
            resting: 0,
            next_rest: FIRST_REST,
            busy: 0,
        };

        pub(super) fn learn(&mut self, found: Look) {
            match found {
                Look::Came => {
                    self.lives = LIVES;
                    self.next_rest = FIRST_REST;
                    self.busy /= 2;
                }
                Look::CameLate => {
                    self.busy = (self.busy * 2).clamp(REST_OF_THE_BUSY, LONGEST_REST);
                    self.resting = self.busy;
                }
                Look::Vain if self.lives > 1 => self.lives -= 1,
                Look::Vain => {
                    self.resting = self.next_rest;
                    self.next_rest = (self.next_rest * 2).min(LONGEST_REST);
                }
            }
        }
    }

    thread_local! {
        static HABIT: Cell<Habit> =
            const { Cell::new(Habit::NEW) };
    }

    /// A plain atomic, found out by everybody who comes first: a lock around it, held by a thread at the
    /// moment of a `fork()`, would be held in the child for ever.
    fn cores() -> usize {
        static CORES: AtomicUsize = AtomicUsize::new(0);
        let known = CORES.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        CORES.store(cores, Ordering::Relaxed);
        cores
    }

    impl Parker {
        /// Looks for the token for a little while. True if it came, and was taken.
        pub fn poll(&self) -> bool {
            let mut habit = HABIT.get();
            if habit.resting > 0 {
                habit.resting -= 1;
                HABIT.set(habit);
                return false;
            }
            // On one core nobody else can run while we look.
            if cores() < 2 {
                return false;
            }
            if POLLING.fetch_add(1, Ordering::Relaxed) >= cores() {
                POLLING.fetch_sub(1, Ordering::Relaxed);
                return false;
            }
            let found = self.look();
            POLLING.fetch_sub(1, Ordering::Relaxed);
            habit.learn(found);
            HABIT.set(habit);
            found != Look::Vain
        }

        /// The looking alone, whatever the habit and the machine.
        pub(super) fn look(&self) -> Look {
            for _ in 0..SHORT_LOOKS {
                if self.take_token() {
                    return Look::Came;
                }
                std::hint::spin_loop();
            }
            let start = Instant::now();
            let mut before = start;
            loop {
                std::thread::yield_now();
                let came = self.take_token();
                let now = Instant::now();
                let was_away = now - before > TOO_LONG;
                match (came, was_away) {
                    (true, true) => return Look::CameLate,
                    (true, false) => return Look::Came,
                    (false, true) => return Look::Vain,
                    (false, false) if now - start > LONG_LOOK => return Look::Vain,
                    (false, false) => before = now,
                }
            }
        }
    }
}

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

        /// Takes the token if it is there. By the owner only, and not while it sleeps.
        pub(super) fn take_token(&self) -> bool {
            self.0.load(Ordering::Relaxed) == TOKEN && self.take()
        }

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
        pub(super) fn take_token(&self) -> bool {
            std::mem::take(&mut *self.token.lock())
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
    use super::poll::{Habit, Look};
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
    fn polling_finds_a_token_and_takes_it_once() {
        let parker = Parker::new();
        assert_eq!(parker.look(), Look::Vain);
        parker.unpark();
        assert_eq!(parker.look(), Look::Came);
        assert_eq!(parker.look(), Look::Vain);
    }

    #[test]
    fn a_thread_learns_when_not_to_poll() {
        let mut habit = Habit::NEW;
        habit.learn(Look::Vain);
        habit.learn(Look::Vain);
        assert_eq!(habit.resting, 0, "it has some lives");
        habit.learn(Look::Vain);
        assert_eq!(habit.resting, 8);
        // One that came late says that the core is wanted by others.
        habit.learn(Look::CameLate);
        assert_eq!(habit.resting, 256);
        habit.learn(Look::CameLate);
        assert_eq!(habit.resting, 512);
        // In time again: it takes a while until that is forgotten.
        habit.resting = 0;
        habit.learn(Look::Came);
        assert_eq!((habit.resting, habit.lives), (0, 3));
        habit.learn(Look::CameLate);
        assert_eq!(habit.resting, 512);
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
