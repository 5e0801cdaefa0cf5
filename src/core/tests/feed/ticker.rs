//! Tick after tick, on one grid (T8), each to one receiver (T12).

use crate::kit::{Kit, span};

#[test]
fn each_period_one_tick() {
    let kit = Kit::ticker(10);
    for tick in 1..=5 {
        assert_eq!(kit.recv(), None);
        kit.advance(10);
        assert_eq!(kit.recv(), Some(10 * tick));
    }
}

/// T8, as Go runs it: a ticker of 10 that is read at +55 gives +10, +60, +70.
#[test]
fn a_slow_reader_gets_the_first_missed_tick_and_then_the_next_on_the_grid() {
    let kit = Kit::ticker(10);
    kit.advance(55);
    assert_eq!(kit.recv(), Some(10));
    assert_eq!(kit.recv(), None, "the others are dropped");
    kit.advance(5);
    assert_eq!(kit.recv(), Some(60));
    kit.advance(10);
    assert_eq!(kit.recv(), Some(70));
}

#[test]
fn the_grid_is_kept_when_a_read_is_a_little_late() {
    let kit = Kit::ticker(10);
    for tick in 1..100 {
        kit.advance(if tick == 1 { 13 } else { 10 });
        assert_eq!(kit.recv(), Some(10 * tick));
    }
}

/// Exactly on the grid: that tick is the one that is due, and the next is a whole period away.
#[test]
fn read_at_the_very_moment_of_a_later_tick() {
    let kit = Kit::ticker(10);
    kit.advance(30);
    assert_eq!(kit.recv(), Some(10));
    assert_eq!(kit.recv(), None);
    kit.advance(9);
    assert_eq!(kit.recv(), None);
    kit.advance(1);
    assert_eq!(kit.recv(), Some(40));
}

#[test]
fn who_is_parked_gets_each_tick_in_its_time() {
    let kit = Kit::ticker(10);
    for tick in 1..=3 {
        let party = kit.park();
        assert_eq!(kit.place(), Some(10 * tick));
        kit.advance(10);
        assert_eq!(kit.run_timers(), 1);
        assert_eq!((party.got(), party.tally.wakes()), (Some(10 * tick), 1));
        assert_eq!(kit.place(), None, "nobody waits");
    }
}

/// T12: many wait, and each tick goes to one of them, in the order in which they came.
#[test]
fn each_tick_goes_to_one_receiver() {
    let kit = Kit::ticker(10);
    let parties: Vec<_> = (0..3).map(|_| kit.park()).collect();
    for (at, party) in parties.iter().enumerate() {
        assert_eq!(kit.place(), Some(10 * (at as u64 + 1)));
        kit.advance(10);
        assert_eq!(kit.run_timers(), 1);
        assert_eq!(party.got(), Some(kit.now()));
        assert!(parties[at + 1..].iter().all(|later| !later.waiter.is_settled()));
    }
    assert_eq!(kit.place(), None);
}

/// A late look at the timers does not catch up: the second in the queue waits for the next tick on the grid.
#[test]
fn ticks_that_were_missed_are_not_handed_out_later() {
    let kit = Kit::ticker(10);
    let (first, second) = (kit.park(), kit.park());
    kit.advance(35);
    assert_eq!(kit.run_timers(), 1);
    assert_eq!(first.got(), Some(10));
    assert!(!second.waiter.is_settled());
    assert_eq!(kit.place(), Some(40));
    kit.advance(5);
    kit.run_timers();
    assert_eq!(second.got(), Some(40));
}

/// T11: stopped it sends nothing, and it closes nothing; a new period begins a new grid.
#[test]
fn stop_and_reset() {
    let kit = Kit::ticker(10);
    kit.advance(15);
    assert!(kit.stop());
    assert!(!kit.stop());
    kit.advance(100);
    assert_eq!(kit.recv(), None, "the tick of +10 went with it");
    assert!(!kit.feed.is_closed());
    kit.feed.arm(span(7), Some(span(7)));
    for tick in 1..4 {
        kit.advance(7);
        assert_eq!(kit.recv(), Some(115 + 7 * tick));
    }
}

#[test]
fn a_period_that_is_too_short_or_too_long_to_count() {
    let kit = Kit::new();
    kit.feed.arm(span(0), Some(span(0)));
    assert_eq!(kit.recv(), Some(0), "as if it were one nanosecond");
    kit.advance(1_000);
    assert_eq!(kit.recv(), Some(1));
    assert_eq!(kit.recv(), None);

    kit.feed.arm(span(5), Some(std::time::Duration::MAX));
    kit.advance(5);
    assert!(kit.recv().is_some());
    kit.advance(1 << 60);
    assert_eq!(kit.recv(), None);
}
