//! A goroutine's word: who may resume it, and what they see.
//!
//! The goroutine of these models waits until all messages are there. A message is written without any order of its own, as far as
//! these models go, so a step sees it only if the wake that followed it got through to that step.

use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::sched::ParkWord;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};

struct Goroutine {
    word: ParkWord,
    /// What a coroutine is: whoever steps it must have seen all steps before, and be alone.
    steps: AtomicUsize,
    /// How often it was resumed. Counted in one step, so nothing is missing here.
    resumed: AtomicUsize,
    messages: Vec<Arc<AtomicUsize>>,
    /// How often it ended. Not read off the word: loom knows no fixed place for a plain store (its end) beside a swap (a wake
    /// that comes too late).
    ended: AtomicUsize,
}

impl Goroutine {
    fn new(messages: usize) -> Arc<Self> {
        Arc::new(Self {
            word: ParkWord::new(),
            steps: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
            messages: (0..messages).map(|_| plain()).collect(),
            ended: AtomicUsize::new(0),
        })
    }

    /// By the one who has the right to resume it, until it waits or has ended.
    fn drive(&self) {
        loop {
            assert!(self.word.start(), "somebody else took the right to resume it");
            self.resumed.fetch_add(1, Ordering::Relaxed);
            let before = self.steps.load(Ordering::Relaxed);
            let complete = self.messages.iter().all(|message| is_set(message));
            self.steps.store(before + 1, Ordering::Relaxed);
            if complete {
                self.ended.fetch_add(1, Ordering::Relaxed);
                return self.word.end();
            }
            if self.word.park() {
                return;
            }
        }
    }

    fn send(&self, message: usize) {
        set(&self.messages[message]);
        if self.word.wake() {
            self.drive();
        }
    }

    fn check_ended(&self) {
        assert_eq!(self.ended.load(Ordering::Relaxed), 1, "a wake was lost");
        let resumed = self.resumed.load(Ordering::Relaxed);
        let steps = self.steps.load(Ordering::Relaxed);
        assert_eq!(steps, resumed, "two stepped it at once");
    }
}

/// A wake that comes before the step, in it, on the way to parking and after it: it ends, once.
#[test]
fn a_wake_at_any_moment() {
    model(|| {
        let goroutine = Goroutine::new(1);
        let waker = thread::spawn({
            let goroutine = Arc::clone(&goroutine);
            move || goroutine.send(0)
        });
        goroutine.drive();
        waker.join().unwrap();
        goroutine.check_ended();
    });
}

/// Two who wake the same goroutine at once, while it parks: nothing is lost, and it runs in one place at a time.
#[test]
fn two_wakers() {
    bounded_model(|| {
        let goroutine = Goroutine::new(2);
        let wakers = [0, 1].map(|message| {
            let goroutine = Arc::clone(&goroutine);
            thread::spawn(move || goroutine.send(message))
        });
        goroutine.drive();
        for waker in wakers {
            waker.join().unwrap();
        }
        goroutine.check_ended();
    });
}

/// Somebody looks at it while it parks and is woken: no wake is lost, and nobody steps it during the look.
#[test]
fn held_for_a_look() {
    model(|| {
        let goroutine = Goroutine::new(1);
        let waker = thread::spawn({
            let goroutine = Arc::clone(&goroutine);
            move || goroutine.send(0)
        });
        let looker = thread::spawn({
            let goroutine = Arc::clone(&goroutine);
            move || {
                if !goroutine.word.hold() {
                    return;
                }
                let steps = goroutine.steps.load(Ordering::Relaxed);
                assert_eq!(steps, goroutine.resumed.load(Ordering::Relaxed));
                if !goroutine.word.let_go() {
                    goroutine.drive();
                }
            }
        });
        goroutine.drive();
        waker.join().unwrap();
        looker.join().unwrap();
        goroutine.check_ended();
    });
}

/// Nobody can reach a goroutine any more, they think, and end it, while a wake comes after all: it is resumed or ended, not both,
/// and who ends it has seen its steps.
#[test]
fn resumed_or_retired() {
    model(|| {
        let goroutine = Goroutine::new(1);
        goroutine.drive();
        let waker = thread::spawn({
            let goroutine = Arc::clone(&goroutine);
            move || {
                set(&goroutine.messages[0]);
                let resumed = goroutine.word.wake() && goroutine.word.start();
                if resumed {
                    assert_eq!(goroutine.steps.load(Ordering::Relaxed), 1);
                }
                resumed
            }
        });
        let retired = goroutine.word.retire();
        let resumed = waker.join().unwrap();
        assert!(retired != resumed, "by one of the two");
        assert!(!goroutine.word.start() && !goroutine.word.retire());
    });
}

/// Two who end it: one of them does, when the step before is over, and sees it.
#[test]
fn retired_once() {
    model(|| {
        let goroutine = Goroutine::new(1);
        let retire = |goroutine: &Goroutine| {
            let retired = goroutine.word.retire();
            if retired {
                let steps = goroutine.steps.load(Ordering::Relaxed);
                assert_eq!(steps, goroutine.resumed.load(Ordering::Relaxed));
            }
            retired
        };
        let other = thread::spawn({
            let goroutine = Arc::clone(&goroutine);
            move || retire(&goroutine)
        });
        let runs = goroutine.word.start();
        if runs {
            goroutine.resumed.store(1, Ordering::Relaxed);
            goroutine.steps.store(1, Ordering::Relaxed);
            assert!(goroutine.word.park());
        }
        let here = retire(&goroutine);
        assert!(here != other.join().unwrap(), "by one of the two");
    });
}
