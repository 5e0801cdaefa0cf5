//! `gochan.signal`: who wants which signals, and their delivery.
//!
//! A handler in C's sense marks a signal as pending (`signal_handler`, `signal_mailbox`); the *watcher*, a hidden thread, sends
//! it to every channel that wants it. Its bottom is Python, see `threads.rs`.
//!
//! Invariants:
//! * `State` is locked by attached threads only, never over a call of Python, a drop of an object, a wake or an attach or
//!   detach; a change of a disposition, one system call, may happen under it.
//! * Only who has the *turn* fetches pending signals and sends them; so a channel gets them in the order in which they were fetched,
//!   those fetched together in numeric order (G3). The turn is kept over a send, so whoever waits for it does so detached.
//! * Sending never waits: a channel that is full does not get this one (G2).
//! * A registration that is being taken back stands in `leaving` until what was pending is delivered, to it as well (G4): see
//!   [`take_back`].

use crate::announce;
use crate::chan::{ChanBase, SendChan};
use crate::context::CancelContext;
use crate::context_make;
use crate::context_node::{self, Cause, Link};
use crate::deferred;
use crate::error;
use crate::guard;
use crate::kept::Kept;
use crate::signal_handler as handler;
use crate::signal_mailbox::{self as mailbox, MAILBOX};
use crate::value::Value;
use crate::wake::ChanCore;
use gochan_core::context::Reason;
use gochan_core::error::TrySendError;
use gochan_core::parker::{Parker, Woken};
use gochan_core::signals::{Number, SignalSet};
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Who gets signals.
#[derive(Debug)]
enum Target {
    Chan {
        object: Value,
        core: Arc<ChanCore>,
    },
    /// Of `notify_context`: the first one ends it, further ones are swallowed until its `cancel` (G8).
    Context(Link),
}

impl Target {
    fn chan(chan: &Bound<'_, SendChan>) -> Self {
        let base: &Bound<'_, ChanBase> = chan.as_super();
        Self::Chan {
            object: Value::new(chan.clone().into_any()),
            core: Arc::clone(base.get().core()),
        }
    }

    fn again(&self, py: Python<'_>) -> Self {
        match self {
            Self::Chan { object, core } => Self::Chan {
                object: again(py, object),
                core: Arc::clone(core),
            },
            Self::Context(node) => Self::Context(node.clone()),
        }
    }

    /// Views are their channel.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Chan { core: a, .. }, Self::Chan { core: b, .. }) => Arc::ptr_eq(a, b),
            (Self::Context(a), Self::Context(b)) => a.value().as_ptr() == b.value().as_ptr(),
            _ => false,
        }
    }

    /// `SignalSet::ALL` for this target, nothing for another.
    fn only(&self, other: &Self) -> SignalSet {
        if self.is(other) {
            SignalSet::ALL
        } else {
            SignalSet::EMPTY
        }
    }
}

fn again(_attached: Python<'_>, value: &Value) -> Value {
    // SAFETY: attached, a live object.
    unsafe { Value::from_borrowed(value.as_ptr()) }
}

#[derive(Debug)]
struct Registration {
    target: Target,
    wants: SignalSet,
}

#[derive(Debug)]
struct Leaving {
    what: Registration,
    /// Ordinal of the call that takes it back.
    call: u64,
}

/// One signal on its way to one target.
#[derive(Debug)]
struct Delivery {
    target: Target,
    number: Number,
    value: Value,
}

#[derive(Debug)]
struct State {
    registered: Vec<Registration>,
    leaving: Vec<Leaving>,
    /// Calls that take something back, so far.
    calls: u64,
    /// What is sent for a signal.
    values: [Option<Value>; SignalSet::MOST as usize],
    /// Fetched, and not sent yet.
    queue: VecDeque<Delivery>,
    turn: Option<ThreadMark>,
    /// Those who wait for the turn.
    waiting: Vec<Arc<Parker>>,
    has_watcher: bool,
    /// Set at exit: nothing is registered any more.
    is_over: bool,
}

