//! Where a signal handler leaves its signals, and where they are fetched from.
//!
//! Pending signals are a set: a signal that comes again before it was fetched is not counted twice (G3).
//!
//! Invariants:
//! * [`mark`] is called in signal handlers: only atomics, and one system call that may be made there. It takes no lock and
//!   allocates nothing.
//! * Only who holds the turn of `signals.rs` fetches, so that what was fetched first is delivered first.

use std::sync::atomic::{AtomicU64, Ordering};

/// Signal numbers from 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalSet(u64);

/// As the system numbers them, from 1 on: `gochan/signal.py` lets no other in.
pub type Number = u8;

impl SignalSet {
    pub const EMPTY: Self = Self(0);
    pub const ALL: Self = Self(u64::MAX);
    pub const MOST: Number = 64;

    pub fn of(number: Number) -> Self {
        debug_assert!((1..=Self::MOST).contains(&number));
        Self(1 << (number - 1))
    }

    pub fn has(self, number: Number) -> bool {
        self.and(Self::of(number)) != Self::EMPTY
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn plus(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// In numeric order.
    pub fn iter(self) -> impl Iterator<Item = Number> {
        (1..=Self::MOST).filter(move |&number| self.has(number))
    }
}

/// Signals that some channel wants. Written under the lock of `signals.rs`.
static WANTED: AtomicU64 = AtomicU64::new(0);
static PENDING: AtomicU64 = AtomicU64::new(0);

pub fn wanted() -> SignalSet {
    SignalSet(WANTED.load(Ordering::SeqCst))
}

pub fn want(number: Number) {
    WANTED.fetch_or(SignalSet::of(number).0, Ordering::SeqCst);
}

pub fn want_no_more(number: Number) {
    WANTED.fetch_and(!SignalSet::of(number).0, Ordering::SeqCst);
}

/// A signal has come. False, and nothing happens, if nobody wants it.
pub fn mark(number: Number) -> bool {
    let wanted = wanted().has(number);
    if wanted {
        PENDING.fetch_or(SignalSet::of(number).0, Ordering::SeqCst);
        bell::ring();
    }
    wanted
}

/// Takes out all that have come.
pub fn fetch() -> SignalSet {
    SignalSet(PENDING.swap(0, Ordering::SeqCst))
}

/// Sleeps until the next [`mark`], or a little less. Detached, and in one thread only.
pub fn wait() {
    bell::wait();
}

/// Before the first signal is wanted.
pub fn prepare() -> std::io::Result<()> {
    bell::prepare()
}

/// The child wants none of the parent's signals.
pub fn after_fork_in_child() {
    WANTED.store(0, Ordering::SeqCst);
    PENDING.store(0, Ordering::SeqCst);
    bell::after_fork_in_child();
}

/// Linux: a futex, which needs no file descriptor: a program that turns itself into a daemon closes those it does not know.
/// Windows: marks come from Python code, where a condition variable is allowed.
#[cfg(any(target_os = "linux", not(unix)))]
mod bell {
    use gochan_core::parker::Parker;
    use std::sync::OnceLock;

    static PARKER: OnceLock<Parker> = OnceLock::new();

    #[allow(clippy::unnecessary_wraps)] // the other one may fail
    pub fn prepare() -> std::io::Result<()> {
        PARKER.get_or_init(Parker::new);
        Ok(())
    }

    /// Once it is made, looking at the cell is one load.
    pub fn ring() {
        if let Some(parker) = PARKER.get() {
            parker.unpark();
        }
    }

    pub fn wait() {
        if let Some(parker) = PARKER.get() {
            parker.park(None);
        }
    }

    /// The word may say that somebody sleeps there: then the first wait of the child's own thread ends at once.
    pub fn after_fork_in_child() {}
}

/// Other Unixes: a pipe, since neither their condition variables nor their semaphores may be used in a signal handler.
#[cfg(all(unix, not(target_os = "linux")))]
mod bell {
    use std::sync::atomic::{AtomicI32, Ordering};

    const NONE: i32 = -1;
    static READ: AtomicI32 = AtomicI32::new(NONE);
    static WRITE: AtomicI32 = AtomicI32::new(NONE);

    /// Attached, under the lock of `signals.rs`.
    pub fn prepare() -> std::io::Result<()> {
        if READ.load(Ordering::Acquire) != NONE {
            return Ok(());
        }
        let mut ends = [NONE; 2];
        // SAFETY: room for two descriptors; the flags are set on descriptors that are ours.
        unsafe {
            if libc::pipe(ends.as_mut_ptr()) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            for end in ends {
                libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
            }
            // A handler must not wait for room: if the pipe is full there is enough to wake for.
            libc::fcntl(ends[1], libc::F_SETFL, libc::O_NONBLOCK);
        }
        READ.store(ends[0], Ordering::Release);
        WRITE.store(ends[1], Ordering::Release);
        Ok(())
    }

    pub fn ring() {
        let end = WRITE.load(Ordering::Acquire);
        if end != NONE {
            // SAFETY: one byte from a constant; `write` may be called in a signal handler.
            unsafe { libc::write(end, [0_u8].as_ptr().cast(), 1) };
        }
    }

    pub fn wait() {
        let mut some = [0_u8; 64];
        // SAFETY: a buffer of that size. An error (the program has closed what is not its own) can not be told to anybody:
        // then this looks ten times a second.
        let read = unsafe { libc::read(READ.load(Ordering::Acquire), some.as_mut_ptr().cast(), some.len()) };
        if read <= 0 {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// The pipe is the parent's.
    pub fn after_fork_in_child() {
        for end in [&READ, &WRITE] {
            let end = end.swap(NONE, Ordering::AcqRel);
            if end != NONE {
                // SAFETY: ours, and nobody in this process uses it any more.
                unsafe { libc::close(end) };
            }
        }
    }
}
