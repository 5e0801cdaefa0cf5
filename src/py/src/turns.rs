//! `gosched`, `agosched`, `gomaxprocs`: giving way, and how many run at once.

use crate::announce;
use crate::awaitable::Awaitable;
use crate::deferred;
use crate::goexit;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::whole;
use crate::world;
use pyo3::prelude::*;

/// Lets other goroutines and threads run. Go's runtime.Gosched.
///
/// In an `async def` goroutine prefer `await agosched()`: this form lets other threads run, but not the
/// goroutines that share its thread.
#[pyfunction]
pub fn gosched(py: Python<'_>) -> PyResult<()> {
    goexit::check_exit(py)?;
    give_way(py);
    Ok(())
}

/// Lets go of the GIL, and has those woken who wait for this thread to do so.
pub fn give_way(py: Python<'_>) {
    announce::detach(py, || {
        deferred::flush();
        std::thread::yield_now();
    });
}

/// Lets all that is ready run first: `await agosched()`. Awaitable twin of `gosched`.
///
/// A goroutine goes to the end of the shared queue, an asyncio task waits for one turn of its loop.
#[pyfunction]
pub fn agosched(py: Python<'_>) -> PyResult<Bound<'_, Awaitable>> {
    Awaitable::new(py, Operation::Yield, Limit::Never)
}

/// How many goroutines may run Python at the same time: 1 on a build with the GIL, else the number of CPUs, or what was
/// set. Go's runtime.GOMAXPROCS.
///
/// With a number, sets it and returns the one before. On a build with the GIL the number is kept, so that it can be read back, and
/// changes nothing; on a free-threaded one it counts if it is set before the first goroutine. ValueError if it is less than 1.
#[pyfunction]
#[pyo3(signature = (n=None, /))]
pub fn gomaxprocs(n: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    let Some(n) = n.filter(|n| !n.is_none()) else {
        return Ok(world::gomaxprocs(None));
    };
    let int = whole::int(n, "gomaxprocs(): n must be an int")?;
    match int.extract::<u32>() {
        Ok(n) if n >= 1 => Ok(world::gomaxprocs(Some(n as usize))),
        _ => Err(whole::unfit(&int, |int| {
            format!("gomaxprocs(): n must be from 1 to {}, not {int}", u32::MAX)
        })),
    }
}
