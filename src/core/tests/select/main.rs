//! What one thread can see of a select: the rules S2-S13, S17 and S19, with wakers that only take notes. What is Python's
//! (S1, nil arms, messages) is tested there.
#![cfg(not(any(loom, shuttle)))]

mod at_once;
mod chance;
mod itself;
#[allow(dead_code)] // shared with the channel's tests, which use all of it
#[path = "../channel/kit.rs"]
mod kit;
mod leaving;
mod many;
mod parked;
mod reentry;
mod stand;
