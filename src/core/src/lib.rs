//! The core of gochan: everything that waits, and nothing that knows Python.
//!
//! One idea carries the crate: *a waiter is queued on a primitive, and exactly one peer claims it,
//! hands it its result and wakes it.* A primitive never asks who waits. It is generic over
//!
//! * `T`, the value that travels, and
//! * `W: Wake`, the way to wake whoever waits: a thread, an asyncio task, a goroutine.
//!
//! Layers, downwards only; twins on one line do not use each other:
//!
//! ```text
//! select, context
//! once
//! channel + feed, wait_group, semaphore, mutex, rwmutex, cond, sched
//! wait_queue, wake_list, timers
//! waiter, parker, signals
//! lock, clock, error
//! sys                  (std, loom or shuttle)
//! ```
//!
//! Three rules hold in every file:
//!
//! 1. **Hand over, never wake-and-retry.** A woken waiter already owns its result. (One exception, with its reasons: [`mutex`].)
//! 2. **Under a lock only memory moves.** No wake, and no drop of a `T` or `W`: both may run foreign
//!    code. They are gathered in a [`wake_list::WakeList`] and happen after the unlock.
//! 3. **The claim decides.** A peer that completes a waiter and the waiter's own cancellation meet
//!    in one atomic step in [`waiter::Waiter`]; whoever comes second learns that it lost.

#![forbid(unsafe_code)]

pub mod channel;
pub mod clock;
pub mod cond;
pub mod context;
pub mod error;
pub mod feed;
pub mod lock;
pub mod mutex;
pub mod once;
pub mod parker;
pub mod rwmutex;
pub mod sched;
pub mod select;
pub mod semaphore;
pub mod signals;
pub mod sys;
pub mod timers;
pub mod wait_group;
pub mod wait_queue;
pub mod waiter;
pub mod wake_list;

pub use channel::Channel;
pub use cond::Cond;
pub use mutex::Mutex;
pub use once::Once;
pub use parker::Parker;
pub use rwmutex::RwMutex;
pub use semaphore::Semaphore;
pub use wait_group::WaitGroup;
pub use waiter::{Outcome, Waiter};
pub use wake_list::{Parked, Party, Wake};
