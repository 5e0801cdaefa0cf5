//! Go's `sync.RWMutex`: many readers or one writer.
//!
//! Invariants, whenever the lock is free. A *live* waiter is one that its host has not cancelled:
//!
//! * There is a writer, or there are readers, or neither.
//! * Live readers are queued only while a writer is active or queued; live writers only while a writer or readers are active. So nobody waits
//!   for a lock that is free.
//! * A queued writer holds off new readers, however long the older ones go on (M9). So reading twice in one goroutine can deadlock.
//! * Phases alternate: a writer's unlock admits all readers that are queued, before the next writer (M10); the last reader's unlock
//!   admits the writer that waits longest. So neither kind starves.
//!
//! The lock is always handed over. Go's writers compete for an inner Mutex with its normal mode first (M8); what can be seen of that
//! is only that a writer may overtake another, so here they go in their order.

use crate::error::NotHeld;
use crate::lock::{Lock, Rank};
use crate::mutex::LockStart;
use crate::sys::Arc;
use crate::wait_queue::{Ticket, WaitQueue};
use crate::waiter::{Outcome, Waiter};
use crate::wake_list::{Parked, Party, Wake, WakeList};
use std::marker::PhantomData;

/// A lock whose parked parties are a waiter beside a waker.
pub type RwMutex<T, W> = RawRwMutex<T, Party<T, W>>;

#[derive(Debug)]
pub struct RawRwMutex<T, P: Parked<T>> {
    /// What may not happen under it: a wake, a drop of a `P`, any Python.
    state: Lock<State<T, P>>,
}

/// Guarded by `RawRwMutex::state`, all of it.
#[derive(Debug)]
struct State<T, P> {
    /// How many read.
    reading: usize,
    writing: bool,
    readers: WaitQueue<P>,
    writers: WaitQueue<P>,
    of: PhantomData<T>,
}

/// Which of its two locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Read,
    Write,
}

/// What is to be seen of it, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub reading: usize,
    pub writing: bool,
    /// Parked ones.
    pub readers: usize,
    pub writers: usize,
}

type After<P> = WakeList<P, P>;

/// As the tests and models use it.
impl<T, W: Wake> RawRwMutex<T, Party<T, W>> {
    /// Locks at once, or parks; then `waker` is woken.
    pub fn lock_or_park(&self, side: Side, waiter: &Arc<Waiter<T>>, waker: W) -> LockStart {
        let mut party = Some(Party {
            waiter: Arc::clone(waiter),
            waker,
            arm: 0,
        });
        let start = self.lock_or_park_with(side, || party.take().expect("one party, one park"));
        drop(party);
        start
    }
}

impl<T, P: Parked<T>> RawRwMutex<T, P> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Lock::new(
                Rank::Hold,
                State {
                    reading: 0,
                    writing: false,
                    readers: WaitQueue::new(),
                    writers: WaitQueue::new(),
                    of: PhantomData,
                },
            ),
        }
    }

    pub fn seen(&self) -> Seen {
        let state = self.state.lock();
        Seen {
            reading: state.reading,
            writing: state.writing,
            readers: state.readers.len(),
            writers: state.writers.len(),
        }
    }

    /// Locks if that is possible at once (M11).
    #[inline]
    pub fn try_lock(&self, side: Side) -> bool {
        let mut after = After::new();
        let locked = self.state.lock().lock(side, &mut after);
        after.run();
        locked
    }

    /// Locks at once, or parks `party`, whose waiter is settled with [`Outcome::Granted`]. It is made only if it is needed, under the
    /// lock.
    pub fn lock_or_park_with(&self, side: Side, party: impl FnOnce() -> P) -> LockStart {
        let mut after = After::new();
        let start = {
            let mut state = self.state.lock();
            if state.lock(side, &mut after) {
                LockStart::Locked
            } else {
                LockStart::Parked(state.queue(side).push_back(party()))
            }
        };
        after.run();
        start
    }

    /// Unlocks, whoever locked it; an error if that side is not locked (M12). Also for one that was handed the lock and can not
    /// keep it.
    #[inline]
    pub fn unlock(&self, side: Side) -> Result<(), NotHeld> {
        let mut after = After::new();
        {
            let mut state = self.state.lock();
            match side {
                Side::Read => state.reading = state.reading.checked_sub(1).ok_or(NotHeld)?,
                Side::Write if !std::mem::take(&mut state.writing) => return Err(NotHeld),
                Side::Write => state.admit_readers(&mut after),
            }
            state.go_on(&mut after);
        }
        after.run();
        Ok(())
    }

    /// Takes the node of a cancelled waiter out, and lets those in whom it held off. Call only after [`Waiter::cancel`] returned
    /// true.
    pub fn forget(&self, side: Side, ticket: Ticket) {
        let mut after = After::new();
        let node = {
            let mut state = self.state.lock();
            let node = state.queue(side).remove(ticket);
            state.go_on(&mut after);
            node
        };
        after.run();
        drop(node);
    }

    /// Shows every waker, once each. False, with nothing shown, when the lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(&P)) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        state.readers.iter().chain(state.writers.iter()).for_each(visit);
        true
    }

    /// Lets go of all waiters, for a garbage collector that found the lock unreachable.
    pub fn clear(&self) {
        let both = {
            let mut state = self.state.lock();
            [state.readers.take_all(), state.writers.take_all()]
        };
        for party in both.iter().flat_map(WaitQueue::iter) {
            party.waiter().cancel();
        }
        drop(both);
    }
}

/// The rules themselves. All of these run under the lock.
impl<T, P: Parked<T>> State<T, P> {
    fn queue(&mut self, side: Side) -> &mut WaitQueue<P> {
        match side {
            Side::Read => &mut self.readers,
            Side::Write => &mut self.writers,
        }
    }

    #[inline]
    fn lock(&mut self, side: Side, after: &mut After<P>) -> bool {
        match side {
            Side::Read if self.writing || self.has_writer_waiting(after) => false,
            Side::Read => {
                self.reading += 1;
                true
            }
            // When neither is active nobody waits.
            Side::Write => self.reading == 0 && !std::mem::replace(&mut self.writing, true),
        }
    }

    /// Whether a live writer is queued. Dead ones at the head go: they hold nobody off.
    fn has_writer_waiting(&mut self, after: &mut After<P>) -> bool {
        while let Some(head) = self.writers.front() {
            if head.waiter().is_live() {
                return true;
            }
            if let Some(dead) = self.writers.pop_front() {
                after.drop_later(dead);
            }
        }
        false
    }

    fn admit_readers(&mut self, after: &mut After<P>) {
        while let Some(reader) = self.readers.pop_front() {
            if reader.settle(Outcome::Granted).is_ok() {
                self.reading += 1;
                after.wake_later(reader);
            } else {
                after.drop_later(reader);
            }
        }
    }

    /// After somebody left: the writer's turn if nobody is active, and the readers' if no writer holds them off.
    fn go_on(&mut self, after: &mut After<P>) {
        if self.writing {
            return;
        }
        if self.reading == 0 {
            while let Some(writer) = self.writers.pop_front() {
                if writer.settle(Outcome::Granted).is_ok() {
                    self.writing = true;
                    after.wake_later(writer);
                    return;
                }
                after.drop_later(writer);
            }
        }
        if !self.readers.is_empty() && !self.has_writer_waiting(after) {
            self.admit_readers(after);
        }
    }
}
