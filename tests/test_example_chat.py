"""examples/chat/server.py, by clients that speak its protocol; the page is tested in a browser."""

from __future__ import annotations

import asyncio
import json
import runpy
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from serving import EXAMPLES, Server, serving
from watch import PATIENCE

Event = dict[str, Any]


class Talker:
    """A client. `get` skips what it is not asked for, so tests say what they wait for."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, name: str) -> None:
        self.ws, self.name = ws, name

    async def send(self, type: str, **fields: object) -> None:
        await self.ws.send_str(json.dumps({"type": type, **fields}, ensure_ascii=False))

    async def get(self, *types: str) -> Event:
        async with asyncio.timeout(PATIENCE):
            while True:
                event: Event = await self.ws.receive_json()
                if event["type"] in types:
                    return event

    async def join(self, room: str) -> list[str]:
        await self.send("join", room=room)
        members: list[str] = (await self.get("members"))["members"]
        return members

    async def ended(self) -> int | None:
        """The code that the server closed the connection with."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self.ws:
                pass
        return self.ws.close_code


@asynccontextmanager
async def talkers(server: Server, *names: str) -> AsyncGenerator[list[Talker]]:
    async with aiohttp.ClientSession(server.url) as session:
        there = [Talker(await session.ws_connect("/ws", params={"name": n}), n) for n in names]
        yield there
        for talker in there:
            await talker.ws.close()


@pytest.fixture(scope="module")
def shared() -> Generator[Server]:
    with serving("chat/server.py", "--port", "0") as server:
        yield server
        server.stop()


