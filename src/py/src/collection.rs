//! While the garbage collector works on this thread: what it closes can not wait.
//!
//! A goroutine that nothing can wake is closed by its finalizer, which sees to it that nothing waits in its `finally` blocks. But the
//! collector may come to a coroutine further down its chain of awaits first (objects of the youngest generation come before those of the
//! middle one), and close that by itself. Its `finally` blocks then run in the middle of whatever this thread is doing: a blocking form would
//! wait for ever with the collector, and an awaitable would park the goroutine that happens to be resumed here. So the
//! interpreter tells us when a collection begins and ends (`gc.callbacks`), and in between
//!
//! * no awaitable takes the goroutine that is resumed on this thread for its own, and
//! * in a coroutine that the collector closes, what would have to wait is refused, as in a goroutine that is being closed.
//!
//! Such a coroutine stands at the bottom of what runs on top of the frame that was running when the collection began. A `__del__` or a
//! callback there is nobody's coroutine, and may do what it likes.
//!
//! At the end of the collection the goroutines that were put off are closed: see `lost::collected`.
//!
//! Without the GIL one thing more. What the collector closes may wake a goroutine that it is about to close too, and another thread
//! would resume that one while the collector closes its coroutine. So who is woken by a thread that collects is kept back until the
//! collection ends, or that thread has to wait.

use crate::coroutine;
use crate::current;
use crate::guard;
use crate::kept::{Kept, intern};
use crate::lost;
use crate::scope;
use crate::world::{self, Routine};
use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
struct Collection {
    /// Whether one is under way on this thread.
    on: Cell<bool>,
    /// The frame that was running when it began, owned; null if none was.
    frame: Cell<*mut ffi::PyFrameObject>,
    /// Whether awaitables might park the goroutine of this thread before.
    stepped: Cell<bool>,
    /// The frame at the bottom of what was refused something last, only compared, and how often that was.
    refused: Cell<(*mut ffi::PyFrameObject, u32)>,
}

thread_local! {
    static COLLECTION: Collection = const {
        Collection {
            on: Cell::new(false),
            frame: Cell::new(null_mut()),
            stepped: Cell::new(false),
            refused: Cell::new((null_mut(), 0)),
        }
    };
}

/// Woken, and kept back. What may not happen under it: a drop, any Python.
static WOKEN: Mutex<Vec<Routine>> = Mutex::new(Vec::new());
/// Whether a collection is under way, or ended without our being told. The interpreter runs one at a time.
static UNDER_WAY: AtomicBool = AtomicBool::new(false);

/// Keeps a goroutine back that was woken, if it must not be resumed now; else it is given back.
#[inline]
pub fn keep_back(py: Python<'_>, routine: Routine) -> Option<Routine> {
    if !cfg!(Py_GIL_DISABLED) || !UNDER_WAY.load(Ordering::Relaxed) {
        return Some(routine);
    }
    // A wake can come out of a drop, in the middle of somebody's exception.
    if !is_on() || !guard::with_error_aside(py, || will_be_told(py)) {
        return Some(routine);
    }
    WOKEN.lock().push(routine);
    None
}

/// Whether the end of the collection will come to us: the list of callbacks is anybody's.
#[cold]
fn will_be_told(py: Python<'_>) -> bool {
    let told = TELL
        .get(py)
        .map(|tell| callbacks(py).and_then(|all| all.contains(tell)));
    matches!(told, Some(Ok(true)))
}

/// Queues those who were kept back.
#[inline]
pub fn let_go(py: Python<'_>) {
    if cfg!(Py_GIL_DISABLED) && UNDER_WAY.load(Ordering::Relaxed) {
        let woken = std::mem::take(&mut *WOKEN.lock());
        for routine in woken {
            world::ready(py, routine);
        }
    }
}

/// A collection of the parent does not go on here, and its goroutines neither.
pub fn after_fork_in_child() {
    UNDER_WAY.store(false, Ordering::Relaxed);
    std::mem::forget(std::mem::take(&mut *WOKEN.lock()));
}

/// What stands in `gc.callbacks`.
static TELL: Kept<Py<PyAny>> = Kept::new();

