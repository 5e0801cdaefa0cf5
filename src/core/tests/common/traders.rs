//! Some who both send and receive, by selects over random arms, on three channels; a canceller and a closer; and what must be true
//! at the end whatever the schedule was. Shuttle chooses schedules for it; real threads run it as well.

use super::{Arm, CloseOnPanic, Host, Late, SelectEnd, W};
use gochan_core::Channel;
use gochan_core::error::TryRecvError;
use gochan_core::select::{self, Did, Order, Start, mixed};
use gochan_core::sys::atomic::{AtomicBool, Ordering};
use gochan_core::sys::{Arc, thread};
use std::collections::HashMap;

const CHANNELS: usize = 3;
const MOST_ARMS: u64 = 4;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub capacities: [usize; CHANNELS],
    pub traders: usize,
    /// How many selects each trader makes.
    pub each: u32,
    /// How often the canceller goes round them all.
    pub interrupts: u32,
    /// After how many turns of its own the closer closes the channels, one by one.
    pub close_after: u32,
    pub late: Late,
    pub seed: u64,
}

/// What one trader offers in its `seq`-th select, by all arms that send: one of them can fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    from: usize,
    seq: u32,
}

type On<T> = (usize, T);

#[derive(Debug, Default)]
struct Book {
    sent: Vec<On<Item>>,
    /// In the order in which this trader got them.
    kept: Vec<On<Item>>,
    put_back: Vec<On<Item>>,
}

struct Market {
    channels: [Channel<Item, W>; CHANNELS],
    /// Whether a close has returned.
    closed: [AtomicBool; CHANNELS],
}

/// K1 (nothing is lost, nothing comes twice: so no two arms of a select fire), K2 (what one trader sends on one channel comes to
/// another in order), K4 (no place is left behind) and K7 (a close is a barrier). Nobody sleeps for ever.
pub fn run(plan: Plan) {
    let market = Arc::new(Market {
        channels: plan.capacities.map(Channel::new),
        closed: [0; CHANNELS].map(|_| AtomicBool::new(false)),
    });
    let hosts: Vec<Host> = (0..plan.traders).map(|_| Host::new()).collect();
    let traders: Vec<_> = hosts
        .iter()
        .cloned()
        .enumerate()
        .map(|(me, host)| {
            let market = Arc::clone(&market);
            thread::spawn(move || market.trade(&host, me, plan))
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
    for (channel, closed) in market.channels.iter().zip(&market.closed) {
        (0..plan.close_after).for_each(|_| thread::yield_now());
        channel.close().expect("nobody else closes, unless it failed");
        closed.store(true, Ordering::SeqCst);
    }
    let books: Vec<_> = traders
        .into_iter()
        .map(|trader| trader.join().expect("a trader failed"))
        .collect();
    canceller.join().expect("the canceller failed");
    market.check(&books);
}

impl Market {
    fn trade(&self, host: &Host, me: usize, plan: Plan) -> Book {
        let _guards = self.channels.each_ref().map(CloseOnPanic);
        let mut random = plan.seed ^ me as u64;
        let mut open: Vec<usize> = (0..CHANNELS).collect();
        let mut book = Book::default();
        for seq in 0..plan.each {
            let item = Item { from: me, seq };
            let draw = mixed(&mut random);
            let on: Vec<_> = (0..=draw % MOST_ARMS)
                .map(|at| open[usize::try_from((draw >> (8 + 8 * at)) & 0xff).unwrap() % open.len()])
                .collect();
            let arm = |(at, &chan): (usize, &usize)| {
                let chan = &self.channels[chan];
                if draw >> (40 + at) & 1 == 0 {
                    Arm::send(chan, item)
                } else {
                    Arm::recv(chan)
                }
            };
            let mut arms: Vec<Arm<'_, Item>> = on.iter().enumerate().map(arm).collect();
            let order = if (draw >> 50) % 4 == 0 {
                Order::Written
            } else {
                Order::Random(draw)
            };
            let closed_before = self.closed.each_ref().map(|closed| closed.load(Ordering::SeqCst));
            // All forms meet in one queue.
            let end = match seq % 4 {
                0 | 2 => host.select_unless_interrupted(&mut arms, order, plan.late),
                1 => host.select(&mut arms, order),
                _ => match select::try_select(&mut arms, order) {
                    Start::NoneReady => SelectEnd::Cancelled,
                    Start::Fired(at, Did::Sent) => SelectEnd::Sent(at),
                    Start::Fired(at, Did::Received(item)) => SelectEnd::Value(at, item),
                    Start::Fired(at, Did::FoundClosed | Did::Refused(_)) => SelectEnd::Closed(at),
                    Start::Fired(_, Did::Ticked(_)) => panic!("no clock sends here"),
                },
            };
            match end {
                SelectEnd::Sent(at) => {
                    assert!(
                        !closed_before[on[at]],
                        "K7: {item:?} was sent after close() had returned"
                    );
                    book.sent.push((on[at], item));
                }
                SelectEnd::Value(at, item) => book.kept.push((on[at], item)),
                SelectEnd::GaveBack(at, item) => book.put_back.push((on[at], item)),
                SelectEnd::Cancelled => {}
                SelectEnd::Closed(at) => {
                    open.retain(|&chan| chan != on[at]);
                    if open.is_empty() {
                        break;
                    }
                }
            }
        }
        book
    }

    fn check(&self, books: &[Book]) {
        // What was put back, and what nobody came for.
        let mut left = Vec::new();
        for (chan, channel) in self.channels.iter().enumerate() {
            assert_eq!(channel.parked(), (0, 0), "K4: a place was left behind");
            let mut items = Vec::new();
            let end = channel.recv_available(usize::MAX, &mut items);
            assert_eq!(end, Err(TryRecvError::Closed));
            left.extend(items.into_iter().map(|item| (chan, item)));
        }
        let mut sent = HashMap::new();
        for &(chan, item) in books.iter().flat_map(|book| &book.sent) {
            assert_eq!(sent.insert(item, chan), None, "{item:?} was sent by two arms");
        }
        let mut arrived = HashMap::new();
        for &(chan, item) in books.iter().flat_map(|book| &book.kept).chain(&left) {
            assert_eq!(arrived.insert(item, chan), None, "K1: {item:?} arrived twice");
        }
        assert_eq!(arrived, sent, "K1: arrived (left) is not what was sent (right)");

        // One may get a later value before another has put back an earlier one.
        let put_back: Vec<_> = books.iter().flat_map(|book| &book.put_back).collect();
        for book in books {
            let mut last: HashMap<(usize, usize), u32> = HashMap::new();
            for on in book.kept.iter().filter(|on| !put_back.contains(on)) {
                let &(chan, item) = on;
                let before = last.insert((chan, item.from), item.seq);
                assert!(
                    before.is_none_or(|before| before < item.seq),
                    "K2: {:?}",
                    book.kept
                );
            }
        }
    }
}
