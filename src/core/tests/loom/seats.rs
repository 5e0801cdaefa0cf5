//! An order finds its thread, whatever the thread is about to do.

use crate::{bounded_model, model};
use gochan_core::sched::{Seat, Seats};
use gochan_core::sys::{Arc, thread};

fn wait(seat: &Seat<u32>) -> u32 {
    loop {
        if let Some(order) = seat.take_order() {
            return order;
        }
        seat.parker.park(None);
    }
}

/// A call, and a thread that sits down, has second thoughts and leaves: it leaves with nothing, and the caller knows that nobody
/// came; or it does not leave, and gets the order, without anybody's help.
#[test]
fn call_or_leave() {
    model(|| {
        let seats = Arc::new(Seats::new());
        let sitter = thread::spawn({
            let seats = Arc::clone(&seats);
            move || {
                let seat = Arc::new(Seat::new());
                seats.enter(&seat);
                if seats.leave(&seat) {
                    assert_eq!(seat.take_order(), None);
                    return None;
                }
                Some(wait(&seat))
            }
        });
        let called = seats.call(7).map(|parker| parker.unpark());
        let got = sitter.join().unwrap();
        assert_eq!(called, got.map_or(Err(7), |_| Ok(())));
        assert_eq!((got.unwrap_or(7), seats.is_empty()), (7, true));
    });
}

/// Two orders, two threads: each gets one.
#[test]
fn two_calls_reach_two_threads() {
    bounded_model(|| {
        let seats = Arc::new(Seats::new());
        let sitters = [(); 2].map(|()| {
            let seat = Arc::new(Seat::new());
            seats.enter(&seat);
            thread::spawn(move || wait(&seat))
        });
        let other = thread::spawn({
            let seats = Arc::clone(&seats);
            move || seats.call(1).expect("two sit there").unpark()
        });
        seats.call(2).expect("two sit there").unpark();
        other.join().unwrap();
        let mut got = sitters.map(|sitter| sitter.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        assert_eq!(seats.call(3).err(), Some(3), "nobody is left");
    });
}

/// Two threads lose patience at once: one of them stays, so an order that comes meanwhile finds somebody.
#[test]
fn the_last_one_stays() {
    bounded_model(|| {
        let seats = Arc::new(Seats::new());
        let sitters = [(); 2].map(|()| {
            let (seats, seat) = (Arc::clone(&seats), Arc::new(Seat::new()));
            seats.enter(&seat);
            thread::spawn(move || {
                let left = seats.leave_unless_needed(&seat, || true);
                assert!(!left || seat.take_order().is_none(), "it left with an order");
                (!left).then(|| wait(&seat))
            })
        });
        let called = seats.call(7).map(|parker| parker.unpark());
        assert_eq!(called, Ok(()), "nobody is there");
        // Whoever is still there has only been waiting for this.
        if let Ok(parker) = seats.call(8) {
            parker.unpark();
        }
        let mut got: Vec<_> = sitters
            .into_iter()
            .filter_map(|sitter| sitter.join().unwrap())
            .collect();
        got.sort_unstable();
        assert_eq!(got[0], 7);
        assert!(seats.is_empty());
    });
}

/// A thread that comes back to its seat finds the order for this time, not a token of the last one.
#[test]
fn a_seat_is_used_again() {
    bounded_model(|| {
        let seats = Arc::new(Seats::new());
        let sitter = thread::spawn({
            let seats = Arc::clone(&seats);
            move || {
                let seat = Arc::new(Seat::new());
                [(); 2].map(|()| {
                    seats.enter(&seat);
                    wait(&seat)
                })
            }
        });
        let mut order = 1;
        while order <= 2 {
            match seats.call(order) {
                Ok(parker) => {
                    parker.unpark();
                    order += 1;
                }
                Err(_) => thread::yield_now(),
            }
        }
        assert_eq!(sitter.join().unwrap(), [1, 2]);
    });
}
