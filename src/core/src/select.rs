//! Go's `select`: one of several sends and receives, whichever can happen first.
//!
//! Invariants:
//! * A select that finds no arm ready, or queues, holds the locks of all its channels at that instant, and stands in none of their
//!   queues; one that is parked stands in all of them, and is settled by one of its arms (see `waiter`). So there is no moment
//!   in which two selects are both half decided: of two that face each other, the second finds the first one parked (S4, S5, S10).
//! * One that fires an arm at once has only that arm's lock when it does: the arm is ready at that instant, and more is not
//!   asked for, as long as the order is a random one. In written order an arm may fire only while all before it are not ready,
//!   which again takes all locks.
//! * Locks are taken in the order of the channels' addresses, each once, however many arms name it.
//! * Among several arms that are ready each is as likely as any other (S2): they are looked at in a random order, a fresh one each
//!   time, and the first ready one fires. Arms count, not channels.
//! * A select never serves itself (S9): it looks before it queues.
//!
//! What a select leaves behind in the other queues when one arm has fired is taken out by its host ([`leave`]) before it uses
//! the waiter again; until then a peer that meets it there passes it by.

use crate::channel::{After, RawChannel, Sender, State};
use crate::clock::Instant;
use crate::error::{TryRecvError, TrySendError};
use crate::lock::Guard;
use crate::sys::Arc;
use crate::wait_queue::Ticket;
use crate::wake_list::Parked;
use smallvec::SmallVec;

/// As many arms as Go's reflect.Select takes (S17).
pub const MOST_ARMS: usize = 65_536;

/// So many arms need no memory of their own while a select looks.
const FEW: usize = 16;

/// What an arm does.
#[derive(Debug)]
pub enum Way<T> {
    Recv,
    /// `None` once the channel has the value.
    Send(Option<T>),
}

/// One arm of a select. `C` leads to its channel.
#[derive(Debug)]
pub struct Arm<C, T> {
    pub chan: C,
    pub way: Way<T>,
    /// Where the waiter stands while the select is parked.
    pub ticket: Ticket,
}

impl<C, T> Arm<C, T> {
    pub fn recv(chan: C) -> Self {
        Self {
            chan,
            way: Way::Recv,
            ticket: Ticket::NOWHERE,
        }
    }

    pub fn send(chan: C, value: T) -> Self {
        Self {
            chan,
            way: Way::Send(Some(value)),
            ticket: Ticket::NOWHERE,
        }
    }
}

/// Something that leads to a channel.
pub trait Leads<T, P: Parked<T>> {
    fn channel(&self) -> &RawChannel<T, P>;
}

impl<T, P: Parked<T>> Leads<T, P> for Arc<RawChannel<T, P>> {
    fn channel(&self) -> &RawChannel<T, P> {
        self
    }
}

impl<T, P: Parked<T>> Leads<T, P> for &RawChannel<T, P> {
    fn channel(&self) -> &RawChannel<T, P> {
        self
    }
}

/// In which order arms are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// As they are written.
    Written,
    /// As the seed has it: a fresh one for each select.
    Random(u64),
    /// The same, after a [`look_once`] that found nothing ready.
    Looked(u64),
}

/// What an arm did.
#[derive(Debug, PartialEq, Eq)]
pub enum Did<T> {
    Sent,
    Received(T),
    /// It receives from a channel that a clock sends on: [`RawChannel::made`] makes the value of it.
    Ticked(Instant),
    /// It receives, from a channel that is closed and drained.
    FoundClosed,
    /// It sends, on a closed channel; the value comes back.
    Refused(T),
}

/// How a select began.
#[derive(Debug, PartialEq, Eq)]
pub enum Start<T> {
    Fired(usize, Did<T>),
    /// No arm was ready; with [`select_or_park`] the waiter now stands in all queues.
    NoneReady,
}

/// The arms, taken apart: their channels are locked while their values move.
struct Parts<'a, T, P: Parked<T>> {
    chans: SmallVec<[&'a RawChannel<T, P>; FEW]>,
    ways: SmallVec<[(&'a mut Way<T>, &'a mut Ticket); FEW]>,
}

impl<'a, T, P: Parked<T>> Parts<'a, T, P> {
    fn of<C: Leads<T, P>>(arms: &'a mut [Arm<C, T>]) -> Self {
        let (mut chans, mut ways) = (SmallVec::new(), SmallVec::new());
        for Arm { chan, way, ticket } in arms {
            chans.push(chan.channel());
            ways.push((way, ticket));
        }
        Self { chans, ways }
    }
}

