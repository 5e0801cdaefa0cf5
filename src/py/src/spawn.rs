//! `go`: from a function and its arguments to a running goroutine.

use crate::awaitable::Awaitable;
use crate::coroutine;
use crate::current;
use crate::exit;
use crate::goroutine::{self, Body, Goroutine, flag};
use crate::guard;
use crate::host;
use crate::job::{Job, Work};
use crate::monitor;
use crate::scope::{self, Scope};
use crate::text;
use crate::told::Told;
use crate::world::{self, Routine};
use gochan_core::sys::Arc;
use parking_lot::Mutex;
use pyo3::exceptions::{PySystemError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::ffi::CStr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

const DOC: &CStr = c"go(fn, /, *args, **kwargs)\n--\n\n\
Runs `fn(*args, **kwargs)` concurrently, and returns its handle, a Goroutine. Go's `go f(x)`.\n\n\
An `async def` function runs on the scheduler, which carries a million of them; a plain function on a goroutine thread, and\n\
may block. Both have a copy of the caller's contextvars, and keep no program alive: wait for those that matter.\n\n\
`handle.result()`, or `await handle`, gives the result or raises the error. An error that nobody looks at is reported, see\n\
set_excepthook(); but SystemExit is not: `sys.exit()` ends its own goroutine alone.\n\n\
TypeError for something that cannot be called, a generator function, or a coroutine object: pass function and arguments.";

/// `go` as a bare C function, because programs start goroutines by the million: with PyO3's argument parser a tuple is made for
/// the call, and taken apart again.
pub fn go_function(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // Lives as long as the function, which is as long as the process.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"go".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: go,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: DOC.as_ptr(),
    }));
    let module = PyString::new(py, "gochan");
    // SAFETY: attached; a definition that is never freed. A new reference or null with an error.
    unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            ffi::PyCFunction_NewEx(definition, std::ptr::null_mut(), module.as_ptr()),
        )
    }
}

unsafe extern "C" fn go(
    _module: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let attempt = Python::try_attach(|py| {
        // SAFETY: called as a fast function: `count` positional arguments, then one for each name; all live.
        let arguments = unsafe { Arguments::new(py, arguments, count, names) };
        let started = std::panic::catch_unwind(AssertUnwindSafe(|| go_with(py, &arguments)));
        match started.unwrap_or_else(|_| Err(PySystemError::new_err("panic in go()"))) {
            Ok(goroutine) => goroutine.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    });
    attempt.unwrap_or_else(|| {
        // SAFETY: attached, a constant string.
        unsafe { ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"the interpreter is exiting".as_ptr()) };
        std::ptr::null_mut()
    })
}

/// The arguments of a fast call, borrowed.
struct Arguments<'py> {
    py: Python<'py>,
    all: &'py [*mut ffi::PyObject],
    /// How many are positional.
    count: usize,
    names: *mut ffi::PyObject,
}

impl<'py> Arguments<'py> {
    /// # Safety
    /// Called with what a fast call with keywords was called with, for no longer than that call.
    unsafe fn new(
        py: Python<'py>,
        arguments: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Self {
        let count = count.unsigned_abs();
        // SAFETY: the caller's promise.
        unsafe {
            let named = if names.is_null() {
                0
            } else {
                ffi::PyTuple_GET_SIZE(names).unsigned_abs()
            };
            let all = if count + named == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(arguments, count + named)
            };
            Self {
                py,
                all,
                count,
                names,
            }
        }
    }

