//! A complete small runtime over [`super::world`]: goroutines that send, receive, wait with a timeout and give way, and
//! blocking calls among them, on one chain of channels. And what must be true at the end whatever the schedule was.
//!
//! ```text
//! producers -> [0] -> relays -> [1] -> consumers        sleepers: [2], where nobody sends
//! ```

use super::roles::{Item, Log, Next, Plan, Role};
use super::world::{self, Order, Program, World};
use super::{Host, W};
use gochan_core::channel::{RawChannel, RecvStart, SendStart};
use gochan_core::clock::{Clock, Instant, Manual};
use gochan_core::sched::scheduler::Progress;
use gochan_core::sched::timers::Key;
use gochan_core::sched::{ParkWord, Timers};
use gochan_core::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use gochan_core::sys::{Arc, Mutex, thread};
use gochan_core::wait_queue::Ticket;
use gochan_core::{Outcome, Parked, Parker, WaitGroup, Waiter, Wake};
use std::time::Duration;

/// How far ahead a timeout is; the clock moves by one of these per round of the monitor.
const TIMEOUT: Duration = Duration::from_nanos(3);

/// How an operation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Sent,
    Received(Item),
    Closed,
    TimedOut,
}

impl From<Outcome<Item>> for End {
    fn from(outcome: Outcome<Item>) -> Self {
        match outcome {
            Outcome::Sent => Self::Sent,
            Outcome::Received(item, _) => Self::Received(item),
            Outcome::Closed => Self::Closed,
            _ => panic!("no wait group here, no lock and no clock"),
        }
    }
}

/// What blocks a thread.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// Closes the channel when all who send into it have ended.
    Closer(usize),
    Consumer,
}

#[derive(Debug)]
pub struct Goroutine {
    word: ParkWord,
    waiter: Waiter<Item>,
    /// Only whoever steps it looks at it: nobody ever waits for this lock.
    body: Mutex<Body>,
}

#[derive(Debug)]
struct Body {
    role: Role,
    wait: Option<Wait>,
}

#[derive(Debug)]
struct Wait {
    channel: usize,
    sends: bool,
    ticket: Ticket,
    timer: Option<Key>,
}

/// One reference to a goroutine, on its way through the queues.
#[derive(Debug)]
pub struct Routine {
    goroutine: Arc<Goroutine>,
    runtime: Arc<Runtime>,
}

/// Who waits in a channel.
#[derive(Debug)]
pub enum Party {
    Goroutine(Routine),
    Thread(Arc<Waiter<Item>>, W),
}

impl Parked<Item> for Party {
    fn waiter(&self) -> &Waiter<Item> {
        match self {
            Self::Goroutine(routine) => &routine.goroutine.waiter,
            Self::Thread(waiter, _) => waiter,
        }
    }

    fn wake(self) {
        match self {
            Self::Goroutine(routine) => routine.wake(),
            Self::Thread(_, waker) => waker.wake(),
        }
    }
}

/// The wait that a timer ends.
#[derive(Debug)]
struct Expiry {
    routine: Routine,
    turn: u32,
}

#[derive(Debug)]
pub struct Runtime {
    world: World<Routine, Call>,
    channels: [RawChannel<Item, Party>; 3],
    /// Who sends into each channel.
    senders: [WaitGroup<(), W>; 2],
    clock: Manual,
    timers: Timers<Expiry>,
    /// Nobody waits with a timeout any more.
    last_round: AtomicBool,
    live: AtomicUsize,
    failed: AtomicBool,
    /// The monitor's: something to look at.
    bell: Parker,
    pub log: Mutex<Log>,
}

/// How one step ended.
enum Step {
    Waits,
    GivesWay,
    Ended,
}

impl Routine {
    fn again(&self) -> Self {
        Self {
            goroutine: Arc::clone(&self.goroutine),
            runtime: Arc::clone(&self.runtime),
        }
    }

    fn wake(self) {
        if self.goroutine.word.wake() {
            let runtime = Arc::clone(&self.runtime);
            world::ready(&runtime, self);
        }
    }

    fn step(self) {
        let (goroutine, runtime) = (Arc::clone(&self.goroutine), Arc::clone(&self.runtime));
        assert!(goroutine.word.start(), "somebody else has the right to resume it");
        let step = {
            let mut body = goroutine.body.try_lock().expect("two step one goroutine");
            self.go_on(&mut body)
        };
        match step {
            Step::Waits if goroutine.word.park() => {}
            Step::Waits => world::ready(&runtime, self),
            Step::GivesWay => {
                assert!(!goroutine.word.wake() && !goroutine.word.park());
                world::ready_last(&runtime, self);
            }
            Step::Ended => {
                goroutine.word.end();
                runtime.one_ended();
            }
        }
    }