type Locked<'a, T, P> = SmallVec<[Guard<'a, State<T, P>>; FEW]>;

/// Fires one arm that is ready at this instant, if there is one.
pub fn try_select<T, P, C>(arms: &mut [Arm<C, T>], order: Order) -> Start<T>
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    run(arms, order, None)
}

/// Fires one arm that is ready, else parks at all of them, in one instant. `party` makes the place of one arm: its number is
/// what [`Parked::arm`] is to say.
pub fn select_or_park<T, P, C>(
    arms: &mut [Arm<C, T>],
    order: Order,
    party: &mut dyn FnMut(u32) -> P,
) -> Start<T>
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    run(arms, order, Some(party))
}

fn run<T, P, C>(arms: &mut [Arm<C, T>], order: Order, party: Option<&mut dyn FnMut(u32) -> P>) -> Start<T>
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    if let Order::Random(seed) = order {
        if let Some((at, did)) = look_once(arms, seed) {
            return Start::Fired(at, did);
        }
    }
    run_locked(arms, order, party)
}

/// Looks once at each arm, with no more than that arm's lock, and fires the first that is ready. `None` says nothing of any
/// one instant, and nothing has changed then.
#[inline]
pub fn look_once<T, P, C>(arms: &mut [Arm<C, T>], seed: u64) -> Option<(usize, Did<T>)>
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    // Before the locks, so that it outlives them: what is in it is woken and dropped after the unlock.
    let mut after = After::new();
    let mut fired = None;
    for at in Looks::new(arms.len(), Order::Random(seed)) {
        let Arm { chan, way, .. } = &mut arms[at];
        let channel = chan.channel();
        let mut state = channel.state.lock();
        if let Some(did) = attempt(&mut state, channel.capacity(), way, &mut after) {
            fired = Some((at, did));
            break;
        }
    }
    after.run();
    fired
}

fn run_locked<T, P, C>(
    arms: &mut [Arm<C, T>],
    order: Order,
    party: Option<&mut dyn FnMut(u32) -> P>,
) -> Start<T>
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    // As above.
    let mut after = After::new();
    let start = {
        let Parts { chans, mut ways } = Parts::of(arms);
        let (mut locked, place_of) = lock_all(&chans);
        let mut fired = None;
        for at in Looks::new(chans.len(), order) {
            let state = &mut locked[place_of[at] as usize];
            if let Some(did) = attempt(state, chans[at].capacity(), ways[at].0, &mut after) {
                fired = Some((at, did));
                break;
            }
        }
        let start = match (fired, party) {
            (Some((at, did)), _) => Start::Fired(at, did),
            (None, None) => Start::NoneReady,
            (None, Some(party)) => {
                for (at, (way, ticket)) in ways.iter_mut().enumerate() {
                    let state = &mut locked[place_of[at] as usize];
                    // At most `MOST_ARMS`, and the caller has seen to that.
                    let party = party(u32::try_from(at).unwrap_or(u32::MAX));
                    **ticket = match way {
                        Way::Recv => state.receivers.push_back(party),
                        Way::Send(value) => {
                            let value = value.take().expect("a value is sent once");
                            state.senders.push_back(Sender { party, value })
                        }
                    };
                }
                Start::NoneReady
            }
        };
        // Last to first: builds that keep a list of held locks find each at its end.
        while locked.pop().is_some() {}
        start
    };
    after.run();
    start
}

/// Does what one arm is there for, if that is possible now.
fn attempt<T, P: Parked<T>>(
    state: &mut State<T, P>,
    capacity: usize,
    way: &mut Way<T>,
    after: &mut After<T, P>,
) -> Option<Did<T>> {
    match way {
        Way::Recv => match state.recv(capacity, after) {
            Ok(value) => Some(Did::Received(value)),
            Err(TryRecvError::Closed) => Some(Did::FoundClosed),
            Err(TryRecvError::Empty) => state.poll(after).map(Did::Ticked),
        },
        Way::Send(value) => match state.send(capacity, value.take().expect("a value is sent once"), after) {
            Ok(()) => Some(Did::Sent),
            Err(TrySendError::Closed(value)) => Some(Did::Refused(value)),
            Err(TrySendError::Full(back)) => {
                *value = Some(back);
                None
            }
        },
    }
}

