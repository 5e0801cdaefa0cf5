//! Driving the coroutine of an `async def` goroutine: one step, its end, and its end before the end.
//!
//! A step resumes the coroutine until it yields. What it yields must be an operation of gochan that has parked this very
//! goroutine, and that is all a park is: no future, no callback. The peer that completes the operation puts the
//! goroutine into a run queue, and the next step finds the outcome in the goroutine's own waiter.
//!
//! Invariants:
//! * Only the thread that moved the goroutine's word to RUNNING steps it; the coroutine is never resumed by two.
//! * A goroutine that has ended has no body: coroutine, context and what they hold are let go of at once.

use crate::awaitable::Awaitable;
use crate::current::{self, Closing, Running};
use crate::goroutine::{Body, End, Goroutine, flag};
use crate::guard;
use crate::scope;
use crate::text;
use crate::turns;
use crate::value::share;
use crate::world::{self, Routine};
use gochan_core::clock::Instant;
use gochan_core::sched::park_word::Standing;
use parking_lot::Mutex;
use pyo3::exceptions::{
    PyGeneratorExit, PyResourceWarning, PyRuntimeError, PyStopAsyncIteration, PyStopIteration, PyTypeError,
};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How one step ended.
enum Sent {
    Yielded(Py<PyAny>),
    Returned(Py<PyAny>),
    Raised(PyErr),
}

/// Gives a goroutine that stands in no queue yet its coroutine.
pub fn attach(goroutine: &Bound<'_, Goroutine>, body: Body) {
    scope::stepped_began();
    let py = goroutine.py();
    share(body.coroutine.bind(py));
    share(body.context.bind(py));
    // SAFETY: attached, and it stands in no queue yet.
    let old = unsafe { goroutine.get().body().replace(body) };
    debug_assert!(old.is_none(), "one coroutine each");
}

/// What becomes of a goroutine after a step.
enum Next {
    /// It belongs to whoever wakes it, or has ended.
    Nothing,
    /// It was woken on its way to parking.
    Ready,
    /// It gave way.
    Last,
}

/// Resumes a goroutine that was taken out of a queue, and sees to what comes next.
pub fn step(py: Python<'_>, routine: Routine) {
    match resume(routine.bind(py), None) {
        // Perhaps the last reference: the drop may run Python, and is made for that.
        Next::Nothing => drop(routine),
        Next::Ready => world::ready(py, routine),
        Next::Last => world::ready_last(py, routine),
    }
}

/// Resumes the main goroutine of a `run()`, on its own thread, with an error if there is one.
pub fn step_main(main: &Bound<'_, Goroutine>, error: Option<PyErr>) {
    if let Next::Last = resume(main, error) {
        // It gave way: to the threads that resume the others.
        turns::give_way(main.py());
    }
}

#[inline]
fn resume(goroutine: &Bound<'_, Goroutine>, error: Option<PyErr>) -> Next {
    let (py, this) = (goroutine.py(), goroutine.get());
    if this.is_abandoned() {
        leave_behind(goroutine);
        return Next::Nothing;
    }
    if !this.word.start() {
        return Next::Nothing;
    }
    // SAFETY: attached, and `start` gave this thread the right to resume it.
    let Some(body) = (unsafe { this.body() }) else {
        return Next::Nothing;
    };
    let mut sent = {
        let _running = Running::enter(goroutine, true);
        match error {
            None => send(py, body),
            Some(error) => throw(body, error.into_value(py).bind(py).as_any()),
        }
    };
    loop {
        match sent {
            Sent::Yielded(yielded) if Awaitable::is_parked(yielded.bind(py), this) => {
                // What is yielded is held by the coroutine's frame too.
                drop(yielded.into_bound(py));
                return if this.word.park() {
                    Next::Nothing
                } else if this.unset(flag::GAVE_WAY) {
                    Next::Last
                } else {
                    Next::Ready
                };
            }
            Sent::Yielded(foreign) => {
                let error = foreign_awaitable(foreign.bind(py));
                // SAFETY: as above; this thread has not let go of it yet.
                let Some(body) = (unsafe { this.body() }) else {
                    return Next::Nothing;
                };
                let _running = Running::enter(goroutine, true);
                sent = throw(body, &error);
            }
            Sent::Returned(value) => {
                end(goroutine, End::Value(value));
                return Next::Nothing;
            }
            Sent::Raised(error) => {
                explain(py, &error);
                end(goroutine, ended_with(py, error));
                return Next::Nothing;
            }
        }
    }
}

