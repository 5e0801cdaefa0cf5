//! One operation that may have to wait, whoever waits for it.
//!
//! Each blocking form and its awaitable twin are the same [`Operation`]; a host ([`crate::block`] for
//! threads, [`crate::awaitable`] for goroutines and asyncio) drives it by the same three steps:
//!
//! 1. [`Operation::attempt`]: complete at once if possible. Allocates no waiter, never lets go of the
//!    GIL.
//! 2. [`Operation::queue`]: try again and, in the same critical section, queue the waiter.
//! 3. [`Operation::finish`]: turn the outcome that a peer left in the waiter into the result.

mod name;

use crate::acquire::Acquire;
use crate::aio;
use crate::chan::ChanBase;
use crate::face::{self, Face};
use crate::fed;
use crate::goexit;
use crate::goroutine::Goroutine;
use crate::group_step::Step;
use crate::limit::Limit;
use crate::registration::{Queue, Registration, Stay, Stays};
use crate::select::Select;
use crate::under::{Guard, Under};
use crate::value::{Ref, Value};
use crate::wait_group::WaitGroup;
use crate::wake::{ValueWaiter, Waker};
use gochan_core::Outcome;
use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::TrySendError;
use gochan_core::sys::Arc;
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use smallvec::smallvec;
use std::time::Duration;

/// What is asked of a goroutine that has to end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Join,
    Result,
    Exception,
}

#[derive(Debug)]
pub enum Operation {
    Send {
        chan: Ref<ChanBase>,
        /// `None` once the channel has it.
        value: Option<Value>,
    },
    Recv {
        chan: Ref<ChanBase>,
        face: Face,
    },
    Wait {
        group: Py<WaitGroup>,
    },
    Ask {
        goroutine: Py<Goroutine>,
        ask: Ask,
    },
    /// Leaving `async with channel`: close it unless it is closed.
    Close {
        chan: Ref<ChanBase>,
    },
    /// Entering `async with`: a result that was there from the start.
    Ready {
        result: Option<Py<PyAny>>,
    },
    /// `aio()`: an awaitable of asyncio, until it is started; then its result comes.
    Aio(Box<aio::Call>),
    /// One of several sends and receives.
    Select(Box<Select>),
    /// Another one, with a context that ends it too.
    Under(Box<Under>),
    /// `sleep()`: no peer ever completes it, and its limit is its result.
    Sleep(Duration),
    /// A lock, permits or a signal.
    Acquire(Acquire),
    /// A slot in a group, or the end of all its goroutines.
    Group(Box<Step>),
    /// `agosched()`: a turn for the others. Its hosts know how.
    Yield,
}

/// What became of [`Operation::queue`].
#[derive(Debug)]
pub enum Queued {
    Not(Py<PyAny>),
    In(Ticket),
}

/// What became of [`Operation::park`].
#[derive(Debug)]
pub enum Parked {
    Not(Py<PyAny>),
    In(Registration),
}

