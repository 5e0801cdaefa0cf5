//! How another thread makes an event loop look at its list.
//!
//! On Linux an eventfd that the loop watches: ringing is one system call without a lock, without a
//! hand-over of the GIL. It is made when another thread first wants to ring, so a program that stays on
//! its loop's thread has none. Elsewhere, and for a loop that can not watch a file descriptor, there is
//! no bell, and `call_soon_threadsafe` does it.

pub use imp::Bell;

#[cfg(target_os = "linux")]
mod imp {
    use crate::loop_host::LoopHost;
    use pyo3::intern;
    use pyo3::prelude::*;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fd::{AsRawFd, OwnedFd};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug)]
    pub struct Bell {
        /// Set once it is watched; closed with the host, which the loop outlives.
        fd: OnceLock<Option<OwnedFd>>,
        /// Another thread wanted to ring.
        wanted: AtomicBool,
    }

    impl Bell {
        pub fn new() -> Self {
            Self {
                fd: OnceLock::new(),
                wanted: AtomicBool::new(false),
            }
        }

        /// Makes the loop look at its list. False when there is no bell (yet).
        pub fn ring(&self) -> bool {
            self.wanted.store(true, Ordering::Relaxed);
            match self.fd.get() {
                // Fails only when the counter is at its limit; then the loop will look anyway.
                Some(Some(fd)) => rustix::io::write(fd, &1_u64.to_ne_bytes()).is_ok(),
                _ => false,
            }
        }

        pub fn hush(&self) {
            if let Some(Some(fd)) = self.fd.get() {
                // Nothing to read means that it was read before.
                let _ = rustix::io::read(fd, &mut [0_u8; 8]);
            }
        }

        /// On the loop's thread: has the loop watch the eventfd, once other threads need it.
        pub fn install(&self, host: &Bound<'_, LoopHost>, event_loop: &Bound<'_, PyAny>) {
            if self.fd.get().is_some() || !self.wanted.load(Ordering::Relaxed) {
                return;
            }
            // A loop that can not watch says so by an error; call_soon_threadsafe does then.
            let fd = Self::watch(host, event_loop).ok();
            let _ = self.fd.set(fd);
        }

        fn watch(host: &Bound<'_, LoopHost>, event_loop: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
            let py = host.py();
            let fd =
                eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
            let rung = host.getattr(intern!(py, "rung"))?;
            event_loop.call_method1(intern!(py, "add_reader"), (fd.as_raw_fd(), rung))?;
            Ok(fd)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use crate::loop_host::LoopHost;
    use pyo3::prelude::*;

    #[derive(Debug)]
    pub struct Bell;

    impl Bell {
        pub fn new() -> Self {
            Self
        }
        pub fn ring(&self) -> bool {
            false
        }
        pub fn hush(&self) {}
        pub fn install(&self, _: &Bound<'_, LoopHost>, _: &Bound<'_, PyAny>) {}
    }
}