pub fn returned(value: Bound<'_, PyAny>) -> End {
    End::Value(value.unbind())
}

/// What an exception that left a goroutine makes of its end.
pub fn ended_with(py: Python<'_>, error: PyErr) -> End {
    if is_goexit(py, error.value(py)) {
        return End::Value(py.None());
    }
    let traceback = error.traceback(py).map(|traceback| traceback.into_any().unbind());
    End::error(error.into_value(py).into_any(), traceback)
}

/// asyncio's functions look for their own loop before they await anything, and say only that there is none.
fn explain(py: Python<'_>, error: &PyErr) {
    if !error.is_instance_of::<PyRuntimeError>(py) {
        return;
    }
    let error = error.value(py);
    // asyncio's own, which says nothing else. Not by `str()`: that runs signal handlers.
    let text = error
        .getattr(intern!(py, "args"))
        .and_then(|args| args.get_item(0));
    let is_asyncios = text.and_then(|text| text.eq("no running event loop"));
    if guard::found(py, is_asyncios).unwrap_or(false) {
        let note =
            "asyncio code runs in a goroutine by way of gochan.aio: `await gochan.aio(asyncio.sleep(1))`";
        // Without the note the error is as good as it was.
        guard::found(py, error.call_method1("add_note", (note,)));
    }
}

fn end(goroutine: &Bound<'_, Goroutine>, end: End) {
    let py = goroutine.py();
    // SAFETY: this thread has the right to resume it, and nobody will again.
    let body = unsafe { goroutine.get().body().take() };
    if let Some(body) = body {
        scope::stepped_ended();
        // The coroutine first: what it still holds may be what somebody waits for.
        body.drop_guarded(py);
    }
    Goroutine::finish(goroutine, end);
}

type IterSend = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut *mut ffi::PyObject,
) -> ffi::PySendResult;

#[inline]
fn send(py: Python<'_>, body: &Body) -> Sent {
    gochan_core::lock::assert_none_held("resuming a coroutine");
    let (coroutine, context) = (body.coroutine.as_ptr(), body.context.as_ptr());
    // SAFETY: the same function under an ABI that differs only in that unwinding is allowed: see guard.rs.
    let iter_send = std::hint::black_box(unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(
                *mut ffi::PyObject,
                *mut ffi::PyObject,
                *mut *mut ffi::PyObject,
            ) -> ffi::PySendResult,
            IterSend,
        >(ffi::PyIter_Send)
    });
    let mut result = std::ptr::null_mut();
    // SAFETY: attached, live objects; the context is entered by this goroutine alone, so by nobody now. The result is a
    // new reference, or null with an error.
    unsafe {
        if ffi::PyContext_Enter(context) != 0 {
            return Sent::Raised(PyErr::fetch(py));
        }
        let guard = guard::NeverReturn;
        let sent = iter_send(coroutine, ffi::Py_None(), &raw mut result);
        std::mem::forget(guard);
        match sent {
            ffi::PySendResult::PYGEN_NEXT => {
                ffi::PyContext_Exit(context);
                Sent::Yielded(Bound::from_owned_ptr(py, result).unbind())
            }
            ffi::PySendResult::PYGEN_RETURN => {
                ffi::PyContext_Exit(context);
                Sent::Returned(Bound::from_owned_ptr(py, result).unbind())
            }
            ffi::PySendResult::PYGEN_ERROR => {
                let error = PyErr::fetch(py);
                ffi::PyContext_Exit(context);
                Sent::Raised(error)
            }
        }
    }
}

