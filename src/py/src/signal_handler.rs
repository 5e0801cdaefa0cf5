//! What the system does with a signal: our handler, and the disposition that was there before it.
//!
//! Python's `signal.signal` works in the main thread only, and its handlers run only when the main thread runs bytecode. Go's
//! Notify works from any goroutine, and delivers while main computes or blocks. So this is a handler of our own, in C's sense.
//!
//! Invariants:
//! * [`on_signal`] does only what is allowed in a signal handler: atomics, `sigaction`, `getpid`, `raise`, and what
//!   `signal_mailbox::arrive` does. It takes no lock, allocates nothing, and leaves errno as it was.
//! * The order of things is that of `gochan_core::signals`: no signal is lost (G4), and no registration. `signals.rs` settles and
//!   fetches after [`uninstall`] and [`ignore`]; [`install`] settles by itself.
//! * Dispositions are changed under the lock of `signals.rs`, which is not looked at by signal handlers.
//! * A [`Before`] is never freed: a handler may be looking at it. A new one is made only if it differs from the one of last time.

pub use imp::{after_fork_in_child, ignore, install, is_ignored, uninstall};

#[cfg(unix)]
mod imp {
    use crate::signal_mailbox::{self as mailbox, MAILBOX};
    use gochan_core::signals::{Number, SignalSet};
    use libc::{c_int, c_void, siginfo_t};
    use std::io;
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

    /// What was there before our handler.
    struct Before {
        action: libc::sigaction,
        /// Whether it is a function that is to be called all the same.
        chained: bool,
    }

    static BEFORE: [AtomicPtr<Before>; SignalSet::MOST as usize] =
        [const { AtomicPtr::new(null_mut()) }; SignalSet::MOST as usize];

    /// The process whose registrations these are. A forked child has our handler, but none of its channels.
    static OWNER: AtomicI32 = AtomicI32::new(0);

