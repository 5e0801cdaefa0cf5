//! A receiver whose host cancels it when it has a tick already: the tick goes back (PY7), unless it is stale by now (T4).

use crate::kit::Kit;

#[test]
fn it_goes_back_to_the_channel() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(10);
    kit.run_timers();
    assert!(!party.cancel(&kit), "it had come");
    kit.advance(100);
    assert_eq!(kit.recv(), Some(10));
    assert_eq!(kit.recv(), None);
}

/// T5 then counts it as not received.
#[test]
fn it_goes_back_and_stop_finds_it_there() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(10);
    kit.run_timers();
    party.cancel(&kit);
    assert!(kit.stop());
    assert_eq!(kit.recv(), None);
}

#[test]
fn it_goes_to_the_next_that_is_parked() {
    let kit = Kit::timer(10);
    let (first, second) = (kit.park(), kit.park());
    kit.advance(10);
    kit.run_timers();
    assert!(!second.waiter.is_settled());
    first.cancel(&kit);
    assert_eq!((second.got(), second.tally.wakes()), (Some(10), 1));
    assert_eq!(kit.recv(), None);
}

#[test]
fn a_stale_one_is_worth_nothing() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(10);
    kit.run_timers();
    assert!(!kit.reset(50), "it was received");
    party.cancel(&kit);
    assert_eq!(kit.recv(), None, "no value of the old setting (T4)");
    kit.advance(50);
    assert_eq!(kit.recv(), Some(60));

    kit.reset(10);
    let party = kit.park();
    kit.advance(10);
    kit.run_timers();
    assert!(!kit.stop());
    party.cancel(&kit);
    assert_eq!(kit.recv(), None);
}

/// At most one tick of a ticker is pending: the one that came back, and then the next on the grid.
#[test]
fn a_tickers_tick_comes_back() {
    let kit = Kit::ticker(10);
    let party = kit.park();
    kit.advance(12);
    kit.run_timers();
    kit.advance(15);
    party.cancel(&kit);
    assert_eq!(kit.recv(), Some(10));
    assert_eq!(kit.recv(), None, "the one of +20 was missed");
    kit.advance(3);
    assert_eq!(kit.recv(), Some(30));
}

#[test]
fn a_tickers_tick_goes_to_the_next_that_is_parked_and_the_grid_stays() {
    let kit = Kit::ticker(10);
    let (first, second, third) = (kit.park(), kit.park(), kit.park());
    kit.advance(10);
    kit.run_timers();
    first.cancel(&kit);
    assert_eq!(second.got(), Some(10));
    assert_eq!(kit.place(), Some(20));
    kit.advance(10);
    kit.run_timers();
    assert_eq!(third.got(), Some(20));
}
