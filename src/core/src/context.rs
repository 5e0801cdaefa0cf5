//! Go's contexts: a tree whose nodes are cancelled at most once, each together with all below it.
//!
//! Invariants, whenever the lock of a node is free:
//!
//! * N1  A node is over for one reason and with one cause, which never change (X6). In the instant in which it becomes so, under
//!   its lock, its `done` channel is closed (X4); one that is made later is made closed (X5).
//! * N2  A node that is over has no after-functions and no ties: who ended it got them, once (X14).
//! * N3  A node that is not over stands among its parent's children, if it has a parent that can end. One that is over
//!   leaves them (X11), and takes no more children: who comes too late is cancelled at once.
//! * N4  A node that is over and has children left is being cancelled just now, and its children will be over. Its list is
//!   emptied when all that is below is over.
//!
//! N4 is what makes [`cancel`] synchronous for everybody (X3): who comes second finds the list and helps with it, or finds it
//! empty; in both cases all descendants are over when it returns. (Go holds the parent's lock while it cancels the
//! children. Here no two nodes are locked at once, so a deep tree needs no deep stack, and no order of locks.)
//!
//! An *orphan* is a node whose owner has let go of it ([`let_go`]): nobody will cancel it, nor ask for its `done`. While something
//! hangs on it, children or after-functions, it stays, and its parent can still end it. When nothing does, it leaves its
//! parent as if it had never been.

use crate::channel::{After, RawChannel};
use crate::lock::{Lock, Rank};
use crate::sys::Arc;
use crate::sys::atomic::{AtomicU8, Ordering};
use crate::wait_queue::{Ticket, WaitQueue};
use crate::wake_list::Parked;
use std::fmt;

/// What one kind of tree is made of.
pub trait Family: Sized {
    /// Of the `done` channels, on which none is ever sent.
    type Value;
    type Parked: Parked<Self::Value>;
    /// Why, in the user's words. A clone may be made under a lock; it is dropped outside.
    type Cause: Clone;
    /// What is to be done when a node ends.
    type Func;
    type Link: Link<Self>;
}

/// A counted reference to a node. A clone may be made under a lock; it is dropped outside.
pub trait Link<Fam: Family>: Clone {
    fn node(&self) -> &Node<Fam>;
}

impl<Fam: Family<Link = Self>> Link<Fam> for Arc<Node<Fam>> {
    fn node(&self) -> &Node<Fam> {
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Canceled = 1,
    DeadlineExceeded = 2,
}

/// How a node ended. Without a cause of its own the reason is the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End<C> {
    pub reason: Reason,
    pub cause: Option<C>,
}

impl<C> End<C> {
    pub fn new(reason: Reason, cause: Option<C>) -> Self {
        Self { reason, cause }
    }
}

pub type Done<Fam> = RawChannel<<Fam as Family>::Value, <Fam as Family>::Parked>;

pub struct Node<Fam: Family> {
    /// Zero, or the reason. Written under the lock before `done` is closed, read without: so zero means that the node was not
    /// over, and anything else that the lock tells how.
    over: AtomicU8,
    /// What may not happen under it: a wake, a drop of anything of the family's, the lock of another node.
    state: Lock<State<Fam>>,
}

/// Guarded by `Node::state`, all of it.
struct State<Fam: Family> {
    end: Option<End<Fam::Cause>>,
    /// Made when somebody asks for it.
    done: Option<Arc<Done<Fam>>>,
    /// Whose child it is, and where there.
    parent: Option<(Fam::Link, Ticket)>,
    children: WaitQueue<Fam::Link>,
    /// After-functions, in the order in which they came.
    funcs: WaitQueue<Fam::Func>,
    /// As the after-functions, but of the tree's owner: they keep no orphan.
    ties: Vec<Fam::Func>,
    orphan: bool,
    /// Whether it was this node that was ended, and not one above it.
    itself: bool,
}

impl<Fam: Family> fmt::Debug for Node<Fam> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