/// Made at the first use, never freed; a forked child makes its own: it has none of the registrations, nor the watcher.
static STATE: AtomicPtr<Mutex<State>> = AtomicPtr::new(std::ptr::null_mut());

fn get() -> &'static Mutex<State> {
    // SAFETY: null, or a box that was leaked below and is never freed.
    unsafe { STATE.load(Ordering::Acquire).as_ref() }.unwrap_or_else(make)
}

#[cold]
fn make() -> &'static Mutex<State> {
    let new = Box::into_raw(Box::new(Mutex::new(State {
        registered: Vec::new(),
        leaving: Vec::new(),
        calls: 0,
        values: [const { None }; SignalSet::MOST as usize],
        queue: VecDeque::new(),
        turn: None,
        waiting: Vec::new(),
        has_watcher: false,
        is_over: false,
    })));
    match STATE.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made, and published: never freed from here on.
        Ok(_) => unsafe { &*new },
        Err(theirs) => {
            // SAFETY: `new` was seen by nobody; `theirs` is published and never freed.
            unsafe {
                drop(Box::from_raw(new));
                &*theirs
            }
        }
    }
}

pub fn after_fork_in_child() {
    handler::after_fork_in_child();
    mailbox::after_fork_in_child();
    STATE.store(std::ptr::null_mut(), Ordering::Release);
}

/// Tells threads apart, until they end.
type ThreadMark = usize;

fn this_thread() -> ThreadMark {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// The right to fetch and to send, for as long as it lives.
struct Turn<'a> {
    state: &'a Mutex<State>,
    /// Taken further down on this thread's own stack: a send may run a finalizer, and that may call us.
    is_nested: bool,
}

impl<'a> Turn<'a> {
    fn take(py: Python<'_>, state: &'a Mutex<State>) -> Self {
        let me = this_thread();
        let parker = Arc::new(Parker::new());
        loop {
            {
                let mut state_ = state.lock();
                match state_.turn {
                    None => {
                        state_.turn = Some(me);
                        return Self {
                            state,
                            is_nested: false,
                        };
                    }
                    Some(other) if other == me => {
                        return Self {
                            state,
                            is_nested: true,
                        };
                    }
                    Some(_) => state_.waiting.push(Arc::clone(&parker)),
                }
            }
            announce::detach(py, || {
                deferred::flush();
                while parker.park(None) != Woken::Unparked {}
            });
        }
    }

    /// Fetches what is pending.
    fn fetch(&self, py: Python<'_>) {
        let mut state = self.state.lock();
        let pending = MAILBOX.fetch();
        for number in pending.iter() {
            let State {
                registered,
                leaving,
                values,
                queue,
                ..
            } = &mut *state;
            let Some(value) = &values[usize::from(number) - 1] else {
                continue;
            };
            let leaving = leaving.iter().map(|leaving| &leaving.what);
            let mut begun: Vec<&Target> = Vec::new();
            for one in registered.iter().chain(leaving) {
                // Taken back and registered again: it stands in both.
                if one.wants.has(number) && !begun.iter().any(|target| target.is(&one.target)) {
                    begun.push(&one.target);
                    queue.push_back(Delivery {
                        target: one.target.again(py),
                        number,
                        value: again(py, value),
                    });
                }
            }
        }
    }

