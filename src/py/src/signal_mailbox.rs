//! Where our signal handler leaves signals, and where the watcher waits for them.
//!
//! Invariants:
//! * What [`arrive`] and [`mark`] do is allowed in a signal handler: atomics, and one system call that wakes the watcher.
//! * Only who holds the turn of `signals.rs` fetches, so that what was fetched first is delivered first.

use gochan_core::signals::{Mailbox, Number};

pub static MAILBOX: Mailbox = Mailbox::new();

/// See [`Mailbox::arrive`].
#[cfg(unix)]
pub fn arrive(number: Number, unwanted: impl FnOnce()) -> bool {
    let marked = MAILBOX.arrive(number, unwanted);
    if marked {
        bell::ring();
    }
    marked
}

/// See [`Mailbox::mark`].
pub fn mark(number: Number) -> bool {
    let marked = MAILBOX.mark(number);
    if marked {
        bell::ring();
    }
    marked
}

/// Sleeps until the next signal has come, or a little less. Detached, and in one thread only.
pub fn wait() {
    bell::wait();
}

/// Before the first signal is wanted.
pub fn prepare() -> std::io::Result<()> {
    bell::prepare()
}

/// The child wants none of the parent's signals.
pub fn after_fork_in_child() {
    MAILBOX.clear();
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
