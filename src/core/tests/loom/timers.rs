//! A timer fires or is taken back, once.

use crate::{bounded_model, model};
use gochan_core::clock::Instant;
use gochan_core::sched::Timers;
use gochan_core::sys::{Arc, thread};

const SOON: Instant = Instant::from_nanos(1);
const LATER: Instant = Instant::from_nanos(2);

/// Its time has come, and its owner takes it back: one of the two has it.
#[test]
fn fire_or_cancel() {
    model(|| {
        let timers = Arc::new(Timers::new());
        let (key, first) = timers.add(SOON, 'a');
        assert!(first);
        let runner = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.pop_due(SOON)
        });
        let cancelled = timers.cancel(key);
        let fired = runner.join().unwrap();
        assert_eq!(cancelled.or(fired), Some('a'));
        assert!(cancelled.is_none() || fired.is_none(), "twice");
        assert!(timers.is_empty());
    });
}

/// Two runners look at the clock: each timer fires once, and one that is not due yet stays.
#[test]
fn two_look_at_the_clock() {
    bounded_model(|| {
        let timers = Arc::new(Timers::new());
        timers.add(LATER, 'c');
        timers.add(SOON, 'a');
        timers.add(SOON, 'b');
        let fire = |timers: &Timers<char>| [timers.pop_due(SOON), timers.pop_due(SOON)];
        let other = thread::spawn({
            let timers = Arc::clone(&timers);
            move || fire(&timers)
        });
        let here = fire(&timers);
        let mut fired: Vec<_> = here.into_iter().chain(other.join().unwrap()).flatten().collect();
        fired.sort_unstable();
        assert_eq!(fired, ['a', 'b']);
        assert_eq!(timers.earliest(), LATER);
    });
}

/// One sleeps until the first timer. Who adds an earlier one, or takes the first back, leaves the time right; and exactly the adder of
/// a new first one is told to wake the sleeper.
#[test]
fn the_earliest_is_known_without_the_lock() {
    model(|| {
        let timers = Arc::new(Timers::new());
        let (key, _) = timers.add(SOON, 'a');
        let adder = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.add(LATER, 'b').1
        });
        assert_eq!(timers.cancel(key), Some('a'));
        let seen = timers.earliest();
        assert!(seen == Instant::NEVER || seen == LATER, "{seen:?} was taken back");
        let first = adder.join().unwrap();
        assert!(first || seen == LATER, "the sleeper sees it, or is woken for it");
        assert_eq!(timers.earliest(), LATER);
        assert_eq!(timers.pop_due(LATER), Some('b'));
        assert!(timers.is_empty());
    });
}