def on(server: Server, test: Callable[[Server], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await test(server)

    asyncio.run(limited())


def test_rooms(shared: Server) -> None:
    async def test(server: Server) -> None:
        async with talkers(server, "ada", "bob", "eve") as (ada, bob, eve):
            assert await ada.join("lobby") == ["ada"]
            assert await bob.join("lobby") == ["ada", "bob"]
            assert (await ada.get("members"))["members"] == ["ada", "bob"]
            await eve.join("cellar")

            await ada.send("say", room="lobby", text="hello <b>all</b>")
            said = {"type": "said", "room": "lobby", "name": "ada", "text": "hello <b>all</b>"}
            assert await ada.get("said") == await bob.get("said") == said

            await eve.send("say", room="lobby", text="I am not here")
            assert "not in lobby" in (await eve.get("said", "refused"))["why"]
            await bob.send("leave", room="lobby")
            assert (await ada.get("said", "members"))["members"] == ["ada"]
            assert (await bob.get("said", "members"))["members"] == ["ada"], "bob knows he is out"
            await ada.send("say", room="lobby", text="alone")
            await ada.get("said")
            await bob.send("tell", to="bob", text="to myself")
            assert (await bob.get("said", "told"))["text"] == "to myself"

    on(shared, test)


def test_direct_messages(shared: Server) -> None:
    async def test(server: Server) -> None:
        async with talkers(server, "ada", "bob", "eve") as (ada, bob, eve):
            for talker in (ada, bob, eve):
                await talker.join("lobby")
            await ada.send("tell", to="bob", text="psst")
            told = {"type": "told", "name": "ada", "to": "bob", "text": "psst"}
            assert await ada.get("told") == await bob.get("told") == told
            await eve.send("tell", to="nobody", text="hello?")
            assert "nobody" in (await eve.get("told", "refused"))["why"], "eve heard nothing of it"

    on(shared, test)


def test_a_name_belongs_to_one(shared: Server) -> None:
    async def test(server: Server) -> None:
        async with talkers(server, "ada") as (ada,):
            await ada.join("lobby")
            async with talkers(server, "ada", "", "no spaces", "x" * 25) as refused:
                assert [await talker.ended() for talker in refused] == [4001, 4000, 4000, 4000]
            await ada.send("say", room="lobby", text="still me")
            await ada.get("said")
        async with talkers(server, "bob") as (bob,):
            while True:  # it is free again as soon as the server saw her go
                async with talkers(server, "ada") as (ada,):
                    await ada.send("tell", to="bob", text="me again")
                    if await ada.ws.receive_str():
                        break
            assert (await bob.get("told"))["name"] == "ada"

    on(shared, test)


def test_what_can_not_be_understood_harms_nobody(shared: Server) -> None:
    async def test(server: Server) -> None:
        async with talkers(server, "ada", "bob") as (ada, bob):
            await bob.join("lobby")
            bad = [
                "no JSON", "[" * 10_000, "null", "[]", "{}", '{"type": "join"}', '{"type": "quit"}',
                '{"type": "join", "room": 7}', '{"type": "join", "room": "a room"}',
                '{"type": "say", "room": "lobby", "text": ""}',
                json.dumps({"type": "tell", "to": "bob", "text": "x" * 2001}),
            ]  # fmt: skip
            for data in bad:
                await ada.ws.send_str(data)
                assert "understood" in (await ada.get("refused"))["why"], data
            assert await ada.join("lobby") == ["ada", "bob"]
            await ada.ws.send_str("x" * 100_000)
            assert await ada.ended() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
            assert (await bob.get("members"))["members"] == ["ada", "bob"]
            assert (await bob.get("members"))["members"] == ["bob"]

    on(shared, test)


def test_who_missed_something_is_told_together_with_the_next_message() -> None:
    server = runpy.run_path(str(EXAMPLES / "chat" / "server.py"))
    hub, client, size = server["Hub"](), server["Client"]("slow"), server["OUTBOX"]
    hub.join(client, "lobby")
    client.outbox.recv_nowait()
    for number in range(size + 3):  # the last three find no room
        hub.say(client, "lobby", str(number))
    client.outbox.recv_nowait()
    hub.say(client, "lobby", "there is room for one")
    client.outbox.recv_nowait()
    hub.say(client, "lobby", "there is room for two")
    events = client.outbox.recv_many(size)
    assert [event.get("text", event) for event in events] == [
        *map(str, range(2, size)), {"type": "missed", "count": 4}, "there is room for two",
    ]  # fmt: skip
    assert hub.skipped == 4


def small_window(info: Any) -> socket.socket:
    """A connection that holds little on its way, so that who does not read is noticed soon."""
    sock = socket.socket(*info[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock


def test_a_slow_client_is_skipped_and_told_how_much_it_missed() -> None:
    missed = 0

    async def test(server: Server) -> None:
        nonlocal missed
        connector = aiohttp.TCPConnector(socket_factory=small_window)
        async with (
            talkers(server, "ada", "bob") as (ada, bob),
            aiohttp.ClientSession(server.url, connector=connector) as session,
            session.ws_connect("/ws", params={"name": "slow"}) as ws,
        ):
            slow = Talker(ws, "slow")
            for talker in (ada, bob, slow):
                await talker.join("lobby")
            number = 0

            async def say() -> None:
                """The next message, of some 20 KB; nobody but the slow one may miss it."""
                nonlocal number
                number += 1
                await ada.send("say", room="lobby", text=f"{number} {'🐢' * 1900}")
                for talker in (ada, bob):
                    event = await talker.get("said", "missed")
                    assert event["text"].startswith(f"{number} ")

            for _ in range(250):
                await say()

            heard = 0
            while True:  # now it reads
                event = await slow.get("said", "missed")
                if event["type"] == "missed":
                    missed = event["count"]
                    break
                assert event["text"].startswith(f"{heard + 1} "), "what it got is in order"
                heard += 1
                await say()  # it is told with the first message that gets through
            assert (await slow.get("said", "missed"))["text"].startswith(f"{heard + missed + 1} ")

    with serving("chat/server.py", "--port", "0") as server:
        on(server, test)
        assert missed > 0
        skipped = int(server.stop().rpartition(": ")[2])
        assert skipped >= missed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_the_server_ends_well(number: signal.Signals) -> None:
    """Everybody is told, and then it is gone."""

    async def test(server: Server) -> None:
        async with talkers(server, "ada", "bob") as (ada, bob):
            await ada.join("lobby")
            await bob.join("lobby")
            server.child.signal(number)
            for talker in (ada, bob):
                assert await talker.ended() == aiohttp.WSCloseCode.GOING_AWAY

    with serving("chat/server.py", "--port", "0") as server:
        on(server, test)
        assert "skipped for slow clients: 0\n" in server.child.wait().ok()
