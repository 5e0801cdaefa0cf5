//! Go's channel: a bounded FIFO with hand-off to parked peers.
//!
//! Invariants, whenever the lock is free. A *live* waiter is one that its host has not cancelled:
//!
//! * I1  At least one of the two queues holds no live waiter, but for one select that sends and receives on the channel:
//!   that stands in both, and never serves itself.
//! * I2  While a value is buffered, no live receiver is parked.
//! * I3  While the buffer has room, no live sender is parked.
//! * I4  A closed channel has no parked waiters; it takes no more values, and its buffered ones
//!   stay receivable.
//! * I5  Every value that was sent is in exactly one place: the buffer, a parked sender's node, a
//!   settled receiver's outcome, among the returned, or it was given to a caller.
//!
//! Order (C4, C6, C7): waiters are served strictly first-come-first-served, and values are received
//! in the order in which their sends were committed.
//!
//! A receiver whose host cancels it after it was handed a value gives that back ([`Channel::unrecv`]).
//! Returned values stand before the buffer, in the order in which they were handed over, and take no
//! room from it. They count as buffered for I2 and in [`Channel::len`], which may thus exceed the
//! capacity for a while. (Another receiver may have got a later value in between; that is the price
//! of not losing one.)

use crate::clock::Instant;
use crate::error::{CloseError, TryRecvError, TrySendError};
use crate::feed::Feed;
use crate::lock::{Guard, Lock, Rank};
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::collections::VecDeque;

/// A channel whose parked parties are a waiter beside a waker.
pub type Channel<T, W> = RawChannel<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawChannel<T, P: Parked<T>> {
    /// Never changes.
    capacity: usize,
    /// Of a channel that a clock sends on, see [`crate::feed`]: makes what is received out of the time it was due. Never
    /// changes.
    pub(crate) make: Option<fn(Instant) -> T>,
    /// What may not happen under it: a wake, a drop of a `T` or `W`, any Python.
    pub(crate) state: Lock<State<T, P>>,
}

/// Guarded by `Channel::state`, all of it.
#[derive(Debug)]
pub(crate) struct State<T, P> {
    /// Handed over, but given back: received before everything else. Sorted by ordinal.
    returned: VecDeque<(Ordinal, T)>,
    /// At most `capacity` values.
    buffer: VecDeque<T>,
    pub(crate) receivers: WaitQueue<P>,
    pub(crate) senders: WaitQueue<Sender<T, P>>,
    /// Hand-overs so far.
    handed: Ordinal,
    closed: bool,
    /// Of a channel that a clock sends on. Nothing is ever buffered there, and nobody sends.
    pub(crate) feed: Option<Box<Feed>>,
}

/// Numbers the hand-overs of one channel.
type Ordinal = u64;

#[derive(Debug)]
pub(crate) struct Sender<T, P> {
    pub(crate) party: P,
    pub(crate) value: T,
}

/// What left a queue without being served: dropped after the unlock.
#[derive(Debug)]
#[allow(dead_code)] // the fields are kept for their drop
pub(crate) enum Dead<T, P> {
    Receiver(P),
    Sender(Sender<T, P>),
    /// The value of a sender that was parked when the channel closed (C10: it is lost).
    Value(T),
}

/// Who was settled goes through the wake list whole: its host may have let go of the waiter, and then the waiter ends
/// there, with the value that was just put into it.
pub(crate) type After<T, P> = WakeList<P, Dead<T, P>>;

/// How a send that may wait began.
#[derive(Debug, PartialEq, Eq)]
pub enum SendStart<T> {
    Sent,
    Closed(T),
    Parked(Ticket),
}

/// How a receive that may wait began.
#[derive(Debug, PartialEq, Eq)]
pub enum RecvStart<T> {
    Received(T),
    Closed,
    Parked(Ticket),
}

