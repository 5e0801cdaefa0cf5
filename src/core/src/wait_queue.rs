//! A first-in-first-out queue of waiters that lets any of them leave in O(1).
//!
//! Invariants:
//! * Order of `pop_front` is order of `push_back`; nobody is overtaken, but by who is put back to the front.
//! * A [`Ticket`] names one stay in the queue. Once that node left, by whatever way, the ticket is
//!   dead for ever, even when its slot is used again: the generation in it no longer matches.
//! * `head`, `tail`, `prev` and `next` form one doubly linked list over exactly the used slots; the
//!   others form the free list.
//!
//! Nodes live in a slab instead of in the waiters themselves (as Go's sudogs do). An intrusive list
//! would save the copy when the slab grows, but needs pinned nodes and unsafe code in the very place
//! where a mistake is worst. The slab gives its memory back when it empties after a crowd.

/// No slot: end of a list.
const NIL: u32 = u32::MAX;
/// An empty slab larger than this many slots is freed.
const KEEP: usize = 64;

/// Names one stay of one node in one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    slot: u32,
    generation: u32,
}

impl Ticket {
    /// Of no queue: what it names is never there.
    pub const NOWHERE: Self = Self {
        slot: NIL,
        generation: 0,
    };
}

#[derive(Debug)]
struct Slot<N> {
    /// `None`: the slot is free, and `next` is the next free one.
    node: Option<N>,
    prev: u32,
    next: u32,
    /// How many nodes have lived here; wraps, which would need four billion parks within one stay.
    generation: u32,
}

#[derive(Debug)]
pub struct WaitQueue<N> {
    slots: Vec<Slot<N>>,
    head: u32,
    tail: u32,
    free: u32,
    len: u32,
    /// Generations start here after the slab was freed, so that old tickets stay dead.
    first_generation: u32,
}