    fn get(&self, at: usize) -> Bound<'py, PyAny> {
        // SAFETY: live for the time of the call.
        unsafe { Bound::from_borrowed_ptr(self.py, self.all[at]) }
    }

    /// `function(*rest, **keywords)`, where the function is the first argument.
    fn call_first(&self) -> PyResult<Bound<'py, PyAny>> {
        let rest = &self.all[1..];
        // SAFETY: attached, live objects; a new reference or null with an error.
        unsafe {
            Bound::from_owned_ptr_or_err(
                self.py,
                ffi::PyObject_Vectorcall(self.all[0], rest.as_ptr(), self.count - 1, self.names),
            )
        }
    }

    /// As a tuple and a dictionary, without the first.
    fn rest(&self) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
        let positional = PyTuple::new(
            self.py,
            (1..self.count).map(|at| self.get(at)).collect::<Vec<_>>(),
        )?;
        if self.names.is_null() {
            return Ok((positional, None));
        }
        let keywords = PyDict::new(self.py);
        // SAFETY: live for the time of the call, and a tuple.
        let names = unsafe { Bound::from_borrowed_ptr(self.py, self.names).cast_into_unchecked::<PyTuple>() };
        for (at, name) in names.iter().enumerate() {
            keywords.set_item(name, self.get(self.count + at))?;
        }
        Ok((positional, Some(keywords)))
    }
}

fn go_with<'py>(py: Python<'py>, arguments: &Arguments<'py>) -> PyResult<Bound<'py, Goroutine>> {
    if arguments.count == 0 {
        return Err(PyTypeError::new_err(
            "go() needs a function to call, and its arguments: go(worker, 1)",
        ));
    }
    coroutine::check_exit(py)?;
    let function = arguments.get(0);
    if kind_of("go()", &function)? == Kind::Coroutine {
        return spawn_coroutine(&function, None, || arguments.call_first());
    }
    let (args, kwargs) = arguments.rest()?;
    spawn("go()", &function, args, kwargs, None)
}

pub fn spawn<'py>(
    who: &str,
    function: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
    told: Option<&Told>,
) -> PyResult<Bound<'py, Goroutine>> {
    let py = function.py();
    coroutine::check_exit(py)?;
    if kind_of(who, function)? == Kind::Coroutine {
        return spawn_coroutine(function, told, || function.call(args, kwargs.as_ref()));
    }
    let work = Work {
        context: copy_context(py)?,
        function: function.clone().unbind(),
        args: args.unbind(),
        kwargs: kwargs.map(Bound::unbind),
    };
    start_call(py, work, told, current::scope(py))
}

/// Starts a plain function as a goroutine of no `run()` and with no contextvars: what it works on belongs to others than whoever
/// happened to need it first. For the workers of a pool.
#[pyfunction]
#[pyo3(name = "_go_apart", signature = (function, /))]
pub fn go_apart<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Goroutine>> {
    let py = function.py();
    coroutine::check_exit(py)?;
    // SAFETY: attached; a new reference or null with an error.
    let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }?;
    let work = Work {
        context: context.unbind(),
        function: function.clone().unbind(),
        args: PyTuple::empty(py).unbind(),
        kwargs: None,
    };
    start_call(py, work, None, None)
}

/// Starts a goroutine that closes an async generator, which its `run()` waits for. False when the program ends: nothing that is
/// started now would run.
#[pyfunction]
#[pyo3(name = "_go_closer", signature = (generator, /))]
pub fn go_closer(generator: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = generator.py();
    if world::is_stopped() {
        return Ok(false);
    }
    let work = Work {
        context: copy_context(py)?,
        function: generator.getattr(intern!(py, "aclose"))?.unbind(),
        args: PyTuple::empty(py).unbind(),
        kwargs: None,
    };
    // Not of a run that is over: then nobody would resume it.
    let scope = current::scope(py).filter(|scope| !scope.is_over());
    let told = match &scope {
        Some(scope) => Some(Told::WaitGroup(scope.closers(py)?)),
        None => None,
    };
    start_call(py, work, told.as_ref(), scope)?;
    Ok(true)
}