/// A thing a garbage collector can see in a channel.
#[derive(Debug)]
pub enum Held<'a, T, P> {
    Value(&'a T),
    Waker(&'a P),
}

/// As the tests and models use it.
impl<T, W: Wake> RawChannel<T, Party<T, W>> {
    /// Sends at once, or parks. If nothing had to wait, `waker` is dropped unused.
    pub fn send_or_park(&self, value: T, waiter: &Arc<Waiter<T>>, waker: W) -> SendStart<T> {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.send_or_park_with(value, || party.take().expect("one party, one park"));
        drop(party);
        start
    }

    /// Receives at once, or parks. If nothing had to wait, `waker` is dropped unused.
    pub fn recv_or_park(&self, waiter: &Arc<Waiter<T>>, waker: W) -> RecvStart<T> {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.recv_or_park_with(|| party.take().expect("one party, one park"));
        drop(party);
        start
    }
}

impl<T, P: Parked<T>> RawChannel<T, P> {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            make: None,
            state: Lock::new(
                Rank::Channel,
                State {
                    returned: VecDeque::new(),
                    buffer: VecDeque::new(),
                    receivers: WaitQueue::new(),
                    senders: WaitQueue::new(),
                    handed: 0,
                    closed: false,
                    feed: None,
                },
            ),
        }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Buffered values, at some instant during the call (C14).
    pub fn len(&self) -> usize {
        let state = self.state.lock();
        state.returned.len() + state.buffer.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Number of parked receivers and of parked senders.
    pub fn parked(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.receivers.len(), state.senders.len())
    }

    /// Sends if that is possible at once.
    #[inline(always)] // the common case; all others are elsewhere
    #[allow(clippy::inline_always)]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut state = self.state.lock();
        if state.has_room(self.capacity) {
            // C3 (c), with nobody to wake.
            state.buffer.push_back(value);
            return Ok(());
        }
        self.try_send_else(state, value)
    }

    #[inline(never)]
    fn try_send_else(&self, mut state: Guard<'_, State<T, P>>, value: T) -> Result<(), TrySendError<T>> {
        let mut after = After::new();
        let result = state.send(self.capacity, value, &mut after);
        drop(state);
        after.run();
        result
    }

    /// Puts the value into the buffer where that is all there is to do: C3 (c), with nobody to wake. Else nothing changes.
    #[inline]
    pub fn send_at_once(&self, value: &mut Option<T>) -> bool {
        if self.capacity == 0 {
            return false;
        }
        let mut state = self.state.lock();
        if !state.has_room(self.capacity) {
            return false;
        }
        let Some(value) = value.take() else {
            return false;
        };
        state.buffer.push_back(value);
        true
    }

    /// Takes a value out of the buffer where that is all there is to do: C4, with nobody to wake. Else nothing changes.
    #[inline]
    pub fn recv_at_once(&self) -> Option<T> {
        if self.capacity == 0 {
            return None;
        }
        let mut state = self.state.lock();
        if !state.senders.is_empty() || !state.returned.is_empty() {
            return None;
        }
        state.buffer.pop_front()
    }

    /// Sends at once, or parks `party` at the tail of the sender queue with the value (C3).
    ///
    /// Its waiter is settled with [`Outcome::Sent`] or [`Outcome::Closed`], and it is woken after that. It is made only if it
    /// is needed, under the lock.
    #[inline]
    pub fn send_or_park_with(&self, value: T, party: impl FnOnce() -> P) -> SendStart<T> {
        let mut after = After::new();
        let start = {
            let mut state = self.state.lock();
            match state.send(self.capacity, value, &mut after) {
                Ok(()) => SendStart::Sent,
                Err(TrySendError::Closed(value)) => SendStart::Closed(value),
                Err(TrySendError::Full(value)) => {
                    let party = party();
                    SendStart::Parked(state.senders.push_back(Sender { party, value }))
                }
            }
        };
        after.run();
        start
    }

    /// Receives if that is possible at once.
    #[inline(always)] // as above
    #[allow(clippy::inline_always)]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.state.lock();
        if state.senders.is_empty() && state.returned.is_empty() {
            // C4 with nobody to wake.
            if let Some(value) = state.buffer.pop_front() {
                return Ok(value);
            }
        }
        self.try_recv_else(state)
    }

    #[inline(never)]
    fn try_recv_else(&self, mut state: Guard<'_, State<T, P>>) -> Result<T, TryRecvError> {
        let mut after = After::new();
        let mut result = state.recv(self.capacity, &mut after);
        let ticked = result.is_err().then(|| state.poll(&mut after)).flatten();
        drop(state);
        after.run();
        if let Some(due) = ticked {
            result = Ok(self.made(due));
        }
        result
    }

    /// Receives at once, or parks `party` at the tail of the receiver queue.
    ///
    /// Its waiter is settled with [`Outcome::Received`] or [`Outcome::Closed`], and it is woken after that. It is made only if
    /// it is needed, under the lock.
    #[inline]
    pub fn recv_or_park_with(&self, party: impl FnOnce() -> P) -> RecvStart<T> {
        let mut after = After::new();
        let start = {
            let mut state = self.state.lock();
            match state.recv(self.capacity, &mut after) {
                Ok(value) => RecvStart::Received(value),
                Err(TryRecvError::Closed) => RecvStart::Closed,
                Err(TryRecvError::Empty) => match state.poll(&mut after) {
                    None => RecvStart::Parked(state.receivers.push_back(party())),
                    Some(due) => {
                        drop(state);
                        RecvStart::Received(self.made(due))
                    }
                },
            }
        };
        after.run();
        start
    }

    /// Appends to `out` what is there, until `out` holds `limit` values. All in one instant.
    pub fn recv_available(&self, limit: usize, out: &mut Vec<T>) -> Result<(), TryRecvError> {
        let mut after = After::new();
        let mut result = Ok(());
        let mut ticked = None;
        {
            let mut state = self.state.lock();
            while out.len() < limit {
                match state.recv(self.capacity, &mut after) {
                    Ok(value) => out.push(value),
                    Err(error) => {
                        // One at most is pending.
                        ticked = state.poll(&mut after);
                        result = Err(error);
                        break;
                    }
                }
            }
        }
        after.run();
        out.extend(ticked.map(|due| self.made(due)));
        result
    }

    /// Gives back what a receiver was handed but could not keep, because its host cancelled it.
    pub fn give_back(&self, outcome: Outcome<T>) {
        match outcome {
            Outcome::Received(value, ordinal) => self.unrecv(value, ordinal),
            Outcome::Ticked(tick) => self.untick(tick),
            _ => {}
        }
    }

    /// Gives back a value that a receiver was handed as number `ordinal` but could not keep, because
    /// its host cancelled it: to the receiver that waits longest, else to the head of the channel.
    ///
    /// Allowed on a closed channel too: the value was committed before.
    pub fn unrecv(&self, value: T, ordinal: u64) {
        let mut after = After::new();
        {
            let mut state = self.state.lock();
            if let Err(value) = state.hand_over(value, Some(ordinal), &mut after) {
                let place = state.returned.partition_point(|&(other, _)| other < ordinal);
                state.returned.insert(place, (ordinal, value));
            }
        }
        after.run();
    }

    /// Closes: parked receivers and senders are all settled with [`Outcome::Closed`] before the first
    /// of them is woken (C9). The values of parked senders are dropped (C10).
    pub fn close(&self) -> Result<(), CloseError> {
        let mut after = After::new();
        let result = self.close_into(&mut after);
        after.run();
        result
    }

    /// As [`Self::close`], for a caller who holds a lock: whoever waits is settled here, and woken by `after`.
    pub(crate) fn close_into(&self, after: &mut After<T, P>) -> Result<(), CloseError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(CloseError);
        }
        state.closed = true;
        while let Some(receiver) = state.receivers.pop_front() {
            if receiver.settle(Outcome::Closed).is_ok() {
                after.wake_later(receiver);
            } else {
                after.drop_later(Dead::Receiver(receiver));
            }
        }
        while let Some(sender) = state.senders.pop_front() {
            if sender.party.settle(Outcome::Closed).is_ok() {
                after.wake_later(sender.party);
                after.drop_later(Dead::Value(sender.value));
            } else {
                after.drop_later(Dead::Sender(sender));
            }
        }
        Ok(())
    }

    /// Takes the node of a cancelled receiver out of its queue. Call only after
    /// [`Waiter::cancel`] returned true; a peer may have removed the node in between.
    pub fn forget_receiver(&self, ticket: Ticket) {
        let node = self.state.lock().receivers.remove(ticket);
        drop(node);
    }

    /// As [`Self::forget_receiver`], for a sender; its value is dropped.
    pub fn forget_sender(&self, ticket: Ticket) {
        let node = self.state.lock().senders.remove(ticket);
        drop(node);
    }

    /// Shows every value and waker in the channel, once each. `visit` runs under the lock and may
    /// only look. False, with nothing shown, when the lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(Held<'_, T, P>)) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        for value in state.returned.iter().map(|(_, value)| value).chain(&state.buffer) {
            visit(Held::Value(value));
        }
        for receiver in state.receivers.iter() {
            visit(Held::Waker(receiver));
        }
        for sender in state.senders.iter() {
            visit(Held::Value(&sender.value));
            visit(Held::Waker(&sender.party));
        }
        true
    }

    /// Empties the channel for a garbage collector that found it unreachable. The parked waiters are
    /// cancelled: nobody is left who could reach the channel to settle them.
    pub fn clear(&self) {
        let (returned, buffer, receivers, senders) = {
            let mut state = self.state.lock();
            let State {
                returned,
                buffer,
                receivers,
                senders,
                ..
            } = &mut *state;
            (
                std::mem::take(returned),
                std::mem::take(buffer),
                receivers.take_all(),
                senders.take_all(),
            )
        };
        for party in receivers.iter().chain(senders.iter().map(|sender| &sender.party)) {
            party.waiter().cancel();
        }
        drop((returned, buffer, receivers, senders));
    }
}

