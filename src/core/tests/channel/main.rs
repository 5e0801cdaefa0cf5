//! What one thread can see of a channel: the rules C1-C19 as truth tables, with wakers that only take
//! notes. C13 (nil), C15 and C16 (iteration and views) belong to the Python face.
#![cfg(not(any(loom, shuttle)))]

mod close;
mod inspect;
mod kit;
mod leaving;
mod recv;
mod reentry;
mod send;
mod unrecv;