    fn slot(number: Number) -> &'static AtomicPtr<Before> {
        &BEFORE[usize::from(number) - 1]
    }

    fn before(number: Number) -> Option<&'static Before> {
        // SAFETY: null, or a box that was leaked in `keep`.
        unsafe { slot(number).load(Ordering::Acquire).as_ref() }
    }

    extern "C" fn on_signal(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let errno = get_errno();
        // The system calls us for signals that we installed ourselves for, all of them within the range.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let signal = number as Number;
        // SAFETY: no conditions.
        let is_owner = unsafe { libc::getpid() } == OWNER.load(Ordering::SeqCst);
        // Unwanted: late, or somebody has put us back. If we stand there still it would be raised for us again and again.
        let wanted = is_owner && mailbox::arrive(signal, || restore(signal));
        if !is_owner {
            // In a forked child, before its fork hook.
            restore(signal);
        }
        if wanted {
            call_before(signal, info, context);
        } else {
            // SAFETY: no conditions. It arrives when this handler returns.
            unsafe { libc::raise(number) };
        }
        set_errno(errno);
    }

    fn call_before(number: Number, info: *mut siginfo_t, context: *mut c_void) {
        let Some(before) = before(number).filter(|before| before.chained) else {
            return;
        };
        let function = before.action.sa_sigaction;
        if before.action.sa_flags & libc::SA_SIGINFO != 0 {
            // SAFETY: a function, or it would not be chained, and of this kind, or it would not be flagged. Our
            // handler was set with its flags and its mask.
            let function = unsafe {
                std::mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(function)
            };
            function(c_int::from(number), info, context);
        } else {
            // SAFETY: as above.
            let function = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(function) };
            function(c_int::from(number));
        }
    }

    fn ours() -> usize {
        on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
    }

    fn look(number: Number) -> io::Result<libc::sigaction> {
        let mut action = MaybeUninit::uninit();
        // SAFETY: storage for one; written when the call succeeds.
        unsafe {
            if libc::sigaction(c_int::from(number), std::ptr::null(), action.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(action.assume_init())
        }
    }

    fn set(number: Number, action: &libc::sigaction) -> io::Result<()> {
        // SAFETY: a valid action: one of ours, or one that the system told us.
        if unsafe { libc::sigaction(c_int::from(number), action, null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Puts back what was there before us, if it is still us: a handler that was set after ours stays.
    fn restore(number: Number) {
        let is_ours = look(number).is_ok_and(|action| action.sa_sigaction == ours());
        if let Some(before) = before(number).filter(|_| is_ours) {
            // It can only fail for a number that is none, and this one could be set.
            let put_back = set(number, &before.action);
            debug_assert!(put_back.is_ok());
        }
    }

    fn same(a: &libc::sigaction, b: &libc::sigaction) -> bool {
        let blocks = |action: &libc::sigaction, number: Number| {
            // SAFETY: a set that the system filled in.
            unsafe { libc::sigismember(&raw const action.sa_mask, c_int::from(number)) == 1 }
        };
        a.sa_sigaction == b.sa_sigaction
            && a.sa_flags == b.sa_flags
            && (1..=SignalSet::MOST).all(|number| blocks(a, number) == blocks(b, number))
    }

    fn keep(number: Number, action: libc::sigaction, chain: bool) -> &'static Before {
        let is_function = action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN;
        let chained = chain && is_function;
        if let Some(before) = before(number) {
            if before.chained == chained && same(&before.action, &action) {
                return before;
            }
        }
        let before: &'static Before = Box::leak(Box::new(Before { action, chained }));
        slot(number).store(std::ptr::from_ref(before).cast_mut(), Ordering::Release);
        before
    }

    /// Sets our handler, if it is not there already. `chain`: a function that it replaces is called as well.
    pub fn install(number: Number, chain: bool) -> io::Result<()> {
        // SAFETY: no conditions.
        OWNER.store(unsafe { libc::getpid() }, Ordering::SeqCst);
        let was_wanted = MAILBOX.wanted().has(number);
        MAILBOX.want(number);
        MAILBOX.settle(SignalSet::of(number));
        let installed = look(number).and_then(|current| {
            if current.sa_sigaction == ours() {
                return Ok(());
            }
            set(number, &handler_in_front_of(keep(number, current, chain)))
        });
        if installed.is_err() && !was_wanted {
            MAILBOX.want_no_more(number);
        }
        installed
    }

    fn handler_in_front_of(before: &Before) -> libc::sigaction {
        let mut action = before.action;
        action.sa_sigaction = ours();
        if before.chained {
            // It runs under the conditions that it asked for. SA_RESTART above all: without it a call that waits is
            // interrupted, and a Python handler runs at once.
            action.sa_flags = (action.sa_flags | libc::SA_SIGINFO) & !libc::SA_RESETHAND;
        } else {
            // Nobody else is to notice anything.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            // SAFETY: a set of ours.
            unsafe { libc::sigfillset(&raw mut action.sa_mask) };
        }
        action
    }

    /// Nobody wants it any more. To be followed by `settle`.
    pub fn uninstall(number: Number) {
        restore(number);
        MAILBOX.want_no_more(number);
    }

    /// Has the system drop it from now on. To be followed by `settle`.
    pub fn ignore(number: Number) -> io::Result<()> {
        let mut action = look(number)?;
        action.sa_sigaction = libc::SIG_IGN;
        action.sa_flags = 0;
        set(number, &action)?;
        MAILBOX.want_no_more(number);
        Ok(())
    }

    pub fn is_ignored(number: Number) -> io::Result<bool> {
        Ok(look(number)?.sa_sigaction == libc::SIG_IGN)
    }

    /// The child has no registrations: its signals do what they did before.
    pub fn after_fork_in_child() {
        for number in MAILBOX.wanted().iter() {
            restore(number);
        }
    }

    fn get_errno() -> c_int {
        // SAFETY: the address of this thread's own errno.
        unsafe { *errno_location() }
    }

    fn set_errno(errno: c_int) {
        // SAFETY: as above.
        unsafe { *errno_location() = errno };
    }

    unsafe fn errno_location() -> *mut c_int {
        // SAFETY: no conditions.
        unsafe {
            #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "redox"))]
            return libc::__errno_location();
            #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
            return libc::__errno();
            #[cfg(any(
                target_os = "macos",
                target_os = "ios",
                target_os = "freebsd",
                target_os = "dragonfly"
            ))]
            return libc::__error();
            #[cfg(any(target_os = "solaris", target_os = "illumos"))]
            return libc::___errno();
        }
    }
}

/// Where there is no `sigaction`, `gochan/signal.py` sets a handler with Python's own `signal.signal`, which calls
/// `_signal_mark`.
#[cfg(not(unix))]
mod imp {
    use crate::signal_mailbox::MAILBOX;
    use gochan_core::signals::Number;
    use std::io;

    #[allow(clippy::unnecessary_wraps)]
    pub fn install(number: Number, _chain: bool) -> io::Result<()> {
        MAILBOX.want(number);
        Ok(())
    }

    pub fn uninstall(number: Number) {
        MAILBOX.want_no_more(number);
    }

    #[allow(clippy::unnecessary_wraps)]
    pub fn ignore(number: Number) -> io::Result<()> {
        MAILBOX.want_no_more(number);
        Ok(())
    }

    pub fn is_ignored(_number: Number) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn after_fork_in_child() {}
}
