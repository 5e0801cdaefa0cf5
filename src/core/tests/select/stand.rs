//! Selects over the noted channels of the kit.

use crate::kit::{Bench, Tap, Value};
use gochan_core::select::{self, Did, Order, Start, Way};
use gochan_core::{Channel, Outcome, Party, Waiter};
use std::sync::Arc;

pub type Arm<'a> = select::Arm<&'a Channel<Value, Tap>, Value>;

pub fn recv(bench: &Bench) -> Arm<'_> {
    Arm::recv(&bench.channel)
}

pub fn send(bench: &Bench, number: u32) -> Arm<'_> {
    Arm::send(&bench.channel, bench.value(number))
}

/// What an arm did, with the value opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Sent,
    Received(u32),
    FoundClosed,
    Refused(u32),
    /// A parked send whose channel was closed: its value is lost (C10).
    SendClosed,
}

fn made(did: Did<Value>) -> Made {
    match did {
        Did::Sent => Made::Sent,
        Did::Received(value) => Made::Received(value.open()),
        Did::FoundClosed => Made::FoundClosed,
        Did::Refused(value) => Made::Refused(value.open()),
        Did::Ticked(_) => panic!("no clock sends here"),
    }
}

/// A select that never waits: what it did, by which arm.
pub fn try_select(arms: &mut [Arm<'_>], order: Order) -> Option<(usize, Made)> {
    match select::try_select(arms, order) {
        Start::Fired(at, did) => Some((at, made(did))),
        Start::NoneReady => None,
    }
}

/// A select that is parked, or was.
pub struct Selecting<'a> {
    pub arms: Vec<Arm<'a>>,
    pub waiter: Arc<Waiter<Value>>,
}

/// `Err`: it had to park.
pub fn select<'a>(
    bench: &Bench,
    name: &'static str,
    mut arms: Vec<Arm<'a>>,
    order: Order,
) -> Result<(usize, Made), Selecting<'a>> {
    let waiter = Arc::new(Waiter::new());
    let mut party = |arm| Party {
        waiter: Arc::clone(&waiter),
        waker: bench.tap(name),
        arm,
    };
    match select::select_or_park(&mut arms, order, &mut party) {
        Start::Fired(at, did) => Ok((at, made(did))),
        Start::NoneReady => Err(Selecting { arms, waiter }),
    }
}

pub fn park<'a>(bench: &Bench, name: &'static str, arms: Vec<Arm<'a>>) -> Selecting<'a> {
    match select(bench, name, arms, Order::Random(7)) {
        Ok(done) => panic!("nothing is ready, but {done:?}"),
        Err(parked) => parked,
    }
}

impl Selecting<'_> {
    /// What it was settled with and by which arm, if it was, once.
    pub fn outcome(&self) -> Option<(usize, Made)> {
        let outcome = self.waiter.take()?;
        let at = self.waiter.arm() as usize;
        let made = match (outcome, &self.arms[at].way) {
            (Outcome::Received(value, _), Way::Recv) => Made::Received(value.open()),
            (Outcome::Sent, Way::Send(None)) => Made::Sent,
            (Outcome::Closed, Way::Recv) => Made::FoundClosed,
            (Outcome::Closed, Way::Send(None)) => Made::SendClosed,
            (outcome, way) => panic!("{outcome:?} by an arm that does {way:?}"),
        };
        Some((at, made))
    }

    /// What every host does when the wait is over, before it uses the waiter again.
    pub fn leave(&self) {
        select::leave(&self.arms);
    }

    /// Settled, and gone from all queues.
    pub fn finish(&self) -> Option<(usize, Made)> {
        let outcome = self.outcome();
        self.leave();
        outcome
    }

    pub fn waits(&self) -> bool {
        !self.waiter.is_settled()
    }
}
