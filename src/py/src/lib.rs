//! `gochan._gochan`: the core of gochan under the interpreter's rules.
//!
//! Layers, downwards only:
//!
//! ```text
//! chan_type, fork                          what the module is put together from
//! chan, chan_iter, wait_group, goroutine, mutex, rwmutex, cond, semaphore   the classes users see
//! once, atomic, map, map_table, object_pool   more of them
//! context, context_make                    contexts, and what makes them
//! context_ask, _parent, _node              what they answer; what they hang on; the tree that is cancelled
//! spawn, job, threads, report              goroutine threads; errors nobody looked at
//! collection                               what the garbage collector closes by itself
//! block, awaitable                         the two hosts
//! operation, select, acquire, under        one operation, whoever waits for it; one of several; with a context
//! signals, signal_mailbox, signal_handler  who wants which signals; those that came; what the system does with them
//! due, fed                                 what happens at a time of its own; channels that a clock sends on
//! aio_waiter, loop_host, bell, deferred, host   waking a task, waking a thread, which host is it
//! registration, wake, gc                   a place in a queue; who waits; the collector's view
//! value, limit, error, guard               single ideas
//! ```
//!
//! (`operation` names the classes it works on, and they name it: that is one layer in two halves.)

#![allow(unsafe_code)] // The only crate that has any; each block says why it may.

mod acquire;
mod aio;
mod aio_waiter;
mod aio_warm;
mod announce;
mod atomic;
mod awaitable;
mod bell;
mod block;
mod callable;
mod chan;
mod chan_iter;
mod chan_type;
mod collection;
mod cond;
mod context;
mod context_ask;
mod context_make;
mod context_node;
mod context_parent;
mod coroutine;
mod current;
mod deferred;
mod due;
mod error;
mod exit;
mod face;
mod fed;
mod fork;
mod front;
mod gc;
mod goexit;
mod goroutine;
mod goroutine_wait;
mod group;
mod group_step;
mod guard;
mod hooks;
mod host;
mod html;
mod job;
mod kept;
mod limit;
mod loop_host;
mod lost;
mod map;
mod map_table;
mod monitor;
mod mutex;
mod object_pool;
mod once;
mod operation;
mod pool;
mod registration;
mod report;
mod run;
mod runner;
mod rwmutex;
mod scope;
mod select;
mod select_front;
mod semaphore;
mod signal_handler;
mod signal_mailbox;
mod signals;
mod spawn;
mod start_place;
mod step_lock;
mod text;
mod threads;
mod timer;
mod told;
mod turns;
mod under;
mod value;
mod wait_group;
mod wait_group_front;
mod wake;
mod whole;
mod world;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _gochan {
    use super::{awaitable, chan_iter, chan_type, fork, goroutine, select_front, spawn, wait_group_front};
    use pyo3::exceptions::PyImportError;
    use pyo3::ffi;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::aio::aio;
    #[pymodule_export]
    use super::atomic::{AtomicBool, AtomicInt, AtomicRef};
    #[pymodule_export]
    use super::chan::{RecvChan, SendChan};
    #[pymodule_export]
    use super::cond::Cond;
    #[pymodule_export]
    use super::context::{CancelContext, Context};
    #[pymodule_export]
    use super::context_make::{
        background, context_after_func, todo, with_cancel, with_deadline, with_timeout, with_value,
        without_cancel,
    };
    #[pymodule_export]
    use super::goexit::goexit;
    #[pymodule_export]
    use super::goroutine::{Goroutine, num_goroutine};
    #[pymodule_export]
    use super::group::Group;
    #[pymodule_export]
    use super::map::Map;
    #[pymodule_export]
    use super::mutex::Mutex;
    #[pymodule_export]
    use super::object_pool::ObjectPool;
    #[pymodule_export]
    use super::once::{Once, once_func, once_value};
    #[pymodule_export]
    use super::report::set_excepthook;
    #[pymodule_export]
    use super::run::run;
    #[pymodule_export]
    use super::rwmutex::RwMutex;
    #[pymodule_export]
    use super::select::{SendCase, aselect, select, sending};
    #[pymodule_export]
    use super::semaphore::Semaphore;
    #[pymodule_export]
    use super::signals::{
        close, ignored, mark, notify, notify_context, reset, set_again, stop, wanted, watch,
    };
    #[pymodule_export]
    use super::spawn::{close_asyncgen, go_apart};
    #[pymodule_export]
    use super::timer::{Ticker, Timer, after, after_func, asleep, sleep, tick};
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
        make_hidden_classes(py);
        module.add("Chan", chan_type::make(py)?)?;
        module.add("go", spawn::go_function(py)?)?;
        select_front::put_in_front(module)?;
        wait_group_front::put_in_front(py)?;
        for function in [
            "after",
            "after_func",
            "agosched",
            "aio",
            "aselect",
            "background",
            "context_after_func",
            "asleep",
            "goexit",
            "gomaxprocs",
            "gosched",
            "num_goroutine",
            "once_func",
            "once_value",
            "run",
            "select",
            "sending",
            "set_excepthook",
            "todo",
            "with_cancel",
            "with_deadline",
            "with_timeout",
            "with_value",
            "without_cancel",
            "sleep",
            "tick",
        ] {
            module.getattr(function)?.setattr("__module__", "gochan")?;
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // Functions for gochan's own Python files are nobody else's.
        let all = module.index()?.into_iter();
        let all: Vec<_> = all
            .filter(|name| {
                let name = name
                    .cast::<pyo3::types::PyString>()
                    .map_or_else(|_| String::new(), crate::text::of);
                !name.starts_with("_signal") && name != "_go_apart" && name != "_close_asyncgen"
            })
            .collect();
        module.setattr("__all__", all)?;
        fork::register(py)
    }

    /// Those that the module does not show. Made at their first use they would be made for ever in a child that is forked
    /// just then: see `kept`.
    fn make_hidden_classes(py: Python<'_>) {
        py.get_type::<super::aio_waiter::AioWaiter>();
        py.get_type::<super::context_make::AfterFunc>();
        py.get_type::<super::context_node::ContextNode>();
        py.get_type::<super::context_parent::Propagate>();
        py.get_type::<super::job::Job>();
        py.get_type::<super::loop_host::LoopHost>();
        py.get_type::<super::map::MapIter>();
        py.get_type::<super::once::OnceCall>();
        py.get_type::<super::once::OnceTurn>();
        py.get_type::<super::threads::Jobs>();
    }
}