/// The rules themselves. All of these run under the lock.
impl<T, P: Parked<T>> State<T, P> {
    /// Whether a send has nothing to do but to put its value into the buffer.
    #[inline]
    fn has_room(&self, capacity: usize) -> bool {
        self.receivers.is_empty() && self.buffer.len() < capacity && !self.closed
    }

    /// For one who finds the channel empty: when what a clock has sent on it was due.
    #[inline]
    pub(crate) fn poll(&mut self, after: &mut After<T, P>) -> Option<Instant> {
        self.feed.as_ref()?;
        self.poll_feed(after)
    }

    /// Hands `value` to the first receiver that still wants it, or gives it back. A value that comes
    /// from a receiver keeps the ordinal it had there.
    #[inline]
    fn hand_over(
        &mut self,
        mut value: T,
        ordinal: Option<Ordinal>,
        after: &mut After<T, P>,
    ) -> Result<(), T> {
        while let Some(receiver) = self.receivers.pop_front() {
            let number = ordinal.unwrap_or(self.handed);
            match receiver.settle(Outcome::Received(value, number)) {
                Ok(()) => {
                    self.handed = self.handed.max(number + 1);
                    after.wake_later(receiver);
                    return Ok(());
                }
                Err(Outcome::Received(back, _)) => {
                    value = back;
                    after.drop_later(Dead::Receiver(receiver));
                }
                Err(_) => unreachable!("settle gives back what it was given"),
            }
        }
        Err(value)
    }

