//! S2 and K6: each arm that is ready is as likely as any other, whatever its place, its direction and its channel.
//!
//! The seeds are fixed, so these tests give the same result each time. A fair choice would fail one of a million seeds.

use crate::kit::Bench;
use crate::stand::{Arm, recv, send, try_select};
use gochan_core::select::{Order, mixed};

const ROUNDS: u32 = 20_000;

/// The chi-square value that a fair choice exceeds once in a million, for so many degrees of freedom.
const LIMITS: [f64; 9] = [0.0, 23.93, 27.63, 30.66, 33.38, 35.89, 38.26, 40.52, 42.70];

fn chi_square(counts: &[u32]) -> f64 {
    let all: u32 = counts.iter().sum();
    let expected = f64::from(all) / f64::from(u32::try_from(counts.len()).unwrap());
    counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

fn assert_uniform(counts: &[u32], what: &str) {
    let value = chi_square(counts);
    assert!(
        value < LIMITS[counts.len() - 1],
        "{what}: {counts:?}, chi-square {value:.1}"
    );
}

/// Which arm fires, round by round. `arms` makes a fresh select, and what is ready in it stays ready.
fn firings<'a>(mut arms: impl FnMut() -> Vec<Arm<'a>>) -> Vec<usize> {
    let mut seeds = 1;
    (0..ROUNDS)
        .map(|_| {
            let order = Order::Random(mixed(&mut seeds));
            try_select(&mut arms(), order).expect("an arm is ready").0
        })
        .collect()
}

fn counts(firings: &[usize], arms: usize) -> Vec<u32> {
    let mut counts = vec![0; arms];
    for &at in firings {
        counts[at] += 1;
    }
    counts
}

fn closed() -> Bench {
    let bench = Bench::new(0);
    bench.channel.close().unwrap();
    bench
}

#[test]
fn two_to_eight_ready_arms() {
    for ready in 2..=8 {
        let channels: Vec<_> = (0..ready).map(|_| closed()).collect();
        let fired = firings(|| channels.iter().map(recv).collect());
        assert_uniform(&counts(&fired, ready), &format!("{ready} arms"));
    }
}

/// Not the next ready one after a random place: an arm behind many that are not ready would fire too often.
#[test]
fn arms_that_are_not_ready_shift_no_odds() {
    let (open, ready) = (Bench::new(0), closed());
    let places = [0, 1, 2, 9, 10, 19];
    let fired = firings(|| {
        (0..20)
            .map(|at| recv(if places.contains(&at) { &ready } else { &open }))
            .collect()
    });
    let all = counts(&fired, 20);
    assert_uniform(&places.map(|at| all[at]), "six ready arms among twenty");
}

/// S8: arms count, not channels.
#[test]
fn two_arms_on_one_channel_count_twice() {
    let (twice, once) = (closed(), closed());
    let fired = firings(|| vec![recv(&twice), recv(&twice), recv(&once)]);
    assert_uniform(&counts(&fired, 3), "arms a, a, b");
}

/// S8: both values of two sends on one channel are sent, each half of the time (TestPseudoRandomSend); and a receive beside a send.
#[test]
fn directions_do_not_matter() {
    let full = Bench::holding(2, [1]);
    let mut counts = [0; 3];
    let mut seeds = 2;
    for _ in 0..ROUNDS {
        let order = Order::Random(mixed(&mut seeds));
        let mut arms = [send(&full, 7), recv(&full), send(&full, 8)];
        counts[try_select(&mut arms, order)
            .expect("room for one, and one there")
            .0] += 1;
        // As before: one value, room for one.
        while full.try_recv().is_ok() {}
        full.try_send(1).unwrap();
    }
    assert_uniform(&counts, "send, receive, send on one channel");
}

/// S13: a send on a closed channel is one of those that are ready, neither first nor last.
#[test]
fn a_send_on_a_closed_channel_is_chosen_like_any_other() {
    let (shut, other) = (closed(), closed());
    let fired = firings(|| vec![send(&shut, 1), recv(&other)]);
    assert_uniform(&counts(&fired, 2), "send on closed, receive");
}

/// More arms than need no memory of their own.
#[test]
fn many_arms() {
    const ARMS: usize = 900;
    let ready = closed();
    let fired = firings(|| (0..ARMS).map(|_| recv(&ready)).collect());
    let ninths: Vec<_> = fired.iter().map(|at| at / 100).collect();
    assert_uniform(&counts(&ninths, 9), "nine hundred arms, by hundreds");
    let within: Vec<_> = fired.iter().map(|at| at % 9).collect();
    assert_uniform(&counts(&within, 9), "nine hundred arms, by their rest");
}

/// S15, K6: one choice says nothing about the next: all pairs are as likely.
#[test]
fn one_choice_says_nothing_about_the_next() {
    let channels = [closed(), closed(), closed()];
    let fired = firings(|| channels.iter().map(recv).collect());
    let pairs: Vec<_> = fired.chunks_exact(2).map(|pair| pair[0] * 3 + pair[1]).collect();
    assert_uniform(&counts(&pairs, 9), "pairs of choices");
    let shifted: Vec<_> = fired[1..]
        .chunks_exact(2)
        .map(|pair| pair[0] * 3 + pair[1])
        .collect();
    assert_uniform(&counts(&shifted, 9), "pairs of choices, one later");
}

/// Seeds that are a count, without any mixing by the caller.
#[test]
fn poor_seeds_do() {
    let channels = [closed(), closed(), closed(), closed()];
    let mut counts = [0; 4];
    for seed in 0..u64::from(ROUNDS) {
        let mut arms: Vec<_> = channels.iter().map(recv).collect();
        counts[try_select(&mut arms, Order::Random(seed)).unwrap().0] += 1;
    }
    assert_uniform(&counts, "counted seeds");
}

/// The order as written is for selects with priority.
#[test]
fn in_written_order_the_first_ready_arm_fires() {
    let (open, shut) = (Bench::new(0), closed());
    for _ in 0..100 {
        let mut arms = [recv(&open), recv(&shut), recv(&shut), send(&shut, 1)];
        assert_eq!(try_select(&mut arms, Order::Written).unwrap().0, 1);
    }
}