    /// Sends what was fetched, also what is left of a turn that this one is nested in.
    fn send(&self, py: Python<'_>) {
        loop {
            let next = self.state.lock().queue.pop_front();
            let Some(delivery) = next else {
                return;
            };
            if let Err(error) = delivery.send(py) {
                guard::raise_later(py, error, None);
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_nested {
            return;
        }
        let waiting = {
            let mut state = self.state.lock();
            state.turn = None;
            std::mem::take(&mut state.waiting)
        };
        for parker in waiting {
            parker.unpark();
        }
    }
}

impl Delivery {
    fn send(self, py: Python<'_>) -> PyResult<()> {
        let Self {
            target,
            number,
            value,
        } = self;
        let (object, core) = match &target {
            Target::Chan { object, core } => (object, core),
            Target::Context(node) => return end_context(node, &value.into_bound(py)),
        };
        match core.try_send(value) {
            // Go's program ends here, with a panic. Ours is told, once, and the signal does from now on what it did before.
            Err(TrySendError::Closed(_)) if forget(&target) => {
                let on = object
                    .bind(py)
                    .cast::<ChanBase>()
                    .map_or_else(|_| String::new(), ChanBase::describe);
                Err(error::chan_closed(
                    py,
                    format!(
                        "signal {number} could not be sent on {on}, and no further one will be: call \
                         gochan.signal.stop(ch) before ch.close()"
                    ),
                ))
            }
            // Full: this one is dropped. Room is the receiver's business (G2).
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Ok(()),
        }
    }
}

fn end_context(node: &Link, signal: &Bound<'_, PyAny>) -> PyResult<()> {
    static CAUSE: Kept<Py<PyAny>> = Kept::new();
    let py = signal.py();
    if node.get().core().is_over() {
        return Ok(());
    }
    let cause = CAUSE
        .import(py, "gochan.signal", "SignalError")
        .and_then(|class| guard::call(class, [signal]));
    // The signal has come, whatever becomes of its name: it is not sent again.
    let (cause, made) = match cause {
        Ok(cause) => (Some(Cause::new(cause)), Ok(())),
        Err(error) => (None, Err(error)),
    };
    context_node::end(py, node, Reason::Canceled, cause);
    made
}

impl State {
    /// Puts the dispositions back of the signals that nobody wants any more, and takes out who wants none. To be dropped after
    /// the unlock.
    fn tidy(&mut self) -> Vec<Registration> {
        let (some, none): (Vec<_>, Vec<_>) = std::mem::take(&mut self.registered)
            .into_iter()
            .partition(|one| one.wants != SignalSet::EMPTY);
        self.registered = some;
        for number in MAILBOX.wanted().without(self.wanted()).iter() {
            handler::uninstall(number);
        }
        none
    }

    fn wanted(&self) -> SignalSet {
        let all = self.registered.iter().map(|one| one.wants);
        all.fold(SignalSet::EMPTY, SignalSet::plus)
    }
}

/// Takes back the registrations of a channel that is closed: nothing can reach it any more. False if there was none.
fn forget(target: &Target) -> bool {
    let gone = {
        let mut state = get().lock();
        for one in state.registered.iter_mut().filter(|one| one.target.is(target)) {
            one.wants = SignalSet::EMPTY;
        }
        state.tidy()
    };
    !gone.is_empty()
}

/// Takes back what `pick` says of each target. When it returns, nothing of that is delivered any more, and no signal is lost: whatever
/// came before has reached the target, what came later met the disposition of before, or those who still want it (G4).
///
/// 1. Under the lock: the registration moves to `leaving`; dispositions are put back.
/// 2. Handlers that found their signal wanted come to their end: they have marked it.
/// 3. With the turn, that is, nobody is in the middle of a send: what is pending is sent, here and now.
/// 4. Then `leaving` is emptied: of earlier calls' registrations too. They have had the same, and one of those calls may be about the
///    same channel, and still at 3.
fn take_back(py: Python<'_>, pick: impl Fn(&Target) -> SignalSet, to_ignore: SignalSet) -> PyResult<()> {
    let shared = get();
    let (call, gone, result) = {
        let mut state = shared.lock();
        state.calls += 1;
        let call = state.calls;
        let State {
            registered, leaving, ..
        } = &mut *state;
        for one in registered {
            let out = one.wants.and(pick(&one.target));
            if out != SignalSet::EMPTY {
                one.wants = one.wants.without(out);
                let what = Registration {
                    target: one.target.again(py),
                    wants: out,
                };
                leaving.push(Leaving { what, call });
            }
        }
        // First, so that a signal between the two does not meet the disposition of before.
        let result = to_ignore.iter().try_for_each(handler::ignore);
        (call, state.tidy(), result)
    };
    drop(gone);
    MAILBOX.settle(SignalSet::ALL.without(MAILBOX.wanted()));
    let turn = Turn::take(py, shared);
    turn.fetch(py);
    turn.send(py);
    let left = {
        let mut state = shared.lock();
        let (left, others): (Vec<_>, Vec<_>) = std::mem::take(&mut state.leaving)
            .into_iter()
            .partition(|leaving| leaving.call <= call);
        state.leaving = others;
        left
    };
    drop(turn);
    drop(left);
    result.map_err(PyErr::from)
}

/// The watcher: its bottom is `deliver_signals` in `gochan/_threads.py`.
fn start_watcher(py: Python<'_>) -> PyResult<()> {
    static START: Kept<Py<PyAny>> = Kept::new();
    static WATCH: Kept<Py<PyAny>> = Kept::new();
    {
        let mut state = get().lock();
        if state.is_over {
            return Err(exiting());
        }
        mailbox::prepare()?;
        if std::mem::replace(&mut state.has_watcher, true) {
            return Ok(());
        }
    }
    let begin = || -> PyResult<()> {
        let start = START.import(py, "_thread", "start_new_thread")?;
        let watch = WATCH.import(py, "gochan._threads", "deliver_signals")?;
        start.call1((watch, ())).map(drop)
    };
    begin().map_err(|error| {
        get().lock().has_watcher = false;
        if !error.is_instance_of::<PyException>(py) {
            return error; // Ctrl-C, in the middle of the first import
        }
        let refused = PyRuntimeError::new_err(format!(
            "gochan.signal: no thread to be had for the delivery of signals ({error})"
        ));
        refused.set_cause(py, Some(error));
        refused
    })
}

fn exiting() -> PyErr {
    PyRuntimeError::new_err(
        "gochan.signal: the interpreter is exiting, and no signals are delivered any more",
    )
}

/// A signal, what is sent for it, and whether a function that handles it now is called as well.
type Wanted<'py> = (Number, Bound<'py, PyAny>, bool);

fn register(py: Python<'_>, target: Target, signals: &[Wanted<'_>]) -> PyResult<()> {
    if signals.is_empty() {
        return Ok(());
    }
    start_watcher(py)?;
    let wants = signals.iter().map(|signal| signal.0).collect();
    let mut spare = None;
    let mut state = get().lock();
    let mut each = signals.iter();
    let result = if state.is_over {
        // Since a moment ago: the start of a thread lets others run.
        Err(exiting())
    } else {
        each.try_for_each(|&(number, _, chain)| handler::install(number, chain))
            .map_err(PyErr::from)
    };
    if result.is_ok() {
        for (number, value, _) in signals {
            let place = &mut state.values[usize::from(*number) - 1];
            if place.is_none() {
                *place = Some(Value::new(value.clone()));
            }
        }
        match state.registered.iter_mut().find(|one| one.target.is(&target)) {
            Some(one) => {
                one.wants = one.wants.plus(wants);
                spare = Some(target);
            }
            None => state.registered.push(Registration { target, wants }),
        }
    } else {
        spare = Some(target);
    }
    // If it failed, some are installed for nobody.
    let unused = state.tidy();
    drop(state);
    drop((unused, spare));
    result
}

