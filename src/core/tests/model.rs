//! K3: the channel agrees with a plain model of itself, step by step, in random scripts.
//!
//! The model is a buffer and two lists of those who wait, written from C3, C4 and C9 alone: who has
//! left is simply not in its lists.
#![cfg(not(any(loom, shuttle)))]

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter, Wake};
use proptest::prelude::*;
use proptest::sample::Index;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// Who parked, by number.
type Id = usize;

#[derive(Debug, Clone)]
enum Step {
    TrySend,
    TryRecv,
    Send,
    Recv,
    RecvAvailable(usize),
    /// Somebody who waits leaves; its node goes at once, or at the next [`Step::Forget`].
    Leave(Index, bool),
    /// All who have left take out their nodes, if these are still there.
    Forget,
    /// Somebody who was served takes its outcome.
    Take(Index),
    /// Somebody who was handed a value gives it back.
    GiveBack(Index),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::TrySend),
        3 => Just(Step::TryRecv),
        6 => Just(Step::Send),
        6 => Just(Step::Recv),
        1 => (0..6usize).prop_map(Step::RecvAvailable),
        4 => any::<(Index, bool)>().prop_map(|(who, at_once)| Step::Leave(who, at_once)),
        1 => Just(Step::Forget),
        2 => any::<Index>().prop_map(Step::Take),
        3 => any::<Index>().prop_map(Step::GiveBack),
        1 => Just(Step::Close),
    ]
}

// ---- the model

#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    closed: bool,
    /// Given back, by the number of its hand-over.
    returned: BTreeMap<u64, u32>,
    buffer: VecDeque<u32>,
    /// Hand-overs so far.
    handed: u64,
    receivers: VecDeque<Id>,
    senders: VecDeque<(Id, u32)>,
    /// Served, outcome not taken yet.
    served: BTreeMap<Id, Outcome<u32>>,
    /// In the order in which they were served.
    woken: Vec<Id>,
}

impl Model {
    fn serve(&mut self, who: Id, outcome: Outcome<u32>) {
        self.served.insert(who, outcome);
        self.woken.push(who);
    }

    /// A value that comes back keeps its number.
    fn hand(&mut self, who: Id, value: u32, ordinal: Option<u64>) {
        let ordinal = ordinal.unwrap_or_else(|| {
            self.handed += 1;
            self.handed - 1
        });
        self.serve(who, Outcome::Received(value, ordinal));
    }

    fn try_send(&mut self, value: u32) -> Result<(), TrySendError<u32>> {
        if self.closed {
            return Err(TrySendError::Closed(value));
        }
        if let Some(who) = self.receivers.pop_front() {
            self.hand(who, value, None);
        } else if self.buffer.len() < self.capacity {
            self.buffer.push_back(value);
        } else {
            return Err(TrySendError::Full(value));
        }
        Ok(())
    }