    fn go_on(&self, body: &mut Body) -> Step {
        let mut last = None;
        if let Some(wait) = body.wait.take() {
            match self.look(&wait) {
                None => {
                    body.wait = Some(wait);
                    return Step::Waits;
                }
                end => last = end,
            }
        }
        loop {
            let end = match body.role.next(&self.runtime, last.take()) {
                Next::Start(role) => {
                    Runtime::start(&self.runtime, role);
                    None
                }
                Next::Call(call) => {
                    Runtime::push_call(&self.runtime, call);
                    None
                }
                Next::GiveWay => return Step::GivesWay,
                Next::End => return Step::Ended,
                Next::Send(channel, item, timeout) => self.begin(body, channel, Some(item), timeout),
                Next::Recv(channel, timeout) => self.begin(body, channel, None, timeout),
            };
            if body.wait.is_some() {
                return Step::Waits;
            }
            last = end;
        }
    }

    /// Completes the operation, or leaves a wait.
    fn begin(&self, body: &mut Body, channel: usize, item: Option<Item>, timeout: bool) -> Option<End> {
        let party = || Party::Goroutine(self.again());
        let pipe = &self.runtime.channels[channel];
        let ticket = match item {
            Some(item) => match pipe.send_or_park_with(item, party) {
                SendStart::Sent => return Some(End::Sent),
                SendStart::Closed(_) => return Some(End::Closed),
                SendStart::Parked(ticket) => ticket,
            },
            None => match pipe.recv_or_park_with(party) {
                RecvStart::Received(item) => return Some(End::Received(item)),
                RecvStart::Closed => return Some(End::Closed),
                RecvStart::Parked(ticket) => ticket,
            },
        };
        body.wait = Some(Wait {
            channel,
            sends: item.is_some(),
            ticket,
            timer: timeout.then(|| self.expire_later()),
        });
        None
    }

    fn expire_later(&self) -> Key {
        let runtime = &self.runtime;
        let expiry = Expiry {
            routine: self.again(),
            turn: self.goroutine.waiter.turn(),
        };
        let at = runtime.clock.now().saturating_add(TIMEOUT);
        let (key, first) = runtime.timers.add(at, expiry);
        if first {
            runtime.bell.unpark();
        }
        key
    }

    /// It was resumed: how its wait ended, if it did.
    fn look(&self, wait: &Wait) -> Option<End> {
        let waiter = &self.goroutine.waiter;
        if !waiter.is_settled() {
            if wait.timer.is_none() || waiter.is_waiting() {
                return None;
            }
            // It waits no longer; but between the two looks a peer may have come, and not the timer.
            if !waiter.is_settled() {
                let channel = &self.runtime.channels[wait.channel];
                if wait.sends {
                    channel.forget_sender(wait.ticket);
                } else {
                    channel.forget_receiver(wait.ticket);
                }
                assert_eq!(waiter.rearm(), None, "a value was lost");
                return Some(End::TimedOut);
            }
        }
        let outcome = waiter.rearm().expect("settled: the outcome is there");
        if let Some(key) = wait.timer {
            drop(self.runtime.timers.cancel(key));
        }
        Some(outcome.into())
    }
}

impl Runtime {
    fn new(plan: &Plan) -> Arc<Self> {
        let senders = [plan.producers, plan.relays].map(|count| {
            let group = WaitGroup::new();
            group.add(i64::try_from(count).unwrap()).unwrap();
            group
        });
        Arc::new(Self {
            world: World::new(plan.permits),
            channels: [plan.capacity, plan.capacity, 0].map(RawChannel::new),
            senders,
            clock: Manual::starting_at(Instant::from_nanos(0)),
            timers: Timers::new(),
            last_round: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            bell: Parker::new(),
            log: Mutex::new(Log::default()),
        })
    }

    /// False in the end: then a wait goes without.
    pub fn has_timeouts(&self) -> bool {
        !self.last_round.load(Ordering::SeqCst)
    }

    /// One who sends into this channel has ended.
    pub fn done_with(&self, channel: usize) {
        self.senders[channel].add(-1).unwrap();
    }