#[pyfunction]
#[pyo3(name = "_signal_notify", signature = (ch, signals, /))]
#[allow(clippy::needless_pass_by_value)] // as PyO3 gives them
pub fn notify(ch: &Bound<'_, SendChan>, signals: Vec<Wanted<'_>>) -> PyResult<()> {
    register(ch.py(), Target::chan(ch), &signals)
}

#[pyfunction]
#[pyo3(name = "_signal_stop", signature = (ch, /))]
pub fn stop(ch: &Bound<'_, SendChan>) -> PyResult<()> {
    let mine = Target::chan(ch);
    take_back(ch.py(), |other| mine.only(other), SignalSet::EMPTY)
}

/// A context that the first of the signals ends. Registered also if its parent is done already (G9).
#[pyfunction]
#[pyo3(name = "_signal_context", signature = (parent, names, signals, /))]
#[allow(clippy::needless_pass_by_value)] // as PyO3 gives them
pub fn notify_context<'py>(
    parent: &Bound<'py, PyAny>,
    names: String,
    signals: Vec<Wanted<'py>>,
) -> PyResult<Bound<'py, CancelContext>> {
    let (ctx, node) = context_make::with_signals(parent, names)?;
    register(parent.py(), Target::Context(node), &signals)?;
    Ok(ctx)
}

