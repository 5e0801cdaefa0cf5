//! `go`: from a function and its arguments to a running goroutine.

use crate::callable::{Kind, is_coroutine, kind_of, name_of, short_name};
use crate::coroutine;
use crate::current;
use crate::exit;
use crate::goexit;
use crate::goroutine::{self, Body, Goroutine, flag};
use crate::guard;
use crate::job::{Job, Work};
use crate::kept::intern;
use crate::monitor;
use crate::scope::{self, Scope};
use crate::start_place::{StartPlace, caller};
use crate::text;
use crate::told::Told;
use crate::world::{self, Routine};
use gochan_core::sys::Arc;
use pyo3::exceptions::{PySystemError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::ffi::CStr;
use std::panic::AssertUnwindSafe;

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
    goexit::check_exit(py)?;
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
    goexit::check_exit(py)?;
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
    goexit::check_exit(py)?;
    // SAFETY: attached; a new reference or null with an error.
    let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }?;
    let work = Work::bare(context.unbind(), function);
    start_call(py, work, None, None)
}

/// Closes an async generator that was dropped before its end, in a goroutine: it may await. The `run()` that it is dropped in waits
/// for that. The hook of `sys.set_asyncgen_hooks`; in Rust, because a Ctrl-C that comes as a finalizer in Python begins is lost.
#[pyfunction]
#[pyo3(name = "_close_asyncgen", signature = (generator, /))]
pub fn close_asyncgen(generator: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = generator.py();
    let running = generator.getattr_opt(intern!(py, "ag_running"))?;
    if running.map_or(Ok(false), |running| running.is_truthy())? {
        // Its consumer was dropped in the middle of a step, which up to 3.12 leaves it so: nothing can close it.
        return Ok(());
    }
    if world::is_stopped() {
        // Nothing that is started now would run.
        let close = py.import("gochan._threads")?.getattr("close_now")?;
        return guard::call(&close, [generator]).map(drop);
    }
    let close = generator.getattr(intern!(py, "aclose"))?;
    // Not of a run that is over: then nobody would resume it.
    let scope = current::scope(py).filter(|scope| !scope.is_over());
    let told = match &scope {
        Some(scope) => Some(Told::WaitGroup(scope.closers(py)?)),
        None => None,
    };
    let work = Work::bare(copy_context(py)?, &close);
    start_call(py, work, told.as_ref(), scope).map(drop)
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
    started: Option<StartPlace>,
    scope: Option<Arc<Scope>>,
    kind: Kind,
}

impl Origin {
    /// TypeError for something that cannot be called.
    pub fn here(who: &str, function: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = function.py();
        goexit::check_exit(py)?;
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
            let work = Work::bare(context, function);
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
