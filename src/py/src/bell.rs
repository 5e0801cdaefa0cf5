//! How an event loop learns that it has tasks to resume.
//!
//! On Linux an eventfd that the loop watches: ringing is one system call, without a lock, a hand-over of
//! the GIL or a line of Python. It is made when the first task of a loop parks, and closed with the
//! loop. Elsewhere, and for a loop that can not watch a file descriptor, there is no bell.

pub use imp::Bell;

#[cfg(target_os = "linux")]
mod imp {
    use crate::guard;
    use crate::kept::intern;
    use crate::loop_host::LoopHost;
    use pyo3::exceptions::PyNotImplementedError;
    use pyo3::ffi;
    use pyo3::prelude::*;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fd::{AsRawFd, OwnedFd};
    use std::sync::OnceLock;

    #[derive(Debug)]
    pub struct Bell {
        /// Set once it is watched; closed with the host, which goes with its loop.
        fd: OnceLock<OwnedFd>,
    }

    impl Bell {
        pub fn new() -> Self {
            Self { fd: OnceLock::new() }
        }

        /// Makes the loop look at its list. False when there is no bell.
        pub fn ring(&self) -> bool {
            let Some(fd) = self.fd.get() else {
                return false;
            };
            // Fails only when the counter is at its limit; then it is readable anyway.
            let _ = rustix::io::write(fd, &1_u64.to_ne_bytes());
            true
        }

        pub fn hush(&self) {
            if let Some(fd) = self.fd.get() {
                // Nothing to read means that it was read before.
                let _ = rustix::io::read(fd, &mut [0_u8; 8]);
            }
        }

        /// On the loop's thread: has the loop watch it.
        pub fn install(&self, host: &Bound<'_, LoopHost>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
            let py = host.py();
            let fd =
                eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
            // In a context of its own: the loop would keep that of the task that happened to be first.
            // SAFETY: attached; a new reference or null with an error.
            let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New())? };
            let add_reader = event_loop.getattr(intern!(py, "add_reader"))?;
            let (number, rung) = (
                fd.as_raw_fd().into_pyobject(py)?,
                host.getattr(intern!(py, "rung"))?,
            );
            let arguments = [&add_reader, number.as_any(), &rung];
            match guard::call_method(&context, intern!(py, "run"), arguments) {
                Ok(_) => drop(self.fd.set(fd)),
                // A loop without a selector. Then there is no bell.
                Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {}
                Err(error) => return Err(error),
            }
            Ok(())
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
        pub fn install(&self, _: &Bound<'_, LoopHost>, _: &Bound<'_, PyAny>) -> PyResult<()> {
            Ok(())
        }
    }
}
