"""examples/web_server.py: what it answers, under load, and how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import aiohttp
import pytest

import procs
from serving import EXAMPLES, Server, serving
from watch import PATIENCE
from web_server import LARGEST, New, Users

CONNECTIONS = 64
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def server() -> Generator[Server]:
    with serving("web_server.py", "--port", "0") as server:
        yield server


def on(server: Server, test: Callable[[Ask], Awaitable[None]]) -> None:
    async def limited() -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with (
            asyncio.timeout(2 * PATIENCE),
            aiohttp.ClientSession(server.url, connector=connector) as session,
        ):

            async def ask(method: str, path: str, **more: Any) -> tuple[int, Any]:
                async with session.request(method, path, **more) as answer:
                    assert answer.content_type == "application/json"
                    return answer.status, await answer.json()

            await test(ask)

    asyncio.run(limited())


def listens(port: int) -> bool:
    """Whether somebody listens there, found out without a connection: of one that comes as the
    server closes, asyncio of CPython 3.13.0 complains (a transport that the server forgot).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def person(name: str) -> dict[str, str]:
    return {"name": name, "email": f"{name}@example.org"}


def test_users(server: Server) -> None:
    async def test(ask: Ask) -> None:
        assert await ask("GET", "/users") == (200, [])
        ada, bob, eve = (
            {**person(name), "id": n + 1} for n, name in enumerate(("ada", "bob", "eve"))
        )
        assert await ask("POST", "/users", json=person("ada")) == (201, ada)
        both = [person("bob"), person("eve")]
        assert await ask("POST", "/users/bulk", json=both) == (201, [bob, eve])
        assert await ask("GET", "/users") == (200, [ada, bob, eve])
        assert await ask("GET", "/users/2") == (200, bob)
        assert await ask("POST", "/users/bulk", json=[]) == (201, [])

    on(server, test)
    assert server.stop() == "all requests are answered\n"


def test_bad_requests(server: Server) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 1024 + 1):  # nobody said before how much it would be
            yield b" " * 1024

    wrong: list[Any] = [[], "ada", None, {"name": "ada"}, {**person("ada"), "id": 7}]
    wrong += [{"name": name, "email": email} for name, email in ((1, "@"), ("", "@"), ("ada", "x"))]

    async def test(ask: Ask) -> None:
        for body in (b"", b"{", b"\xff", b"[" * 100_000):
            for path in ("/users", "/users/bulk"):
                assert await ask("POST", path, data=body) == (400, {"error": "the body is no JSON"})
        for item in wrong:
            status, said = await ask("POST", "/users", json=item)
            assert (status, said["error"][:8]) == (400, "the body"), item
            status, said = await ask("POST", "/users/bulk", json=[person("bob"), item])
            assert (status, said["error"][:6]) == (400, "user 1"), item
        assert (await ask("POST", "/users/bulk", json={}))[0] == 400
        for path in (
            "/users/1",
            f"/users/{10**17}",
            f"/users/{'9' * 5000}",
            "/users/x",
            "/",
            "/user",
        ):
            assert (await ask("GET", path))[0] == 404, path
        for method, path in (("PUT", "/users"), ("DELETE", "/users/1"), ("GET", "/users/bulk")):
            assert (await ask(method, path))[0] == 405, path
        for data in (b" " * (LARGEST + 1), in_pieces()):
            assert (await ask("POST", "/users", data=data))[0] == 413
        assert await ask("GET", "/users") == (200, []), "none of it had an effect"

    on(server, test)


def test_no_request_is_lost_at_64_connections(server: Server) -> None:
    async def test(ask: Ask) -> None:
        made: list[int] = []

        async def client(number: int) -> None:
            for n in range(12):
                status, user = await ask("POST", "/users", json=person(f"{number}-{n}"))
                assert status == 201
                made.append(user["id"])
                assert await ask("GET", f"/users/{user['id']}") == (200, user)
            status, users = await ask("POST", "/users/bulk", json=[person("a"), person("b")])
            assert status == 201
            made.extend(user["id"] for user in users)

        async with asyncio.TaskGroup() as clients:
            for number in range(CONNECTIONS):
                clients.create_task(client(number))
        assert sorted(made) == list(range(1, CONNECTIONS * 14 + 1)), "each number once"
        status, users = await ask("GET", "/users")
        assert status == 200 and [user["id"] for user in users] == sorted(made)

    on(server, test)


_SLOW = """
    import asyncio, sys

    sys.path.append(sys.argv[1])
    from gochan import go
    from web_server import application, serve

    def slowly(fn, endpoint, asked):
        print("asked", flush=True)
        sys.stdin.readline()  # it blocks, and the event loop goes on
        return fn(endpoint, asked)

    asyncio.run(serve(application(lambda *request: go(slowly, *request)), "127.0.0.1", 0))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_request_in_flight_is_answered(number: signal.Signals) -> None:
    """Told to end while it works on one, it takes no new connections, answers it, and ends."""

    async def test(server: Server) -> None:
        async with aiohttp.ClientSession(server.url) as session:
            asked = asyncio.ensure_future(session.post("/users", json=person("ada")))
            await asyncio.to_thread(server.child.expect, "asked")
            server.child.signal(number)
            while listens(int(server.port)):
                await asyncio.sleep(0.001)
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", int(server.port))
            assert not asked.done()
            server.child.tell("go on")
            async with await asked as answer:
                assert (answer.status, (await answer.json())["id"]) == (201, 1)

    with procs.Child(_SLOW, str(EXAMPLES)) as child:
        server = Server(child)
        asyncio.run(asyncio.wait_for(test(server), PATIENCE))
        assert child.wait().ok().endswith("all requests are answered\n")


def test_many_are_added_all_at_once() -> None:
    """A reader sees all users of a bulk or none, whenever it looks; no number is given twice."""
    users, size, rounds = Users(), 2000, 10
    seen: set[int] = set()

    def write() -> None:
        for _ in range(rounds):
            users.add(*[New("a", "@")] * size)

    def read() -> None:
        while (now := len(users.all())) < 2 * rounds * size:
            seen.add(now)

    # Threads, which the system changes between wherever it likes; goroutines that never wait run
    # one after the other.
    threads = [threading.Thread(target=target, daemon=True) for target in (write, write, read)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    assert [n for n in seen if n % size] == []
    assert [user.id for user in users.all()] == list(range(1, 2 * rounds * size + 1))