    /// Takes the value of the first parked sender that still wants to send.
    #[inline]
    fn take_from_sender(&mut self, after: &mut After<T, P>) -> Option<T> {
        while let Some(sender) = self.senders.pop_front() {
            if sender.party.settle(Outcome::Sent).is_ok() {
                after.wake_later(sender.party);
                return Some(sender.value);
            }
            after.drop_later(Dead::Sender(sender));
        }
        None
    }

    /// C3, in this order: closed, parked receiver, room, full.
    #[inline]
    pub(crate) fn send(
        &mut self,
        capacity: usize,
        value: T,
        after: &mut After<T, P>,
    ) -> Result<(), TrySendError<T>> {
        if self.closed {
            return Err(TrySendError::Closed(value));
        }
        let value = if self.receivers.is_empty() {
            value
        } else {
            match self.hand_over(value, None, after) {
                Ok(()) => return Ok(()),
                Err(value) => value,
            }
        };
        if self.buffer.len() < capacity {
            self.buffer.push_back(value);
            return Ok(());
        }
        Err(TrySendError::Full(value))
    }

    /// C4: a returned value first; then the head of the buffer, whose place the first parked sender's value takes at the
    /// tail; with an empty buffer the first parked sender itself; then closed, then empty.
    #[inline]
    pub(crate) fn recv(&mut self, capacity: usize, after: &mut After<T, P>) -> Result<T, TryRecvError> {
        if !self.returned.is_empty() {
            if let Some((_, value)) = self.returned.pop_front() {
                return Ok(value);
            }
        }
        if let Some(value) = self.buffer.pop_front() {
            if !self.senders.is_empty() && self.buffer.len() < capacity {
                if let Some(next) = self.take_from_sender(after) {
                    self.buffer.push_back(next);
                }
            }
            return Ok(value);
        }
        if !self.senders.is_empty() {
            if let Some(value) = self.take_from_sender(after) {
                return Ok(value);
            }
        }
        Err(if self.closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }
}