impl<N> WaitQueue<N> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            head: NIL,
            tail: NIL,
            free: NIL,
            len: 0,
            first_generation: 0,
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == NIL
    }

    pub fn len(&self) -> usize {
        self.len as usize
    }

    pub fn push_back(&mut self, node: N) -> Ticket {
        let index = self.take_slot();
        let tail = std::mem::replace(&mut self.tail, index);
        let slot = self.slot(index);
        slot.node = Some(node);
        slot.prev = tail;
        slot.next = NIL;
        let generation = slot.generation;
        if tail == NIL {
            self.head = index;
        } else {
            self.slot(tail).next = index;
        }
        self.len += 1;
        Ticket {
            slot: index,
            generation,
        }
    }

    /// For one that has stood at the head before, and was called in vain.
    pub fn push_front(&mut self, node: N) -> Ticket {
        let index = self.take_slot();
        let head = std::mem::replace(&mut self.head, index);
        let slot = self.slot(index);
        slot.node = Some(node);
        slot.prev = NIL;
        slot.next = head;
        let generation = slot.generation;
        if head == NIL {
            self.tail = index;
        } else {
            self.slot(head).prev = index;
        }
        self.len += 1;
        Ticket {
            slot: index,
            generation,
        }
    }

    /// Who is next.
    pub fn front(&self) -> Option<&N> {
        self.slots.get(self.head as usize)?.node.as_ref()
    }

    pub fn pop_front(&mut self) -> Option<N> {
        if self.head == NIL {
            return None;
        }
        self.unlink(self.head)
    }

    /// Takes one node out of wherever it stands; `None` when it left before.
    pub fn remove(&mut self, ticket: Ticket) -> Option<N> {
        let slot = self.slots.get(ticket.slot as usize)?;
        if slot.generation != ticket.generation || slot.node.is_none() {
            return None;
        }
        self.unlink(ticket.slot)
    }

    /// Empties the queue. The tickets given out so far stay dead in it.
    #[must_use]
    pub fn take_all(&mut self) -> Self {
        let newest = self.slots.iter().map(|slot| slot.generation).max();
        let empty = Self {
            first_generation: newest.map_or(self.first_generation, |newest| newest.wrapping_add(1)),
            ..Self::new()
        };
        std::mem::replace(self, empty)
    }

    /// First to last.
    pub fn iter(&self) -> impl Iterator<Item = &N> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            let slot = self.slots.get(at as usize)?;
            at = slot.next;
            slot.node.as_ref()
        })
    }

    fn slot(&mut self, index: u32) -> &mut Slot<N> {
        &mut self.slots[index as usize]
    }

    fn take_slot(&mut self) -> u32 {
        if self.free == NIL {
            let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 waiters");
            assert!(index != NIL, "fewer than 2^32 - 1 waiters");
            self.slots.push(Slot {
                node: None,
                prev: NIL,
                next: NIL,
                generation: self.first_generation,
            });
            return index;
        }
        let index = self.free;
        self.free = self.slot(index).next;
        index
    }

    fn unlink(&mut self, index: u32) -> Option<N> {
        let free = self.free;
        let slot = self.slot(index);
        let node = slot.node.take();
        let (prev, next) = (slot.prev, slot.next);
        slot.generation = slot.generation.wrapping_add(1);
        slot.next = free;
        self.free = index;
        match prev {
            NIL => self.head = next,
            _ => self.slot(prev).next = next,
        }
        match next {
            NIL => self.tail = prev,
            _ => self.slot(next).prev = prev,
        }
        self.len -= 1;
        if self.head == NIL && self.slots.len() > KEEP {
            self.shrink();
        }
        node
    }

    fn shrink(&mut self) {
        let newest = self.slots.iter().map(|slot| slot.generation).max();
        self.first_generation = newest.unwrap_or(self.first_generation);
        self.slots = Vec::new();
        self.free = NIL;
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn leaving_from_the_middle_keeps_the_others_in_order() {
        let mut queue = WaitQueue::new();
        let tickets: Vec<_> = (0..5).map(|n| queue.push_back(n)).collect();
        assert_eq!(queue.remove(tickets[2]), Some(2));
        assert_eq!(queue.remove(tickets[2]), None);
        assert_eq!(queue.remove(tickets[4]), Some(4));
        assert_eq!(queue.remove(tickets[0]), Some(0));
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(
            (queue.pop_front(), queue.pop_front(), queue.pop_front()),
            (Some(1), Some(3), None)
        );
    }

    #[test]
    fn a_ticket_dies_with_its_stay() {
        let mut queue = WaitQueue::new();
        let first = queue.push_back('a');
        queue.pop_front();
        let second = queue.push_back('b');
        assert_eq!(queue.remove(first), None, "slot reused, ticket old");
        assert_eq!(queue.remove(second), Some('b'));
    }

    #[test]
    fn a_crowd_gives_its_memory_back_and_its_tickets_stay_dead() {
        let mut queue = WaitQueue::new();
        let tickets: Vec<_> = (0..10_000).map(|n| queue.push_back(n)).collect();
        while queue.pop_front().is_some() {}
        assert_eq!(queue.slots.capacity(), 0);
        let again: Vec<_> = (0..10_000).map(|n| queue.push_back(n)).collect();
        assert!(tickets.iter().all(|&old| queue.remove(old).is_none()));
        assert_eq!(queue.len(), again.len());
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(script in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 0..300)) {
            let mut queue = WaitQueue::new();
            let mut model: VecDeque<(u32, Ticket)> = VecDeque::new();
            let mut gone: Vec<Ticket> = Vec::new();
            let mut next = 0;
            for (action, pick) in script {
                match action {
                    0 => {
                        model.push_back((next, queue.push_back(next)));
                        next += 1;
                    }
                    3 => {
                        model.push_front((next, queue.push_front(next)));
                        next += 1;
                    }
                    1 => {
                        let expected = model.pop_front();
                        prop_assert_eq!(queue.pop_front(), expected.map(|e| e.0));
                        gone.extend(expected.map(|e| e.1));
                    }
                    _ if !model.is_empty() => {
                        let (value, ticket) = model.remove(pick.index(model.len())).unwrap();
                        prop_assert_eq!(queue.remove(ticket), Some(value));
                        gone.push(ticket);
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert_eq!(queue.front().copied(), model.front().map(|e| e.0));
                prop_assert!(queue.iter().copied().eq(model.iter().map(|e| e.0)));
                if let Some(&old) = gone.last() {
                    prop_assert_eq!(queue.remove(old), None);
                }
            }
        }
    }
}
