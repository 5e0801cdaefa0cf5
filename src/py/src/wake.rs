//! Who may wait in gochan, and how each is woken. A new host is a variant here and a file beside.

use crate::aio_waiter::{self, AioWaiter};
use crate::deferred;
use crate::value::Value;
use crate::world::Routine;
use gochan_core::parker::Parker;
use gochan_core::sys::Arc;
use gochan_core::{Channel, WaitGroup, Waiter, Wake};
use pyo3::prelude::*;

/// The core's types as this crate uses them.
pub type ChanCore = Channel<Value, Waker>;
pub type GroupCore = WaitGroup<Value, Waker>;
pub type ValueWaiter = Waiter<Value>;

/// A waker is one counted reference to its host. A queue owns it while the waiter stands in it.
#[derive(Debug)]
pub enum Waker {
    /// A blocked thread.
    Thread(Arc<Parker>),
    /// A task of an asyncio loop.
    Asyncio(Py<AioWaiter>),
    /// A goroutine that parks by yielding.
    Goroutine(Routine),
}

impl Wake for Waker {
    #[inline]
    fn wake(self) {
        match self {
            Self::Thread(parker) => deferred::unpark(parker),
            Self::Asyncio(waiter) => aio_waiter::wake(waiter),
            Self::Goroutine(routine) => routine.wake(),
        }
    }
}