/// Resumes the coroutine with an exception.
fn throw(body: &Body, error: &Bound<'_, PyAny>) -> Sent {
    let py = error.py();
    // SAFETY: attached, a live context that nobody else enters.
    if unsafe { ffi::PyContext_Enter(body.context.as_ptr()) } != 0 {
        return Sent::Raised(PyErr::fetch(py));
    }
    let thrown = guard::call_method(body.coroutine.bind(py), intern!(py, "throw"), [error]);
    // SAFETY: entered above.
    unsafe { ffi::PyContext_Exit(body.context.as_ptr()) };
    match thrown {
        Ok(yielded) => Sent::Yielded(yielded.unbind()),
        Err(stop) if stop.is_instance_of::<PyStopIteration>(py) => match stop.value(py).getattr("value") {
            Ok(value) => Sent::Returned(value.unbind()),
            Err(error) => Sent::Raised(error),
        },
        Err(error) => Sent::Raised(error),
    }
}

#[cold]
fn foreign_awaitable<'py>(foreign: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let py = foreign.py();
    let what = if foreign.is_none() {
        "something that only yields (None)".to_owned()
    } else {
        // A class may say anything in its `__module__`.
        let kind = foreign.get_type();
        match (kind.module(), kind.qualname()) {
            (Ok(module), Ok(name)) => format!("a {}.{}", text::of(&module), text::of(&name)),
            _ => "a foreign object".to_owned(),
        }
    };
    PyTypeError::new_err(format!(
        "a goroutine can not await {what}: it belongs to another event loop, and nothing here would wake the goroutine; \
         write `await gochan.aio(...)` around it, which runs it on gochan's asyncio loop"
    ))
    .into_value(py)
    .into_bound(py)
    .into_any()
}

/// Flags of a code object that may await: of a coroutine, of a generator that is one, of an async generator.
pub const CO_AWAITS: u32 = 0x80 | 0x100 | 0x200;

/// What it waits for at the end of its chain of awaits, and since when. None if it is not parked.
pub fn waits_in(goroutine: &Bound<'_, Goroutine>) -> Option<(String, Instant)> {
    let _held = Held::hold(goroutine)?;
    let awaits = end_of_chain(goroutine)?;
    awaits.get().waits_in(goroutine.py())
}

/// A parked goroutine that stays so for as long as this lives.
///
/// With the GIL nobody resumes it anyway while this thread looks. Without, another thread could in the middle of the look, which would
/// go through frames that run, and have the awaitable locked when the goroutine comes for its outcome.
struct Held<'a, 'py>(&'a Bound<'py, Goroutine>);

impl<'a, 'py> Held<'a, 'py> {
    /// Another one may be looking. Unless it is this thread itself, below an attribute of the user's, it soon ends.
    const TRIES: u32 = 1000;

    fn hold(goroutine: &'a Bound<'py, Goroutine>) -> Option<Self> {
        let word = &goroutine.get().word;
        if !cfg!(Py_GIL_DISABLED) {
            return (word.standing() == Standing::Parked).then_some(Self(goroutine));
        }
        for _ in 0..Self::TRIES {
            if word.hold() {
                return Some(Self(goroutine));
            }
            if word.standing() != Standing::Parked {
                break;
            }
            goroutine.py().detach(std::thread::yield_now);
        }
        None
    }
}

impl Drop for Held<'_, '_> {
    fn drop(&mut self) {
        if cfg!(Py_GIL_DISABLED) && !self.0.get().word.let_go() {
            world::ready(self.0.py(), Routine::new(self.0.clone()));
        }
    }
}

/// The operation at the end of the goroutine's chain of awaits. For one who holds it, or has the right to resume it.
fn end_of_chain<'py>(goroutine: &Bound<'py, Goroutine>) -> Option<Bound<'py, Awaitable>> {
    let py = goroutine.py();
    // SAFETY: attached, and the caller holds it or has the right to resume it: nobody else changes it meanwhile.
    let body = unsafe { goroutine.get().body() };
    let mut at = body.as_ref()?.coroutine.clone_ref(py).into_bound(py);
    loop {
        match at.cast_into::<Awaitable>() {
            Ok(awaitable) => return Some(awaitable),
            Err(other) => at = next_in_chain(&other.into_inner())?,
        }
    }
}