/// After its `cancel`.
pub fn stop_context(py: Python<'_>, node: &Link) -> PyResult<()> {
    static GIVE_BACK: Kept<Py<PyAny>> = Kept::new();
    let mine = Target::Context(node.clone());
    take_back(py, |other| mine.only(other), SignalSet::EMPTY)?;
    let give_back = GIVE_BACK.import(py, "gochan.signal", "_give_back")?;
    guard::call(give_back, []).map(drop)
}

/// Takes signals from all targets, and has the system drop them from now on, if `ignore`.
#[pyfunction]
#[pyo3(name = "_signal_reset", signature = (numbers, ignore, /))]
#[allow(clippy::needless_pass_by_value)]
pub fn reset(py: Python<'_>, numbers: Vec<Number>, ignore: bool) -> PyResult<()> {
    let signals: SignalSet = numbers.into_iter().collect();
    let to_ignore = if ignore { signals } else { SignalSet::EMPTY };
    take_back(py, |_| signals, to_ignore)
}

/// At exit, as late as possible: as Python's own handlers, ours end then.
#[pyfunction]
#[pyo3(name = "_signal_close")]
pub fn close(py: Python<'_>) -> PyResult<()> {
    get().lock().is_over = true;
    take_back(py, |_| SignalSet::ALL, SignalSet::EMPTY)
}

#[pyfunction]
#[pyo3(name = "_signal_ignored", signature = (number, /))]
pub fn ignored(number: Number) -> PyResult<bool> {
    handler::is_ignored(number).map_err(PyErr::from)
}

#[pyfunction]
#[pyo3(name = "_signal_wanted", signature = (number, /))]
pub fn wanted(number: Number) -> bool {
    MAILBOX.wanted().has(number)
}

/// A signal has come to a handler in Python. False if nobody wants it.
#[pyfunction]
#[pyo3(name = "_signal_mark", signature = (number, /))]
pub fn mark(number: Number) -> bool {
    mailbox::mark(number)
}

/// Python's `signal.signal` has put a handler of its own in front of ours: sets ours again, if the signal is wanted.
#[pyfunction]
#[pyo3(name = "_signal_again", signature = (number, /))]
pub fn set_again(number: Number) -> PyResult<()> {
    let _state = get().lock();
    if MAILBOX.wanted().has(number) {
        handler::install(number, false)?;
    }
    Ok(())
}

/// What the watcher does over and over: waits for signals, and sends them.
#[pyfunction]
#[pyo3(name = "_signal_watch")]
pub fn watch(py: Python<'_>) {
    // Else the system may choose this thread for a signal, and a call of the main thread that waits is not interrupted.
    deferred::block_all_signals();
    announce::detach(py, || {
        deferred::flush();
        mailbox::wait();
    });
    let turn = Turn::take(py, get());
    turn.fetch(py);
    turn.send(py);
}
