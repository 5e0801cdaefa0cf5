//! What channels, wait groups and locks do with waiters from before a `fork()`.
//!
//! The epoch belongs to the whole process, so this is a test binary of its own, with one test.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::channel::{RecvStart, SendStart};
use gochan_core::clock::Instant;
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::mutex::Stay;
use gochan_core::rwmutex::Side;
use gochan_core::wait_group::WaitStart;
use gochan_core::wait_queue::Ticket;
use gochan_core::waiter::epoch;
use gochan_core::{Channel, Mutex, Outcome, RwMutex, Semaphore, WaitGroup, Waiter};
use std::sync::Arc;

struct Party {
    waiter: Arc<Waiter<u32>>,
    tally: Tally,
    ticket: Ticket,
}

impl Party {
    fn is_untouched(&self) -> bool {
        !self.waiter.is_settled() && self.tally.wakes() == 0
    }

    fn ended_with(&self, outcome: &Outcome<u32>) -> bool {
        self.waiter.take().as_ref() == Some(outcome) && self.tally.wakes() == 1
    }
}

fn receiver(channel: &Channel<u32, Tally>) -> Party {
    let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
    match channel.recv_or_park(&waiter, tally.clone()) {
        RecvStart::Parked(ticket) => Party {
            waiter,
            tally,
            ticket,
        },
        other => panic!("{other:?}"),
    }
}

fn sender(channel: &Channel<u32, Tally>, value: u32) -> Party {
    let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
    match channel.send_or_park(value, &waiter, tally.clone()) {
        SendStart::Parked(ticket) => Party {
            waiter,
            tally,
            ticket,
        },
        other => panic!("{other:?}"),
    }
}

fn group_waiter(group: &WaitGroup<u32, Tally>) -> Party {
    let (waiter, tally) = (Arc::new(Waiter::new()), Tally::new());
    match group.wait_or_park(&waiter, tally.clone()) {
        WaitStart::Parked(ticket) => Party {
            waiter,
            tally,
            ticket,
        },
        WaitStart::Released => panic!("the counter is not zero"),
    }
}

/// Locks whose waiters, and the one who was called, are the parent's: they keep nobody of the child.
fn holds_pass_them_by() {
    let (semaphore, rw, mutex) = (Semaphore::new(2), RwMutex::new(), Mutex::new());
    let waiter = || Arc::new(Waiter::<u32>::new());
    let stay = Stay {
        since: None,
        now: Instant::from_nanos(0),
    };
    assert!(semaphore.try_acquire(1) && rw.try_lock(Side::Read) && mutex.try_lock());
    // A head that wants more than is free, a writer that holds readers off, and one that is called and will not come.
    let of_parent = [Tally::new(), Tally::new(), Tally::new()];
    semaphore.acquire_or_park(2, &waiter(), of_parent[0].clone());
    rw.lock_or_park(Side::Write, &waiter(), of_parent[1].clone());
    mutex.lock_or_park(stay, &waiter(), of_parent[2].clone());
    mutex.unlock(|| stay.now).unwrap();
    assert_eq!(of_parent[2].wakes(), 1);
    assert!(mutex.try_lock());

    epoch::forked();

    assert!(semaphore.try_acquire(1));
    assert!(rw.try_lock(Side::Read));
    let ours = Tally::new();
    mutex.lock_or_park(stay, &waiter(), ours.clone());
    mutex.unlock(|| stay.now).unwrap();
    assert_eq!(ours.wakes(), 1);
    assert_eq!((of_parent[0].wakes(), of_parent[1].wakes()), (0, 0));
}

/// In a forked child nobody stands behind the waiters of the parent's threads. Each hand-over passes
/// them by, wakes none of them, and serves those of the child in their order; what lay in a buffer
/// stays there.
#[test]
fn waiters_of_an_earlier_process_are_passed_by() {
    let (inbox, outbox, full) = (Channel::new(0), Channel::new(0), Channel::new(1));
    full.try_send(1).unwrap();
    let (closed_in, closed_out, returned) = (Channel::new(0), Channel::new(0), Channel::new(0));
    let group = WaitGroup::new();
    group.add(1).unwrap();
    let of_parent = [
        receiver(&inbox),
        sender(&outbox, 20),
        sender(&full, 2),
        receiver(&closed_in),
        sender(&closed_out, 21),
        receiver(&returned),
        group_waiter(&group),
    ];
    // Served before the fork: that outcome stays.
    let (early, served) = (Channel::new(0), epoch::current());
    let early_party = receiver(&early);
    early.try_send(9).unwrap();

    epoch::forked();
    assert_eq!(epoch::current(), served + 1);

    // A send without anybody to take it does not wait for the dead.
    assert_eq!(inbox.try_send(3), Err(TrySendError::Full(3)));
    let ours = receiver(&inbox);
    assert_eq!(inbox.try_send(3), Ok(()));
    assert!(ours.ended_with(&Outcome::Received(3, 0)));

    // Nor is anything received from them.
    assert_eq!(outbox.try_recv(), Err(TryRecvError::Empty));
    let ours = sender(&outbox, 4);
    assert_eq!(outbox.try_recv(), Ok(4));
    assert!(ours.ended_with(&Outcome::Sent));

    // The buffered value is still there, the dead sender's does not follow it, ours does.
    let ours = sender(&full, 5);
    assert_eq!(
        [(); 3].map(|()| full.try_recv()),
        [Ok(1), Ok(5), Err(TryRecvError::Empty)]
    );
    assert!(ours.ended_with(&Outcome::Sent));

    let ours = [receiver(&closed_in), sender(&closed_out, 6)];
    closed_in.close().unwrap();
    closed_out.close().unwrap();
    assert!(ours.iter().all(|party| party.ended_with(&Outcome::Closed)));

    returned.unrecv(7, 0);
    assert_eq!(returned.try_recv(), Ok(7));

    let ours = group_waiter(&group);
    group.add(-1).unwrap();
    assert!(ours.ended_with(&Outcome::Released));

    assert!(of_parent.iter().all(Party::is_untouched));
    assert!(early_party.ended_with(&Outcome::Received(9, 0)));
    for channel in [&inbox, &outbox, &full, &closed_in, &closed_out, &returned, &early] {
        assert_eq!(channel.parked(), (0, 0));
    }
    assert_eq!(group.parked(), 0);

    holds_pass_them_by();

    // The one thread that lives on may have been such a waiter: it can leave, without harm to others.
    let again = receiver(&inbox);
    epoch::forked();
    let ours = receiver(&inbox);
    assert!(again.waiter.cancel());
    inbox.forget_receiver(again.ticket);
    inbox.forget_receiver(of_parent[0].ticket);
    assert_eq!((inbox.parked(), inbox.try_send(8)), ((1, 0), Ok(())));
    assert!(ours.ended_with(&Outcome::Received(8, 1)));
}