/// It was woken, and then its `run()` ended. What it was woken with (a value, a lock, permits) goes back or on to others: nobody
/// resumes it, and as long as somebody holds its handle nothing else would end its wait.
#[cold]
fn leave_behind(goroutine: &Bound<'_, Goroutine>) {
    let this = goroutine.get();
    // It came out of a queue, so the right to resume it is ours, unless it has ended.
    if !this.waits() {
        if cfg!(Py_GIL_DISABLED) && this.word.start() {
            close_if_new(goroutine);
            this.word.requeue();
        }
        return;
    }
    if !this.word.start() {
        return;
    }
    if let Some(awaits) = end_of_chain(goroutine) {
        if let Err(error) = awaits.get().abort(goroutine.py()) {
            guard::write_unraisable(goroutine.py(), error, Some(goroutine.as_any()));
        }
    }
    // Whoever wakes it now finds nothing to give.
    this.word.park();
}

/// Closes the coroutine of one that never began, of which nothing runs then. The collector that goes by age comes to the
/// goroutine first, which does that; the free-threaded one may come to the coroutine, which warns that nobody awaited it.
fn close_if_new(goroutine: &Bound<'_, Goroutine>) {
    let py = goroutine.py();
    // SAFETY: attached, and the caller has the right to resume it.
    let Some(body) = (unsafe { goroutine.get().body() }) else {
        return;
    };
    let coroutine = body.coroutine.bind(py);
    let is_new = || -> PyResult<bool> {
        let (suspended, frame) = (coroutine.getattr("cr_suspended")?, coroutine.getattr("cr_frame")?);
        Ok(!suspended.is_truthy()? && !frame.is_none())
    };
    let closed = is_new().and_then(|is_new| {
        if is_new {
            guard::call_method(coroutine, intern!(py, "close"), [])?;
        }
        Ok(())
    });
    if let Err(error) = closed {
        // It is no coroutine of Python's own, and does not warn, or a signal came.
        guard::found::<()>(py, Err(error));
    }
}

/// Goroutines that were found while their own coroutine was running: closed at the end of the collection, or a little later
/// if it was none.
static LATER: Mutex<Vec<Py<Goroutine>>> = Mutex::new(Vec::new());

/// The collector, or the last reference, found a goroutine that has not ended: nothing can wake it any more.
pub fn collected(goroutine: &Bound<'_, Goroutine>) {
    let this = goroutine.get();
    if this.is_of_another_process() {
        return;
    }
    let waits = Goroutine::waits_in(goroutine);
    if !this.word.retire() {
        return;
    }
    // SAFETY: attached, and `retire` made sure that nobody has the right to resume it, nor gets it.
    let Some(body) = (unsafe { this.body() }) else {
        return;
    };
    if is_running(body.coroutine.bind(goroutine.py())) {
        // The collector comes to the objects of a cycle in any order. It closed a coroutine further down the chain first,
        // and we are inside of that: the rest has to wait until it is done.
        close_soon(goroutine);
        return;
    }
    report_lost(goroutine, waits.map(|(what, _)| what));
    close(goroutine);
}

fn report_lost(goroutine: &Bound<'_, Goroutine>, waits: Option<String>) {
    let (py, this) = (goroutine.py(), goroutine.get());
    if this.is_abandoned() || world::is_stopped() {
        return;
    }
    let what = waits.or_else(|| this.broken_off()).map_or_else(
        || "it was waiting".to_owned(),
        |what| format!("it waits in {what}"),
    );
    let text = format!(
        "goroutine {} can never be woken: {what}, and nothing else can reach that; started at {}",
        this.full_name(py),
        this.start_site(py)
    );
    if let Err(error) = warn(py, &text) {
        guard::raise_later(py, error, Some(goroutine.as_any()));
    }
}

/// Whether a coroutine of the chain of awaits is executing at this moment.
fn is_running(coroutine: &Bound<'_, PyAny>) -> bool {
    let mut at = coroutine.clone();
    loop {
        // The end of nearly every chain. To ask it for what it refers to would stop the world, without the GIL.
        if at.is_instance_of::<Awaitable>() {
            return false;
        }
        if is_executing(&at) {
            return true;
        }
        let Some(next) = next_in_chain(&at) else {
            return false;
        };
        at = next;
    }
}

