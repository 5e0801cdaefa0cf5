//! S9 and S10: a select never serves itself, and of two that face each other exactly one pair meets.

use crate::kit::Bench;
use crate::stand::{Made, park, recv, select, send, try_select};
use gochan_core::select::Order;

/// S9: select3 of Go's tests.
#[test]
fn alone_it_waits_for_ever() {
    for seed in 0..64 {
        let a = Bench::new(0);
        let b = a.beside(0);
        let arms = || vec![send(&a, 1), recv(&a), recv(&b), send(&b, 2)];
        assert_eq!(try_select(&mut arms(), Order::Random(seed)), None);
        assert_eq!(try_select(&mut arms(), Order::Written), None);
        let selecting = select(&a, "s", arms(), Order::Random(seed)).expect_err("it serves itself");
        assert!(selecting.waits());
        assert_eq!((a.channel.parked(), b.channel.parked()), ((1, 1), (1, 1)));
    }
}

/// S9: two that run the same select meet each other (TestSelfSelect).
#[test]
fn two_of_the_same_meet_each_other() {
    let mut ways = [0, 0];
    for seed in 0..64 {
        let a = Bench::new(0);
        let first = park(&a, "first", vec![send(&a, 1), recv(&a)]);
        let second = select(&a, "second", vec![send(&a, 2), recv(&a)], Order::Random(seed));
        let (at, made) = second.unwrap_or_else(|_| panic!("it finds the first one"));
        assert_eq!(made, [Made::Sent, Made::Received(1)][at]);
        assert_eq!(
            first.finish(),
            Some([(1, Made::Received(2)), (0, Made::Sent)][at])
        );
        assert_eq!(a.channel.parked(), (0, 0));
        ways[at] += 1;
    }
    assert!(ways.iter().all(|&count| count > 8), "both ways occur: {ways:?}");
}

/// S10: over several channels, one pair and no more.
#[test]
fn two_that_face_each_other_agree_on_one_channel() {
    let mut met = [0; 3];
    for seed in 0..120 {
        let [a, b, c] = [0; 3].map(Bench::new);
        let sends = park(&a, "sends", vec![send(&a, 1), send(&b, 2), send(&c, 3)]);
        let receives = select(
            &a,
            "receives",
            vec![recv(&a), recv(&b), recv(&c)],
            Order::Random(seed),
        );
        let (at, made) = receives.unwrap_or_else(|_| panic!("it finds the first one"));
        assert_eq!(made, Made::Received(u32::try_from(at + 1).unwrap()));
        assert_eq!(sends.finish(), Some((at, Made::Sent)));
        for bench in [&a, &b, &c] {
            assert_eq!((bench.channel.parked(), bench.channel.len()), ((0, 0), 0));
        }
        met[at] += 1;
    }
    assert!(met.iter().all(|&count| count > 20), "all channels occur: {met:?}");
}

/// A ring of selects, each of which sends to the next and receives from the last: they pair off, and nobody is served twice.
#[test]
fn a_ring() {
    const COUNT: usize = 6;
    let links: Vec<_> = (0..COUNT).map(|_| Bench::new(0)).collect();
    let mut parked = Vec::new();
    let mut fired = 0;
    for at in 0..COUNT {
        let arms = vec![send(&links[at], 1), recv(&links[(at + COUNT - 1) % COUNT])];
        match select(&links[0], "s", arms, Order::Random(at as u64)) {
            Ok(_) => fired += 1,
            Err(selecting) => parked.push(selecting),
        }
    }
    let settled = parked
        .iter()
        .filter(|selecting| selecting.finish().is_some())
        .count();
    assert_eq!((fired, settled), (COUNT / 2, COUNT / 2));
}
