//! Who may wait in gochan, and how each is woken. A new host is a variant here and a file beside.

use crate::aio_waiter::{self, AioWaiter};
use crate::deferred;
use crate::value::Value;
use crate::world::Routine;
use gochan_core::channel::RawChannel;
use gochan_core::cond::RawCond;
use gochan_core::mutex::RawMutex;
use gochan_core::once::RawOnce;
use gochan_core::parker::Parker;
use gochan_core::rwmutex::RawRwMutex;
use gochan_core::semaphore::RawSemaphore;
use gochan_core::sys::Arc;
use gochan_core::wait_group::RawWaitGroup;
use gochan_core::{Parked, Waiter};
use pyo3::prelude::*;

/// The core's types as this crate uses them.
pub type ChanCore = RawChannel<Value, Waker>;
pub type GroupCore = RawWaitGroup<Value, Waker>;
pub type MutexCore = RawMutex<Value, Waker>;
pub type RwMutexCore = RawRwMutex<Value, Waker>;
pub type SemaphoreCore = RawSemaphore<Value, Waker>;
pub type OnceCore = RawOnce<Value, Waker>;
pub type CondCore = RawCond<Value, Waker>;
pub type ValueWaiter = Waiter<Value>;

/// One who waits: the waiter that a peer settles, and one counted reference to its host. A queue owns it while the
/// waiter stands in it, in 16 bytes: there may be a million of them.
#[derive(Debug)]
pub enum Waker {
    /// A blocked thread.
    Thread(Box<Place<Arc<Parker>>>),
    /// A task of an asyncio loop.
    Asyncio(Box<Place<Py<AioWaiter>>>),
    /// A goroutine that parks by yielding, with its own waiter, by this arm.
    Goroutine(u32, Routine),
    /// ... with another one, because its own is in use.
    GoroutineBesides(Box<Place<Routine>>),
}

/// One arm of a wait whose waiter stands by itself.
#[derive(Debug)]
pub struct Place<H> {
    pub waiter: Arc<ValueWaiter>,
    pub host: H,
    pub arm: u32,
}

impl<H> Place<H> {
    pub fn new(waiter: &Arc<ValueWaiter>, host: H, arm: u32) -> Self {
        let waiter = Arc::clone(waiter);
        Self { waiter, host, arm }
    }
}

impl Parked<Value> for Waker {
    #[inline]
    fn waiter(&self) -> &ValueWaiter {
        match self {
            Self::Goroutine(_, routine) => routine.get().waiter_for_peers(),
            Self::Thread(thread) => &thread.waiter,
            Self::Asyncio(task) => &task.waiter,
            Self::GoroutineBesides(wait) if wait.host.get().is_abandoned() => {
                wait.host.get().waiter_for_peers()
            }
            Self::GoroutineBesides(wait) => &wait.waiter,
        }
    }

    #[inline]
    fn wake(self) {
        match self {
            Self::Goroutine(_, routine) => routine.wake(),
            Self::Thread(thread) => deferred::unpark(thread.host),
            Self::Asyncio(task) => aio_waiter::wake(task.host),
            Self::GoroutineBesides(wait) => wait.host.wake(),
        }
    }

    #[inline]
    fn arm(&self) -> u32 {
        match self {
            Self::Goroutine(arm, _) => *arm,
            Self::Thread(thread) => thread.arm,
            Self::Asyncio(task) => task.arm,
            Self::GoroutineBesides(wait) => wait.arm,
        }
    }
}
