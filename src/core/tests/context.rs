//! Contexts, in one thread: the rules of a tree, Go's table of causes, and a plain model.
#![cfg(not(any(loom, shuttle)))]

mod common;

use common::Tally;
use gochan_core::channel::RecvStart;
use gochan_core::context::{self, Cancelled, End, Family, Node, Reason};
use gochan_core::error::TryRecvError;
use gochan_core::{Party, Waiter};
use proptest::prelude::*;
use std::sync::Arc;

use Reason::{Canceled, DeadlineExceeded};

struct Tree;

impl Family for Tree {
    type Value = ();
    type Parked = Party<(), Tally>;
    type Cause = &'static str;
    type Func = u32;
    type Link = Link;
}

type Link = Arc<Node<Tree>>;
type Cause = Option<&'static str>;

fn root() -> Link {
    Arc::new(Node::new())
}

fn child(parent: &Link) -> Link {
    let child = root();
    assert!(context::attach::<Tree>(parent, &child).is_empty());
    child
}

fn cancel(node: &Link, cause: Cause) -> Cancelled<u32> {
    context::cancel::<Tree>(node, End::new(Canceled, cause))
}

fn expire(node: &Link, cause: Cause) -> Cancelled<u32> {
    context::cancel::<Tree>(node, End::new(DeadlineExceeded, cause))
}

fn end(node: &Link) -> Option<(Reason, Cause)> {
    node.end().map(|end| (end.reason, end.cause))
}

fn is_closed(node: &Link) -> bool {
    node.done().try_recv() == Err(TryRecvError::Closed)
}

#[test]
fn cancel_reaches_all_below_and_nothing_else() {
    let top = root();
    let (left, right) = (child(&top), child(&top));
    let below = child(&child(&left));
    assert!(cancel(&left, None).first);
    assert_eq!(end(&below), Some((Canceled, None)));
    assert!(is_closed(&left) && is_closed(&below));
    assert!(!is_closed(&top) && !is_closed(&right));
    assert_eq!((end(&top), end(&right)), (None, None));
}

/// X5: the same channel each time; made late it is closed already.
#[test]
fn done_is_one_channel() {
    let early = root();
    let before = early.done();
    cancel(&early, None);
    assert!(Arc::ptr_eq(&before, &early.done()) && before.is_closed());
    let late = root();
    cancel(&late, None);
    assert!(late.done().is_closed());
}

/// Everybody who waits anywhere in the tree is woken once, after the last node is over.
#[test]
fn those_who_wait_are_woken() {
    let top = root();
    let nodes = [top.clone(), child(&top), child(&child(&top))];
    let tally = Tally::new();
    let waiters: Vec<_> = nodes
        .iter()
        .map(|node| {
            let waiter = Arc::new(Waiter::new());
            let start = node.done().recv_or_park(&waiter, tally.clone());
            assert!(matches!(start, RecvStart::Parked(_)));
            waiter
        })
        .collect();
    cancel(&top, None);
    assert!(waiters.iter().all(|waiter| waiter.is_settled()));
    assert_eq!(tally.wakes(), 3);
}

/// X11.
#[test]
fn who_is_cancelled_leaves_its_parent() {
    let top = root();
    let (a, b) = (child(&top), child(&top));
    let below = child(&a);
    assert_eq!(top.hanging(), (2, 0));
    cancel(&a, None);
    assert_eq!((top.hanging(), a.hanging()), ((1, 0), (0, 0)));
    cancel(&top, None);
    assert_eq!(top.hanging(), (0, 0));
    // Nobody holds them any more but the test: neither upwards nor downwards.
    for node in [top, a, b, below] {
        assert_eq!(Arc::strong_count(&node), 1);
    }
}

#[test]
fn a_child_that_comes_too_late_is_cancelled_at_once() {
    let top = root();
    cancel(&top, Some("early"));
    let late = root();
    late.add_func(7).unwrap();
    late.tie(8).unwrap();
    assert_eq!(context::attach::<Tree>(&top, &late), [7, 8]);
    assert_eq!(end(&late), Some((Canceled, Some("early"))));
    assert_eq!(top.hanging(), (0, 0));
}

/// Who is ended with its parent is told from who was ended itself, whichever came first.
#[test]
fn who_was_ended_itself_can_be_told() {
    let top = root();
    let (before, after) = (child(&top), child(&top));
    assert!(!top.was_ended_itself());
    cancel(&before, None);
    cancel(&top, None);
    cancel(&after, None);
    let late = root();
    context::attach::<Tree>(&top, &late);
    let foreign = root();
    context::inherit::<Tree>(&foreign, End::new(Canceled, None));
    assert!(late.is_over() && foreign.is_over());
    let told = [top, before, after, late, foreign].map(|node| node.was_ended_itself());
    assert_eq!(told, [true, true, false, false, false]);
}

