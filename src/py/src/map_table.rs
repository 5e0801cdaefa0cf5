//! The table of a `Map`: keys by their hash, in the order in which they came.
//!
//! Invariants:
//! * It never compares keys, which would run Python: it offers those with a given hash, and is told which one is meant.
//! * Every stay of a key has a number of its own, and slots stand in the order of these numbers. So a walk that goes on from the last number it
//!   saw, and ends before the first that did not exist when it began, comes to no key twice (MP4), whatever happens in between.
//! * A slot that was deleted holds nothing of its key or value (MP5), and goes when half of the slots are such.

use crate::value::Value;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What a key's own `__hash__` said.
pub type Hash = isize;

/// Numbers the stays of keys in one map.
pub type Number = u64;

#[derive(Debug)]
pub struct Entry {
    pub hash: Hash,
    pub key: Value,
    pub value: Value,
}

#[derive(Debug)]
struct Slot {
    number: Number,
    /// `None`: deleted.
    entry: Option<Entry>,
}

/// Spreads hashes that Python leaves as they are: those of ints are the ints.
#[derive(Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[allow(clippy::cast_sign_loss)] // its bits are wanted
    fn write_isize(&mut self, hash: isize) {
        self.write_u64(hash as u64);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = (self.0 ^ hash)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }
}

#[derive(Debug, Default)]
pub struct Table {
    /// Slots by hash, in their order; nearly always one.
    index: HashMap<Hash, SmallVec<[u32; 2]>, BuildHasherDefault<Spread>>,
    slots: Vec<Slot>,
    live: usize,
    next: Number,
}

/// Fewer slots than this are not worth clearing up.
const FEW: usize = 32;

impl Table {
    pub fn len(&self) -> usize {
        self.live
    }

    /// The number that the next key gets.
    pub fn next(&self) -> Number {
        self.next
    }

    /// Keys with this hash, with the number of their stay, in the order of these.
    pub fn with_hash(&self, hash: Hash) -> impl Iterator<Item = (Number, &Value)> {
        let slots = self.index.get(&hash).map_or(&[][..], |slots| &slots[..]);
        slots.iter().filter_map(|&at| {
            let slot = &self.slots[at as usize];
            Some((slot.number, &slot.entry.as_ref()?.key))
        })
    }

    fn position(&self, number: Number) -> Option<usize> {
        self.slots.binary_search_by_key(&number, |slot| slot.number).ok()
    }

    pub fn get(&self, number: Number) -> Option<&Entry> {
        self.slots[self.position(number)?].entry.as_ref()
    }

    pub fn get_mut(&mut self, number: Number) -> Option<&mut Entry> {
        let at = self.position(number)?;
        self.slots[at].entry.as_mut()
    }

    /// Adds a key that is not there.
    ///
    /// # Panics
    /// With four billion keys.
    pub fn insert(&mut self, entry: Entry) {
        let at = u32::try_from(self.slots.len()).expect("fewer than 2^32 keys");
        self.index.entry(entry.hash).or_default().push(at);
        self.slots.push(Slot {
            number: self.next,
            entry: Some(entry),
        });
        self.next += 1;
        self.live += 1;
    }

    pub fn remove(&mut self, number: Number) -> Option<Entry> {
        let at = self.position(number)?;
        let entry = self.slots[at].entry.take()?;
        if let Some(slots) = self.index.get_mut(&entry.hash) {
            slots.retain(|slot| *slot as usize != at);
            if slots.is_empty() {
                self.index.remove(&entry.hash);
            }
        }
        self.live -= 1;
        if self.slots.len() > FEW && self.live * 2 < self.slots.len() {
            self.tidy();
        }
        Some(entry)
    }

    /// The first key whose number is at least `from`.
    pub fn first_from(&self, from: Number) -> Option<(Number, &Entry)> {
        let at = self.slots.partition_point(|slot| slot.number < from);
        self.slots[at..]
            .iter()
            .find_map(|slot| Some((slot.number, slot.entry.as_ref()?)))
    }

    /// Empties it. Numbers go on.
    #[must_use]
    pub fn take_all(&mut self) -> Self {
        let empty = Self {
            next: self.next,
            ..Self::default()
        };
        std::mem::replace(self, empty)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref())
    }

    /// Takes the deleted slots out.
    fn tidy(&mut self) {
        self.slots.retain(|slot| slot.entry.is_some());
        self.slots.shrink_to(self.live * 2);
        self.index.clear();
        for (at, slot) in (0u32..).zip(&self.slots) {
            if let Some(entry) = &slot.entry {
                self.index.entry(entry.hash).or_default().push(at);
            }
        }
    }
}
