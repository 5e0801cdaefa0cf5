//! `gochan._gochan`: the core of gochan under the interpreter's rules.
//!
//! Layers, downwards only:
//!
//! ```text
//! chan_type, fork                          what the module is put together from
//! chan, chan_iter, wait_group, goroutine   the classes users see
//! spawn, job, threads, report              goroutine threads; errors nobody looked at
//! collection                               what the garbage collector closes by itself
//! block, awaitable                         the two hosts
//! operation, select, under                 one operation, whoever waits for it; one of several; with a context
//! due                                      what happens at a time of its own
//! aio_waiter, loop_host, bell, deferred, host   waking a task, waking a thread, which host is it
//! registration, wake, gc                   a place in a queue; who waits; the collector's view
//! value, limit, error, guard               single ideas
//! ```
//!
//! (`operation` names the classes it works on, and they name it: that is one layer in two halves.)

#![allow(unsafe_code)] // The only crate that has any; each block says why it may.

mod aio;
mod aio_waiter;
mod announce;
mod awaitable;
mod bell;
mod block;
mod chan;
mod chan_iter;
mod chan_type;
mod collection;
mod coroutine;
mod current;
mod deferred;
mod due;
mod error;
mod exit;
mod fork;
mod front;
mod gc;
mod goroutine;
mod goroutine_wait;
mod guard;
mod hooks;
mod host;
mod job;
mod limit;
mod loop_host;
mod monitor;
mod operation;
mod pool;
mod registration;
mod report;
mod run;
mod runner;
mod scope;
mod select;
mod select_front;
mod spawn;
mod step_lock;
mod threads;
mod turns;
mod under;
mod value;
mod wait_group;
mod wake;
mod world;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _gochan {
    use super::{awaitable, chan_iter, chan_type, fork, goroutine, select_front, spawn};
    use pyo3::exceptions::PyImportError;
    use pyo3::ffi;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::aio::aio;
    #[pymodule_export]
    use super::chan::{RecvChan, SendChan};
    #[pymodule_export]
    use super::coroutine::goexit;
    #[pymodule_export]
    use super::goroutine::{Goroutine, num_goroutine};
    #[pymodule_export]
    use super::report::set_excepthook;
    #[pymodule_export]
    use super::run::run;
    #[pymodule_export]
    use super::select::{SendCase, aselect, select, sending};
    #[pymodule_export]
    use super::turns::{agosched, gomaxprocs, gosched};
    #[pymodule_export]
    use super::wait_group::WaitGroup;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        // SAFETY: attached.
        if unsafe { ffi::PyInterpreterState_Get() != ffi::PyInterpreterState_Main() } {
            return Err(PyImportError::new_err(
                "gochan does not support subinterpreters: import it in the main interpreter, \
                 and let threads or processes share the work",
            ));
        }
        // SAFETY: attached, and nobody has the types yet.
        unsafe {
            awaitable::fill_slots(py);
            chan_iter::fill_slots(py);
            goroutine::fill_slots(py);
        }
        module.add("Chan", chan_type::make(py)?)?;
        module.add("go", spawn::go_function(py)?)?;
        select_front::put_in_front(module)?;
        for function in [
            "agosched",
            "aio",
            "aselect",
            "goexit",
            "gomaxprocs",
            "gosched",
            "num_goroutine",
            "run",
            "select",
            "sending",
            "set_excepthook",
        ] {
            module.getattr(function)?.setattr("__module__", "gochan")?;
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        fork::register(py)
    }
}