/// Locks all channels, in the order of their addresses, each once; and says which lock is which arm's.
fn lock_all<'a, T, P: Parked<T>>(chans: &[&'a RawChannel<T, P>]) -> (Locked<'a, T, P>, SmallVec<[u32; FEW]>) {
    let address = |at: &u32| std::ptr::from_ref(chans[*at as usize]).addr();
    let count = u32::try_from(chans.len()).expect("fewer arms than 2^32");
    let mut by_address: SmallVec<[u32; FEW]> = (0..count).collect();
    by_address.sort_unstable_by_key(address);
    let mut place_of: SmallVec<[u32; FEW]> = SmallVec::from_elem(0, chans.len());
    let mut locked: Locked<'a, T, P> = SmallVec::new();
    let mut last = None;
    let mut places = 0;
    for at in by_address {
        let address = address(&at);
        if last != Some(address) {
            last = Some(address);
            locked.push(chans[at as usize].state.lock());
            places += 1;
        }
        place_of[at as usize] = places - 1;
    }
    (locked, place_of)
}

/// Takes the select's waiter out of all queues it still stands in. To be called when it is settled or cancelled, and before its
/// next turn.
pub fn leave<T, P, C>(arms: &[Arm<C, T>])
where
    P: Parked<T>,
    C: Leads<T, P>,
{
    leave_all(arms.iter().map(|arm| {
        let side = match arm.way {
            Way::Recv => Side::Receivers,
            Way::Send(_) => Side::Senders,
        };
        (arm.chan.channel(), side, arm.ticket)
    }));
}

/// Which of a channel's two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Receivers,
    Senders,
}

/// As [`leave`], for who knows the places only.
pub fn leave_all<'a, T, P>(places: impl Iterator<Item = (&'a RawChannel<T, P>, Side, Ticket)>)
where
    T: 'a,
    P: Parked<T> + 'a,
{
    // Dropped together at the end: a drop may run foreign code, which is to find the waiter in no queue.
    let mut receivers: SmallVec<[P; FEW]> = SmallVec::new();
    let mut senders: SmallVec<[Sender<T, P>; 4]> = SmallVec::new();
    for (channel, side, ticket) in places {
        let mut state = channel.state.lock();
        match side {
            Side::Receivers => receivers.extend(state.receivers.remove(ticket)),
            Side::Senders => senders.extend(state.senders.remove(ticket)),
        }
    }
    drop((receivers, senders));
}

/// The numbers below a count in a random order, each drawn when it is asked for: nearly always the first few are enough.
struct Looks {
    left: Numbers,
    count: usize,
    drawn: usize,
    /// `None`: in order.
    random: Option<u64>,
}

enum Numbers {
    Few([u8; FEW]),
    Many(Vec<u32>),
}

impl Looks {
    #[inline]
    fn new(count: usize, order: Order) -> Self {
        /// Copied whole: that is one instruction, and a list would be built number by number.
        const FIRST: [u8; FEW] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let left = if count <= FEW {
            Numbers::Few(FIRST)
        } else {
            let count = u32::try_from(count).expect("fewer arms than 2^32");
            Numbers::Many((0..count).collect())
        };
        Self {
            left,
            count,
            drawn: 0,
            random: match order {
                Order::Written => None,
                Order::Random(seed) | Order::Looked(seed) => Some(seed),
            },
        }
    }
}

impl Iterator for Looks {
    type Item = usize;

    /// One step of Fisher and Yates' shuffle.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        let (at, left) = (self.drawn, self.count - self.drawn);
        if left == 0 {
            return None;
        }
        let mut chosen = at;
        if let (Some(random), 2..) = (&mut self.random, left) {
            // By multiplication, on the upper half: the bias is less than one in 65,000 of one in four billion.
            let draw = mixed(random) >> 32;
            chosen += usize::try_from((draw * left as u64) >> 32).expect("below the count");
        }
        self.drawn += 1;
        Some(match &mut self.left {
            Numbers::Few(left) => {
                // Both are below the count; said in a way that the compiler need not check.
                left.swap(at % FEW, chosen % FEW);
                usize::from(left[at % FEW])
            }
            Numbers::Many(left) => {
                left.swap(at, chosen);
                left[at] as usize
            }
        })
    }
}

/// The next number of Steele, Lea and Flood's SplitMix64: good enough for any test of chance we know of, and two
/// multiplications.
#[inline]
pub fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