fn is_executing(at: &Bound<'_, PyAny>) -> bool {
    let is = |name| {
        let flag = guard::found(at.py(), at.getattr_opt(name)).flatten();
        flag.map(|flag| flag.is_truthy().unwrap_or(false))
    };
    // An async generator calls itself running from the time its next value is asked for until it has come, also while it is
    // suspended in between. Up to 3.11 it does not tell the two apart; there, closing who iterates leaves the generator alone.
    if is("ag_running") == Some(true) {
        return is("ag_suspended") == Some(false);
    }
    is("cr_running").or_else(|| is("gi_running")).unwrap_or(false)
}

/// What a coroutine or generator awaits.
fn next_in_chain<'py>(at: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let awaited = |object: &Bound<'py, PyAny>| {
        ["cr_await", "gi_yieldfrom", "ag_await"]
            .iter()
            .find_map(|name| guard::found(object.py(), object.getattr_opt(name)).flatten())
    };
    if let Some(next) = awaited(at) {
        return (!next.is_none()).then_some(next);
    }
    // Between an async generator and who iterates stands an object that tells nothing, but refers to the generator.
    let gc = at.py().import("gc").ok()?;
    let referents = gc.call_method1("get_referents", (at,)).ok()?;
    referents
        .try_iter()
        .ok()?
        .filter_map(Result::ok)
        .find(|object| awaited(object).is_some())
}

extern "C" fn close_later(_nothing: *mut std::ffi::c_void) -> std::ffi::c_int {
    Python::try_attach(close_found);
    0
}

/// Closes those that were found while they could not be closed.
pub fn close_found(py: Python<'_>) {
    if LATER.lock().is_empty() {
        return;
    }
    let found = std::mem::take(&mut *LATER.lock());
    for goroutine in found {
        let goroutine = goroutine.into_bound(py);
        // SAFETY: attached, and the word is DONE: nobody has the right to resume it.
        let body = unsafe { goroutine.get().body().as_ref() };
        if body.is_some_and(|body| is_running(body.coroutine.bind(py))) {
            // Still inside of it.
            close_soon(&goroutine);
            continue;
        }
        report_lost(&goroutine, None);
        close(&goroutine);
    }
}

fn close_soon(goroutine: &Bound<'_, Goroutine>) {
    LATER.lock().push(goroutine.clone().unbind());
    // SAFETY: attached. A full list of pending calls is not an error: the next one, or exit, sees to all.
    unsafe { ffi::Py_AddPendingCall(Some(close_later), std::ptr::null_mut()) };
}

fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    // Gone at the very end of the interpreter, when nobody is left to read warnings.
    let Ok(warnings) = py.import("warnings") else {
        return Ok(());
    };
    let warn = warnings.getattr("warn")?;
    let (text, one) = (text.into_pyobject(py)?, 1_i32.into_pyobject(py)?);
    let kind = py.get_type::<PyResourceWarning>();
    // Without the goroutine as its source: whoever records warnings would keep it alive.
    guard::call(&warn, [text.as_any(), kind.as_any(), one.as_any()]).map(drop)
}

/// Ends a goroutine that nobody will resume any more: its `finally` blocks run, and can not wait.
///
/// Its word is DONE already.
pub fn close(goroutine: &Bound<'_, Goroutine>) {
    let py = goroutine.py();
    // SAFETY: attached, and the word is DONE: nobody else has the right to resume it.
    let Some(body) = (unsafe { goroutine.get().body().take() }) else {
        return;
    };
    scope::stepped_ended();
    let closing = Closing::enter();
    let coroutine = body.coroutine.bind(py);
    // SAFETY: attached, a live context, which nobody has entered: the goroutine does not run.
    let entered = unsafe { ffi::PyContext_Enter(body.context.as_ptr()) } == 0;
    if !entered {
        drop(PyErr::take(py));
    }
    close_generators(coroutine);
    if let Err(error) = guard::call_method(coroutine, intern!(py, "close"), []) {
        if !is_goexit(py, error.value(py)) {
            guard::raise_later(py, error, Some(goroutine.as_any()));
        }
    }
    if entered {
        // SAFETY: entered above.
        unsafe { ffi::PyContext_Exit(body.context.as_ptr()) };
    }
    body.drop_guarded(py);
    drop(closing);
    Goroutine::finish(goroutine, End::Value(py.None()));
}

