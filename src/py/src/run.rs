//! `run`: a whole program of goroutines, with its main on the calling thread.
//!
//! While main is an `async def`, the calling thread is a runner with precedence: it takes the permit from whoever has it, so
//! that main, and whoever hands over to main, run here. When it is stuck in some goroutine's step a spare takes
//! over, and it takes the permit back as soon as it can.
//!
//! Ctrl-C is main's: Python runs its signal handlers in whatever this thread runs at the moment, which may be any
//! goroutine. So for the time of the run a handler stands in for the default one, and has KeyboardInterrupt thrown into main.
//! If main does not get to it (a second Ctrl-C), it is raised on the spot.

use crate::announce;
use crate::block;
use crate::coroutine;
use crate::current::{self, Running};
use crate::deferred;
use crate::exit;
use crate::goroutine::{Body, Goroutine, flag};
use crate::guard;
use crate::hooks::Hooks;
use crate::host;
use crate::runner::{self, Stop};
use crate::scope::Scope;
use crate::spawn::{self, Kind};
use crate::world::{self, Order};
use gochan_core::clock::{Clock, Monotonic};
use gochan_core::sched::Seat;
use gochan_core::sched::scheduler::{Permit, RunnerId};
use gochan_core::sys::Arc;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use std::time::Duration;

/// A waiting main thread looks for signals this often: see block.rs.
const LOOK: Duration = Duration::from_millis(40);

/// Runs `main(*args, **kwargs)` as the main goroutine, on this thread, and returns what it returns. Go's `func main`.
///
/// When main ends, the goroutines that it and its descendants started are abandoned, as in Go. Ctrl-C raises
/// KeyboardInterrupt in main. RuntimeError inside of a goroutine or of a running event loop.
#[pyfunction]
#[pyo3(signature = (main, /, *args, **kwargs))]
pub fn run(
    main: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = main.py();
    let kind = spawn::kind_of("run()", main)?;
    refuse_inside(py)?;
    exit::prepare(py)?;
    let seat = Arc::new(Seat::new());
    let scope = Scope::begin(Arc::clone(&seat.parker), block::signals_arrive_here(py));
    let ending = EndOfRun(&scope);
    let goroutine = spawn::main_goroutine(main, &scope)?;
    let home = Home {
        main: goroutine.clone(),
        scope: &scope,
        seat,
    };
    let context = spawn::copy_context(py)?;
    let coroutine = match kind {
        Kind::Coroutine => main.call(args, kwargs.as_ref())?,
        Kind::Call => match home.call(main, &context, &args, kwargs.as_ref())? {
            Some(coroutine) => coroutine,
            None => return home.result(ending),
        },
    };
    let body = Body {
        coroutine: coroutine.unbind(),
        context,
    };
    spawn::start_main(&goroutine, body);
    let outer = host::running_loop(py)?.map_or(std::ptr::null_mut(), |outer| outer.as_ptr());
    let outer = current::set_outer_loop(outer);
    let driven = home.drive_with_ctrl_c(py);
    current::set_outer_loop(outer);
    driven?;
    home.result(ending)
}

/// Abandons the goroutines of the run, also when `run` leaves with an error.
struct EndOfRun<'a>(&'a Arc<Scope>);

impl Drop for EndOfRun<'_> {
    fn drop(&mut self) {
        Scope::end(self.0);
    }
}

fn refuse_inside(py: Python<'_>) -> PyResult<()> {
    exit::refuse("run()")?;
    current::refuse_while_closing(|| ("run()", "this thread".into()))?;
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
    /// Where this thread waits for work.
    seat: Arc<Seat<Order>>,
}

