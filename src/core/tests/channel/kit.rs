//! A channel whose wakers and values write down what happens to them.

use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Channel, Outcome, Waiter, Wake};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Woken(&'static str),
    /// Dropped without having been woken.
    WakerDropped(&'static str),
    ValueDropped(u32),
}
use Event::{ValueDropped, WakerDropped, Woken};

#[derive(Debug, Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Event>>>);

impl Log {
    pub fn note(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }

    /// What happened since the last call.
    pub fn take(&self) -> Vec<Event> {
        self.0.take()
    }
}

/// A waker with a name.
#[derive(Debug)]
pub struct Tap {
    name: &'static str,
    log: Log,
    woken: bool,
}

impl Wake for Tap {
    fn wake(mut self) {
        self.woken = true;
        self.log.note(Woken(self.name));
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if !self.woken {
            self.log.note(WakerDropped(self.name));
        }
    }
}

/// A value that can tell when it is dropped. The tests take its number out with [`Value::open`].
#[derive(Debug)]
pub struct Value {
    number: u32,
    log: Option<Log>,
}

impl Value {
    /// The number; its end is no event any more.
    pub fn open(mut self) -> u32 {
        self.log = None;
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            log.note(ValueDropped(self.number));
        }
    }
}

impl PartialEq<u32> for Value {
    fn eq(&self, other: &u32) -> bool {
        self.number == *other
    }
}

/// Somebody who parked.
#[derive(Debug)]
pub struct Party {
    pub waiter: Arc<Waiter<Value>>,
    pub ticket: Ticket,
}

/// An [`Outcome`] with the number instead of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Sent,
    Received(u32),
    Closed,
}

impl Party {
    /// Takes what it was settled with.
    pub fn end(&self) -> Option<End> {
        assert_eq!(
            self.waiter.is_settled(),
            matches!(self.waiter.take_end(), Some(_)),
            "the flag and the outcome agree"
        );
        unreachable!()
    }
}

pub struct Bench {
    pub channel: Channel<Value, Tap>,
    pub log: Log,
}
