//! K1, K3, K4 and K5 with select: several channels and a handful of hosts, each with one waiter for all its waits, agree with a
//! naive model of themselves, step by step, in random scripts.
//!
//! The model is written from the rules alone (C3, C4, C9, S2-S13). Who is served or leaves is taken out of all its queues at once;
//! in the core it may stand there for a while, and its waiter begins its next turn when it has left them. Which of several ready
//! arms fires is the core's to say; the model says which are ready.
#![cfg(not(any(loom, shuttle)))]

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::select::{self, Did, Order, Start, Way};
use gochan_core::{Channel, Outcome, Party, Waiter, Wake};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

const CAPACITIES: [usize; 4] = [0, 0, 1, 2];
const HOSTS: usize = 6;

type Id = usize;

/// A channel, and whether it is sent on.
type Move = (usize, bool);

#[derive(Debug, Clone)]
enum Step {
    /// In written order without a seed; parks unless it is a mere attempt.
    Select(Index, Vec<Move>, Option<u64>, bool),
    Plain(Index, Move, bool),
    RecvAvailable(usize, usize),
    /// Somebody who waits is cancelled, and leaves its queues at once, or at its [`Step::Resume`].
    Cancel(Index, bool),
    /// Somebody who was served or cancelled goes on.
    Resume(Index),
    /// Somebody who was handed a value gives it back.
    GiveBack(Index),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let chan = || 0..CAPACITIES.len();
    let arms = prop::collection::vec((chan(), any::<bool>()), 0..6);
    let plain = (any::<Index>(), (chan(), any::<bool>()), any::<bool>());
    prop_oneof![
        20 => (any::<Index>(), arms, any::<Option<u64>>(), prop::bool::weighted(0.8))
            .prop_map(|(who, arms, seed, waits)| Step::Select(who, arms, seed, waits)),
        12 => plain.prop_map(|(who, at, waits)| Step::Plain(who, at, waits)),
        2 => (chan(), 0..4_usize).prop_map(|(chan, limit)| Step::RecvAvailable(chan, limit)),
        6 => (any::<Index>(), any::<bool>()).prop_map(|(who, at_once)| Step::Cancel(who, at_once)),
        16 => any::<Index>().prop_map(Step::Resume),
        4 => any::<Index>().prop_map(Step::GiveBack),
        1 => chan().prop_map(Step::Close),
    ]
}

// ---- the model

#[derive(Debug, Default)]
struct Pipe {
    capacity: usize,
    closed: bool,
    /// Given back, by the number of its hand-over.
    returned: BTreeMap<u64, u32>,
    buffer: VecDeque<u32>,
    handed: u64,
    /// Who, by which arm.
    receivers: VecDeque<(Id, u32)>,
    senders: VecDeque<(Id, u32, u32)>,
}

impl Pipe {
    fn is_ready(&self, sends: bool) -> bool {
        self.closed
            || if sends {
                !self.receivers.is_empty() || self.buffer.len() < self.capacity
            } else {
                !(self.returned.is_empty() && self.buffer.is_empty() && self.senders.is_empty())
            }
    }
}

#[derive(Debug)]
struct Model {
    pipes: Vec<Pipe>,
    /// Served, not resumed yet.
    served: BTreeMap<Id, (Outcome<u32>, u32)>,
    /// In the order in which they were served.
    woken: Vec<Id>,
}

impl Model {
    fn new() -> Self {
        let pipe = |capacity| Pipe {
            capacity,
            ..Pipe::default()
        };
        Self {
            pipes: CAPACITIES.map(pipe).into(),
            served: BTreeMap::new(),
            woken: Vec::new(),
        }
    }

    /// From all queues at once.
    fn leave(&mut self, who: Id) {
        for pipe in &mut self.pipes {
            pipe.receivers.retain(|place| place.0 != who);
            pipe.senders.retain(|place| place.0 != who);
        }
    }

    fn serve(&mut self, (who, arm): (Id, u32), outcome: Outcome<u32>) {
        self.leave(who);
        assert!(self.served.insert(who, (outcome, arm)).is_none());
        self.woken.push(who);
    }

    fn hand(&mut self, chan: usize, place: (Id, u32), value: u32, ordinal: Option<u64>) {
        let pipe = &mut self.pipes[chan];
        let number = ordinal.unwrap_or(pipe.handed);
        pipe.handed += u64::from(ordinal.is_none());
        self.serve(place, Outcome::Received(value, number));
    }

