//! Who may wait in gochan, and how each is woken. A new host is a variant here and a file beside.

use crate::aio_waiter::{self, AioWaiter};
use crate::deferred;
use crate::value::Value;
use crate::world::Routine;
use gochan_core::channel::RawChannel;
use gochan_core::parker::Parker;
use gochan_core::sys::Arc;
use gochan_core::wait_group::RawWaitGroup;
use gochan_core::{Parked, Waiter};
use pyo3::prelude::*;

/// The core's types as this crate uses them.
pub type ChanCore = RawChannel<Value, Waker>;
pub type GroupCore = RawWaitGroup<Value, Waker>;
pub type ValueWaiter = Waiter<Value>;

/// One who waits: the waiter that a peer settles, and one counted reference to its host. A queue owns it while the
/// waiter stands in it, in 16 bytes: there may be a million of them.
#[derive(Debug)]
pub enum Waker {
    /// A blocked thread.
    Thread(Box<(Arc<ValueWaiter>, Arc<Parker>)>),
    /// A task of an asyncio loop.
    Asyncio(Box<(Arc<ValueWaiter>, Py<AioWaiter>)>),
    /// A goroutine that parks by yielding, with its own waiter.
    Goroutine(Routine),
    /// ... with another one, because its own is in use.
    GoroutineBesides(Box<(Arc<ValueWaiter>, Routine)>),
}

impl Parked<Value> for Waker {
    #[inline]
    fn waiter(&self) -> &ValueWaiter {
        match self {
            Self::Goroutine(routine) => routine.get().waiter_for_peers(),
            Self::Thread(thread) => &thread.0,
            Self::Asyncio(task) => &task.0,
            Self::GoroutineBesides(wait) if wait.1.get().is_abandoned() => wait.1.get().waiter_for_peers(),
            Self::GoroutineBesides(wait) => &wait.0,
        }
    }

    #[inline]
    fn wake(self) {
        match self {
            Self::Goroutine(routine) => routine.wake(),
            Self::Thread(thread) => deferred::unpark(thread.1),
            Self::Asyncio(task) => aio_waiter::wake(task.1),
            Self::GoroutineBesides(wait) => wait.1.wake(),
        }
    }
}