fn start_call<'py>(
    py: Python<'py>,
    work: Work,
    told: Option<&Told>,
    scope: Option<Arc<Scope>>,
) -> PyResult<Bound<'py, Goroutine>> {
    exit::prepare(py)?;
    let name = name_of(work.function.bind(py));
    let goroutine = goroutine::make(py, Goroutine::new(name, caller(py), scope))?;
    let job = Bound::new(py, Job::new(work))?;
    if let Some(told) = told {
        told.begins(py)?;
    }
    scope::began(goroutine.get().scope());
    if let Some(told) = told {
        goroutine.get().tell(told.clone_ref(py));
    }
    job.get().arm(goroutine.clone());
    let calls = &world::get().calls;
    let call = calls.push(job.clone().unbind());
    if let Err(error) = world::call_server(py, call) {
        let mine = calls.take_back(|other| other.is(&job));
        if mine.is_none() {
            // A thread came for it after all.
            return Ok(goroutine);
        }
        drop(mine);
        job.get().disarm();
        goroutine.get().never_began();
        if let Some(told) = told {
            told.never_began(py)?;
        }
        return Err(error);
    }
    Ok(goroutine)
}

/// Where something was asked for that begins later: what a goroutine has of the one that starts it.
#[derive(Debug)]
pub struct Origin {
    context: Py<PyAny>,
    started: Option<Place>,
    scope: Option<Arc<Scope>>,
    kind: Kind,
}

impl Origin {
    /// TypeError for something that cannot be called.
    pub fn here(who: &str, function: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = function.py();
        coroutine::check_exit(py)?;
        let kind = kind_of(who, function)?;
        exit::refuse(who)?;
        exit::prepare(py)?;
        Ok(Self {
            context: copy_context(py)?,
            started: caller(py),
            scope: current::scope(py),
            kind,
        })
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.context)?;
        if let Some((code, _)) = &self.started {
            visit.call(code)?;
        }
        Ok(())
    }

    /// Starts `function()` as a goroutine, in a copy of the context it was asked for in. Nobody is there to hear of an error: one
    /// that it begins with counts as the goroutine's own.
    pub fn start(&self, function: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = function.py();
        if self.scope.as_ref().is_some_and(|scope| scope.is_over()) {
            return Ok(());
        }
        let started = self.started.as_ref().map(|(code, at)| (code.clone_ref(py), *at));
        let goroutine = Goroutine::new(name_of(function), started, self.scope.clone());
        let goroutine = goroutine::make(py, goroutine)?;
        // SAFETY: attached, a live context; a new reference or null with an error.
        let context =
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(self.context.as_ptr())) }?;
        let context = context.unbind();
        if self.kind == Kind::Call {
            let work = Work {
                context,
                function: function.clone().unbind(),
                args: PyTuple::empty(py).unbind(),
                kwargs: None,
            };
            let job = Bound::new(py, Job::new(work))?;
            scope::began(goroutine.get().scope());
            job.get().arm(goroutine);
            let call = world::get().calls.push(job.unbind());
            // Without a thread to be had it waits: the monitor looks for one.
            guard::found(py, world::call_server(py, call));
            return Ok(());
        }
        match guard::call(function, []) {
            Ok(coroutine) => {
                let coroutine = coroutine.unbind();
                start_coroutine(&goroutine, Body { coroutine, context });
            }
            Err(error) => {
                scope::began(goroutine.get().scope());
                goroutine.get().word.start();
                Goroutine::finish(&goroutine, coroutine::ended_with(py, error));
            }
        }
        Ok(())
    }
}

