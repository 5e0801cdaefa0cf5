//! The parties of the shuttle models on real threads, so over the real parker (a futex on Linux).
//!
//! What this adds is the kernel's sleep and the machine's memory order; the schedules that matter are
//! found by loom and shuttle.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::parties::{Plan, run};
use common::{CloseOnPanic, Host, Late, RecvEnd, SendEnd, roles, runtime, traders};
use gochan_core::Channel;
use std::sync::Arc;

/// K1, K2, K4 and K7 with cancels all the time, over each capacity and both kinds of cancellation.
#[test]
fn senders_receivers_canceller_closer() {
    for late in [Late::Keep, Late::GiveBack] {
        for (capacity, receivers) in [(0, 1), (0, 2), (1, 2), (16, 2)] {
            for (each, close_after) in [(6_000, None), (6_000, Some(2_000)), (50, Some(0))] {
                run(Plan {
                    capacity,
                    receivers,
                    each,
                    interrupts: each,
                    close_after,
                    late,
                });
            }
        }
    }
}

/// The same with selects, in which all send and receive: K1, K2, K4, K7 and S5.
#[test]
fn traders_canceller_closer() {
    for late in [Late::Keep, Late::GiveBack] {
        for (capacities, count) in [([0, 0, 0], 2), ([0, 0, 0], 5), ([0, 1, 4], 4)] {
            for seed in 0..3 {
                traders::run(traders::Plan {
                    capacities,
                    traders: count,
                    each: 2_000,
                    interrupts: 1_000,
                    close_after: 700,
                    late,
                    seed,
                });
            }
        }
    }
}

/// Two threads that block in each other's way for each value: a lost wake would hang here.
#[test]
fn ping_pong() {
    // Each is two changes of threads: a hundredth of a millisecond on an idle machine, ten on a very busy one.
    const ROUNDS: u32 = 3_000;
    let (there, back) = (Arc::new(Channel::new(0)), Arc::new(Channel::new(0)));
    let echo = std::thread::spawn({
        let (there, back) = (Arc::clone(&there), Arc::clone(&back));
        move || {
            let _guards = (CloseOnPanic(&there), CloseOnPanic(&back));
            let host = Host::new();
            while let RecvEnd::Value(value) = host.recv(&there) {
                assert_eq!(host.send(&back, value), SendEnd::Sent);
            }
        }
    });
    let _guards = (CloseOnPanic(&there), CloseOnPanic(&back));
    let host = Host::new();
    for round in 0..ROUNDS {
        assert_eq!(host.send(&there, round), SendEnd::Sent);
        assert_eq!(host.recv(&back), RecvEnd::Value(round));
    }
    there.close().unwrap();
    echo.join().unwrap();
}

/// Goroutines on several threads, with blocking calls and timeouts among them, while permits are taken away from them.
#[test]
fn goroutines_on_threads() {
    for (permits, capacity, relays) in [(1, 0, 1), (2, 0, 1), (2, 3, 2), (4, 0, 4)] {
        for rounds in [0, 3_000] {
            runtime::run(roles::Plan {
                permits,
                capacity,
                producers: 3,
                relays,
                consumers: 2,
                blocking: 1,
                sleepers: 2,
                each: 2_000,
                rounds,
            });
        }
    }
}