/// Closes the async generators of a chain of awaits that wait themselves, from the innermost outwards.
///
/// Up to 3.12, closing whoever iterates over such a generator leaves it where it is, for ever: `close` of what `__anext__` gave does
/// nothing. `throw` reaches it.
fn close_generators(coroutine: &Bound<'_, PyAny>) {
    if cfg!(Py_3_13) {
        return;
    }
    let py = coroutine.py();
    let mut steps = Vec::new();
    let mut at = Some(coroutine.clone());
    // Most chains end after one step, and at exit a million may be closed.
    while let Some(object) = at.filter(|object| !object.is_exact_instance_of::<Awaitable>()) {
        at = next_in_chain(&object);
        if object
            .get_type()
            .name()
            .is_ok_and(|name| name == "async_generator_asend")
        {
            steps.push(object);
        }
    }
    for step in steps.into_iter().rev() {
        let closing = PyGeneratorExit::new_err(())
            .into_value(py)
            .into_bound(py)
            .into_any();
        match guard::call_method(&step, intern!(py, "throw"), [&closing]) {
            Err(error) if error.is_instance_of::<PyGeneratorExit>(py) => {}
            Err(error) if error.is_instance_of::<PyStopAsyncIteration>(py) => {}
            Err(error) => guard::raise_later(py, error, Some(&step)),
            // It goes on all the same. Python says so of it when it is dropped, as of a coroutine that does.
            Ok(_) => {}
        }
    }
}

// ---------------------------------------------------------------- goexit

/// Goroutines that were told to exit and have not ended: while there are none, operations do not look further.
static EXITING: AtomicUsize = AtomicUsize::new(0);

pub fn exit_is_over() {
    EXITING.fetch_sub(1, Ordering::AcqRel);
}

fn goexit_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS
        .get_or_try_init(py, || Ok(py.import("gochan.errors")?.getattr("GoExit")?.unbind()))
        .map(|class| class.bind(py))
}

pub fn is_goexit(py: Python<'_>, error: &Bound<'_, PyAny>) -> bool {
    EXITING.load(Ordering::Acquire) != 0
        && goexit_class(py).is_ok_and(|class| error.is_instance(class).unwrap_or(false))
}

fn goexit_error(py: Python<'_>) -> PyErr {
    match goexit_class(py).and_then(PyAnyMethods::call0) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Ends the calling goroutine: its `finally` blocks run, nothing else of it. Go's runtime.Goexit.
///
/// Its result is None, and it counts as ended without an error. In the main goroutine of `run()` it ends that one only:
/// the others go on. RuntimeError outside of a goroutine.
#[pyfunction]
pub fn goexit(py: Python<'_>) -> PyResult<()> {
    let Some(goroutine) = current::goroutine(py) else {
        return Err(PyRuntimeError::new_err(
            "goexit() ends the calling goroutine, and this thread runs none: use it in a function started with go() or run()",
        ));
    };
    if goroutine.get().set(flag::EXITING) {
        EXITING.fetch_add(1, Ordering::AcqRel);
    }
    Err(goexit_error(py))
}

/// Raises again in a goroutine that has swallowed its `goexit()`. At the entrance of every operation.
#[inline]
pub fn check_exit(py: Python<'_>) -> PyResult<()> {
    if EXITING.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    check_exit_here(py)
}

/// Whether the fast front of an operation has to leave it to the slow one, which checks.
#[inline]
pub fn some_exit() -> bool {
    EXITING.load(Ordering::Relaxed) != 0
}

#[cold]
fn check_exit_here(py: Python<'_>) -> PyResult<()> {
    match current::goroutine(py) {
        Some(goroutine) if goroutine.get().has(flag::EXITING) && !is_on_its_way(py) => Err(goexit_error(py)),
        _ => Ok(()),
    }
}

/// Whether a `finally` or `except` block runs because of it: there a goroutine may do what it likes. It is swallowed only
/// when no such block is left.
fn is_on_its_way(py: Python<'_>) -> bool {
    // SAFETY: attached; a new reference or null.
    let mut handled = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetHandledException()) };
    while let Some(error) = handled.filter(|error| !error.is_none()) {
        if is_goexit(py, &error) {
            return true;
        }
        // An error on the way out: what it was raised in the course of.
        // SAFETY: attached, an exception; a new reference or null.
        handled = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetContext(error.as_ptr())) };
    }
    false
}
