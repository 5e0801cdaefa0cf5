//! Two senders, one or two receivers, a canceller and a closer on one channel, and what must be true at the
//! end whatever the schedule was. Shuttle chooses schedules for it; real threads run it as well.

use super::{CloseOnPanic, Host, Late, RecvEnd, SendEnd, W};
use gochan_core::Channel;
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::sys::atomic::{AtomicBool, Ordering};
use gochan_core::sys::{Arc, thread};
use std::collections::HashSet;

const SENDERS: usize = 2;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub capacity: usize,
    pub receivers: usize,
    /// How many values each sender offers.
    pub each: u32,
    /// How often the canceller goes round them all.
    pub interrupts: u32,
    /// After how many turns the closer closes; `None`: when the senders are done.
    pub close_after: Option<u32>,
    pub late: Late,
}

/// The `seq`-th value of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    from: usize,
    seq: u32,
}

#[derive(Debug, Default)]
struct Got {
    /// In the order in which this receiver got them.
    kept: Vec<Item>,
    put_back: Vec<Item>,
}

/// K1 (nothing is lost, nothing comes twice, over cancels and the close), K2 (a receiver gets one
/// sender's values in order), K4 (no node is left behind) and K7 (a close is a barrier).
pub fn run(plan: Plan) {
    let channel = Arc::new(Channel::new(plan.capacity));
    let close_returned = Arc::new(AtomicBool::new(false));
    let hosts: Vec<Host> = (0..SENDERS + plan.receivers).map(|_| Host::new()).collect();

    let mut senders: Vec<_> = (0..SENDERS)
        .map(|from| {
            let (channel, host) = (Arc::clone(&channel), hosts[from].clone());
            let close_returned = Arc::clone(&close_returned);
            Some(thread::spawn(move || {
                send_all(&channel, &host, &close_returned, from, plan)
            }))
        })
        .collect();
    let receivers: Vec<_> = (SENDERS..SENDERS + plan.receivers)
        .map(|at| {
            let (channel, host) = (Arc::clone(&channel), hosts[at].clone());
            thread::spawn(move || receive_all(&channel, &host, plan))
        })
        .collect();
    let canceller = thread::spawn(move || {
        for _ in 0..plan.interrupts {
            for host in &hosts {
                host.interrupt();
                thread::yield_now();
            }
        }
    });

    // This thread is the closer.
    let mut sent = HashSet::new();
    let mut join_senders = || {
        for sender in senders.iter_mut().filter_map(Option::take) {
            sent.extend(sender.join().expect("a sender failed"));
        }
    };
    if let Some(turns) = plan.close_after {
        (0..turns).for_each(|_| thread::yield_now());
    } else {
        join_senders();
    }
    channel.close().expect("nobody else closes, unless it failed");
    close_returned.store(true, Ordering::SeqCst);
    join_senders();

    let got: Vec<Got> = receivers
        .into_iter()
        .map(|receiver| receiver.join().expect("a receiver failed"))
        .collect();
    canceller.join().expect("the canceller failed");
    check(&channel, &sent, &got);
}

/// What was sent for certain. What failed was not, and must not arrive.
fn send_all(
    channel: &Channel<Item, W>,
    host: &Host,
    close_returned: &AtomicBool,
    from: usize,
    plan: Plan,
) -> Vec<Item> {
    let _guard = CloseOnPanic(channel);
    let mut sent = Vec::new();
    for seq in 0..plan.each {
        let item = Item { from, seq };
        let closed_before = close_returned.load(Ordering::SeqCst);
        // All forms meet in one queue.
        let end = match seq % 4 {
            0 | 2 => host.send_unless_interrupted(channel, item),
            1 => host.send(channel, item),
            _ => match channel.try_send(item) {
                Ok(()) => SendEnd::Sent,
                Err(TrySendError::Full(_)) => SendEnd::Cancelled,
                Err(TrySendError::Closed(_)) => SendEnd::Closed,
            },
        };
        match end {
            SendEnd::Sent => {
                assert!(!closed_before, "K7: {item:?} was sent after close() had returned");
                sent.push(item);
            }
            SendEnd::Cancelled => {}
            SendEnd::Closed => break,
        }
    }
    sent
}

fn receive_all(channel: &Channel<Item, W>, host: &Host, plan: Plan) -> Got {
    let _guard = CloseOnPanic(channel);
    let mut got = Got::default();
    for turn in 0.. {
        let end = match turn % 4 {
            0 | 2 => host.recv_unless_interrupted(channel, plan.late),
            1 => host.recv(channel),
            _ => match channel.recv_available(got.kept.len() + 2, &mut got.kept) {
                Ok(()) | Err(TryRecvError::Empty) => continue,
                Err(TryRecvError::Closed) => RecvEnd::Closed,
            },
        };
        match end {
            RecvEnd::Value(item) => got.kept.push(item),
            RecvEnd::GaveBack(item) => got.put_back.push(item),
            RecvEnd::Cancelled => {}
            RecvEnd::Closed => break,
        }
    }
    got
}

fn check(channel: &Channel<Item, W>, sent: &HashSet<Item>, got: &[Got]) {
    assert_eq!(channel.parked(), (0, 0), "K4: a node was left behind");

    // A value may be put back after the other receiver saw the end; then it lies in the buffer.
    let mut left = Vec::new();
    let end = channel.recv_available(usize::MAX, &mut left);
    assert_eq!(end, Err(TryRecvError::Closed));

    let mut arrived = HashSet::new();
    for &item in got.iter().flat_map(|got| &got.kept).chain(&left) {
        assert!(arrived.insert(item), "K1: {item:?} arrived twice");
    }
    assert_eq!(&arrived, sent, "K1: arrived (left) is not what was sent (right)");

    // With two receivers, one may get a later value before the other has put back an earlier one.
    let mut overtaken = HashSet::new();
    if got.len() > 1 {
        overtaken.extend(got.iter().flat_map(|got| got.put_back.iter().copied()));
    }
    for got in got {
        for from in 0..SENDERS {
            let seqs: Vec<u32> = got
                .kept
                .iter()
                .filter(|item| item.from == from && !overtaken.contains(item))
                .map(|item| item.seq)
                .collect();
            assert!(seqs.is_sorted(), "K2: sender {from} arrived as {seqs:?}");
        }
    }
}
