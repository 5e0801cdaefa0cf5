//! Who runs what: permits, and the queues they come with. Go's P in small.
//!
//! A *permit* is the right to resume goroutines; there are as many as may run at once (one on a build with the GIL). A
//! thread that holds one is a *runner*. With a permit comes a queue of its own; jobs that nobody with a permit made
//! ready go to the shared queue, which every runner looks at first every [`SHARED_FIRST`]th time.
//!
//! Invariants:
//! * A job is in one queue, or in the hands of one thread; this holds whoever has which permit, because the queues have
//!   locks. A permit decides only how many threads run, never whether a job runs once.
//! * So a permit can be taken away ([`Scheduler::take_over`]) from a runner that is stuck in a job: it finds out
//!   when it comes back for the next one ([`Scheduler::holds`]).
//! * No job is left behind: a runner gives its permit back, then looks at the queues once more; who makes a job ready
//!   queues it, then looks for a free permit. There is a sequentially consistent fence between the two halves on both
//!   sides, so one of them sees the other.
//! * A free permit is claimed *for* the thread that is called, by the one who calls it: a second job that becomes ready
//!   while that thread is on its way calls nobody.

use super::run_queue::RunQueue;
use crate::sys::atomic::{AtomicU64, Ordering, fence};

/// Every so many jobs the shared queue is looked at first, so that goroutines that keep making each other ready do
/// not starve it. Go's number.
const SHARED_FIRST: u64 = 61;
/// A runner takes at most so many jobs from the shared queue at once.
const BATCH: usize = 128;

/// Names a thread, for as long as it may hold a permit. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerId(u64);

/// Names a permit, which need not be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit(usize);

#[derive(Debug)]
struct Place<J> {
    queue: RunQueue<J>,
    /// Who holds the permit; 0 when nobody does.
    holder: AtomicU64,
    /// Jobs begun with this permit. Written by its holder only.
    begun: AtomicU64,
}

#[derive(Debug)]
pub struct Scheduler<J> {
    places: Box<[Place<J>]>,
    shared: RunQueue<J>,
    next_id: AtomicU64,
}

/// How far each permit has come, for a monitor.
#[derive(Debug, Default)]
pub struct Progress(Vec<(u64, u64)>);

impl<J> Scheduler<J> {
    pub fn new(permits: usize) -> Self {
        let place = || Place {
            queue: RunQueue::new(),
            holder: AtomicU64::new(0),
            begun: AtomicU64::new(0),
        };
        Self {
            places: (0..permits.max(1)).map(|_| place()).collect(),
            shared: RunQueue::new(),
            next_id: AtomicU64::new(1),
        }
    }