/// A thing a garbage collector can see in a node.
#[allow(missing_debug_implementations)] // nobody prints what only the collector looks at
pub enum Held<'a, Fam: Family> {
    Done(&'a Done<Fam>),
    Cause(&'a Fam::Cause),
    Func(&'a Fam::Func),
    Kin(&'a Fam::Link),
}

/// What a call of [`cancel`] did.
#[derive(Debug)]
pub struct Cancelled<F> {
    /// Whether it was this call that ended the node.
    pub first: bool,
    /// After-functions and ties of all nodes that this call ended.
    pub ended: Vec<F>,
}

/// What left the tree: dropped when no lock is held.
type Gone<Fam> = Vec<<Fam as Family>::Link>;

impl<Fam: Family> Node<Fam> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            over: AtomicU8::new(0),
            state: Lock::new(
                Rank::Context,
                State {
                    end: None,
                    done: None,
                    parent: None,
                    children: WaitQueue::new(),
                    funcs: WaitQueue::new(),
                    ties: Vec::new(),
                    orphan: false,
                    itself: false,
                },
            ),
        }
    }

    /// Whether it has ended, or does so at this moment.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) != 0
    }

    /// How it ended. Its `done` is closed then (X4).
    #[inline]
    pub fn end(&self) -> Option<End<Fam::Cause>> {
        if !self.is_over() {
            return None;
        }
        self.state.lock().end.clone()
    }

    /// As [`Self::end`], for those who do not ask for the cause.
    #[inline]
    pub fn reason(&self) -> Option<Reason> {
        if !self.is_over() {
            return None;
        }
        self.state.lock().end.as_ref().map(|end| end.reason)
    }

    /// Whether it is over, and was ended itself: not with its parent.
    pub fn was_ended_itself(&self) -> bool {
        self.is_over() && self.state.lock().itself
    }

    /// The channel that is closed when it ends: the same one each time (X5).
    pub fn done(&self) -> Arc<Done<Fam>> {
        let mut state = self.state.lock();
        if let Some(done) = &state.done {
            return Arc::clone(done);
        }
        let done = Arc::new(Done::<Fam>::new(0));
        if state.end.is_some() {
            // Nobody can be waiting on it yet.
            let _ = done.close_into(&mut After::new());
        }
        state.done = Some(Arc::clone(&done));
        done
    }

    /// Registers something that is to be done when the node ends; given back when it is over already (X14).
    pub fn add_func(&self, func: Fam::Func) -> Result<Ticket, Fam::Func> {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return Err(func);
        }
        Ok(state.funcs.push_back(func))
    }

    /// As [`Self::add_func`], for what belongs to the owner of the node: it is handed out too when the node is let go.
    pub fn tie(&self, func: Fam::Func) -> Result<(), Fam::Func> {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return Err(func);
        }
        state.ties.push(func);
        Ok(())
    }

    /// Number of children and of after-functions.
    pub fn hanging(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.children.len(), state.funcs.len())
    }

    /// Shows everything in the node, once. `visit` runs under the lock and may only look. False, with nothing shown, when the
    /// lock is held.
    pub fn try_visit(&self, visit: &mut dyn FnMut(Held<'_, Fam>)) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        if let Some(done) = &state.done {
            visit(Held::Done(done));
        }
        if let Some(cause) = state.end.as_ref().and_then(|end| end.cause.as_ref()) {
            visit(Held::Cause(cause));
        }
        for link in state
            .children
            .iter()
            .chain(state.parent.iter().map(|(parent, _)| parent))
        {
            visit(Held::Kin(link));
        }
        for func in state.funcs.iter().chain(&state.ties) {
            visit(Held::Func(func));
        }
        true
    }

    /// Empties the node for a garbage collector that found it unreachable.
    pub fn clear(&self) {
        let (done, parent, children, funcs, ties) = {
            let mut state = self.state.lock();
            (
                state.done.clone(),
                state.parent.take(),
                state.children.take_all(),
                state.funcs.take_all(),
                std::mem::take(&mut state.ties),
            )
        };
        if let Some(done) = done {
            done.clear();
        }
        drop((parent, children, funcs, ties));
    }
}

impl<Fam: Family> State<Fam> {
    /// Whether nothing is lost when the node leaves its parent.
    fn is_idle_orphan(&self) -> bool {
        self.orphan && self.end.is_none() && self.children.is_empty() && self.funcs.is_empty()
    }

    /// N1 and N2.
    fn finish(
        &mut self,
        end: End<Fam::Cause>,
        after: &mut After<Fam::Value, Fam::Parked>,
        ended: &mut Vec<Fam::Func>,
    ) {
        self.end = Some(end);
        if let Some(done) = &self.done {
            let closed = done.close_into(after);
            debug_assert!(closed.is_ok(), "only its context closes it");
        }
        while let Some(func) = self.funcs.pop_front() {
            ended.push(func);
        }
        ended.append(&mut self.ties);
    }

    /// Takes an idle orphan out of its parent's hands: where it is to be removed.
    fn leave_if_idle(&mut self, undone: &mut Vec<Fam::Func>) -> Option<(Fam::Link, Ticket)> {
        if !self.is_idle_orphan() {
            return None;
        }
        undone.append(&mut self.ties);
        self.parent.take()
    }
}