    fn try_recv(&mut self) -> Result<u32, TryRecvError> {
        if let Some((_, value)) = self.returned.pop_first() {
            return Ok(value);
        }
        if let Some(value) = self.buffer.pop_front() {
            if self.buffer.len() < self.capacity {
                if let Some((who, next)) = self.senders.pop_front() {
                    self.buffer.push_back(next);
                    self.serve(who, Outcome::Sent);
                }
            }
            return Ok(value);
        }
        if let Some((who, value)) = self.senders.pop_front() {
            self.serve(who, Outcome::Sent);
            return Ok(value);
        }
        Err(if self.closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }

    fn recv_available(&mut self, limit: usize) -> (Vec<u32>, Result<(), TryRecvError>) {
        let mut out = Vec::new();
        while out.len() < limit {
            match self.try_recv() {
                Ok(value) => out.push(value),
                Err(error) => return (out, Err(error)),
            }
        }
        (out, Ok(()))
    }

    fn unrecv(&mut self, value: u32, ordinal: u64) {
        match self.receivers.pop_front() {
            Some(who) => self.hand(who, value, Some(ordinal)),
            None => assert_eq!(self.returned.insert(ordinal, value), None),
        }
    }

    fn close(&mut self) -> bool {
        if std::mem::replace(&mut self.closed, true) {
            return false;
        }
        for who in std::mem::take(&mut self.receivers) {
            self.serve(who, Outcome::Closed);
        }
        for (who, _lost) in std::mem::take(&mut self.senders) {
            self.serve(who, Outcome::Closed);
        }
        true
    }

    /// Those who wait: receivers, then senders.
    fn waiting(&self) -> Vec<Id> {
        let senders = self.senders.iter().map(|&(who, _)| who);
        self.receivers.iter().copied().chain(senders).collect()
    }

    fn leave(&mut self, who: Id) {
        self.receivers.retain(|&other| other != who);
        self.senders.retain(|&(other, _)| other != who);
    }

    /// I1-I4 and C5.
    fn check(&self) {
        assert!(self.receivers.is_empty() || self.senders.is_empty());
        assert!(self.receivers.is_empty() || (self.buffer.is_empty() && self.returned.is_empty()));
        assert!(self.buffer.len() <= self.capacity);
        assert!(self.senders.is_empty() || self.buffer.len() >= self.capacity);
        assert!(!self.closed || (self.receivers.is_empty() && self.senders.is_empty()));
    }
}

// ---- the real one

#[derive(Debug, Clone)]
struct Tap(Id, Rc<RefCell<Vec<Id>>>);

impl Wake for Tap {
    fn wake(self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Sender,
    Receiver,
}

struct Party {
    side: Side,
    waiter: Arc<Waiter<u32>>,
    ticket: Ticket,
}

struct Real {
    channel: Channel<u32, Tap>,
    parties: BTreeMap<Id, Party>,
    /// Left, node not taken out.
    gone: Vec<Id>,
    woken: Rc<RefCell<Vec<Id>>>,
}

impl Real {
    fn new(capacity: usize) -> Self {
        Self {
            channel: Channel::new(capacity),
            parties: BTreeMap::new(),
            gone: Vec::new(),
            woken: Rc::default(),
        }
    }

    /// `Err`: `who` is parked.
    fn send(&mut self, who: Id, value: u32) -> Result<Result<(), TrySendError<u32>>, Id> {
        let waiter = Arc::new(Waiter::new());
        match self
            .channel
            .send_or_park(value, &waiter, Tap(who, Rc::clone(&self.woken)))
        {
            SendStart::Sent => Ok(Ok(())),
            SendStart::Closed(value) => Ok(Err(TrySendError::Closed(value))),
            SendStart::Parked(ticket) => Err(self.parked(who, Side::Sender, waiter, ticket)),
        }
    }

    /// `Err`: `who` is parked.
    fn recv(&mut self, who: Id) -> Result<Result<u32, TryRecvError>, Id> {
        let waiter = Arc::new(Waiter::new());
        match self
            .channel
            .recv_or_park(&waiter, Tap(who, Rc::clone(&self.woken)))
        {
            RecvStart::Received(value) => Ok(Ok(value)),
            RecvStart::Closed => Ok(Err(TryRecvError::Closed)),
            RecvStart::Parked(ticket) => Err(self.parked(who, Side::Receiver, waiter, ticket)),
        }
    }

    fn parked(&mut self, who: Id, side: Side, waiter: Arc<Waiter<u32>>, ticket: Ticket) -> Id {
        self.parties.insert(who, Party { side, waiter, ticket });
        who
    }