impl<'py> Home<'_, 'py> {
    /// Main has ended, and if it did so by goexit(), everybody else has too.
    fn is_over(&self) -> bool {
        let main = self.main.get();
        main.has_ended() && (!main.has(flag::EXITED) || self.scope.active() == 0)
    }

    fn result(&self, ending: EndOfRun<'_>) -> PyResult<Py<PyAny>> {
        drop(ending);
        if self.main.get().unset(flag::INTERRUPTED) {
            // It came when main had nothing left to run.
            return Err(PyKeyboardInterrupt::new_err(()));
        }
        Goroutine::look_at_result(&self.main)
    }

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
            Ok(value) if spawn::is_coroutine(&value) => {
                self.main.get().word.requeue();
                return Ok(Some(value));
            }
            Ok(value) => coroutine::returned(value),
            Err(error) => coroutine::ended_with(py, error),
        };
        Goroutine::finish(&self.main, end);
        while !self.is_over() {
            self.wait(py)?;
        }
        Ok(None)
    }

    fn drive_with_ctrl_c(&self, py: Python<'py>) -> PyResult<()> {
        let before = self.catch_ctrl_c(py)?;
        let hooks = Hooks::install(py);
        let driven = self.drive(py);
        drop(hooks);
        if let Some((signal, number, before)) = before {
            signal.call_method1("signal", (number, before))?;
        }
        driven
    }

    /// Puts our handler in the place of the default one. What is needed to put that back.
    #[allow(clippy::type_complexity)]
    fn catch_ctrl_c(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        if !block::signals_arrive_here(py) {
            return Ok(None);
        }
        let signal = py.import("signal")?.into_any();
        let number = signal.getattr("SIGINT")?;
        let before = signal.call_method1("getsignal", (&number,))?;
        if !before.is(&signal.getattr("default_int_handler")?) {
            // The program has its own idea of Ctrl-C.
            return Ok(None);
        }
        let main = self.main.clone().unbind();
        let handler = PyCFunction::new_closure(py, None, None, move |args, _kwargs| {
            interrupt(main.bind(args.py()))
        })?;
        // Refused where Python has another main thread than the system.
        if signal.call_method1("signal", (&number, handler)).is_err() {
            return Ok(None);
        }
        Ok(Some((signal, number, before)))
    }

    /// Resumes goroutines on this thread until main has ended.
    fn drive(&self, py: Python<'py>) -> PyResult<()> {
        let mut claimed: Option<(Permit, RunnerId)> = None;
        while !self.is_over() {
            let steps = &world::get().steps;
            let (permit, me) = claimed.take().unwrap_or_else(|| {
                let me = steps.register();
                let permit = steps.claim(me).unwrap_or_else(|| {
                    let permit = steps.first();
                    steps.take_over(permit, me);
                    permit
                });
                (permit, me)
            });
            world::keep_a_spare(py);
            match runner::run(py, permit, me, || self.is_over()) {
                Stop::LostPermit => {}
                Stop::Enough => {
                    if world::get().steps.release(permit, me) {
                        world::call_runner(py);
                    }
                }
                Stop::NothingReady => claimed = self.idle(py, permit, me)?,
            }
        }
        Ok(())
    }

    /// Nothing is ready: gives the permit back and waits for an order, or for main to end.
    fn idle(&self, py: Python<'py>, permit: Permit, me: RunnerId) -> PyResult<Option<(Permit, RunnerId)>> {
        let world = world::get();
        world.homes.enter(&self.seat);
        let jobs_left = world.steps.release(permit, me);
        let mut waited = Ok(());
        while !jobs_left || waited.is_err() {
            if let Some(order) = self.seat.take_order() {
                waited?;
                return Ok(Self::claimed_by(order));
            }
            if waited.is_err() || self.is_over() {
                break;
            }
            waited = self.wait(py);
        }
        if !world.homes.leave(&self.seat) {
            // An order is on its way: nobody else carries it out.
            loop {
                if let Some(order) = self.seat.take_order() {
                    waited?;
                    return Ok(Self::claimed_by(order));
                }
                std::thread::yield_now();
            }
        }
        waited.map(|()| None)
    }

    fn claimed_by(order: Order) -> Option<(Permit, RunnerId)> {
        match order {
            Order::Run(permit, me) => Some((permit, me)),
            Order::Rescue(..) | Order::Serve | Order::Wait => None,
        }
    }

    /// Sleeps until something may have changed, and sees to signals.
    fn wait(&self, py: Python<'py>) -> PyResult<()> {
        let look = block::signals_arrive_here(py);
        let parker = &*self.seat.parker;
        announce::detach(py, || {
            deferred::flush();
            if !parker.poll() {
                parker.park(look.then(|| Monotonic.now().saturating_add(LOOK)));
            }
        });
        deferred::pass_on();
        py.check_signals()
    }
}

/// Ctrl-C while goroutines run on the main thread.
fn interrupt(main: &Bound<'_, Goroutine>) -> PyResult<()> {
    let this = main.get();
    if current::is(main.as_ptr()) || this.has_ended() || !this.set(flag::INTERRUPTED) {
        this.unset(flag::INTERRUPTED);
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    world::wake(main);
    Ok(())
}