/// Makes a node that is new the child of another one: it ends when that does, and at once when that is over already; then its
/// ties and after-functions come back.
pub fn attach<Fam: Family>(parent: &Fam::Link, child: &Fam::Link) -> Vec<Fam::Func> {
    let ticket = {
        let mut state = parent.node().state.lock();
        match &state.end {
            Some(end) => Err(end.clone()),
            None => Ok(state.children.push_back(child.clone())),
        }
    };
    let ticket = match ticket {
        Ok(ticket) => ticket,
        Err(end) => return inherit::<Fam>(child, end).ended,
    };
    let place = (parent.clone(), ticket);
    let late = {
        let mut state = child.node().state.lock();
        if state.end.is_none() {
            debug_assert!(state.parent.is_none(), "a node has one parent");
            state.parent = Some(place);
            None
        } else {
            // Ended between the two locks, by its parent or by somebody else, who did not know where it stands.
            Some(place)
        }
    };
    let (mut gone, mut undone) = (Gone::<Fam>::new(), Vec::new());
    leave::<Fam>(late, &mut gone, &mut undone);
    undone
}

/// Ends a node and all below it. When it returns they are over, whoever ended them (X3).
pub fn cancel<Fam: Family>(root: &Fam::Link, end: End<Fam::Cause>) -> Cancelled<Fam::Func> {
    end_all::<Fam>(root, end, true)
}

/// As [`cancel`], of a node whose parent is over, wherever that is known from.
pub fn inherit<Fam: Family>(root: &Fam::Link, end: End<Fam::Cause>) -> Cancelled<Fam::Func> {
    end_all::<Fam>(root, end, false)
}

fn end_all<Fam: Family>(root: &Fam::Link, end: End<Fam::Cause>, itself: bool) -> Cancelled<Fam::Func> {
    // What is collected here outlives every guard, also when something panics in between.
    let mut after = After::<Fam::Value, Fam::Parked>::new();
    let (mut gone, mut ended) = (Gone::<Fam>::new(), Vec::new());
    let mut first = None;
    let mut place = None;
    let mut work = vec![(root.clone(), end)];
    while let Some((link, end)) = work.pop() {
        let mut below = Vec::new();
        let (parent, theirs) = {
            let mut state = link.node().state.lock();
            let theirs = state.end.clone();
            if theirs.is_none() {
                link.node().over.store(end.reason as u8, Ordering::Release);
                state.itself = itself && first.is_none();
                state.finish(end.clone(), &mut after, &mut ended);
            }
            below.extend(state.children.iter().cloned());
            (state.parent.take(), theirs)
        };
        if first.is_none() {
            first = Some(theirs.is_none());
            place = parent;
        } else {
            gone.extend(parent.map(|(parent, _)| parent));
        }
        // Below one that ended by itself all ends as that did.
        let end = theirs.unwrap_or(end);
        work.extend(below.into_iter().map(|child| (child, end.clone())));
        gone.push(link);
    }
    // N4: now all of them are over.
    let mut emptied = Vec::new();
    for link in &gone {
        let mut state = link.node().state.lock();
        if !state.children.is_empty() {
            emptied.push(state.children.take_all());
        }
    }
    leave::<Fam>(place, &mut gone, &mut ended);
    after.run();
    drop((emptied, gone));
    Cancelled {
        first: first == Some(true),
        ended,
    }
}

/// Takes a node out of its parent's list; and the parent too, if it is an orphan on which nothing hangs any more, and so on.
fn leave<Fam: Family>(
    mut place: Option<(Fam::Link, Ticket)>,
    gone: &mut Gone<Fam>,
    undone: &mut Vec<Fam::Func>,
) {
    while let Some((parent, ticket)) = place.take() {
        {
            let mut state = parent.node().state.lock();
            gone.extend(state.children.remove(ticket));
            place = state.leave_if_idle(undone);
        }
        gone.push(parent);
    }
}

/// The owner of the node is gone, and with it everybody who could ask for its `done`, or cancel it. The ties of what leaves
/// the tree by this come back.
pub fn let_go<Fam: Family>(link: &Fam::Link) -> Vec<Fam::Func> {
    let (mut gone, mut undone) = (Gone::<Fam>::new(), Vec::new());
    let place = {
        let mut state = link.node().state.lock();
        state.orphan = true;
        state.leave_if_idle(&mut undone)
    };
    leave::<Fam>(place, &mut gone, &mut undone);
    undone
}

/// Takes an after-function back. `None`: the node has ended, or it was taken back before (X14). The ties of what leaves the
/// tree by this come with it.
pub fn remove_func<Fam: Family>(link: &Fam::Link, ticket: Ticket) -> Option<(Fam::Func, Vec<Fam::Func>)> {
    let (mut gone, mut undone) = (Gone::<Fam>::new(), Vec::new());
    let (func, place) = {
        let mut state = link.node().state.lock();
        let func = state.funcs.remove(ticket)?;
        (func, state.leave_if_idle(&mut undone))
    };
    leave::<Fam>(place, &mut gone, &mut undone);
    Some((func, undone))
}