/// X14.
#[test]
fn after_functions_are_handed_out_once() {
    let top = root();
    let below = child(&top);
    let first = top.add_func(1).unwrap();
    let second = top.add_func(2).unwrap();
    below.add_func(3).unwrap();
    assert_eq!(context::remove_func::<Tree>(&top, first), Some((1, vec![])));
    assert_eq!(
        context::remove_func::<Tree>(&top, first),
        None,
        "taken back already"
    );
    assert_eq!(cancel(&top, None).ended, [2, 3]);
    assert_eq!(
        context::remove_func::<Tree>(&top, second),
        None,
        "started already"
    );
    assert_eq!(top.add_func(4), Err(4), "to be started at once");
    assert_eq!(top.tie(5), Err(5));
    assert!(cancel(&top, None).ended.is_empty());
}

#[test]
fn an_orphan_on_which_nothing_hangs_leaves() {
    let top = root();
    let node = child(&top);
    node.tie(9).unwrap();
    assert_eq!(context::let_go::<Tree>(&node), [9]);
    assert_eq!(top.hanging(), (0, 0));
    assert_eq!(Arc::strong_count(&node), 1);
}

#[test]
fn an_orphan_stays_for_its_after_functions() {
    let top = root();
    let node = child(&top);
    node.add_func(1).unwrap();
    assert!(context::let_go::<Tree>(&node).is_empty());
    drop(node);
    assert_eq!(cancel(&top, None).ended, [1]);
}

/// The last thing that hangs on a line of orphans takes them all with it, up to the first that somebody owns.
#[test]
fn orphans_leave_together() {
    let top = root();
    let owned = child(&top);
    let middle = child(&owned);
    let low = child(&middle);
    middle.tie(1).unwrap();
    low.tie(2).unwrap();
    let ticket = low.add_func(3).unwrap();
    assert!(context::let_go::<Tree>(&middle).is_empty());
    assert!(context::let_go::<Tree>(&low).is_empty());
    assert_eq!(owned.hanging(), (1, 0));
    assert_eq!(context::remove_func::<Tree>(&low, ticket), Some((3, vec![2, 1])));
    assert_eq!((owned.hanging(), top.hanging()), ((0, 0), (1, 0)));
}

#[test]
fn an_orphan_leaves_when_its_last_child_is_cancelled() {
    let top = root();
    let middle = child(&top);
    let low = child(&middle);
    middle.tie(1).unwrap();
    assert!(context::let_go::<Tree>(&middle).is_empty());
    assert_eq!(cancel(&low, None).ended, [1]);
    assert_eq!(top.hanging(), (0, 0));
    assert_eq!(
        end(&middle),
        None,
        "it was not cancelled: nobody is there to see it"
    );
}

#[test]
fn a_tree_of_a_hundred_thousand_levels_ends() {
    let mut line = vec![root()];
    for _ in 0..100_000 {
        line.push(child(line.last().unwrap()));
    }
    cancel(&line[0], Some("deep"));
    assert_eq!(end(line.last().unwrap()), Some((Canceled, Some("deep"))));
    // Every node is held by this list alone, so nothing recurses when it goes.
    assert!(line.iter().all(|node| Arc::strong_count(node) == 1));
}

type Script = fn(&Link, &Link);

/// Go's TestCause, where it is about the contexts of the package itself: what happens to a parent and its child, and how the
/// child ended.
const CAUSE_ROWS: &[(&str, Script, (Reason, Cause))] = &[
    ("WithCancel", |_, ctx| drop(cancel(ctx, None)), (Canceled, None)),
    (
        "WithCancelCause",
        |_, ctx| drop(cancel(ctx, Some("parent"))),
        (Canceled, Some("parent")),
    ),
    (
        "WithCancelCause: parent cause before child",
        |parent, ctx| {
            cancel(parent, Some("parent"));
            cancel(ctx, Some("child"));
        },
        (Canceled, Some("parent")),
    ),
    (
        "WithCancelCause: parent cause after child",
        |parent, ctx| {
            cancel(ctx, Some("child"));
            cancel(parent, Some("parent"));
        },
        (Canceled, Some("child")),
    ),
    (
        "WithCancelCause: parent cause before nil",
        |parent, ctx| {
            cancel(parent, Some("parent"));
            cancel(ctx, None);
        },
        (Canceled, Some("parent")),
    ),
    (
        "WithCancelCause: parent cause after nil",
        |parent, ctx| {
            cancel(ctx, None);
            cancel(parent, Some("parent"));
        },
        (Canceled, None),
    ),
    (
        "WithCancelCause: child cause after nil",
        |parent, ctx| {
            cancel(parent, None);
            cancel(ctx, Some("child"));
        },
        (Canceled, None),
    ),
    (
        "WithCancelCause: child cause before nil",
        |parent, ctx| {
            cancel(ctx, Some("child"));
            cancel(parent, None);
        },
        (Canceled, Some("child")),
    ),
    (
        "WithTimeout",
        |_, ctx| {
            expire(ctx, None);
            cancel(ctx, None);
        },
        (DeadlineExceeded, None),
    ),
    (
        "WithTimeoutCause",
        |_, ctx| {
            expire(ctx, Some("too slow"));
            cancel(ctx, None);
        },
        (DeadlineExceeded, Some("too slow")),
    ),
    (
        "WithTimeoutCause canceled",
        |_, ctx| {
            cancel(ctx, None);
            expire(ctx, Some("too slow"));
        },
        (Canceled, None),
    ),
    (
        "WithTimeoutCause stacked",
        |parent, ctx| {
            expire(ctx, Some("too slow"));
            cancel(parent, Some("finished early"));
        },
        (DeadlineExceeded, Some("too slow")),
    ),
    (
        "WithTimeoutCause stacked canceled",
        |parent, ctx| {
            cancel(parent, Some("finished early"));
            expire(ctx, Some("too slow"));
        },
        (Canceled, Some("finished early")),
    ),
];

