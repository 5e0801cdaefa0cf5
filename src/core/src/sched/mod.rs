//! The scheduler: who runs what, and when. Generic over the jobs; it never runs one itself.
//!
//! Two lanes, because the jobs differ in what they do to the thread that takes them:
//!
//! * *steps* ([`scheduler`]): goroutines that are resumed, run for a while and park. Few threads carry any number of
//!   them. A thread needs a permit.
//! * *calls* ([`calls`]): functions that keep their thread until they return, and may block it.
//!
//! ```text
//! scheduler        calls        permits and run queues; servers, one after the other
//! run_queue seats park_word     single ideas
//! ```

pub mod calls;
pub mod park_word;
pub mod run_queue;
pub mod scheduler;
pub mod seats;

pub use crate::timers::{self, Timers};
pub use calls::CallQueue;
pub use park_word::ParkWord;
pub use scheduler::Scheduler;
pub use seats::{Seat, Seats};
