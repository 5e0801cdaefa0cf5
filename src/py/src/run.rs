//! `run`: a whole program of goroutines, with its main on the calling thread.
//!
//! Main is a goroutine like any other, but it is resumed by its own thread only, and that thread resumes nobody else. So main
//! stays where it was called, whatever the others do to their threads; signals arrive at once, and what a signal
//! handler raises (Ctrl-C, or an exit of the program's own) is thrown into main. The price is that a hand-over between main and
//! another goroutine changes threads.

use crate::aio;
use crate::announce;
use crate::block;
use crate::callable::{self, Kind};
use crate::coroutine;
use crate::current::{self, Running};
use crate::deferred;
use crate::due;
use crate::exit;
use crate::goroutine::{Body, Goroutine, flag};
use crate::guard;
use crate::hooks::{self, Hooks};
use crate::host;
use crate::kept::intern;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::scope::Scope;
use crate::spawn;
use crate::world;
use gochan_core::clock::{Clock, Instant, Monotonic};
use gochan_core::parker::Parker;
use gochan_core::sched::park_word::Standing;
use gochan_core::sys::Arc;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::time::Duration;

/// A waiting main thread looks for signals this often: see block.rs.
const LOOK: Duration = Duration::from_millis(40);

/// Runs `main(*args, **kwargs)` as the main goroutine, on this thread, and returns what it returns. Go's `func main`.
///
/// When main ends, the goroutines that it and its descendants started are abandoned, as in Go: wait for those that matter. What main
/// raises comes out of it. Ctrl-C raises KeyboardInterrupt in main, at what main waits for.
///
/// RuntimeError inside of a goroutine or of a running event loop, but for IPython's; TypeError if `main` cannot be called, or is a
/// coroutine object.
#[pyfunction]
#[pyo3(signature = (main, /, *args, **kwargs))]
#[allow(clippy::needless_pass_by_value)] // as PyO3 gives them
pub fn run(
    main: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = main.py();
    let kind = callable::kind_of("run()", main)?;
    refuse_inside(py)?;
    exit::prepare(py)?;
    hooks::prepare(py)?;
    let scope = Scope::begin(Arc::new(Parker::new()), block::signals_arrive_here(py));
    let ending = EndOfRun(py, &scope);
    let goroutine = spawn::main_goroutine(main, &scope)?;
    let home = Home {
        main: goroutine,
        scope: &scope,
    };
    let context = spawn::copy_context(py)?;
    let coroutine = match kind {
        Kind::Coroutine => Some(main.call(args, kwargs.as_ref())?),
        Kind::Call => home.call(main, &context, &args, kwargs.as_ref())?,
    };
    if let Some(coroutine) = coroutine {
        let coroutine = coroutine.unbind();
        coroutine::attach(&home.main, Body { coroutine, context });
        let outer = host::running_loop(py)?.map_or(std::ptr::null_mut(), |outer| outer.as_ptr());
        let outer = current::set_outer_loop(outer);
        let hooks = Hooks::of_main(py);
        let driven = home.drive(py);
        drop(hooks);
        current::set_outer_loop(outer);
        driven?;
    }
    home.wait_for_the_others(py)?;
    home.wait_for_closers(py)?;
    drop(ending);
    Goroutine::look_at_result(&home.main)
}

/// Abandons the goroutines of the run, also when `run` leaves with an error.
struct EndOfRun<'a, 'py>(Python<'py>, &'a Arc<Scope>);

impl Drop for EndOfRun<'_, '_> {
    fn drop(&mut self) {
        Scope::end(self.1);
        guard::with_error_aside(self.0, || aio::leave_run(self.0, self.1));
    }
}

fn refuse_inside(py: Python<'_>) -> PyResult<()> {
    exit::refuse("run()")?;
    current::refuse_while_closing(|| "run() on this thread".into())?;
    if current::goroutine(py).is_some() {
        return Err(PyRuntimeError::new_err(
            "run() starts a program, and this is a goroutine of one already: start more with go()",
        ));
    }
    if let Some(name) = host::event_loop_name(py)? {
        return Err(PyRuntimeError::new_err(format!(
            "run() would block the running {name} event loop of this thread: start goroutines with go() and await them, or \
             call run() in another thread"
        )));
    }
    Ok(())
}

struct Home<'a, 'py> {
    main: Bound<'py, Goroutine>,
    scope: &'a Arc<Scope>,
}

impl<'py> Home<'_, 'py> {
    /// A plain main. The coroutine, if it returned one.
    fn call(
        &self,
        main: &Bound<'py, PyAny>,
        context: &Py<PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = main.py();
        let called = {
            let _running = Running::enter(&self.main, false);
            self.main.get().word.start();
            let mut all = vec![main.clone()];
            all.extend(args.iter());
            let run = context.bind(py).getattr(intern!(py, "run"))?;
            guard::call_with(&run, &PyTuple::new(py, all)?, kwargs)
        };
        let end = match called {
            Ok(value) if callable::is_coroutine(&value) => {
                self.main.get().word.requeue();
                return Ok(Some(value));
            }
            Ok(value) => coroutine::returned(value),
            Err(error) => coroutine::ended_with(py, error),
        };
        Goroutine::finish(&self.main, end);
        Ok(None)
    }

    /// Resumes main, whenever it is ready, until it has ended.
    fn drive(&self, py: Python<'py>) -> PyResult<()> {
        let this = self.main.get();
        let mut raised = None;
        while !this.has_ended() {
            if raised.is_some() {
                // Whether it is parked or has just been woken: it is resumed with this.
                this.word.wake();
            }
            if this.word.standing() == Standing::Runnable {
                coroutine::step_main(&self.main, raised.take());
                continue;
            }
            if let Err(error) = self.wait(py) {
                // Somebody may hold main at this moment, to look at it: then what was raised before is still here.
                if let Some(second) = raised.replace(error) {
                    guard::raise_later(py, second, None);
                }
            }
        }
        // It came when main had nothing left to run.
        raised.map_or(Ok(()), Err)
    }

    /// After `goexit()` in main the others go on, and the program ends with the last of them.
    fn wait_for_the_others(&self, py: Python<'py>) -> PyResult<()> {
        while self.main.get().has(flag::EXITED) && self.scope.active() != 0 {
            self.wait(py)?;
        }
        Ok(())
    }

    /// Async generators that were left before their end are closed before the run is over, as asyncio's are: their `finally` blocks
    /// may await.
    fn wait_for_closers(&self, py: Python<'py>) -> PyResult<()> {
        match self.scope.known_closers(py) {
            Some(group) => block::wait(py, Operation::Wait { group }, Limit::Never).map(drop),
            None => Ok(()),
        }
    }

    /// Sleeps until something may have changed. An error is what a signal handler raised.
    fn wait(&self, py: Python<'py>) -> PyResult<()> {
        let look = block::signals_arrive_here(py);
        let parker = &*self.scope.home;
        announce::detach(py, || {
            deferred::flush();
            if !parker.poll() {
                let next_look = look.then(|| Monotonic.now().saturating_add(LOOK));
                let timer = world::get().timers.earliest();
                parker.park(Some(next_look.unwrap_or(Instant::NEVER).min(timer)));
            }
        });
        deferred::pass_on();
        // Main's own, perhaps; and nobody else may be awake.
        due::happen(py);
        py.check_signals()
    }
}