/// The call itself happens here, in the caller, as it does for `await f(...)`: wrong arguments are the caller's
/// error. Nothing of the body runs yet.
fn spawn_coroutine<'py>(
    function: &Bound<'py, PyAny>,
    told: Option<&Told>,
    call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Goroutine>> {
    let py = function.py();
    exit::refuse("go()")?;
    exit::prepare(py)?;
    // Before its coroutine, so that the collector, which goes by age, comes to it first: then it can still say what it
    // waited for.
    let goroutine = goroutine::make(
        py,
        Goroutine::new(name_of(function), caller(py), current::scope(py)),
    )?;
    let coroutine = call()?;
    if !is_coroutine(&coroutine) {
        let kind = text::type_name(&coroutine);
        return Err(PyTypeError::new_err(format!(
            "go(): {} is declared `async def` but returned {kind}, which is no coroutine",
            short_name(function)
        )));
    }
    let body = Body {
        coroutine: coroutine.unbind(),
        context: copy_context(py)?,
    };
    if let Some(told) = told {
        told.begins(py)?;
        goroutine.get().tell(told.clone_ref(py));
    }
    start_coroutine(&goroutine, body);
    Ok(goroutine)
}

/// The main goroutine of a `run()`.
pub fn main_goroutine<'py>(main: &Bound<'py, PyAny>, scope: &Arc<Scope>) -> PyResult<Bound<'py, Goroutine>> {
    let py = main.py();
    let goroutine = Goroutine::new(name_of(main), caller(py), Some(Arc::clone(scope)));
    goroutine.set(flag::MAIN);
    scope::began(Some(scope));
    goroutine::make(py, goroutine)
}

/// Counts the goroutine, and puts it into the queue.
fn start_coroutine(goroutine: &Bound<'_, Goroutine>, body: Body) {
    let py = goroutine.py();
    scope::began(goroutine.get().scope());
    coroutine::attach(goroutine, body);
    // An error means that there is no thread to be had just now. It waits in the queue then: a push or a runner that comes
    // by finds it, and the monitor looks.
    if let Err(error) = world::ready_new(py, Routine::new(goroutine.clone())) {
        monitor::watch();
        guard::found::<()>(py, Err(error));
    }
}

pub fn copy_context(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: attached; a new reference or null with an error.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(Bound::unbind)
}

/// Something that can be resumed like a coroutine: one of `async def`, or an object with its methods.
pub fn is_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached, a live object, whose type has a slot for `__await__` or not: most results have none.
    unsafe {
        if ffi::PyCoro_CheckExact(object.as_ptr()) == 1 {
            return true;
        }
        let slots = (*ffi::Py_TYPE(object.as_ptr())).tp_as_async;
        if slots.is_null() || (*slots).am_await.is_none() {
            return false;
        }
    }
    if object.is_instance_of::<Awaitable>() {
        return true;
    }
    let py = object.py();
    // As collections.abc.Coroutine has it. Generators lack __await__; futures and tasks lack send.
    [
        intern!(py, "__await__"),
        intern!(py, "send"),
        intern!(py, "throw"),
        intern!(py, "close"),
    ]
    .iter()
    .all(|name| object.get_type().hasattr(*name).unwrap_or(false))
}

// Flags of a code object: what a call of it makes instead of running it.
const CO_GENERATOR: u32 = 0x20;
const CO_COROUTINE: u32 = 0x80;
const CO_ITERABLE_COROUTINE: u32 = 0x100;
const CO_ASYNC_GENERATOR: u32 = 0x200;

/// What a call of a function makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Call,
    Coroutine,
}

pub fn kind_of(who: &str, function: &Bound<'_, PyAny>) -> PyResult<Kind> {
    if !function.is_callable() {
        return Err(not_callable(who, function));
    }
    match code_flags(function) {
        Some(flags) if flags & CO_COROUTINE != 0 => Ok(Kind::Coroutine),
        Some(flags)
            if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR) != 0 && flags & CO_ITERABLE_COROUTINE == 0 =>
        {
            let name = name_of(function);
            let name = text::of(name.bind(function.py()));
            Err(PyTypeError::new_err(format!(
                "{who}: {name} is a generator function, and calling it runs nothing of it: \
                 pass a function that iterates over it"
            )))
        }
        _ => Ok(Kind::Call),
    }
}