/// For `gc.callbacks`: called with "start" or "stop" on the thread that collects.
#[pyfunction]
#[pyo3(name = "_collection")]
fn tell(py: Python<'_>, phase: &str, _info: &Bound<'_, PyAny>) {
    match phase {
        "start" => begin(py),
        "stop" => end(py),
        _ => {}
    }
}

/// Before the first goroutine. What it returns has the interpreter tell us, and runs no Python for that.
pub fn watch(py: Python<'_>) -> PyResult<impl FnOnce() -> PyResult<()>> {
    let append = callbacks(py)?.getattr("append")?;
    let tell = wrap_pyfunction!(tell, py)?.into_any();
    let tell = TELL.get_or_init(py, || tell.unbind()).bind(py);
    Ok(move || append.call1((tell,)).map(drop))
}

fn callbacks(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("gc")?.getattr("callbacks")
}

fn begin(py: Python<'_>) {
    if !scope::has_stepped() {
        return;
    }
    let lost = COLLECTION.with(|collection| {
        collection.on.set(true);
        UNDER_WAY.store(true, Ordering::Relaxed);
        collection.refused.set((null_mut(), 0));
        collection.stepped.set(current::set_stepped(false));
        // SAFETY: attached; a borrowed reference or null, of which one of our own is made.
        let frame = unsafe {
            let frame = ffi::PyEval_GetFrame();
            ffi::Py_XINCREF(frame.cast());
            frame
        };
        collection.frame.replace(frame)
    });
    // Of a collection whose end nobody told, because the list of callbacks was changed meanwhile.
    // SAFETY: attached; the reference that was made at its beginning, or null.
    drop(unsafe { Bound::from_owned_ptr_or_opt(py, lost.cast()) });
}

fn end(py: Python<'_>) {
    let frame = COLLECTION.with(|collection| {
        if !collection.on.replace(false) {
            return null_mut();
        }
        current::set_stepped(collection.stepped.get());
        collection.frame.replace(null_mut())
    });
    // SAFETY: attached; the reference that was made at the beginning, or null.
    drop(unsafe { Bound::from_owned_ptr_or_opt(py, frame.cast()) });
    lost::close_found(py);
    let_go(py);
    UNDER_WAY.store(false, Ordering::Relaxed);
}

/// Whether the collector works on this thread.
pub fn is_on() -> bool {
    COLLECTION.with(|collection| collection.on.get())
}

/// How many operations were refused to the coroutine that the collector closes on this thread; none if it closes none.
#[inline]
pub fn refused() -> Option<u32> {
    if !is_on() {
        return None;
    }
    let closed = closed_by_collector()?;
    let (last, refused) = COLLECTION.with(|collection| collection.refused.get());
    Some(if last == closed { refused } else { 0 })
}

pub fn count_refusal() {
    let (Some(refused), Some(closed)) = (refused(), closed_by_collector()) else {
        return;
    };
    COLLECTION.with(|collection| collection.refused.set((closed, refused + 1)));
}

/// The frame of the coroutine, or async generator, that the collector closes on this thread at this moment.
#[cold]
fn closed_by_collector() -> Option<*mut ffi::PyFrameObject> {
    // SAFETY: operations are begun by attached threads.
    let py = unsafe { Python::assume_attached() };
    let began = COLLECTION.with(|collection| collection.frame.get());
    // SAFETY: attached; a borrowed reference or null.
    let mut at = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) }?;
    if at.as_ptr() == began.cast() {
        return None;
    }
    loop {
        // SAFETY: attached, a live frame; a new reference or null.
        let back =
            unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(at.as_ptr().cast()).cast()) };
        match back {
            Some(back) if back.as_ptr() != began.cast() => at = back,
            _ => break,
        }
    }
    let frame = at.as_ptr().cast::<ffi::PyFrameObject>();
    // SAFETY: attached, a live frame; a new reference, which never fails.
    let code = unsafe { Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame).cast()) };
    let flags: u32 = code.getattr(intern!(py, "co_flags")).ok()?.extract().ok()?;
    (flags & coroutine::CO_AWAITS != 0).then_some(frame)
}
