//! Who takes part in a run of the small runtime, what each of them does next, and what they have to agree on at the end.

use super::runtime::{Call, End, Runtime};
use std::collections::{HashSet, VecDeque};

/// The channel into which nobody sends.
const SILENT: usize = 2;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub permits: usize,
    pub capacity: usize,
    pub producers: usize,
    pub relays: usize,
    pub consumers: usize,
    /// Consumers that block a thread.
    pub blocking: usize,
    pub sleepers: usize,
    /// How many values each producer offers, and how often each sleeper sleeps.
    pub each: u32,
    /// How often the monitor comes by, moves the clock, and takes permits from who did not move.
    pub rounds: u32,
}

/// The `seq`-th value of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    from: usize,
    seq: u32,
}

/// A goroutine's program, and how far it has come.
#[derive(Debug)]
pub enum Role {
    /// Starts all others, and ends before them.
    Starter(VecDeque<Next>),
    Producer {
        next: Item,
        end: u32,
        gave_way: bool,
    },
    /// Passes on what it receives: with what it holds, it can time out and try again.
    Relay(Option<Item>),
    Consumer(Vec<Item>),
    /// Waits in vain, so many times.
    Sleeper(u32),
}

/// What a goroutine does next. The flag of an operation: whether it has a timeout.
#[derive(Debug)]
pub enum Next {
    Start(Role),
    Call(Call),
    Send(usize, Item, bool),
    Recv(usize, bool),
    GiveWay,
    End,
}

impl Role {
    pub fn starter(plan: &Plan) -> Self {
        // The first of these calls waits for what only the second can bring about.
        let mut starts: VecDeque<Next> = [1, 0].map(|channel| Next::Call(Call::Closer(channel))).into();
        starts.extend((0..plan.blocking).map(|_| Next::Call(Call::Consumer)));
        let producers = (0..plan.producers).map(|from| Self::Producer {
            next: Item { from, seq: 0 },
            end: plan.each,
            gave_way: false,
        });
        let consumers = (0..plan.consumers).map(|_| Self::Consumer(Vec::new()));
        let relays = (0..plan.relays).map(|_| Self::Relay(None));
        let sleepers = (0..plan.sleepers).map(|_| Self::Sleeper(plan.each));
        starts.extend(
            producers
                .chain(consumers)
                .chain(relays)
                .chain(sleepers)
                .map(Next::Start),
        );
        Self::Starter(starts)
    }

    /// `last`: how the operation ended, if this comes after one.
    pub fn next(&mut self, runtime: &Runtime, last: Option<End>) -> Next {
        match self {
            Self::Starter(starts) => starts.pop_front().unwrap_or(Next::End),
            Self::Producer { next, end, gave_way } => {
                match last {
                    Some(End::Sent) => runtime.log.lock().sent.push(*next),
                    Some(End::TimedOut) | None => {}
                    Some(other) => panic!("a producer's send: {other:?}"),
                }
                next.seq += u32::from(last.is_some());
                if next.seq == *end {
                    runtime.done_with(0);
                    return Next::End;
                }
                *gave_way = !*gave_way && next.seq % 3 == 2;
                if *gave_way {
                    return Next::GiveWay;
                }
                Next::Send(0, *next, next.seq % 2 == 0 && runtime.has_timeouts())
            }
            Self::Relay(holds) => {
                match last {
                    Some(End::Received(item)) => *holds = Some(item),
                    Some(End::Sent) => *holds = None,
                    Some(End::Closed) => {
                        assert_eq!(*holds, None, "closed before all who send had ended");
                        runtime.done_with(1);
                        return Next::End;
                    }
                    Some(End::TimedOut) | None => {}
                }
                match *holds {
                    Some(item) => Next::Send(1, item, runtime.has_timeouts()),
                    None => Next::Recv(0, runtime.has_timeouts()),
                }
            }
            Self::Consumer(got) => {
                match last {
                    Some(End::Received(item)) => got.push(item),
                    Some(End::Closed) => {
                        runtime.log.lock().received.push(std::mem::take(got));
                        return Next::End;
                    }
                    Some(End::TimedOut) | None => {}
                    Some(End::Sent) => panic!("a consumer sends nothing"),
                }
                Next::Recv(1, got.len() % 2 == 0 && runtime.has_timeouts())
            }
            Self::Sleeper(left) => {
                match last {
                    Some(End::TimedOut) => *left -= 1,
                    None => {}
                    Some(other) => panic!("a sleeper's receive: {other:?}"),
                }
                if *left == 0 || !runtime.has_timeouts() {
                    return Next::End;
                }
                Next::Recv(SILENT, true)
            }
        }
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct Log {
    /// A send that timed out is none.
    pub sent: Vec<Item>,
    /// By one consumer each, in the order in which it got them.
    pub received: Vec<Vec<Item>>,
}

impl Log {
    /// Nothing is lost, nothing comes twice, and a consumer gets one producer's values in order.
    pub fn check(&self, plan: &Plan) {
        assert_eq!(
            self.received.len(),
            plan.consumers + plan.blocking,
            "all came to their end"
        );
        let mut arrived = HashSet::new();
        for &item in self.received.iter().flatten() {
            assert!(arrived.insert(item), "{item:?} arrived twice");
        }
        let sent: HashSet<Item> = self.sent.iter().copied().collect();
        assert_eq!(arrived, sent, "arrived (left) is not what was sent (right)");
        // One of two relays may overtake the other.
        if plan.relays > 1 {
            return;
        }
        for got in &self.received {
            for from in 0..plan.producers {
                let seqs = got.iter().filter(|item| item.from == from).map(|item| item.seq);
                assert!(seqs.is_sorted(), "producer {from} arrived out of order: {got:?}");
            }
        }
    }
}
