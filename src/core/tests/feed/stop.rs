//! What Stop and Reset say and do (T4, T5, T7): the script of TestChan in Go's time package, in our words.

use crate::kit::Kit;

/// T5, T7: true exactly if the tick can not be received any more because of this call.
#[test]
fn stop_says_whether_it_kept_a_tick_from_being_received() {
    let kit = Kit::timer(10);
    assert!(kit.stop(), "armed");
    assert!(!kit.stop(), "not any more");
    kit.advance(20);
    assert_eq!(kit.recv(), None);

    kit.reset(10);
    kit.advance(15);
    assert!(kit.stop(), "expired, but nobody had received it");
    assert!(!kit.stop());
    assert_eq!(kit.recv(), None, "no value of the old setting (T4)");

    kit.reset(10);
    kit.advance(10);
    assert_eq!(kit.recv(), Some(kit.now()));
    assert!(!kit.stop(), "received");
}

#[test]
fn reset_says_the_same_of_the_arming_before() {
    let kit = Kit::timer(10);
    assert!(kit.reset(20));
    kit.advance(10);
    assert_eq!(kit.recv(), None, "the old time means nothing now");
    kit.advance(10);
    assert!(kit.reset(30), "expired, but nobody had received it");
    assert_eq!(kit.recv(), None, "that tick is gone (T4)");
    kit.advance(30);
    assert_eq!(kit.recv(), Some(50));
    assert!(!kit.reset(10), "received");
    assert!(kit.stop());
    assert!(!kit.reset(10), "stopped");
}

#[test]
fn out_of_the_timers_to_later_and_to_earlier() {
    let kit = Kit::timer(10);
    kit.reset(1_000);
    kit.advance(20);
    assert_eq!(kit.recv(), None);
    kit.reset(5);
    kit.advance(5);
    assert_eq!(kit.recv(), Some(25));
}

/// T15: a goroutine is parked while the time is moved.
#[test]
fn in_the_timers_to_later_and_to_earlier() {
    let kit = Kit::timer(1_000);
    let party = kit.park();
    assert_eq!(kit.place(), Some(1_000));
    assert!(kit.reset(2_000));
    assert_eq!(kit.place(), Some(2_000), "moved, not added to");
    assert!(kit.reset(10));
    assert_eq!(kit.place(), Some(10));
    kit.advance(9);
    assert_eq!(kit.run_timers(), 0);
    kit.advance(1);
    assert_eq!(kit.run_timers(), 1);
    assert_eq!((party.got(), party.tally.wakes()), (Some(10), 1));
    assert_eq!(kit.place(), None);
    assert!(!kit.stop(), "received by the one that was parked");
}

#[test]
fn stopped_while_somebody_waits_and_armed_again() {
    let kit = Kit::timer(10);
    let party = kit.park();
    assert!(kit.stop());
    assert_eq!(kit.place(), None);
    kit.advance(100);
    kit.run_timers();
    assert!(!party.waiter.is_settled(), "it waits on");
    assert!(!kit.reset(10));
    assert_eq!(kit.place(), Some(110));
    kit.advance(10);
    kit.run_timers();
    assert_eq!(party.got(), Some(110));
}

/// Its time has come, but nobody has looked at the timers yet: the stop is first, and nobody gets the tick (T7).
#[test]
fn stop_comes_between_the_time_and_the_look_at_the_timers() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(15);
    assert!(kit.stop());
    assert_eq!(kit.run_timers(), 0);
    assert!(!party.waiter.is_settled());

    kit.reset(10);
    kit.advance(10);
    kit.run_timers();
    assert!(!kit.stop(), "false: so somebody has received it");
    assert_eq!(party.got(), Some(25));
}

/// The runner has taken the channel out of the timers when the time is moved: what it then finds is the new setting.
#[test]
fn the_time_is_moved_while_a_runner_is_about_to_fire() {
    let kit = Kit::timer(10);
    let party = kit.park();
    kit.advance(10);
    assert!(
        kit.timers
            .pop_due(gochan_core::clock::Clock::now(&kit.clock))
            .is_some()
    );
    assert!(kit.reset(5));
    assert_eq!(kit.place(), Some(15));
    kit.feed.fire();
    kit.attend();
    assert!(!party.waiter.is_settled());
    assert_eq!(kit.place(), Some(15), "one place, and the right one");
    kit.advance(5);
    assert_eq!(kit.run_timers(), 1);
    assert_eq!((party.got(), kit.place()), (Some(15), None));
}
