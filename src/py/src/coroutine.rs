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
use crate::current::Running;
use crate::goexit;
use crate::goroutine::{Body, End, Goroutine, flag};
use crate::guard;
use crate::kept::intern;
use crate::scope;
use crate::text;
use crate::turns;
use crate::value::share;
use crate::world::{self, Routine};
use gochan_core::clock::Instant;
use gochan_core::sched::park_word::Standing;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

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
    if goexit::is_goexit(py, error.value(py)) {
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
/// With the GIL nobody resumes it anyway before the look has its own reference to the coroutine; an attribute of the user's on the way down may
/// let others in, and then what is told is old news. Without the GIL another thread could resume it at any moment of the look, which would
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
    if !this.word.start() {
        return;
    }
    let awaits = end_of_chain(goroutine);
    let beside = |awaits: &Bound<'_, Awaitable>| awaits.get().is_wait_of(this);
    if !this.waits() && !awaits.as_ref().is_some_and(beside) {
        if cfg!(Py_GIL_DISABLED) {
            close_if_new(goroutine);
        }
        this.word.requeue();
        return;
    }
    if let Some(awaits) = awaits {
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

/// What a coroutine or generator awaits.
pub fn next_in_chain<'py>(at: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
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
