//! Channels that a clock sends on, with a clock that is moved by hand: timers and tickers.
#![cfg(not(any(loom, shuttle)))]

mod kit;

mod leaving;
mod model;
mod place;
mod select;
mod stop;
mod ticker;
mod timer;
