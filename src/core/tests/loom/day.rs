//! A day's work for the threads of a small world: jobs and calls that are numbers, each to be done once.

use crate::common::world::{self, Program, World};
use gochan_core::Parker;
use gochan_core::sys::Arc;
use gochan_core::sys::atomic::{AtomicUsize, Ordering};

pub struct Day {
    pub world: World<usize, usize>,
    done: [Vec<AtomicUsize>; 2],
    left: AtomicUsize,
    all_done: Parker,
    /// For a call that blocks until another one has come.
    pub bell: Parker,
    /// Somebody's permit was taken over, and whether he knows.
    pub relieved: AtomicUsize,
    pub knows: AtomicUsize,
    /// What a job does besides, and what a call does.
    in_job: fn(&Arc<Day>, usize),
    in_call: fn(&Arc<Day>, usize),
}

impl Day {
    pub fn new(permits: usize, jobs: usize, calls: usize) -> Arc<Self> {
        Self::with(permits, jobs, calls, |_, _| {}, |_, _| {})
    }

    pub fn with(
        permits: usize,
        jobs: usize,
        calls: usize,
        in_job: fn(&Arc<Day>, usize),
        in_call: fn(&Arc<Day>, usize),
    ) -> Arc<Self> {
        Arc::new(Self {
            world: World::new(permits),
            done: [jobs, calls].map(|count| (0..count).map(|_| AtomicUsize::new(0)).collect()),
            left: AtomicUsize::new(jobs + calls),
            all_done: Parker::new(),
            bell: Parker::new(),
            relieved: AtomicUsize::new(0),
            knows: AtomicUsize::new(0),
            in_job,
            in_call,
        })
    }

    fn done(&self, lane: usize, number: usize) {
        self.done[lane][number].fetch_add(1, Ordering::Relaxed);
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_done.unpark();
        }
    }

    /// Sleeps for ever if something was left behind.
    pub fn end(this: &Arc<Self>) {
        while this.left.load(Ordering::Acquire) > 0 {
            this.all_done.park(None);
        }
        // How the threads end is not the question, and would be most of the interleavings.
        loom::stop_exploring();
        world::close(this);
        for done in this.done.iter().flatten() {
            assert_eq!(done.load(Ordering::Relaxed), 1, "each once");
        }
        assert!(!this.world.steps.has_jobs() && !this.world.steps.is_running());
        assert_eq!(this.world.calls.waiting(), 0);
    }
}

impl Program for Day {
    type Job = usize;
    type Call = usize;
    const SPARES: bool = false;

    fn world(&self) -> &World<usize, usize> {
        &self.world
    }

    fn step(this: &Arc<Self>, job: usize) {
        (this.in_job)(this, job);
        this.done(0, job);
    }

    fn call(this: &Arc<Self>, call: usize) {
        (this.in_call)(this, call);
        this.done(1, call);
    }
}