    fn send(&mut self, chan: usize, value: u32) -> Result<(), TrySendError<u32>> {
        let pipe = &mut self.pipes[chan];
        if pipe.closed {
            return Err(TrySendError::Closed(value));
        }
        if let Some(place) = pipe.receivers.pop_front() {
            self.hand(chan, place, value, None);
        } else if pipe.buffer.len() < pipe.capacity {
            pipe.buffer.push_back(value);
        } else {
            return Err(TrySendError::Full(value));
        }
        Ok(())
    }

    fn recv(&mut self, chan: usize) -> Result<u32, TryRecvError> {
        let pipe = &mut self.pipes[chan];
        if let Some((_, value)) = pipe.returned.pop_first() {
            return Ok(value);
        }
        let head = pipe.buffer.pop_front();
        let refills = head.is_none() || pipe.buffer.len() < pipe.capacity;
        let next = if refills { pipe.senders.pop_front() } else { None };
        let end = if pipe.closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        };
        let Some((who, arm, value)) = next else {
            return head.ok_or(end);
        };
        if head.is_some() {
            pipe.buffer.push_back(value);
        }
        self.serve((who, arm), Outcome::Sent);
        Ok(head.unwrap_or(value))
    }

    fn recv_available(&mut self, chan: usize, limit: usize) -> (Vec<u32>, Result<(), TryRecvError>) {
        let mut out = Vec::new();
        while out.len() < limit {
            match self.recv(chan) {
                Ok(value) => out.push(value),
                Err(error) => return (out, Err(error)),
            }
        }
        (out, Ok(()))
    }

    fn unrecv(&mut self, chan: usize, value: u32, ordinal: u64) {
        match self.pipes[chan].receivers.pop_front() {
            Some(place) => self.hand(chan, place, value, Some(ordinal)),
            None => assert_eq!(self.pipes[chan].returned.insert(ordinal, value), None),
        }
    }

    fn close(&mut self, chan: usize) -> bool {
        if std::mem::replace(&mut self.pipes[chan].closed, true) {
            return false;
        }
        while let Some(place) = self.pipes[chan].receivers.pop_front() {
            self.serve(place, Outcome::Closed);
        }
        while let Some((who, arm, _lost)) = self.pipes[chan].senders.pop_front() {
            self.serve((who, arm), Outcome::Closed);
        }
        true
    }

    /// What an arm does that is ready.
    fn fire(&mut self, (chan, sends): Move, value: u32) -> Did<u32> {
        if sends {
            match self.send(chan, value) {
                Ok(()) => Did::Sent,
                Err(TrySendError::Closed(value)) => Did::Refused(value),
                Err(TrySendError::Full(_)) => panic!("not ready"),
            }
        } else {
            match self.recv(chan) {
                Ok(value) => Did::Received(value),
                Err(TryRecvError::Closed) => Did::FoundClosed,
                Err(TryRecvError::Empty) => panic!("not ready"),
            }
        }
    }

    fn park(&mut self, who: Id, moves: &[Move], values: &[u32]) {
        for (arm, (&(chan, sends), &value)) in (0..).zip(moves.iter().zip(values)) {
            if sends {
                self.pipes[chan].senders.push_back((who, arm, value));
            } else {
                self.pipes[chan].receivers.push_back((who, arm));
            }
        }
    }

    /// I1-I4 of a channel and C5: nobody waits for what is there.
    fn check(&self) {
        for pipe in &self.pipes {
            for receiver in &pipe.receivers {
                let other = pipe.senders.iter().find(|sender| sender.0 != receiver.0);
                assert_eq!(other, None, "two wait for each other");
            }
            assert!(pipe.receivers.is_empty() || pipe.buffer.is_empty() && pipe.returned.is_empty());
            assert!(pipe.senders.is_empty() || pipe.buffer.len() >= pipe.capacity);
            assert!(!pipe.closed || pipe.receivers.is_empty() && pipe.senders.is_empty());
        }
    }
}

// ---- the real one

#[derive(Debug, Clone)]
struct Tap(Id, Arc<Mutex<Vec<Id>>>);

impl Wake for Tap {
    fn wake(self) {
        self.1.lock().unwrap().push(self.0);
    }
}

type Chan = Arc<Channel<u32, Tap>>;
type Arm = select::Arm<Chan, u32>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    /// Or served: the model knows.
    Waits,
    /// Cancelled, and still in its queues.
    Gone,
}

struct Host {
    id: Id,
    waiter: Arc<Waiter<u32>>,
    stage: Stage,
    arms: Vec<Arm>,
    woken: Arc<Mutex<Vec<Id>>>,
}

impl Host {
    fn select(&mut self, order: Order) -> Start<u32> {
        let (id, waiter, woken) = (self.id, &self.waiter, &self.woken);
        let mut party = |arm| Party {
            waiter: Arc::clone(waiter),
            waker: Tap(id, Arc::clone(woken)),
            arm,
        };
        select::select_or_park(&mut self.arms, order, &mut party)
    }

