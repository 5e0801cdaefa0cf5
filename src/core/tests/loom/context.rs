//! A context's cancellation against everything that may come at the same time.

use crate::common::{Host, RecvEnd, W};
use crate::{bounded_model, is_set, model, plain, set};
use gochan_core::Party;
use gochan_core::context::{self, End, Family, Node, Reason};
use gochan_core::error::TryRecvError;
use gochan_core::sys::{Arc, thread};

struct Tree;

impl Family for Tree {
    type Value = ();
    type Parked = Party<(), W>;
    type Cause = u8;
    type Func = u8;
    type Link = Link;
}

type Link = Arc<Node<Tree>>;

fn root() -> Link {
    Arc::new(Node::new())
}

fn child(parent: &Link) -> Link {
    let child = root();
    context::attach::<Tree>(parent, &child);
    child
}

fn cancel(node: &Link, cause: u8) -> context::Cancelled<u8> {
    context::cancel::<Tree>(node, End::new(Reason::Canceled, Some(cause)))
}

/// X3, X4: over, and its channel closed, whichever of the two is looked at first.
fn assert_over(node: &Link, cause: u8) {
    assert_eq!(node.end().map(|end| end.cause), Some(Some(cause)));
    assert_eq!(node.done().try_recv(), Err(TryRecvError::Closed));
}

/// A child that is attached while its parent is cancelled is over when both have returned, and stands nowhere.
#[test]
fn cancel_against_attach() {
    model(|| {
        let (top, below) = (root(), root());
        let canceller = thread::spawn({
            let top = Arc::clone(&top);
            move || drop(cancel(&top, 1))
        });
        context::attach::<Tree>(&top, &below);
        canceller.join().unwrap();
        assert_over(&below, 1);
        assert_eq!(top.hanging(), (0, 0));
    });
}

/// A child that is cancelled by itself while it is attached does not stay in its parent's list.
#[test]
fn attach_against_the_childs_own_end() {
    model(|| {
        let (top, below) = (root(), root());
        let canceller = thread::spawn({
            let below = Arc::clone(&below);
            move || drop(cancel(&below, 1))
        });
        context::attach::<Tree>(&top, &below);
        canceller.join().unwrap();
        assert_over(&below, 1);
        assert_eq!(top.hanging(), (0, 0));
        assert!(!top.is_over());
    });
}

/// Two cancels of one node: one is first, its cause stays, and both find the whole tree over when they return (X3, X6).
#[test]
fn cancel_against_cancel() {
    bounded_model(|| {
        let top = root();
        let below = child(&child(&top));
        let other = thread::spawn({
            let (top, below) = (Arc::clone(&top), Arc::clone(&below));
            move || {
                let first = cancel(&top, 1).first;
                assert!(below.end().is_some());
                first
            }
        });
        let first = cancel(&top, 2).first;
        assert!(below.end().is_some());
        let other_first = other.join().unwrap();
        assert!(first != other_first);
        assert_over(&top, if first { 2 } else { 1 });
        assert_over(&below, if first { 2 } else { 1 });
        assert_eq!(top.hanging(), (0, 0));
    });
}

/// A node and its parent are cancelled at once: each has one end, and what hung below ended as its own parent did.
#[test]
fn cancel_against_the_parents_cancel() {
    bounded_model(|| {
        let top = root();
        let middle = child(&top);
        let below = child(&middle);
        let other = thread::spawn({
            let top = Arc::clone(&top);
            move || drop(cancel(&top, 1))
        });
        cancel(&middle, 2);
        assert!(below.end().is_some());
        other.join().unwrap();
        let cause = middle.end().and_then(|end| end.cause);
        assert_eq!(below.end().and_then(|end| end.cause), cause);
        assert_over(&top, 1);
        assert_eq!(top.hanging(), (0, 0));
        assert_eq!(middle.hanging(), (0, 0));
    });
}

/// X4: whoever sees `done` closed sees the error, and the other way round; what was written before the cancel is seen (X18).
#[test]
fn cancel_against_done() {
    model(|| {
        let (top, before) = (root(), plain());
        let canceller = thread::spawn({
            let (top, before) = (Arc::clone(&top), Arc::clone(&before));
            move || {
                set(&before);
                cancel(&top, 1);
            }
        });
        let done = top.done();
        if done.is_closed() {
            assert!(top.end().is_some() && is_set(&before));
        } else if top.end().is_some() {
            assert!(done.is_closed() && is_set(&before));
        }
        canceller.join().unwrap();
        assert_over(&top, 1);
        assert!(Arc::ptr_eq(&done, &top.done()));
    });
}

/// Who waits on a descendant's channel is woken, whenever it came.
#[test]
fn cancel_against_a_wait() {
    bounded_model(|| {
        let top = root();
        let below = child(&top);
        let canceller = thread::spawn(move || drop(cancel(&top, 1)));
        assert_eq!(Host::new().recv(&below.done()), RecvEnd::Closed);
        assert_over(&below, 1);
        canceller.join().unwrap();
    });
}

/// X14: an after-function is taken back, or it is handed out to be started: one of the two.
#[test]
fn stop_against_cancel() {
    model(|| {
        let top = root();
        let ticket = top.add_func(7).unwrap();
        let canceller = thread::spawn({
            let top = Arc::clone(&top);
            move || cancel(&top, 1).ended
        });
        let stopped = context::remove_func::<Tree>(&top, ticket);
        let started = canceller.join().unwrap();
        assert_eq!(started.len() + usize::from(stopped.is_some()), 1);
    });
}

/// ... and one that comes at the same time is handed out by the cancel, or given back at once.
#[test]
fn after_func_against_cancel() {
    model(|| {
        let top = root();
        let canceller = thread::spawn({
            let top = Arc::clone(&top);
            move || cancel(&top, 1).ended
        });
        let given_back = top.add_func(7).is_err();
        let started = canceller.join().unwrap();
        assert_eq!(started.len() + usize::from(given_back), 1);
    });
}

/// An orphan is let go while its parent is cancelled: its tie is undone once, by one of them.
#[test]
fn let_go_against_cancel() {
    model(|| {
        let top = root();
        let below = child(&top);
        below.tie(7).unwrap();
        let canceller = thread::spawn({
            let top = Arc::clone(&top);
            move || cancel(&top, 1).ended
        });
        let undone = context::let_go::<Tree>(&below);
        let ended = canceller.join().unwrap();
        assert_eq!(undone.len() + ended.len(), 1);
        assert_eq!(top.hanging(), (0, 0));
    });
}
