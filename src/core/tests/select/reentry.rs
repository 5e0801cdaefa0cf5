//! Wakes and drops that come out of a select are foreign code: they find every lock free, and may use all its channels, for another
//! select for example.

use gochan_core::lock::assert_none_held;
use gochan_core::select::{self, Did, Order, Start};
use gochan_core::{Channel, Outcome, Party, Waiter, Wake};
use std::sync::{Arc, Mutex, Weak};

type Hooked = Channel<Hook, Hook>;
type Arm<'a> = select::Arm<&'a Hooked, Hook>;

/// What a hook saw when it fired: who stood in the two channels.
type Seen = Arc<Mutex<Vec<[(usize, usize); 2]>>>;

/// A waker, or a value, that selects over both channels when it is woken or dropped.
#[derive(Debug)]
struct Hook {
    channels: Weak<[Hooked; 2]>,
    seen: Seen,
    spent: bool,
}

impl Hook {
    fn fire(&mut self) {
        // One failure is enough: a second one while unwinding would abort the other tests too.
        if std::mem::replace(&mut self.spent, true) || std::thread::panicking() {
            return;
        }
        let Some(channels) = self.channels.upgrade() else {
            return;
        };
        assert_none_held("a hook");
        // If one were held here the select would hang.
        assert!(channels.iter().all(|channel| channel.try_visit(&mut |_| {})));
        self.seen
            .lock()
            .unwrap()
            .push([channels[0].parked(), channels[1].parked()]);
        let waiter = Arc::new(Waiter::new());
        let mut arms = [Arm::recv(&channels[0]), Arm::recv(&channels[1])];
        let mut party = |arm| Party {
            waiter: Arc::clone(&waiter),
            waker: Self::inert(),
            arm,
        };
        match select::select_or_park(&mut arms, Order::Written, &mut party) {
            Start::Fired(..) => {}
            Start::NoneReady => {
                assert!(waiter.cancel());
                select::leave(&arms);
            }
        }
    }

    fn inert() -> Self {
        Self {
            channels: Weak::new(),
            seen: Arc::default(),
            spent: true,
        }
    }
}

impl Wake for Hook {
    fn wake(mut self) {
        self.fire();
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.fire();
    }
}

struct Scene {
    channels: Arc<[Hooked; 2]>,
    seen: Seen,
}

struct Selecting<'a>(Vec<Arm<'a>>, Arc<Waiter<Hook>>);

impl Scene {
    fn new() -> Self {
        Self {
            channels: Arc::new([Channel::new(0), Channel::new(0)]),
            seen: Arc::default(),
        }
    }

    fn hook(&self) -> Hook {
        Hook {
            channels: Arc::downgrade(&self.channels),
            seen: Arc::clone(&self.seen),
            spent: false,
        }
    }

    fn recv(&self, at: usize) -> Arm<'_> {
        Arm::recv(&self.channels[at])
    }

    fn send(&self, at: usize) -> Arm<'_> {
        Arm::send(&self.channels[at], self.hook())
    }

    fn park<'a>(&self, mut arms: Vec<Arm<'a>>) -> Selecting<'a> {
        let waiter = Arc::new(Waiter::new());
        let mut party = |arm| Party {
            waiter: Arc::clone(&waiter),
            waker: self.hook(),
            arm,
        };
        let start = select::select_or_park(&mut arms, Order::Written, &mut party);
        assert!(matches!(start, Start::NoneReady));
        Selecting(arms, waiter)
    }

    /// What the hooks saw that fired since the last call.
    fn seen(&self) -> Vec<[(usize, usize); 2]> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

const ORDERS: [Order; 2] = [Order::Written, Order::Random(1)];

/// The peer that an arm at once serves is woken with all locks free.
#[test]
fn woken_by_an_arm_that_fires_at_once() {
    for order in ORDERS {
        let scene = Scene::new();
        let parked = scene.park(vec![scene.recv(0)]);
        let start = select::try_select(&mut [scene.recv(1), scene.send(0)], order);
        assert!(matches!(start, Start::Fired(1, Did::Sent)));
        assert_eq!(scene.seen(), [[(0, 0), (0, 0)]]);
        assert!(matches!(parked.1.take(), Some(Outcome::Received(..))));
    }
}

/// Those who have left and are passed by: dropped with all locks free, also if the select parks after that.
#[test]
fn dropped_where_it_passes_by() {
    for order in ORDERS {
        let scene = Scene::new();
        let gone = scene.park(vec![scene.send(0), scene.send(1)]);
        assert!(gone.1.cancel());
        assert!(matches!(
            select::try_select(&mut [scene.recv(0), scene.recv(1)], order),
            Start::NoneReady
        ));
        assert_eq!(scene.seen(), [[(0, 0), (0, 0)]; 4], "two wakers, two values");

        let gone = scene.park(vec![scene.send(0), scene.send(1)]);
        assert!(gone.1.cancel());
        let here = scene.park(vec![scene.recv(0), scene.recv(1)]);
        assert_eq!(scene.seen(), [[(1, 0), (1, 0)]; 4]);
        assert!(here.1.cancel());
        select::leave(&here.0);
    }
}

/// Places and values of a select that leaves are dropped when it stands nowhere any more.
#[test]
fn dropped_where_it_leaves() {
    let scene = Scene::new();
    let parked = scene.park(vec![scene.recv(0), scene.send(0), scene.send(1), scene.recv(1)]);
    assert!(parked.1.cancel());
    assert!(scene.seen().is_empty());
    select::leave(&parked.0);
    assert_eq!(scene.seen(), [[(0, 0), (0, 0)]; 6], "four wakers, two values");
}

/// The value of a send on a closed channel comes back with all locks free.
#[test]
fn refused() {
    for order in ORDERS {
        let scene = Scene::new();
        scene.channels[1].close().unwrap();
        let start = select::try_select(&mut [scene.recv(0), scene.send(1)], order);
        assert!(scene.seen().is_empty());
        assert!(matches!(start, Start::Fired(1, Did::Refused(_))));
        drop(start);
        assert_eq!(scene.seen(), [[(0, 0), (0, 0)]]);
    }
}

/// A close that settles a select which stands there twice.
#[test]
fn closed() {
    let scene = Scene::new();
    let parked = scene.park(vec![scene.send(0), scene.send(0), scene.recv(1)]);
    scene.channels[0].close().unwrap();
    assert_eq!(
        scene.seen(),
        [[(0, 0), (1, 0)]; 4],
        "its waker and its other place, two values"
    );
    assert!(matches!(parked.1.take(), Some(Outcome::Closed)));
    select::leave(&parked.0);
    assert_eq!(scene.seen(), [[(0, 0), (0, 0)]]);
}