    /// The operation that its only arm stands for, without any select.
    fn plain(&mut self) -> Start<u32> {
        let (arm, waker) = (&mut self.arms[0], Tap(self.id, Arc::clone(&self.woken)));
        match &mut arm.way {
            Way::Recv => match arm.chan.recv_or_park(&self.waiter, waker) {
                RecvStart::Received(value) => Start::Fired(0, Did::Received(value)),
                RecvStart::Closed => Start::Fired(0, Did::FoundClosed),
                RecvStart::Parked(ticket) => {
                    arm.ticket = ticket;
                    Start::NoneReady
                }
            },
            Way::Send(value) => match arm.chan.send_or_park(value.take().unwrap(), &self.waiter, waker) {
                SendStart::Sent => Start::Fired(0, Did::Sent),
                SendStart::Closed(value) => Start::Fired(0, Did::Refused(value)),
                SendStart::Parked(ticket) => {
                    arm.ticket = ticket;
                    Start::NoneReady
                }
            },
        }
    }

    fn try_plain(&mut self) -> Start<u32> {
        let arm = &mut self.arms[0];
        match &mut arm.way {
            Way::Recv => match arm.chan.try_recv() {
                Ok(value) => Start::Fired(0, Did::Received(value)),
                Err(TryRecvError::Closed) => Start::Fired(0, Did::FoundClosed),
                Err(TryRecvError::Empty) => Start::NoneReady,
            },
            Way::Send(value) => match arm.chan.try_send(value.take().unwrap()) {
                Ok(()) => Start::Fired(0, Did::Sent),
                Err(TrySendError::Closed(value)) => Start::Fired(0, Did::Refused(value)),
                Err(TrySendError::Full(_)) => Start::NoneReady,
            },
        }
    }

    /// The wait is over: out of all queues, and ready for the next one.
    fn resume(&mut self) -> Option<(Outcome<u32>, u32)> {
        let arm = self.waiter.arm();
        select::leave(&self.arms);
        self.stage = Stage::Idle;
        self.waiter.rearm().map(|outcome| (outcome, arm))
    }
}

struct Both {
    channels: Vec<Chan>,
    hosts: Vec<Host>,
    woken: Arc<Mutex<Vec<Id>>>,
    model: Model,
    next_value: u32,
}

impl Both {
    fn new() -> Self {
        let woken = Arc::default();
        let host = |id| Host {
            id,
            waiter: Arc::new(Waiter::new()),
            stage: Stage::Idle,
            arms: Vec::new(),
            woken: Arc::clone(&woken),
        };
        Self {
            channels: CAPACITIES.map(|capacity| Arc::new(Channel::new(capacity))).into(),
            hosts: (0..HOSTS).map(host).collect(),
            woken: Arc::clone(&woken),
            model: Model::new(),
            next_value: 0,
        }
    }

    /// One of the hosts of whom that is true.
    fn pick(&self, pick: Index, is: impl Fn(&Host) -> bool) -> Option<Id> {
        let some: Vec<_> = self
            .hosts
            .iter()
            .filter(|host| is(host))
            .map(|host| host.id)
            .collect();
        (!some.is_empty()).then(|| some[pick.index(some.len())])
    }

