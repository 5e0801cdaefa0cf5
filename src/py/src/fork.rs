//! `os.fork()` in a process with goroutines: the child starts with none of them.
//!
//! What the parent's threads may hold or wait in is made new (`deferred`, `threads`), and their waiters
//! are passed by from now on (`waiter::epoch`). Nothing is locked over the fork: other libraries' hooks
//! run between ours, and would wait for us with the GIL held. What must not be half made in the child is
//! waited for before (`aio_warm`). Locks over Python objects need no care: only attached threads take
//! them, and the forking thread is the attached one.

use crate::{
    aio, aio_warm, announce, collection, current, deferred, goroutine, lost, monitor, report, scope, select,
    signals, world,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

#[pyfunction]
fn after_in_child(py: Python<'_>) {
    gochan_core::waiter::epoch::forked();
    goroutine::after_fork_in_child();
    deferred::after_fork_in_child();
    world::after_fork_in_child();
    monitor::after_fork_in_child();
    scope::after_fork_in_child(py);
    current::after_fork_in_child();
    announce::after_fork_in_child();
    aio::after_fork_in_child();
    aio_warm::after_fork_in_child();
    collection::after_fork_in_child();
    lost::after_fork_in_child();
    report::after_fork_in_child();
    signals::after_fork_in_child();
    select::after_fork_in_child();
}

#[pyfunction]
fn before(py: Python<'_>) {
    aio_warm::before_fork(py);
}

pub fn register(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    let Some(register) = os.getattr_opt("register_at_fork")? else {
        // No fork on this system.
        return Ok(());
    };
    let hooks = PyDict::new(py);
    hooks.set_item("before", wrap_pyfunction!(before, py)?)?;
    hooks.set_item("after_in_child", wrap_pyfunction!(after_in_child, py)?)?;
    register.call((), Some(&hooks)).map(drop)
}