#[cold]
fn not_callable(who: &str, function: &Bound<'_, PyAny>) -> PyErr {
    if is_coroutine(function) {
        // Python would warn besides that it was never awaited; this error says what to do about it.
        let _ = function.call_method0("close");
    }
    let kind = text::type_name(function);
    let call = who.trim_end_matches("()");
    if !call.ends_with("go") && call != "run" {
        return PyTypeError::new_err(format!(
            "{who} needs a function to call, not {kind}: pass the function itself, not the result of a call, and \
             `lambda: function(1)` for one with arguments"
        ));
    }
    PyTypeError::new_err(format!(
        "{who} needs a function to call, not {kind}: pass the function and its arguments, {call}(function, 1), \
         not the result of a call, {call}(function(1))"
    ))
}

/// The code flags of what a call would run, as far as they can be known. Looks through methods,
/// partials and `__call__`.
fn code_flags(function: &Bound<'_, PyAny>) -> Option<u32> {
    let py = function.py();
    // SAFETY: attached, a live object; a function's code is a borrowed code object. Without the GIL another thread may give
    // the function other code before ours is counted.
    unsafe {
        if !cfg!(Py_GIL_DISABLED) && ffi::PyFunction_Check(function.as_ptr()) == 1 {
            let code = Bound::from_borrowed_ptr(py, ffi::PyFunction_GetCode(function.as_ptr()));
            return flags_of(&code);
        }
    }
    let mut function = function.clone();
    // A partial of a partial is flattened by Python; more depth than this is somebody's joke.
    for _ in 0..4 {
        if let Some(code) = guard::found(py, function.getattr(intern!(py, "__code__"))) {
            return flags_of(&code);
        }
        let inner = if is_partial(&function) {
            function.getattr(intern!(py, "func"))
        } else {
            function.get_type().getattr(intern!(py, "__call__"))
        };
        function = guard::found(py, inner)?;
    }
    None
}

/// The flags of the code object that was asked for last: the same function is started many times in a row.
static LAST_FLAGS: Mutex<Option<(Py<PyAny>, u32)>> = Mutex::new(None);

fn flags_of(code: &Bound<'_, PyAny>) -> Option<u32> {
    if let Some((last, flags)) = &*LAST_FLAGS.lock() {
        if last.is(code) {
            return Some(*flags);
        }
    }
    let flags = code.getattr(intern!(code.py(), "co_flags"));
    let flags = guard::found(code.py(), flags.and_then(|flags| flags.extract()))?;
    let old = LAST_FLAGS.lock().replace((code.clone().unbind(), flags));
    drop(old);
    Some(flags)
}

/// A partial can only exist when functools was imported.
fn is_partial(function: &Bound<'_, PyAny>) -> bool {
    let py = function.py();
    let Ok(Some(functools)) = host::imported(py, "functools") else {
        return false;
    };
    let is_partial = functools
        .getattr(intern!(py, "partial"))
        .and_then(|partial| function.is_instance(&partial));
    guard::found(py, is_partial).unwrap_or(false)
}

/// The function's name for messages: without the names of the functions it was defined in.
pub fn short_name(function: &Bound<'_, PyAny>) -> String {
    let name = name_of(function);
    let name = name.bind(function.py()).to_string_lossy();
    name.rsplit_once("<locals>.")
        .map_or(&*name, |(_, name)| name)
        .to_owned()
}

/// The function's qualified name.
pub fn name_of(function: &Bound<'_, PyAny>) -> Py<PyString> {
    let py = function.py();
    // SAFETY: attached, a live object; a function's qualified name is a str. Without the GIL another thread may give the function
    // another name before ours is counted.
    unsafe {
        if !cfg!(Py_GIL_DISABLED) && ffi::PyFunction_Check(function.as_ptr()) == 1 {
            let name = (*function.as_ptr().cast::<ffi::PyFunctionObject>()).func_qualname;
            return Bound::from_borrowed_ptr(py, name).cast_into_unchecked().unbind();
        }
    }
    let named = |object: &Bound<'_, PyAny>| -> Option<Py<PyString>> {
        let name = guard::found(py, object.getattr_opt(intern!(py, "__qualname__"))).flatten()?;
        Some(name.cast_into::<PyString>().ok()?.unbind())
    };
    named(function)
        .or_else(|| is_partial(function).then(|| named(&function.getattr(intern!(py, "func")).ok()?))?)
        .unwrap_or_else(|| PyString::new(py, &text::type_name(function)).unbind())
}

