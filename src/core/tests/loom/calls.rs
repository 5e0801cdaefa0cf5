//! Calls: made once, in their order, and never left behind by a server that goes home or is stuck.

use crate::common::world;
use crate::day::Day;
use crate::{bounded_model, model, narrow_model};
use gochan_core::sched::CallQueue;
use gochan_core::sched::calls::{Call, Shift};
use gochan_core::sys::{Arc, thread};

/// What one server makes, from the moment on in which it is between two calls.
fn serve(queue: &CallQueue<u32>, shift: Shift) -> Vec<u32> {
    let mut made = Vec::new();
    while let Some((call, _)) = queue.next(shift) {
        made.push(call);
        if !queue.is_back(shift) {
            break;
        }
    }
    made
}

/// Two calls pushed at once: one server is called.
#[test]
fn two_pushes_call_one_server() {
    model(|| {
        let queue = Arc::new(CallQueue::new());
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(1)
        });
        let here = queue.push(0);
        let both = [here, other.join().unwrap()];
        assert_eq!(both.iter().filter(|&&call| call == Call::Server).count(), 1);
    });
}

/// A push while the only server finds nothing and goes home: it stays, or another server is called.
#[test]
fn a_push_while_the_server_goes_home() {
    model(|| {
        let queue = Arc::new(CallQueue::new());
        let first = queue.push(0);
        assert_eq!(first, Call::Server);
        let shift = queue.begin();
        let server = thread::spawn({
            let queue = Arc::clone(&queue);
            move || serve(&queue, shift)
        });
        let called = queue.push(1);
        let made = server.join().unwrap();
        match called {
            Call::Nobody => assert_eq!(made, [0, 1], "left behind"),
            // The server may take it all the same, before the other one is there.
            Call::Server => {
                let spare = queue.begin();
                let rest = serve(&queue, spare);
                assert_eq!([made, rest].concat(), [0, 1]);
            }
        }
    });
}

/// A spare takes over at the moment in which the first server comes back from its call: each call is made once, and they begin in
/// their order, for what the first one makes comes before all that the spare makes.
#[test]
fn a_spare_comes_while_the_first_is_back() {
    model(|| {
        let queue = Arc::new(CallQueue::new());
        let calls = [0, 1, 2].map(|call| queue.push(call));
        assert_eq!(calls, [Call::Server, Call::Nobody, Call::Nobody]);
        let shift = queue.begin();
        assert_eq!(queue.next(shift), Some((0, Call::Server)));
        let spare = thread::spawn({
            let queue = Arc::clone(&queue);
            move || serve(&queue, queue.begin())
        });
        let mut made = vec![0];
        if queue.is_back(shift) {
            made.extend(serve(&queue, shift));
        }
        made.extend(spare.join().unwrap());
        assert_eq!(made, [0, 1, 2]);
        assert_eq!(queue.waiting(), 0);
    });
}

/// Who pushed a call takes it back, while a server comes for it: one of the two has it.
#[test]
fn a_call_is_taken_back_or_made() {
    model(|| {
        let queue = Arc::new(CallQueue::new());
        let _ = queue.push(0);
        let server = thread::spawn({
            let queue = Arc::clone(&queue);
            move || serve(&queue, queue.begin())
        });
        let back = queue.take_back(|&call| call == 0);
        let made = server.join().unwrap();
        assert_eq!(
            (back.is_some(), made.len()),
            if back.is_some() { (true, 0) } else { (false, 1) }
        );
        assert_eq!(queue.waiting(), 0);
    });
}

fn first_waits_for_second(day: &Arc<Day>, call: usize) {
    if call == 0 {
        day.bell.park(None);
    } else {
        day.bell.unpark();
    }
}

/// A call that blocks until the next one has been made: whenever that comes, there is somebody to make it.
#[test]
fn a_call_that_waits_for_the_next() {
    bounded_model(|| {
        let day = Day::with(1, 0, 2, |_, _| {}, first_waits_for_second);
        world::push_call(&day, 0);
        world::push_call(&day, 1);
        Day::end(&day);
    });
}

/// The same with the two pushed by two threads, in any order.
#[test]
fn calls_from_two_threads_while_one_blocks() {
    narrow_model(|| {
        let day = Day::with(1, 0, 2, |_, _| {}, first_waits_for_second);
        let other = thread::spawn({
            let day = Arc::clone(&day);
            move || world::push_call(&day, 1)
        });
        world::push_call(&day, 0);
        other.join().unwrap();
        Day::end(&day);
    });
}
