//! A timer as an arm of a select (S16): polled when the select looks, and one of several it may be parked on.

use crate::kit::{Feed, Kit, Tally};
use gochan_core::select::{Arm, Did, Order, Start, leave, select_or_park, try_select};
use gochan_core::wake_list::Party;
use gochan_core::{Channel, Outcome, Waiter};
use std::sync::Arc;

const ORDERS: [Order; 3] = [Order::Written, Order::Random(1), Order::Random(2)];

fn arms<'a>(kit: &'a Kit, other: &'a Feed) -> [Arm<&'a Feed, u64>; 2] {
    [Arm::recv(other), Arm::recv(&*kit.feed)]
}

#[test]
fn an_expired_timer_is_ready_though_nobody_looked_at_the_timers() {
    for order in ORDERS {
        let (kit, other) = (Kit::timer(10), Channel::new(0));
        assert_eq!(try_select(&mut arms(&kit, &other), order), Start::NoneReady);
        kit.advance(15);
        let fired = try_select(&mut arms(&kit, &other), order);
        let Start::Fired(1, Did::Ticked(due)) = fired else {
            panic!("{fired:?}");
        };
        assert_eq!(kit.feed.made(due), 10);
        assert_eq!(try_select(&mut arms(&kit, &other), order), Start::NoneReady);
    }
}

#[test]
fn parked_at_a_timer_and_a_channel() {
    for timer_wins in [true, false] {
        let (kit, other) = (Kit::timer(10), Feed::new(0));
        let (waiter, tally) = (Arc::new(Waiter::new()), Tally::default());
        let mut arms = arms(&kit, &other);
        let start = select_or_park(&mut arms, Order::Written, &mut |arm| Party {
            waiter: Arc::clone(&waiter),
            waker: tally.clone(),
            arm,
        });
        assert_eq!(start, Start::NoneReady);
        assert_eq!(kit.attend(), Some(10));
        if timer_wins {
            kit.advance(10);
            assert_eq!(kit.run_timers(), 1);
        } else {
            other.try_send(7).unwrap();
        }
        assert_eq!(waiter.arm(), u32::from(timer_wins));
        match waiter.take() {
            Some(Outcome::Ticked(tick)) => assert_eq!((kit.feed.made(tick.due), timer_wins), (10, true)),
            Some(Outcome::Received(7, _)) => assert!(!timer_wins),
            outcome => panic!("{outcome:?}"),
        }
        leave(&arms);
        kit.feed.leave_timers(&kit.timers);
        assert_eq!((tally.wakes(), kit.place()), (1, None));
        assert_eq!((kit.feed.parked(), other.parked()), ((0, 0), (0, 0)));
        kit.advance(10);
        assert_eq!(
            kit.recv().is_some(),
            !timer_wins,
            "the tick is there unless it was taken"
        );
    }
}