    /// Starts an operation: what fired was ready in the model too, and does the same there.
    fn start(
        &mut self,
        who: Id,
        moves: &[Move],
        waits: bool,
        first: bool,
        run: impl Fn(&mut Host) -> Start<u32>,
    ) {
        let values: Vec<_> = (self.next_value..).take(moves.len()).collect();
        self.next_value += u32::try_from(moves.len()).unwrap();
        let arm = |(&(chan, sends), &value): (&Move, &u32)| {
            let chan = Arc::clone(&self.channels[chan]);
            if sends {
                Arm::send(chan, value)
            } else {
                Arm::recv(chan)
            }
        };
        let arms = moves.iter().zip(&values).map(arm).collect();
        let is_ready = |&(chan, sends): &Move| self.model.pipes[chan].is_ready(sends);
        let first_ready = moves.iter().position(is_ready);

        let host = &mut self.hosts[who];
        host.arms = arms;
        match run(host) {
            Start::Fired(at, did) => {
                assert!(is_ready(&moves[at]), "arm {at} of {moves:?} fired");
                assert!(
                    !first || Some(at) == first_ready,
                    "an arm before {at} of {moves:?} is ready"
                );
                assert_eq!(did, self.model.fire(moves[at], values[at]));
            }
            Start::NoneReady => {
                assert_eq!(first_ready, None, "an arm of {moves:?} is ready");
                if waits {
                    host.stage = Stage::Waits;
                    self.model.park(who, moves, &values);
                }
            }
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Select(pick, moves, seed, waits) => {
                let Some(who) = self.pick(*pick, |host| host.stage == Stage::Idle) else {
                    return;
                };
                let order = seed.map_or(Order::Written, Order::Random);
                let first = matches!(order, Order::Written);
                if *waits {
                    self.start(who, moves, true, first, |host| host.select(order));
                } else {
                    self.start(who, moves, false, first, |host| {
                        select::try_select(&mut host.arms, order)
                    });
                }
            }
            Step::Plain(pick, at, waits) => {
                let Some(who) = self.pick(*pick, |host| host.stage == Stage::Idle) else {
                    return;
                };
                let run = if *waits { Host::plain } else { Host::try_plain };
                self.start(who, &[*at], *waits, true, run);
            }
            Step::RecvAvailable(chan, limit) => {
                let mut out = Vec::new();
                let end = self.channels[*chan].recv_available(*limit, &mut out);
                assert_eq!((out, end), self.model.recv_available(*chan, *limit));
            }
            Step::Cancel(pick, at_once) => {
                let waits =
                    |host: &Host| host.stage == Stage::Waits && !self.model.served.contains_key(&host.id);
                let Some(who) = self.pick(*pick, waits) else {
                    return;
                };
                self.model.leave(who);
                let host = &mut self.hosts[who];
                assert!(host.waiter.cancel());
                host.stage = Stage::Gone;
                if *at_once {
                    assert_eq!(host.resume(), None);
                }
            }
            Step::Resume(pick) => {
                let over =
                    |host: &Host| host.stage == Stage::Gone || self.model.served.contains_key(&host.id);
                if let Some(who) = self.pick(*pick, over) {
                    let expected = self.model.served.remove(&who);
                    assert_eq!(self.hosts[who].resume(), expected);
                }
            }
            Step::GiveBack(pick) => {
                let handed =
                    |host: &Host| matches!(self.model.served.get(&host.id), Some((Outcome::Received(..), _)));
                let Some(who) = self.pick(*pick, handed) else {
                    return;
                };
                let host = &mut self.hosts[who];
                assert!(!host.waiter.cancel(), "served is served");
                let resumed = host.resume();
                assert_eq!(resumed, self.model.served.remove(&who));
                let Some((Outcome::Received(value, ordinal), arm)) = resumed else {
                    panic!("it was handed a value")
                };
                let chan = &host.arms[arm as usize].chan;
                chan.unrecv(value, ordinal);
                let at = self.channels.iter().position(|other| Arc::ptr_eq(other, chan));
                self.model.unrecv(at.unwrap(), value, ordinal);
            }
            Step::Close(chan) => {
                assert_eq!(self.channels[*chan].close().is_ok(), self.model.close(*chan));
            }
        }
    }

    fn agree(&self) {
        self.model.check();
        assert_eq!(
            *self.woken.lock().unwrap(),
            self.model.woken,
            "woken, in this order"
        );
        for host in &self.hosts {
            let served = self.model.served.contains_key(&host.id);
            assert_eq!(host.waiter.is_settled(), served, "{} is served", host.id);
        }
        for (chan, pipe) in self.channels.iter().zip(&self.model.pipes) {
            assert_eq!(chan.len(), pipe.returned.len() + pipe.buffer.len());
            assert_eq!(chan.is_closed(), pipe.closed);
            // Places of those who were served elsewhere, or left, may still be there, but no others.
            let (receivers, senders) = chan.parked();
            assert!(receivers >= pipe.receivers.len() && senders >= pipe.senders.len());
        }
    }

    fn finish(mut self) {
        // K4: with all out whose wait is over, exactly those stand there who wait.
        for who in 0..HOSTS {
            if self.hosts[who].stage != Stage::Idle && !self.hosts[who].waiter.is_waiting() {
                let expected = self.model.served.remove(&who);
                assert_eq!(self.hosts[who].resume(), expected);
            }
        }
        for (chan, pipe) in self.channels.iter().zip(&self.model.pipes) {
            assert_eq!(chan.parked(), (pipe.receivers.len(), pipe.senders.len()));
        }
        // K1: what is left comes out in order.
        for (at, chan) in self.channels.iter().enumerate() {
            assert_eq!(
                std::iter::from_fn(|| chan.try_recv().ok()).collect::<Vec<_>>(),
                std::iter::from_fn(|| self.model.recv(at).ok()).collect::<Vec<_>>()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn selects_agree_with_the_rules(script in prop::collection::vec(step(), 0..150)) {
        let mut both = Both::new();
        for step in &script {
            both.run(step);
            both.agree();
        }
        both.finish();
    }
}
