//! S17 and S7: the most arms there can be, and many selects in one queue. The work must grow as the number of places, and not
//! as its square.

use crate::kit::Bench;
use crate::stand::{Arm, Made, park, recv, select, send};
use gochan_core::channel::RawChannel;
use gochan_core::error::{TryRecvError, TrySendError};
use gochan_core::select::{self, MOST_ARMS, Order, Start};
use gochan_core::{Outcome, Parked, Waiter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// S17: as many arms as reflect.Select takes, over few channels. A search through the arms or the queues, for each arm, would take
/// billions of steps; so would one through the list of held locks that debug builds keep.
#[test]
fn the_most_arms_over_few_channels() {
    let channels = [0; 3].map(Bench::new);
    let arms = || -> Vec<Arm<'_>> {
        let number = |at: usize| u32::try_from(at).unwrap();
        let arm = |at| match at % 4 {
            0 => send(&channels[2], number(at)),
            place => recv(&channels[place - 1]),
        };
        (0..MOST_ARMS).map(arm).collect()
    };
    let parked = || channels.each_ref().map(|bench| bench.channel.parked());
    let each = MOST_ARMS / 4;

    let selecting = park(&channels[0], "s", arms());
    assert_eq!(parked(), [(each, 0), (each, 0), (each, each)]);
    assert_eq!(channels[1].try_send(5), Ok(()));
    assert_eq!(selecting.finish(), Some((2, Made::Received(5))));
    assert_eq!(parked(), [(0, 0); 3]);

    // Ready at once; and again, now in written order.
    let receiver = channels[2].park_receiver("r");
    let (at, made) = select(&channels[0], "s", arms(), Order::Random(3)).unwrap_or_else(|_| panic!("ready"));
    assert_eq!((at % 4, made), (0, Made::Sent));
    assert_eq!(
        receiver.outcome(),
        Some(crate::kit::End::Received(u32::try_from(at).unwrap()))
    );
    assert_eq!(parked(), [(0, 0); 3]);
}

/// As many channels, so as many locks held at once.
#[test]
fn the_most_arms_over_as_many_channels() {
    let channels: Vec<_> = (0..MOST_ARMS).map(|_| Bench::new(0)).collect();
    let selecting = park(&channels[0], "s", channels.iter().map(recv).collect());
    assert!(channels.iter().all(|bench| bench.channel.parked() == (1, 0)));
    assert_eq!(channels[MOST_ARMS - 1].try_send(5), Ok(()));
    assert_eq!(selecting.finish(), Some((MOST_ARMS - 1, Made::Received(5))));
    assert!(channels.iter().all(|bench| bench.channel.parked() == (0, 0)));
}

/// chanlinear: selects queue behind each other in a channel that nobody serves, and go again. Those in front stay where they are.
#[test]
fn many_selects_leave_one_queue() {
    const SELECTS: usize = 30_000;
    let (busy, quiet) = (Bench::new(0), Bench::new(0));
    let all: Vec<_> = (0..SELECTS)
        .map(|_| park(&busy, "s", vec![recv(&quiet), recv(&busy)]))
        .collect();
    for number in 0..SELECTS {
        busy.try_send(u32::try_from(number).unwrap()).unwrap();
    }
    // The last first: a walk through the queue, for each, would be half a billion steps.
    for (number, selecting) in all.iter().enumerate().rev() {
        let number = u32::try_from(number).unwrap();
        assert_eq!(selecting.finish(), Some((1, Made::Received(number))));
    }
    assert_eq!((quiet.channel.parked(), busy.channel.parked()), ((0, 0), (0, 0)));
}

/// A place that counts how often somebody tries to settle it.
struct Counted {
    waiter: Arc<Waiter<u32>>,
    arm: u32,
    claims: Arc<AtomicUsize>,
}

impl Parked<u32> for Counted {
    fn waiter(&self) -> &Waiter<u32> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        &self.waiter
    }

    fn wake(self) {}

    fn arm(&self) -> u32 {
        self.arm
    }
}

/// S7: whoever passes a dead place by takes it out, so each is looked at once, whatever happens in the queue after that.
#[test]
fn a_dead_place_is_looked_at_once() {
    const SELECTS: usize = 500;
    let channels: [RawChannel<u32, Counted>; 3] = [0; 3].map(RawChannel::new);
    let claims = Arc::new(AtomicUsize::new(0));
    let parked: Vec<_> = (0..SELECTS)
        .map(|_| {
            let waiter = Arc::new(Waiter::new());
            let mut arms = vec![
                select::Arm::recv(&channels[0]),
                select::Arm::send(&channels[1], 7),
                select::Arm::recv(&channels[2]),
            ];
            let start = select::select_or_park(&mut arms, Order::Random(1), &mut |arm| Counted {
                waiter: Arc::clone(&waiter),
                arm,
                claims: Arc::clone(&claims),
            });
            assert_eq!(start, Start::NoneReady);
            (arms, waiter)
        })
        .collect();
    assert_eq!(
        claims.load(Ordering::Relaxed),
        0,
        "looked at by those who queue behind"
    );
    for number in 0..SELECTS {
        channels[0].try_send(u32::try_from(number).unwrap()).unwrap();
    }
    assert_eq!(claims.load(Ordering::Relaxed), SELECTS);
    for _ in 0..SELECTS {
        assert_eq!(channels[1].try_recv(), Err(TryRecvError::Empty));
        assert_eq!(channels[2].try_send(1), Err(TrySendError::Full(1)));
    }
    assert_eq!(claims.load(Ordering::Relaxed), 3 * SELECTS);
    for (number, (arms, waiter)) in parked.iter().enumerate() {
        select::leave(arms);
        assert_eq!(
            waiter.take(),
            Some(Outcome::Received(u32::try_from(number).unwrap(), number as u64))
        );
    }
    assert_eq!(claims.load(Ordering::Relaxed), 3 * SELECTS);
}
