//! A host for the models: how a thread that blocks uses the core.
//!
//! It does what every host must do, in this order: *try, register, look again, park, take*. A thread
//! keeps one [`Host`] over all its operations, so tokens left over from an earlier wait do occur and
//! the second look is needed. It runs on std, loom and shuttle alike.

#![allow(dead_code)] // each test binary uses its own part of it

pub mod holds;
pub mod parties;
pub mod roles;
pub mod runtime;
pub mod traders;
pub mod world;

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::lock::assert_none_held;
use gochan_core::select::{self, Did, Order, Start, Way};
use gochan_core::sys::Arc;
use gochan_core::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use gochan_core::wait_group::WaitStart;
use gochan_core::{Channel, Outcome, Parker, Party, WaitGroup, Waiter, Wake};

/// Wakes a parked thread.
#[derive(Debug)]
pub struct W(Arc<Parker>);

impl Wake for W {
    fn wake(self) {
        assert_none_held("a test's wake");
        self.0.unpark();
    }
}

/// Counts how often it was woken, for models in which nobody sleeps.
#[derive(Debug, Clone)]
pub struct Tally(Arc<AtomicUsize>);

impl Tally {
    pub fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Tally {
    fn wake(self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendEnd {
    Sent,
    Closed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvEnd<T> {
    Value(T),
    Closed,
    Cancelled,
    /// The value came before the cancellation, and went back to its channel.
    GaveBack(T),
}

/// How a select ended, and by which arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectEnd<T> {
    Sent(usize),
    Value(usize, T),
    Closed(usize),
    Cancelled,
    /// As [`RecvEnd::GaveBack`].
    GaveBack(usize, T),
}

pub type Arm<'a, T> = select::Arm<&'a Channel<T, W>, T>;

/// What a host does with a value that was handed to it although it wanted to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// The operation completes, as in a blocked thread.
    Keep,
    /// The value goes back to the head, as where asyncio has cancelled the task.
    GiveBack,
}

/// Where one thread waits.
#[derive(Debug, Clone)]
pub struct Host {
    parker: Arc<Parker>,
    give_up: Arc<AtomicBool>,
}

impl Host {
    pub fn new() -> Self {
        Self {
            parker: Arc::new(Parker::new()),
            give_up: Arc::new(AtomicBool::new(false)),
        }
    }

    pub fn waker(&self) -> W {
        W(Arc::clone(&self.parker))
    }

    /// From another thread: the wait it is in, or else its next one, shall end.
    pub fn interrupt(&self) {
        self.give_up.store(true, Ordering::Release);
        self.parker.unpark();
    }

    /// A token that is found here may be an old one, and means no more than one found by parking.
    fn poll(&self) {
        #[cfg(not(any(loom, shuttle)))]
        self.parker.poll();
    }

    /// Until settled.
    pub fn wait<T>(&self, waiter: &Waiter<T>) -> Outcome<T> {
        self.poll();
        while !waiter.is_settled() {
            self.parker.park(None);
        }
        waiter.take().expect("settled: the outcome is there")
    }

    /// Until settled or interrupted: `Err` when the cancellation won, `Ok((_, true))` when it lost.
    fn wait_unless_interrupted<T>(&self, waiter: &Waiter<T>) -> Result<(Outcome<T>, bool), ()> {
        self.poll();
        loop {
            if waiter.is_settled() {
                return Ok((waiter.take().expect("settled: the outcome is there"), false));
            }
            // Not a swap: loom knows no fixed place in the modification order for what a swap writes
            // without need, and would show a later look the `false` that an earlier one wrote.
            if self.give_up.load(Ordering::Acquire) {
                self.give_up.store(false, Ordering::Relaxed);
                if waiter.cancel() {
                    return Err(());
                }
                let outcome = waiter.take().expect("cancel lost: the outcome is there");
                return Ok((outcome, true));
            }
            self.parker.park(None);
        }
    }

    pub fn send<T>(&self, channel: &Channel<T, W>, value: T) -> SendEnd {
        let value = match channel.try_send(value) {
            Ok(()) => return SendEnd::Sent,
            Err(TrySendError::Closed(_)) => return SendEnd::Closed,
            Err(TrySendError::Full(value)) => value,
        };
        let waiter = Arc::new(Waiter::new());
        match channel.send_or_park(value, &waiter, self.waker()) {
            SendStart::Sent => SendEnd::Sent,
            SendStart::Closed(_) => SendEnd::Closed,
            SendStart::Parked(_) => sent(&self.wait(&waiter)),
        }
    }

    pub fn recv<T>(&self, channel: &Channel<T, W>) -> RecvEnd<T> {
        match channel.try_recv() {
            Ok(value) => return RecvEnd::Value(value),
            Err(TryRecvError::Closed) => return RecvEnd::Closed,
            Err(TryRecvError::Empty) => {}
        }
        let waiter = Arc::new(Waiter::new());
        match channel.recv_or_park(&waiter, self.waker()) {
            RecvStart::Received(value) => RecvEnd::Value(value),
            RecvStart::Closed => RecvEnd::Closed,
            RecvStart::Parked(_) => received(self.wait(&waiter)),
        }
    }

    /// A send that [`Self::interrupt`] ends. One that a peer completed first was sent.
    pub fn send_unless_interrupted<T>(&self, channel: &Channel<T, W>, value: T) -> SendEnd {
        let waiter = Arc::new(Waiter::new());
        let ticket = match channel.send_or_park(value, &waiter, self.waker()) {
            SendStart::Sent => return SendEnd::Sent,
            SendStart::Closed(_) => return SendEnd::Closed,
            SendStart::Parked(ticket) => ticket,
        };
        if let Ok((outcome, _)) = self.wait_unless_interrupted(&waiter) {
            return sent(&outcome);
        }
        channel.forget_sender(ticket);
        SendEnd::Cancelled
    }

    /// A receive that [`Self::interrupt`] ends.
    pub fn recv_unless_interrupted<T: Copy>(&self, channel: &Channel<T, W>, late: Late) -> RecvEnd<T> {
        let waiter = Arc::new(Waiter::new());
        let ticket = match channel.recv_or_park(&waiter, self.waker()) {
            RecvStart::Received(value) => return RecvEnd::Value(value),
            RecvStart::Closed => return RecvEnd::Closed,
            RecvStart::Parked(ticket) => ticket,
        };
        match self.wait_unless_interrupted(&waiter) {
            Err(()) => {
                channel.forget_receiver(ticket);
                RecvEnd::Cancelled
            }
            Ok((Outcome::Received(value, ordinal), true)) if late == Late::GiveBack => {
                channel.unrecv(value, ordinal);
                RecvEnd::GaveBack(value)
            }
            Ok((outcome, _)) => received(outcome),
        }
    }

    /// Until an arm fires.
    pub fn select<T: Copy>(&self, arms: &mut [Arm<'_, T>], order: Order) -> SelectEnd<T> {
        let waiter = Arc::new(Waiter::new());
        if let Some(end) = self.select_at_once(arms, order, &waiter) {
            return end;
        }
        let outcome = self.wait(&waiter);
        select::leave(arms);
        selected(arms, waiter.arm(), outcome)
    }

    /// A select that [`Self::interrupt`] ends.
    pub fn select_unless_interrupted<T: Copy>(
        &self,
        arms: &mut [Arm<'_, T>],
        order: Order,
        late: Late,
    ) -> SelectEnd<T> {
        let waiter = Arc::new(Waiter::new());
        if let Some(end) = self.select_at_once(arms, order, &waiter) {
            return end;
        }
        let end = self.wait_unless_interrupted(&waiter);
        select::leave(arms);
        match end {
            Err(()) => SelectEnd::Cancelled,
            Ok((Outcome::Received(value, ordinal), true)) if late == Late::GiveBack => {
                let at = waiter.arm() as usize;
                arms[at].chan.unrecv(value, ordinal);
                SelectEnd::GaveBack(at, value)
            }
            Ok((outcome, _)) => selected(arms, waiter.arm(), outcome),
        }
    }

    /// Or it parks.
    pub fn select_at_once<T: Copy>(
        &self,
        arms: &mut [Arm<'_, T>],
        order: Order,
        waiter: &Arc<Waiter<T>>,
    ) -> Option<SelectEnd<T>> {
        let mut party = |arm| Party {
            waiter: Arc::clone(waiter),
            waker: self.waker(),
            arm,
        };
        match select::select_or_park(arms, order, &mut party) {
            Start::Fired(at, did) => Some(match did {
                Did::Sent => SelectEnd::Sent(at),
                Did::Received(value) => SelectEnd::Value(at, value),
                Did::FoundClosed | Did::Refused(_) => SelectEnd::Closed(at),
                Did::Ticked(_) => panic!("no clock sends here"),
            }),
            Start::NoneReady => None,
        }
    }

    pub fn wait_group(&self, group: &WaitGroup<(), W>) {
        let waiter = Arc::new(Waiter::new());
        if let WaitStart::Parked(_) = group.wait_or_park(&waiter, self.waker()) {
            assert_eq!(self.wait(&waiter), Outcome::Released);
        }
    }

    /// A wait that [`Self::interrupt`] ends: false when it did.
    pub fn wait_group_unless_interrupted(&self, group: &WaitGroup<(), W>) -> bool {
        let waiter = Arc::new(Waiter::new());
        let WaitStart::Parked(ticket) = group.wait_or_park(&waiter, self.waker()) else {
            return true;
        };
        if let Ok((outcome, _)) = self.wait_unless_interrupted(&waiter) {
            assert_eq!(outcome, Outcome::Released);
            return true;
        }
        group.forget(ticket);
        false
    }
}

/// Ends everybody else when its thread fails, so that a real thread's failure is seen and not waited for.
pub struct CloseOnPanic<'a, T>(pub &'a Channel<T, W>);

impl<T> Drop for CloseOnPanic<'_, T> {
    fn drop(&mut self) {
        // A model ends by itself.
        if cfg!(not(any(loom, shuttle))) && std::thread::panicking() {
            let _ = self.0.close();
        }
    }
}

fn selected<T>(arms: &[Arm<'_, T>], arm: u32, outcome: Outcome<T>) -> SelectEnd<T> {
    let at = arm as usize;
    match (outcome, &arms[at].way) {
        (Outcome::Received(value, _), Way::Recv) => SelectEnd::Value(at, value),
        (Outcome::Sent, Way::Send(_)) => SelectEnd::Sent(at),
        (Outcome::Closed, _) => SelectEnd::Closed(at),
        _ => panic!("an arm was settled as something else"),
    }
}

fn sent<T>(outcome: &Outcome<T>) -> SendEnd {
    match outcome {
        Outcome::Sent => SendEnd::Sent,
        Outcome::Closed => SendEnd::Closed,
        _ => panic!("a parked sender was settled as something else"),
    }
}

fn received<T>(outcome: Outcome<T>) -> RecvEnd<T> {
    match outcome {
        Outcome::Received(value, _) => RecvEnd::Value(value),
        Outcome::Closed => RecvEnd::Closed,
        _ => panic!("a parked receiver was settled as something else"),
    }
}
