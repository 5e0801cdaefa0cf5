//! A channel whose wakers and values write down what happens to them.

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter, Wake};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Woken(&'static str),
    /// A waker ended without having been woken.
    WakerDropped(&'static str),
    ValueDropped(u32),
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    fn note(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A waker with a name.
#[derive(Debug)]
pub struct Tap {
    pub name: &'static str,
    log: Log,
    woken: bool,
}

impl Wake for Tap {
    fn wake(mut self) {
        self.woken = true;
        self.log.note(Event::Woken(self.name));
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if !self.woken {
            self.log.note(Event::WakerDropped(self.name));
        }
    }
}

/// A number whose drop is noted, unless it was opened.
#[derive(Debug)]
pub struct Value {
    pub number: u32,
    log: Option<Log>,
}

impl Value {
    pub fn open(mut self) -> u32 {
        self.log = None;
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            log.note(Event::ValueDropped(self.number));
        }
    }
}

/// An [`Outcome`] without what only hosts need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Sent,
    Received(u32),
    Closed,
}

/// Somebody who is parked, or was.
#[derive(Debug)]
pub struct Party {
    pub waiter: Arc<Waiter<Value>>,
    pub ticket: Ticket,
}

impl Party {
    /// What it was settled with, if it was, once.
    pub fn outcome(&self) -> Option<End> {
        Some(match self.waiter.take()? {
            Outcome::Received(value, _) => End::Received(value.open()),
            Outcome::Sent => End::Sent,
            Outcome::Closed => End::Closed,
            _ => panic!("no channel does that by itself"),
        })
    }

    /// What a host does that was cancelled too late.
    pub fn give_back(&self, bench: &Bench) {
        assert!(!self.waiter.cancel());
        match self.waiter.take() {
            Some(Outcome::Received(value, ordinal)) => bench.channel.unrecv(value, ordinal),
            other => panic!("nothing to give back: {other:?}"),
        }
    }

    pub fn waits(&self) -> bool {
        !self.waiter.is_settled()
    }
}

pub struct Bench {
    pub channel: Channel<Value, Tap>,
    log: Log,
}

impl Bench {
    pub fn new(capacity: usize) -> Self {
        Self {
            channel: Channel::new(capacity),
            log: Log::default(),
        }
    }

    /// Another channel, whose events go into the same log.
    #[allow(dead_code)] // for selects
    pub fn beside(&self, capacity: usize) -> Self {
        Self {
            channel: Channel::new(capacity),
            log: self.log.clone(),
        }
    }

    /// With these values sent already.
    pub fn holding(capacity: usize, numbers: impl IntoIterator<Item = u32>) -> Self {
        let bench = Self::new(capacity);
        for number in numbers {
            assert_eq!(bench.try_send(number), Ok(()));
        }
        bench
    }

    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.log.0.lock().unwrap())
    }

    pub fn value(&self, number: u32) -> Value {
        Value {
            number,
            log: Some(self.log.clone()),
        }
    }

    pub fn tap(&self, name: &'static str) -> Tap {
        Tap {
            name,
            log: self.log.clone(),
            woken: false,
        }
    }

    pub fn try_send(&self, number: u32) -> Result<(), TrySendError<u32>> {
        self.channel
            .try_send(self.value(number))
            .map_err(|error| match error {
                TrySendError::Full(value) => TrySendError::Full(value.open()),
                TrySendError::Closed(value) => TrySendError::Closed(value.open()),
            })
    }

    pub fn try_recv(&self) -> Result<u32, TryRecvError> {
        self.channel.try_recv().map(Value::open)
    }

    pub fn recv_available(&self, limit: usize) -> (Vec<u32>, Result<(), TryRecvError>) {
        let mut out = Vec::new();
        let end = self.channel.recv_available(limit, &mut out);
        (out.into_iter().map(Value::open).collect(), end)
    }

    /// `Err`: it had to park.
    pub fn send(&self, name: &'static str, number: u32) -> Result<Result<(), TrySendError<u32>>, Party> {
        let waiter = Arc::new(Waiter::new());
        match self
            .channel
            .send_or_park(self.value(number), &waiter, self.tap(name))
        {
            SendStart::Sent => Ok(Ok(())),
            SendStart::Closed(value) => Ok(Err(TrySendError::Closed(value.open()))),
            SendStart::Parked(ticket) => Err(Party { waiter, ticket }),
        }
    }

    /// `Err`: it had to park.
    pub fn recv(&self, name: &'static str) -> Result<Result<u32, TryRecvError>, Party> {
        let waiter = Arc::new(Waiter::new());
        match self.channel.recv_or_park(&waiter, self.tap(name)) {
            RecvStart::Received(value) => Ok(Ok(value.open())),
            RecvStart::Closed => Ok(Err(TryRecvError::Closed)),
            RecvStart::Parked(ticket) => Err(Party { waiter, ticket }),
        }
    }

    pub fn park_sender(&self, name: &'static str, number: u32) -> Party {
        self.send(name, number).expect_err("the send has to wait")
    }

    pub fn park_receiver(&self, name: &'static str) -> Party {
        self.recv(name).expect_err("the receive has to wait")
    }
}