    fn start(this: &Arc<Self>, role: Role) {
        this.live.fetch_add(1, Ordering::Relaxed);
        let goroutine = Goroutine {
            word: ParkWord::new(),
            waiter: Waiter::new(),
            body: Mutex::new(Body { role, wait: None }),
        };
        let routine = Routine {
            goroutine: Arc::new(goroutine),
            runtime: Arc::clone(this),
        };
        world::ready_new(this, routine);
    }

    fn push_call(this: &Arc<Self>, call: Call) {
        this.live.fetch_add(1, Ordering::Relaxed);
        world::push_call(this, call);
    }

    fn one_ended(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.bell.unpark();
        }
    }

    /// What blocks its thread, so that the others need another one.
    fn consume_blocking(&self) -> Vec<Item> {
        let (host, mut got) = (Host::new(), Vec::new());
        loop {
            let waiter = Arc::new(Waiter::new());
            let party = || Party::Thread(Arc::clone(&waiter), host.waker());
            let end = match self.channels[1].recv_or_park_with(party) {
                RecvStart::Received(item) => End::Received(item),
                RecvStart::Closed => End::Closed,
                RecvStart::Parked(_) => host.wait(&waiter).into(),
            };
            match end {
                End::Received(item) => got.push(item),
                _ => return got,
            }
        }
    }

    /// What the monitor does about timeouts while nobody runs. True: it has to come again, because somebody found the permit in its
    /// hands in vain.
    fn call_for_timeouts(&self, owes: bool) -> bool {
        let due = self.timers.earliest() <= self.clock.now();
        if !(due || owes) || self.world.steps.is_running() {
            return false;
        }
        let Some(runner) = self.world.claim() else {
            return false;
        };
        self.world.give_to_idle(Order::Run(runner)).err().unwrap_or(false)
    }

    /// Moves the clock, and takes permits away; in the end it only sees to it that the last timeouts come.
    fn monitor(&self, rounds: u32) {
        let (mut progress, mut owes) = (Progress::default(), false);
        for _ in 0..rounds {
            self.clock.advance(Duration::from_nanos(1));
            self.world.rescue(&mut progress);
            owes = self.call_for_timeouts(owes);
            thread::yield_now();
        }
        self.last_round.store(true, Ordering::SeqCst);
        while self.live.load(Ordering::Acquire) > 0 && !self.failed.load(Ordering::SeqCst) {
            if self.timers.is_empty() && !owes {
                // Here everybody sleeps for ever if a wake was lost.
                self.bell.park(None);
                continue;
            }
            self.clock.advance(TIMEOUT);
            owes = self.call_for_timeouts(owes);
            thread::yield_now();
        }
    }
}

impl Program for Runtime {
    type Job = Routine;
    type Call = Call;
    const SPARES: bool = true;

    fn world(&self) -> &World<Routine, Call> {
        &self.world
    }

    fn step(_: &Arc<Self>, routine: Routine) {
        routine.step();
    }

    fn call(this: &Arc<Self>, call: Call) {
        match call {
            Call::Closer(channel) => {
                Host::new().wait_group(&this.senders[channel]);
                this.channels[channel].close().unwrap();
            }
            Call::Consumer => {
                let got = this.consume_blocking();
                this.log.lock().received.push(got);
            }
        }
        this.one_ended();
    }

    fn expire_due(this: &Arc<Self>) {
        let now = this.clock.now();
        while let Some(Expiry { routine, turn }) = this.timers.pop_due(now) {
            if routine.goroutine.waiter.cancel_turn(turn) {
                routine.wake();
            }
        }
    }

    fn thread_failed(&self) {
        self.failed.store(true, Ordering::SeqCst);
        self.bell.unpark();
    }
}

/// Runs the plan; this thread is the monitor.
pub fn run(plan: Plan) {
    let runtime = Runtime::new(&plan);
    Runtime::start(&runtime, Role::starter(&plan));
    runtime.monitor(plan.rounds);
    assert!(
        !runtime.failed.load(Ordering::SeqCst),
        "a goroutine thread failed"
    );
    world::close(&runtime);

    let world = &runtime.world;
    assert!(!world.steps.has_jobs() && !world.steps.is_running());
    assert_eq!(world.calls.waiting(), 0);
    assert!(runtime.timers.is_empty(), "a timer was left behind");
    for channel in &runtime.channels {
        assert_eq!((channel.len(), channel.parked()), (0, (0, 0)));
    }
    runtime.log.lock().check(&plan);
}