/// Code object, and offset in it: a place in a program.
type Place = (Py<PyAny>, i32);

/// The place in the user's program from which we were called.
fn caller(py: Python<'_>) -> Option<Place> {
    // SAFETY: attached; borrowed references or null, without an error. The running frame lives, and so do its globals.
    unsafe {
        let (frame, globals) = (ffi::PyEval_GetFrame(), ffi::PyEval_GetGlobals());
        if frame.is_null() || globals.is_null() {
            return None;
        }
        if is_ours(py, globals) {
            return outside(py, frame);
        }
        Some(place(py, frame))
    }
}

/// The place from which gochan's own Python was called, which starts at `frame`: nobody looks for his mistakes there.
///
/// # Safety
/// A live frame.
#[cold]
unsafe fn outside(py: Python<'_>, frame: *mut ffi::PyFrameObject) -> Option<Place> {
    // SAFETY: the caller's promise, and then the frames that called it, each counted until the next one is. These functions give a
    // new reference each; `PyFrame_GetBack` may give null without an error.
    unsafe {
        let mut next = Bound::from_borrowed_ptr(py, frame.cast());
        loop {
            let frame = next.as_ptr().cast();
            let globals = Bound::from_owned_ptr(py, ffi::PyFrame_GetGlobals(frame).cast());
            if !is_ours(py, globals.as_ptr()) {
                return Some(place(py, frame));
            }
            match Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(frame).cast()) {
                Some(back) => next = back,
                None => break,
            }
        }
        // A goroutine of gochan's own begins what another one needs.
        current::goroutine(py)
            .and_then(|goroutine| goroutine.get().start_place(py))
            .or_else(|| Some(place(py, frame)))
    }
}

/// # Safety
/// A live frame.
unsafe fn place(py: Python<'_>, frame: *mut ffi::PyFrameObject) -> Place {
    // SAFETY: the caller's promise; `PyFrame_GetCode` gives a new reference and never fails.
    unsafe {
        let code = Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame).cast());
        (code.unbind(), ffi::PyFrame_GetLasti(frame))
    }
}

/// The address of the globals that were looked at last and are none of ours: the same ones start many goroutines in a row. Should a
/// module of ours come to be where a user's was, which takes one that is gone, a place in ours is told, which is true as well.
static LAST_OUTSIDE: AtomicUsize = AtomicUsize::new(0);

/// Whether these are the globals of a module of gochan. Not counted before it is known to be worth it: all threads share them.
///
/// # Safety
/// A live object.
#[inline]
unsafe fn is_ours(py: Python<'_>, globals: *mut ffi::PyObject) -> bool {
    if LAST_OUTSIDE.load(Ordering::Relaxed) == globals.addr() {
        return false;
    }
    // SAFETY: the caller's promise.
    let is_ours = has_our_name(&unsafe { Bound::from_borrowed_ptr(py, globals) });
    if !is_ours {
        LAST_OUTSIDE.store(globals.addr(), Ordering::Relaxed);
    }
    is_ours
}

fn has_our_name(globals: &Bound<'_, PyAny>) -> bool {
    let py = globals.py();
    let Ok(globals) = globals.cast::<PyDict>() else {
        return false;
    };
    let name = guard::found(py, globals.get_item(intern!(py, "__name__"))).flatten();
    let name = name.as_ref().and_then(|name| name.cast::<PyString>().ok());
    let rest = name.and_then(|name| name.to_str().ok()?.strip_prefix("gochan"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