    fn forget(&mut self, who: Id) {
        let party = &self.parties[&who];
        match party.side {
            Side::Sender => self.channel.forget_sender(party.ticket),
            Side::Receiver => self.channel.forget_receiver(party.ticket),
        }
    }
}

// ---- both

fn agree(real: &Real, model: &Model) {
    model.check();
    assert_eq!(real.channel.len(), model.returned.len() + model.buffer.len());
    assert_eq!(real.channel.is_closed(), model.closed);
    assert_eq!(*real.woken.borrow(), model.woken, "woken, in this order");
    for (who, party) in &real.parties {
        let served = model.woken.contains(who);
        assert_eq!(party.waiter.is_settled(), served, "{who} is served");
    }
    // Nodes of those who left may still stand there, but no others.
    let (receivers, senders) = real.channel.parked();
    let live = (model.receivers.len(), model.senders.len());
    assert!(receivers >= live.0 && senders >= live.1);
    assert!(receivers + senders <= live.0 + live.1 + real.gone.len());
}

fn run(capacity: usize, script: &[Step]) {
    let mut real = Real::new(capacity);
    let mut model = Model {
        capacity,
        ..Model::default()
    };
    for (who, step) in script.iter().enumerate() {
        // Each step may park one party and offer one value; both get the number of the step.
        let value = u32::try_from(who).unwrap();
        match step {
            Step::TrySend => assert_eq!(real.channel.try_send(value), model.try_send(value)),
            Step::TryRecv => assert_eq!(real.channel.try_recv(), model.try_recv()),
            Step::Send => {
                let expected = match model.try_send(value) {
                    Err(TrySendError::Full(value)) => {
                        model.senders.push_back((who, value));
                        Err(who)
                    }
                    done => Ok(done),
                };
                assert_eq!(real.send(who, value), expected);
            }
            Step::Recv => {
                let expected = match model.try_recv() {
                    Err(TryRecvError::Empty) => {
                        model.receivers.push_back(who);
                        Err(who)
                    }
                    done => Ok(done),
                };
                assert_eq!(real.recv(who), expected);
            }
            Step::RecvAvailable(limit) => {
                let mut out = Vec::new();
                let end = real.channel.recv_available(*limit, &mut out);
                assert_eq!((out, end), model.recv_available(*limit));
            }
            Step::Leave(pick, at_once) => {
                let waiting = model.waiting();
                if !waiting.is_empty() {
                    let who = waiting[pick.index(waiting.len())];
                    model.leave(who);
                    assert!(real.parties[&who].waiter.cancel());
                    if *at_once {
                        real.forget(who);
                    } else {
                        real.gone.push(who);
                    }
                }
            }
            Step::Forget => {
                for who in std::mem::take(&mut real.gone) {
                    real.forget(who);
                }
            }
            Step::Take(pick) => {
                if !model.served.is_empty() {
                    let who = *model.served.keys().nth(pick.index(model.served.len())).unwrap();
                    let waiter = &real.parties[&who].waiter;
                    assert!(!waiter.cancel(), "served is served");
                    assert_eq!(waiter.take(), model.served.remove(&who));
                }
            }
            Step::GiveBack(pick) => {
                let handed = model.served.iter().filter_map(|(&who, outcome)| match outcome {
                    &Outcome::Received(value, ordinal) => Some((who, value, ordinal)),
                    _ => None,
                });
                let handed: Vec<_> = handed.collect();
                if !handed.is_empty() {
                    let (who, value, ordinal) = handed[pick.index(handed.len())];
                    model.served.remove(&who);
                    let taken = real.parties[&who].waiter.take();
                    assert_eq!(taken, Some(Outcome::Received(value, ordinal)));
                    real.channel.unrecv(value, ordinal);
                    model.unrecv(value, ordinal);
                }
            }
            Step::Close => assert_eq!(real.channel.close().is_ok(), model.close()),
        }
        agree(&real, &model);
    }

    // K4: with all who left taken out, exactly those stand there who wait.
    for who in std::mem::take(&mut real.gone) {
        real.forget(who);
    }
    assert_eq!(
        real.channel.parked(),
        (model.receivers.len(), model.senders.len())
    );
    for (who, outcome) in std::mem::take(&mut model.served) {
        assert_eq!(real.parties[&who].waiter.take(), Some(outcome));
    }
    // K1: what is left comes out in order.
    assert_eq!(
        std::iter::from_fn(|| real.channel.try_recv().ok()).collect::<Vec<_>>(),
        std::iter::from_fn(|| model.try_recv().ok()).collect::<Vec<_>>()
    );
}

fn scripts() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unbuffered(script in scripts()) {
        run(0, &script);
    }

    #[test]
    fn one_place(script in scripts()) {
        run(1, &script);
    }

    #[test]
    fn three_places(script in scripts()) {
        run(3, &script);
    }
}