    pub fn register(&self) -> RunnerId {
        RunnerId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Queues a job at the end of the runner's own line (a new goroutine).
    #[inline]
    pub fn push(&self, permit: Permit, job: J) {
        self.places[permit.0].queue.push(job);
    }

    /// Queues a job to run next with this permit (one that was just woken).
    #[inline]
    pub fn push_next(&self, permit: Permit, job: J) {
        self.places[permit.0].queue.push_next(job);
    }

    /// Whether its runner has made more ready than the one that it comes to next by itself. For that one alone another runner is not
    /// called: it would come too late, and find nothing. Should the runner not come to it soon, a monitor sees that.
    #[inline]
    pub fn has_surplus(&self, permit: Permit) -> bool {
        self.places[permit.0].queue.len() > 1
    }

    /// Queues a job for whoever comes (C: from outside of the scheduler, or to the very end of the line).
    pub fn push_shared(&self, job: J) {
        self.shared.push(job);
    }

    /// Claims a free permit for `runner`, if there is one and there are jobs for it. To be called after a push: the
    /// caller then wakes that runner, or gives the permit back.
    pub fn claim_for_work(&self, runner: RunnerId) -> Option<Permit> {
        fence(Ordering::SeqCst);
        if self.has_free_permit() && self.has_jobs() {
            return self.claim(runner);
        }
        None
    }

    /// Whether a push just now may need a thread to be called. A cheap look before [`Self::claim_for_work`].
    #[inline]
    pub fn has_free_permit(&self) -> bool {
        self.places
            .iter()
            .any(|place| place.holder.load(Ordering::SeqCst) == 0)
    }

    /// Takes any free permit.
    pub fn claim(&self, runner: RunnerId) -> Option<Permit> {
        let free = |place: &Place<J>| {
            place
                .holder
                .compare_exchange(0, runner.0, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        self.places.iter().position(free).map(Permit)
    }

    /// Takes the permit away from whoever holds it.
    pub fn take_over(&self, permit: Permit, runner: RunnerId) {
        self.places[permit.0].holder.store(runner.0, Ordering::SeqCst);
    }

    /// Hands the permit to another thread, unless it was taken over.
    pub fn pass(&self, permit: Permit, from: RunnerId, to: RunnerId) -> bool {
        self.places[permit.0]
            .holder
            .compare_exchange(from.0, to.0, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    #[inline]
    pub fn holds(&self, permit: Permit, runner: RunnerId) -> bool {
        self.places[permit.0].holder.load(Ordering::Relaxed) == runner.0
    }

    /// Gives the permit back. True: there are jobs, that perhaps nobody saw; the caller claims a permit again, or calls
    /// somebody.
    #[must_use]
    pub fn release(&self, permit: Permit, runner: RunnerId) -> bool {
        let _ =
            self.places[permit.0]
                .holder
                .compare_exchange(runner.0, 0, Ordering::SeqCst, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.has_jobs()
    }

    /// The permit to take over when one runner may be stuck: the first.
    pub fn first(&self) -> Permit {
        Permit(0)
    }

    /// The next job for the holder of `permit`: from the shared queue every so often, its own queue, the shared queue,
    /// another's queue.
    #[inline]
    pub fn next(&self, permit: Permit) -> Option<J> {
        let place = &self.places[permit.0];
        // Plain counting: only the holder writes, and a monitor only compares.
        let begun = place.begun.load(Ordering::Relaxed).wrapping_add(1);
        place.begun.store(begun, Ordering::Relaxed);
        if begun % SHARED_FIRST == 0 && !self.shared.is_empty() {
            if let Some(job) = self.shared.pop() {
                return Some(job);
            }
        }
        if let Some(job) = place.queue.pop() {
            return Some(job);
        }
        self.look_elsewhere(permit)
    }

    #[cold]
    fn look_elsewhere(&self, permit: Permit) -> Option<J> {
        let mine = &self.places[permit.0].queue;
        let fair = self.shared.len().div_ceil(self.places.len());
        let mut jobs = self.shared.take_some(fair.min(BATCH));
        if jobs.is_empty() {
            let others = (1..self.places.len()).map(|step| (permit.0 + step) % self.places.len());
            for other in others {
                let queue = &self.places[other].queue;
                jobs = queue.take_some(queue.len().div_ceil(2));
                if !jobs.is_empty() {
                    break;
                }
            }
        }
        let first = jobs.pop_front();
        mine.append(jobs);
        first
    }

    /// Whether any queue has a job.
    pub fn has_jobs(&self) -> bool {
        !self.shared.is_empty() || self.places.iter().any(|place| !place.queue.is_empty())
    }

    /// Jobs in all queues, at about one instant.
    pub fn waiting(&self) -> usize {
        self.shared.len() + self.places.iter().map(|place| place.queue.len()).sum::<usize>()
    }

    /// Whether a permit is held by somebody.
    pub fn is_running(&self) -> bool {
        self.places
            .iter()
            .any(|place| place.holder.load(Ordering::SeqCst) != 0)
    }

    /// A permit whose holder has begun nothing since the last look, for a monitor that comes by every few milliseconds.
    pub fn stuck(&self, last: &mut Progress) -> Option<Permit> {
        let now = |place: &Place<J>| {
            (
                place.holder.load(Ordering::Relaxed),
                place.begun.load(Ordering::Relaxed),
            )
        };
        let seen: Vec<_> = self.places.iter().map(now).collect();
        let stuck = seen
            .iter()
            .zip(&last.0)
            .position(|(now, then)| now == then && now.0 != 0);
        last.0 = seen;
        stuck.map(Permit)
    }

    /// Whether the permit is where `last` saw it: nothing was begun with it since.
    pub fn is_still_stuck(&self, permit: Permit, last: (u64, u64)) -> bool {
        self.position(permit) == last
    }

    pub fn position(&self, permit: Permit) -> (u64, u64) {
        let place = &self.places[permit.0];
        (
            place.holder.load(Ordering::Relaxed),
            place.begun.load(Ordering::Relaxed),
        )
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_shared_queue_is_not_starved() {
        let sched = Scheduler::new(1);
        let me = sched.register();
        let permit = sched.claim(me).unwrap();
        sched.push_shared("shared");
        let came = (0..SHARED_FIRST).any(|_| {
            sched.push_next(permit, "mine");
            sched.next(permit) == Some("shared")
        });
        assert!(came);
    }

    #[test]
    fn half_of_anothers_line_is_stolen() {
        let sched = Scheduler::new(2);
        let (one, two) = (sched.register(), sched.register());
        let (a, b) = (sched.claim(one).unwrap(), sched.claim(two).unwrap());
        (0..4).for_each(|job| sched.push(a, job));
        assert_eq!(sched.next(b), Some(0));
        assert_eq!((sched.next(b), sched.next(a)), (Some(1), Some(2)));
        assert_eq!((sched.next(a), sched.next(b)), (Some(3), None));
    }

    #[test]
    fn a_permit_that_was_taken_over_is_not_held_any_more() {
        let sched: Scheduler<()> = Scheduler::new(1);
        let (stuck, spare) = (sched.register(), sched.register());
        let permit = sched.claim(stuck).unwrap();
        assert_eq!(sched.claim(spare), None);
        let mut last = Progress::default();
        assert_eq!(sched.stuck(&mut last), None, "seen for the first time");
        assert_eq!(sched.stuck(&mut last), Some(permit));
        sched.take_over(permit, spare);
        assert!(!sched.holds(permit, stuck) && sched.holds(permit, spare));
        assert!(!sched.release(permit, stuck), "not its to give");
        assert!(sched.holds(permit, spare));
    }

    #[test]
    fn a_free_permit_is_claimed_once_for_many_jobs() {
        let sched = Scheduler::new(1);
        let (one, two) = (sched.register(), sched.register());
        assert_eq!(sched.claim_for_work(one), None, "nothing to do");
        sched.push_shared(1);
        let permit = sched.claim_for_work(one).unwrap();
        sched.push_shared(2);
        assert_eq!(sched.claim_for_work(two), None, "one is on its way");
        assert!(sched.release(permit, one), "jobs are left");
    }
}