impl Operation {
    /// The operation with a context that ends it too, if there is one that can.
    pub fn under(self, ctx: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Self> {
        match ctx {
            None => Ok(self),
            Some(_) => Ok(match Guard::of(ctx, name)? {
                Some(guard) => Self::Under(Box::new(Under::new(self, guard))),
                None => self,
            }),
        }
    }

    /// The result, or `None` when the operation would have to wait.
    #[inline]
    pub fn attempt(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        goexit::check_exit(py)?;
        match self {
            Self::Send { chan, value } => {
                let core = chan.get().core();
                let mine = value.take().ok_or_else(used_up)?;
                match core.try_send(mine) {
                    Ok(()) => Ok(Some(py.None())),
                    Err(TrySendError::Full(back)) => {
                        *value = Some(back);
                        Ok(None)
                    }
                    Err(TrySendError::Closed(_)) => Err(face::send_on_closed(chan.bind(py))),
                }
            }
            Self::Recv { chan, face } => face::recv_now(chan.bind(py), *face),
            Self::Wait { group } => Ok((group.get().core().count() == 0).then(|| py.None())),
            Self::Ask { goroutine, ask } => {
                let goroutine = goroutine.bind(py);
                if goroutine.get().has_ended() {
                    answer(goroutine, *ask).map(Some)
                } else if goroutine.get().never_ends() {
                    Err(abandoned(goroutine))
                } else {
                    Ok(None)
                }
            }
            Self::Close { chan } => {
                let _ = chan.get().core().close();
                Ok(Some(py.None()))
            }
            Self::Ready { result } => Ok(Some(result.take().ok_or_else(used_up)?)),
            Self::Yield | Self::Sleep(_) => Ok(None),
            Self::Acquire(acquire) => acquire.attempt(py),
            Self::Group(step) => step.attempt(py),
            Self::Select(select) => select.attempt(py),
            Self::Under(under) => under.attempt(py),
            Self::Aio(call) => {
                if let Some(awaitable) = call.awaitable.take() {
                    if let Err(refused) = aio::refuse() {
                        // It would warn that nobody awaited it.
                        drop(awaitable.call_method0(py, "close"));
                        return Err(refused);
                    }
                    call.task = aio::start(py, awaitable, &call.result)?;
                }
                match call.result.try_recv() {
                    Ok(pair) => call.task.finish(py, pair).map(Some),
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// The result of a send or a receive that has nothing to do but to move a value into a buffer or out of it, whoever awaits
    /// it. A shortcut: `None` says nothing, and nothing has changed then.
    #[inline(always)] // one caller for each of two slots
    #[allow(clippy::inline_always)]
    pub fn move_at_once(&mut self, py: Python<'_>) -> Option<Value> {
        match self {
            Self::Send { chan, value } => chan.get().core().send_at_once(value).then(|| Value::none(py)),
            Self::Recv {
                chan,
                face: Face::Value | Face::AsyncNext,
            } => chan.get().core().recv_at_once(),
            _ => None,
        }
    }

    /// As [`Self::move_at_once`], for a select: one of its arms is seen to be ready.
    #[inline]
    pub fn select_at_once(&mut self, py: Python<'_>) -> Option<PyResult<Py<PyAny>>> {
        let Self::Select(select) = self else {
            return None;
        };
        let result = select.at_once(py)?;
        if let Self::Select(select) = self.take() {
            select.recycle();
        }
        Some(result)
    }

    /// Completes at once, or queues `waiter`, with a registration that ends the wait when it is dropped.
    pub fn park(
        &mut self,
        py: Python<'_>,
        waiter: &Arc<ValueWaiter>,
        waker: impl FnMut(u32) -> Waker,
    ) -> PyResult<Parked> {
        match self.queue(py, waker)? {
            Queued::Not(result) => Ok(Parked::Not(result)),
            Queued::In(ticket) => Ok(Parked::In(Registration::new(
                self.stays(ticket),
                Arc::clone(waiter),
            ))),
        }
    }

    /// Where its waiter stands.
    pub fn stays(&self, ticket: Ticket) -> Stays {
        let queue = match self {
            Self::Send { chan, .. } => Queue::Sender(Arc::clone(chan.get().core())),
            Self::Recv { chan, .. } => Queue::Receiver(Arc::clone(chan.get().core())),
            Self::Wait { group } => Queue::Group(Arc::clone(group.get().core())),
            Self::Ask { goroutine, .. } => Queue::Receiver(goroutine.get().ended()),
            Self::Aio(call) => Queue::Receiver(Arc::clone(&call.result)),
            Self::Acquire(acquire) => Queue::Held(acquire.held()),
            Self::Group(step) => match step.stays_in() {
                Some(queue) => queue,
                None => return Stays::new(),
            },
            Self::Select(select) => return select.stays(),
            Self::Under(under) => return under.stays(),
            Self::Close { .. } | Self::Ready { .. } | Self::Sleep(_) | Self::Yield => return Stays::new(),
        };
        let arm = 0;
        smallvec![Stay { queue, ticket, arm }]
    }

    /// Takes the waiter out of the queues it still stands in.
    pub fn forget(&self, ticket: Ticket) {
        match self {
            Self::Acquire(acquire) => acquire.held().forget(ticket),
            Self::Group(step) => step.forget(ticket),
            Self::Select(select) => select.leave(),
            Self::Under(under) => under.forget(),
            Self::Send { chan, .. } => chan.get().core().forget_sender(ticket),
            Self::Recv { chan, .. } => fed::forget_receiver(chan.get().core(), ticket),
            Self::Wait { group } => group.get().core().forget(ticket),
            Self::Ask { goroutine, .. } => goroutine.get().ended().forget_receiver(ticket),
            Self::Aio(call) => call.result.forget_receiver(ticket),
            Self::Close { .. } | Self::Ready { .. } | Self::Sleep(_) | Self::Yield => {}
        }
    }

    /// The result when its limit has passed, unless that is an error.
    pub fn expired(&mut self, py: Python<'_>) -> Option<Py<PyAny>> {
        match self {
            Self::Sleep(_) => Some(py.None()),
            Self::Under(under) => under.expired(py),
            _ => None,
        }
    }

    /// Gives back what a peer handed over, where nobody is to have it.
    pub fn give_back(&self, outcome: Outcome<Value>, arm: u32) {
        match (self, outcome) {
            (Self::Recv { chan, .. }, outcome) => fed::give_back(chan.get().core(), outcome),
            (Self::Acquire(acquire), outcome) => acquire.held().give_back(&outcome),
            (Self::Group(step), outcome) => step.give_back(&outcome),
            (Self::Select(select), outcome) => select.give_back(outcome, arm),
            (Self::Under(under), outcome) => under.give_back(outcome, arm),
            _ => {}
        }
    }

    /// Whether its waiter stands in several queues, so that the arm counts, and the others are to be left.
    #[inline]
    pub fn has_arms(&self) -> bool {
        matches!(self, Self::Select(_) | Self::Under(_))
    }

    /// Completes at once, or queues `waiter`.
    #[inline]
    pub fn queue(&mut self, py: Python<'_>, mut waker: impl FnMut(u32) -> Waker) -> PyResult<Queued> {
        match self {
            Self::Send { chan, value } => {
                let mine = value.take().ok_or_else(used_up)?;
                match chan.get().core().send_or_park_with(mine, || waker(0)) {
                    SendStart::Sent => Ok(Queued::Not(py.None())),
                    SendStart::Closed(_) => Err(face::send_on_closed(chan.bind(py))),
                    SendStart::Parked(ticket) => Ok(Queued::In(ticket)),
                }
            }
            Self::Recv { chan, face } => match chan.get().core().recv_or_park_with(|| waker(0)) {
                RecvStart::Received(value) => face::received(chan.bind(py), *face, value).map(Queued::Not),
                RecvStart::Closed => face::closed(chan.bind(py), *face).map(Queued::Not),
                RecvStart::Parked(ticket) => {
                    fed::attend(chan.bind(py));
                    Ok(Queued::In(ticket))
                }
            },
            Self::Wait { group } => match group.get().core().wait_or_park_with(|| waker(0)) {
                WaitStart::Released => Ok(Queued::Not(py.None())),
                WaitStart::Parked(ticket) => Ok(Queued::In(ticket)),
            },
            Self::Ask { goroutine, ask } => match goroutine.get().ended().recv_or_park_with(|| waker(0)) {
                RecvStart::Parked(ticket) => Ok(Queued::In(ticket)),
                // Nothing is ever sent on it: it is only closed.
                RecvStart::Received(_) | RecvStart::Closed => {
                    answer(goroutine.bind(py), *ask).map(Queued::Not)
                }
            },
            Self::Aio(call) => match call.result.recv_or_park_with(|| waker(0)) {
                RecvStart::Received(pair) => call.task.finish(py, pair).map(Queued::Not),
                RecvStart::Parked(ticket) => Ok(Queued::In(ticket)),
                RecvStart::Closed => unreachable!("nobody closes it"),
            },
            Self::Acquire(acquire) => acquire.queue(py, &mut waker),
            Self::Group(step) => step.queue(py, &mut waker),
            Self::Select(select) => select.queue(py, &mut waker),
            Self::Under(under) => under.queue(py, &mut waker),
            Self::Sleep(_) => Ok(Queued::In(Ticket::NOWHERE)),
            Self::Close { .. } | Self::Ready { .. } | Self::Yield => self
                .attempt(py)?
                .map(Queued::Not)
                .ok_or_else(|| PyRuntimeError::new_err("an operation that never waits had to wait")),
        }
    }

    /// The result of a wait that a peer ended; `None` when it has to [`Self::queue`] again, see `acquire`.
    #[inline]
    pub fn finish(
        &mut self,
        py: Python<'_>,
        outcome: Outcome<Value>,
        arm: u32,
    ) -> PyResult<Option<Py<PyAny>>> {
        match self {
            Self::Acquire(acquire) => acquire.finish(py, outcome),
            Self::Group(step) => step.finish(py).map(Some),
            Self::Under(under) => under.finish(py, outcome, arm),
            _ => self.finish_plain(py, outcome, arm).map(Some),
        }
    }

    #[inline]
    fn finish_plain(&mut self, py: Python<'_>, outcome: Outcome<Value>, arm: u32) -> PyResult<Py<PyAny>> {
        match (self, fed::received(outcome)) {
            (Self::Select(select), outcome) => select.finish(py, outcome, arm),
            (Self::Recv { chan, face }, Outcome::Received(value, _)) => {
                face::received(chan.bind(py), *face, value)
            }
            (Self::Recv { chan, face }, Outcome::Closed) => face::closed(chan.bind(py), *face),
            (Self::Send { chan, .. }, Outcome::Closed) => Err(face::send_on_closed(chan.bind(py))),
            (Self::Aio(call), Outcome::Received(pair, _)) => call.task.finish(py, pair),
            (Self::Ask { goroutine, ask }, _) => answer(goroutine.bind(py), *ask),
            (_, _) => Ok(py.None()),
        }
    }

    /// The wait ended with an error. It is raised now, or the operation has to [`Self::queue`] again first: see `acquire`.
    pub fn interrupted(&mut self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        match self {
            Self::Acquire(acquire) => acquire.interrupted(py, error),
            Self::Group(step) => Err(step.interrupted(py, error)),
            Self::Under(under) => under.operation.interrupted(py, error),
            _ => Err(error),
        }
    }

    /// Whether an error that ends it has something to do first: to get a lock back, to end a group.
    pub fn holds_up_errors(&self) -> bool {
        match self {
            Self::Acquire(acquire) => matches!(acquire, Acquire::Signal(_)),
            Self::Group(step) => step.is_leaving(),
            Self::Under(under) => under.operation.holds_up_errors(),
            _ => false,
        }
    }

    /// Whether nothing counts any more but the operation itself.
    pub fn is_bound(&self) -> bool {
        match self {
            Self::Acquire(acquire) => acquire.is_bound(),
            Self::Under(under) => under.operation.is_bound(),
            _ => false,
        }
    }

    /// What is left of its limit when it queues again.
    pub fn rest_of(&self, limit: Limit) -> Limit {
        match self {
            _ if self.is_bound() => Limit::Never,
            Self::Acquire(acquire) => limit.since(acquire.since()),
            Self::Under(under) => under.operation.rest_of(limit),
            _ => limit,
        }
    }

    /// Whether a context that is done takes back what was granted in the meantime.
    pub fn yields_to_context(&self) -> bool {
        matches!(self, Self::Acquire(acquire) if acquire.yields_to_context())
    }

    /// Whether `queue` does all that `attempt` does: then one critical section is enough for both.
    #[inline]
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Send { .. } | Self::Recv { .. } | Self::Wait { .. } | Self::Sleep(_) | Self::Group(_) => {
                true
            }
            Self::Select(select) => select.is_plain(),
            Self::Under(under) => under.operation.is_plain(),
            _ => false,
        }
    }

    /// Nobody waits any more. What is to be dropped for that, which calls Python: the task that `aio()` started ends.
    pub fn abandon(&mut self) -> impl Drop + use<> {
        match self {
            Self::Aio(call) => std::mem::take(&mut call.task),
            _ => aio::Task::default(),
        }
    }

    /// Takes it out; `Yield`, which holds nothing, is left.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Yield)
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Send { chan, value } => {
                crate::gc::visit_value(visit, chan.value())?;
                value
                    .as_ref()
                    .map_or(Ok(()), |value| crate::gc::visit_value(visit, value))
            }
            Self::Recv { chan, .. } | Self::Close { chan } => crate::gc::visit_value(visit, chan.value()),
            Self::Wait { group } => visit.call(group),
            Self::Ask { goroutine, .. } => visit.call(goroutine),
            Self::Ready { result } => visit.call(result),
            // The result's channel is not shown: whoever waits there is held by a task of the loop, which completes it.
            Self::Aio(call) => {
                visit.call(&call.awaitable)?;
                call.task.traverse(visit)
            }
            Self::Sleep(_) | Self::Yield => Ok(()),
            Self::Acquire(acquire) => acquire.traverse(visit),
            Self::Group(step) => step.traverse(visit),
            Self::Select(select) => select.traverse(visit),
            Self::Under(under) => under.traverse(visit),
        }
    }
}

fn answer(goroutine: &Bound<'_, Goroutine>, ask: Ask) -> PyResult<Py<PyAny>> {
    match ask {
        Ask::Join => Ok(goroutine.py().None()),
        Ask::Result => Goroutine::look_at_result(goroutine),
        Ask::Exception => Ok(Goroutine::look_at_exception(goroutine)),
    }
}

#[cold]
fn abandoned(goroutine: &Bound<'_, Goroutine>) -> PyErr {
    PyRuntimeError::new_err(format!(
        "goroutine {} never ends: main returned from the run() it belongs to, and abandoned it; wait for it in main",
        goroutine.get().full_name(goroutine.py())
    ))
}

fn used_up() -> PyErr {
    PyRuntimeError::new_err("this operation was awaited already; an awaitable of gochan works once")
}
