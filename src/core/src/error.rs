//! One error type per operation; each says what the caller got back.

use std::fmt;

/// A send that did not happen. The value comes back to the caller.
#[derive(Debug, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// No receiver waits and the buffer is full.
    Full(T),
    /// The channel is closed. Checked before everything else (C3).
    Closed(T),
}

/// A receive that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing buffered and no sender waits.
    Empty,
    /// Closed and drained; it stays so for ever.
    Closed,
}

/// The channel was closed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseError;

/// An `add` that would take the counter of a wait group out of its range; the counter is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddError {
    /// Below zero.
    Negative,
    /// Above `i64::MAX`.
    Overflow,
}

/// An unlock or a release of what is not held, or not as much of it; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHeld;

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "send on full channel",
            Self::Closed(_) => "send on closed channel",
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "recv on empty channel",
            Self::Closed => "recv on closed channel",
        })
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("close of closed channel")
    }
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "negative WaitGroup counter",
            Self::Overflow => "WaitGroup counter too large",
        })
    }
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not held")
    }
}

impl<T: fmt::Debug> std::error::Error for TrySendError<T> {}
impl std::error::Error for TryRecvError {}
impl std::error::Error for CloseError {}
impl std::error::Error for AddError {}
impl std::error::Error for NotHeld {}
