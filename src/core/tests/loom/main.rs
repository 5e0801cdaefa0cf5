//! Every interleaving of the small pieces.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gochan-core --release --test loom`
//!
//! Short models of two threads are searched whole, larger ones up to 3 preemptions or 2;
//! `LOOM_MAX_PREEMPTIONS` sets another bound for all. Loom itself reports deadlocks (a lost wake is
//! one) and whatever is still referenced at the end of a model.
#![cfg(loom)]

#[path = "../common/mod.rs"]
mod common;

mod blocking;
mod calls;
mod claim;
mod context;
mod day;
mod feed;
mod goroutine;
mod holds;
mod once;
mod order;
mod park_word;
mod parker;
mod permits;
mod seats;
mod select;
mod signals;
mod steal;
mod timers;
mod turns;
mod wait_group;

use gochan_core::sys::Arc;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};

/// For short models of two threads.
fn model(body: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(body);
}

/// For models of three, and longer ones of two.
fn bounded_model(body: impl Fn() + Sync + Send + 'static) {
    model_up_to(3, body);
}

/// For models in which threads are called, started and sent home.
fn narrow_model(body: impl Fn() + Sync + Send + 'static) {
    model_up_to(2, body);
}

fn model_up_to(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(body);
}

/// Something written without any order of its own: who may see it is up to what is tested.
fn plain() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

fn set(plain: &AtomicUsize) {
    plain.store(1, Ordering::Relaxed);
}

fn is_set(plain: &AtomicUsize) -> bool {
    plain.load(Ordering::Relaxed) == 1
}
