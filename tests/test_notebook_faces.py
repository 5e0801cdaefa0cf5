"""`_repr_html_`: what a notebook shows of channels, goroutines, groups, pools and contexts."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from gochan import (
    Canceled,
    Chan,
    Context,
    Group,
    Pool,
    background,
    go,
    with_cancel,
    with_timeout,
)
from parking import wait_until, wait_waiting
from reporting import Reports


class Face(HTMLParser):
    """The rows of a table, read as a browser does. Every element is closed."""

    def __init__(self, thing: Any) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {"b": [], "th": [], "td": []}
        self.meter: dict[str, str | None] = {}
        self.feed(thing._repr_html_())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag == "meter":
            self.meter = dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts[self.open[-1]].append(data.strip())

    @property
    def title(self) -> str:
        return self.texts["b"][0]

    @property
    def rows(self) -> dict[str, str]:
        return dict(zip(self.texts["th"], self.texts["td"], strict=True))


@pytest.mark.parametrize("part", ["sender", "receiver", "itself"])
def test_a_channel(part: str) -> None:
    ch = Chan[int](4)
    ch.send(1)
    face = Face(ch if part == "itself" else getattr(ch, part))
    assert face.rows == {"buffered": "1 of 4", "receivers waiting": "0", "senders waiting": "0"}
    assert face.meter == {"value": "1", "max": "4"}
    assert face.title.endswith(", open")


def test_a_channel_that_somebody_waits_on() -> None:
    ch = Chan[int]()
    g = go(ch.recv)
    wait_waiting(g)
    assert Face(ch).rows == {
        "buffered": "unbuffered",
        "receivers waiting": "1",
        "senders waiting": "0",
    }
    face = Face(g)
    assert face.title == "Goroutine, waiting"
    assert re.fullmatch(r"Chan\.recv\(\) on <gochan\.Chan .*> for \d+\.\d s", face.rows["waits in"])
    assert "test_notebook_faces.py" in face.rows["started at"]
    ch.send(1)
    g.join()
    ch.close()
    assert Face(ch).title == "Chan, closed"
    assert Face(g).title == "Goroutine, done"


def boom() -> None:
    raise ValueError("<script>alert(1)</script>")


def test_texts_are_escaped_and_showing_is_not_looking(reports: Reports) -> None:
    g = go(boom)
    g.join()
    assert Face(g).rows["raised"] == repr(ValueError("<script>alert(1)</script>"))
    assert "<script>" not in g._repr_html_()
    assert html.escape("<script>") in g._repr_html_()
    del g
    reports.wait("<script>alert(1)</script>")


def test_a_group() -> None:
    group, gate = Group(limit=2), Chan[int]()
    group.go(gate.recv)
    group.go(boom).join()
    face = Face(group)
    assert face.rows["active"] == "1 of 2"
    assert face.meter == {"value": "1", "max": "2"}
    assert face.rows["failed"].startswith("ValueError")
    assert Face(Group()).rows == {"active": "0", "waiting for the end": "0"}
    gate.send(1)
    with pytest.raises(ValueError, match="script"):
        group.wait()


def test_a_pool() -> None:
    gate = Chan[int]()
    with Pool(2) as pool:
        job = pool.submit(gate.recv)
        wait_until(lambda: "active=1" in repr(pool), "the job to run")
        face = Face(pool)
        assert face.title == "Pool, open"
        assert face.rows == {"active": "1 of 2", "queued": "0"}
        assert face.meter == {"value": "1", "max": "2"}
        gate.send(1)
        assert job.result() == 1
    assert Face(pool).title == "Pool, shut down"


def test_contexts() -> None:
    assert Face(background()).title == "Context, not done"
    ctx = with_timeout(background(), 60)
    assert re.fullmatch(r"in (60|59)\.\d s", Face(ctx).rows["deadline"])
    child = with_cancel(ctx)
    ctx.cancel(KeyError("why"))
    face = Face(child)
    assert face.title == "CancelContext, done"
    assert face.rows["cause"] == "KeyError('why')"
    assert face.rows["ended by"].startswith("Canceled")
    assert Face(with_timeout(background(), -5)).rows["deadline"].endswith("s ago")


def test_a_context_of_the_users_own() -> None:
    class Mine(Context):
        @property
        def err(self) -> Canceled:
            return Canceled("mine")

    face = Face(Mine())
    assert face.title == "Mine, done"
    assert face.rows["ended by"] == "Canceled('mine')"
