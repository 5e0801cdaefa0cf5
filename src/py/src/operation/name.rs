//! What an operation is called in messages: as the user wrote it, on what, and what to write instead.

use super::{Ask, Operation};
use crate::chan::ChanBase;
use crate::context_ask;
use crate::face::Face;
use pyo3::prelude::*;
use std::time::Duration;

impl Operation {
    /// The blocking form and its awaitable twin, as a user writes them.
    pub fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Send { .. } => ("Chan.send()", "Chan.asend()"),
            Self::Recv { face, .. } => match face {
                Face::Value => ("Chan.recv()", "Chan.arecv()"),
                Face::Pair => ("Chan.recv_ok()", "Chan.arecv_ok()"),
                Face::Many(_) => ("Chan.recv_many()", "Chan.arecv_many()"),
                Face::Next => ("for ... in channel", "async for ... in channel"),
                Face::AsyncNext => ("for ... in channel", "Chan.__anext__()"),
                Face::Done => ("Context.wait()", "Context.__await__()"),
            },
            Self::Wait { .. } => ("WaitGroup.wait()", "WaitGroup.__await__()"),
            Self::Ask { ask, .. } => match ask {
                Ask::Join => ("Goroutine.join()", "Goroutine.ajoin()"),
                Ask::Result => ("Goroutine.result()", "Goroutine.__await__()"),
                Ask::Exception => ("Goroutine.exception()", "Goroutine.ajoin()"),
            },
            Self::Close { .. } => ("leaving `with channel`", "leaving `async with channel`"),
            Self::Ready { .. } => ("entering `with`", "entering `async with`"),
            Self::Yield => ("gosched()", "agosched()"),
            Self::Aio(_) => ("aio()", "aio()"),
            Self::Acquire(acquire) => acquire.names(),
            Self::Group(step) => step.names(),
            Self::Select(_) => ("select()", "aselect()"),
            Self::Sleep(_) => ("sleep()", "asleep()"),
            Self::Under(under) => under.operation.names(),
        }
    }

    /// What to write instead of the blocking form under a running event loop.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Send { .. } => "await ch.asend(value)",
            Self::Recv { face, .. } => match face {
                Face::Value => "await ch.arecv()",
                Face::Pair => "await ch.arecv_ok()",
                Face::Many(_) => "await ch.arecv_many(limit)",
                Face::Next | Face::AsyncNext => "async for value in ch",
                Face::Done => "await ctx",
            },
            Self::Wait { .. } => "await wg` or `async with wg",
            Self::Ask { ask, .. } => match ask {
                Ask::Join => "await goroutine.ajoin()",
                Ask::Result => "await goroutine",
                Ask::Exception => "await goroutine.ajoin() before goroutine.exception()",
            },
            Self::Close { .. } | Self::Ready { .. } => "async with",
            Self::Yield => "await agosched()",
            Self::Aio(_) => "await aio(...)",
            Self::Acquire(acquire) => acquire.advice(),
            Self::Group(step) => step.advice(),
            Self::Select(_) => "await aselect(...)",
            Self::Sleep(_) => "await asleep(seconds)",
            Self::Under(under) => under.operation.advice(),
        }
    }

    /// The operation under one of its [`Self::names`], and what it is done on, for messages.
    pub fn title(&self, py: Python<'_>, name: &str) -> String {
        match self {
            Self::Sleep(Duration::MAX) => name.replace("()", "(inf)"),
            Self::Sleep(span) => name.replace("()", &format!("({})", span.as_secs_f64())),
            Self::Under(under) => under.operation.title(py, name),
            _ => match self.on(py) {
                on if on.is_empty() => name.into(),
                on => format!("{name} on {on}"),
            },
        }
    }

    /// What it is done on, for messages.
    pub fn on(&self, py: Python<'_>) -> String {
        match self {
            Self::Recv {
                chan,
                face: Face::Done,
            } => context_ask::name_of_done(chan.bind(py)),
            Self::Send { chan, .. } | Self::Recv { chan, .. } | Self::Close { chan } => {
                ChanBase::describe(chan.bind(py))
            }
            Self::Wait { group } => group.get().describe(group.as_ptr()),
            // By name only: it may itself wait for one that waits for one ...
            Self::Ask { goroutine, .. } => format!("<gochan.Goroutine {}>", goroutine.get().full_name(py)),
            Self::Aio(_) => "gochan's asyncio loop".into(),
            Self::Acquire(acquire) => acquire.on(py),
            Self::Group(step) => step.on(py),
            Self::Select(select) => select.describe(py),
            Self::Under(under) => under.operation.on(py),
            Self::Ready { .. } | Self::Sleep(_) | Self::Yield => String::new(),
        }
    }
}