/// Who is first decides both, the reason and the cause.
#[test]
fn causes() {
    for (name, script, expected) in CAUSE_ROWS {
        let parent = root();
        let ctx = child(&parent);
        script(&parent, &ctx);
        assert_eq!(end(&ctx), Some(*expected), "{name}");
    }
}

/// What the tree should be, without any cleverness.
#[derive(Default)]
struct Model {
    parent: Vec<Option<usize>>,
    end: Vec<Option<(Reason, Cause)>>,
    funcs: Vec<Vec<u32>>,
}

impl Model {
    fn add(&mut self, parent: Option<usize>) {
        self.parent.push(parent);
        self.end.push(parent.and_then(|parent| self.end[parent]));
        self.funcs.push(Vec::new());
    }

    fn is_below(&self, mut node: usize, top: usize) -> bool {
        loop {
            if node == top {
                return true;
            }
            match self.parent[node] {
                Some(parent) => node = parent,
                None => return false,
            }
        }
    }

    fn cancel(&mut self, top: usize, end: (Reason, Cause)) -> Vec<u32> {
        let mut started = Vec::new();
        if self.end[top].is_some() {
            return started;
        }
        for node in 0..self.parent.len() {
            if self.is_below(node, top) && self.end[node].is_none() {
                self.end[node] = Some(end);
                started.append(&mut self.funcs[node]);
            }
        }
        started.sort_unstable();
        started
    }

    fn living_children(&self, node: usize) -> usize {
        let living = |child: &usize| self.parent[*child] == Some(node) && self.end[*child].is_none();
        (0..self.parent.len()).filter(living).count()
    }
}

const CAUSES: [Cause; 3] = [None, Some("one"), Some("two")];

proptest! {
    #[test]
    fn agrees_with_a_plain_model(
        script in prop::collection::vec((0u8..7, any::<prop::sample::Index>(), 0usize..3), 1..120),
    ) {
        let (mut nodes, mut model) = (vec![root()], Model::default());
        model.add(None);
        let mut tickets = Vec::new();
        for (number, (action, pick, which)) in (0u32..).zip(script) {
            let at = pick.index(nodes.len());
            match action {
                0 | 1 => {
                    nodes.push(child(&nodes[at]));
                    model.add(Some(at));
                }
                2 | 3 => {
                    let reason = if action == 2 { Canceled } else { DeadlineExceeded };
                    let was_over = model.end[at].is_some();
                    let expected = model.cancel(at, (reason, CAUSES[which]));
                    let mut done = context::cancel::<Tree>(&nodes[at], End::new(reason, CAUSES[which]));
                    done.ended.sort_unstable();
                    prop_assert_eq!((done.first, done.ended), (!was_over, expected));
                }
                4 => match nodes[at].add_func(number) {
                    Ok(ticket) => {
                        prop_assert!(model.end[at].is_none());
                        model.funcs[at].push(number);
                        tickets.push((at, number, ticket));
                    }
                    Err(back) => prop_assert_eq!((back, model.end[at].is_some()), (number, true)),
                },
                5 if !tickets.is_empty() => {
                    let (at, number, ticket) = tickets[pick.index(tickets.len())];
                    let place = model.funcs[at].iter().position(|func| *func == number);
                    let expected = place.map(|place| model.funcs[at].remove(place));
                    let taken = context::remove_func::<Tree>(&nodes[at], ticket);
                    prop_assert_eq!(taken.map(|taken| taken.0), expected);
                }
                _ => prop_assert_eq!(is_closed(&nodes[at]), model.end[at].is_some()),
            }
            for (at, node) in nodes.iter().enumerate() {
                prop_assert_eq!(end(node), model.end[at]);
                prop_assert_eq!(node.is_over(), model.end[at].is_some());
                let living = if model.end[at].is_some() { 0 } else { model.living_children(at) };
                prop_assert_eq!(node.hanging(), (living, model.funcs[at].len()));
            }
        }
        cancel(&nodes[0], None);
        for node in &nodes {
            prop_assert_eq!(Arc::strong_count(node), 1);
        }
    }
}
