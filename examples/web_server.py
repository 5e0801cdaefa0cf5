"""A web server: users in memory behind an RWMutex, and a goroutine of its own for each request.

    pip install '.[examples]'    (aiohttp; or: pip install aiohttp)
    python examples/web_server.py --port 8080
    curl -d '{"name": "Ada", "email": "ada@example.org"}' http://127.0.0.1:8080/users

    GET  /users        all of them
    GET  /users/1      one
    POST /users        make one
    POST /users/bulk   make many, all or none

aiohttp reads the requests and writes the answers on its event loop. What lies between is a plain
function: it may compute, wait for a lock or for a database, and the loop goes on meanwhile. The
handler starts it with `go` and awaits it.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from signal import SIGINT, SIGTERM
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from gochan import RWMutex, background, go
from gochan.signal import notify_context

LARGEST = 256 * 1024  # bytes of a request


@dataclass(frozen=True)
class New:
    name: str
    email: str


@dataclass(frozen=True)
class User(New):
    id: int


class Users:
    """Many may read at the same time; whoever writes is alone."""

    def __init__(self) -> None:
        self._lock = RWMutex()
        self._by_id: dict[int, User] = {}

    def all(self) -> list[User]:
        with self._lock.reader:
            return list(self._by_id.values())

    def get(self, number: int) -> User | None:
        with self._lock.reader:
            return self._by_id.get(number)

    def add(self, *newcomers: New) -> list[User]:
        with self._lock:
            first = len(self._by_id) + 1
            users = [User(new.name, new.email, first + n) for n, new in enumerate(newcomers)]
            for user in users:
                self._by_id[user.id] = user
            return users


class Problem(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Asked(NamedTuple):
    users: Users
    path: Mapping[str, str]  # the parts of the path that vary
    body: bytes

    def json(self) -> object:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Problem(400, "the body is no JSON") from None


Endpoint = Callable[[Asked], tuple[int, object]]


def list_users(asked: Asked) -> tuple[int, object]:
    return 200, [asdict(user) for user in asked.users.all()]


def get_user(asked: Asked) -> tuple[int, object]:
    if user := asked.users.get(int(asked.path["id"])):
        return 200, asdict(user)
    raise Problem(404, f"there is no user {asked.path['id']}")


def create_user(asked: Asked) -> tuple[int, object]:
    (user,) = asked.users.add(check(asked.json(), "the body"))
    return 201, asdict(user)


def create_users(asked: Asked) -> tuple[int, object]:
    items = asked.json()
    if not isinstance(items, list):
        raise Problem(400, "the body must be a list of users")
    checked = [check(item, f"user {number}") for number, item in enumerate(items)]
    return 201, [asdict(user) for user in asked.users.add(*checked)]


def check(item: object, what: str) -> New:
    match item:
        case {"name": str(name), "email": str(email), **rest} if name and "@" in email and not rest:
            return New(name, email)
        case _:
            raise Problem(400, f'{what} must be {{"name": "...", "email": "...@..."}}')


Reply = tuple[int, str]


def answer(endpoint: Endpoint, asked: Asked) -> Reply:
    """What runs in the goroutine, from the bytes of the request to those of the answer."""
    try:
        status, content = endpoint(asked)
    except Problem as problem:
        status, content = problem.status, {"error": str(problem)}
    return status, json.dumps(content)


# `go`, or whatever else runs a function elsewhere and can be awaited.
Start = Callable[[Callable[[Endpoint, Asked], Reply], Endpoint, Asked], Awaitable[Reply]]


@web.middleware
async def errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What aiohttp finds itself: 404 for an unknown path, 405 for a method, 413 for the size."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        error.text, error.content_type = json.dumps({"error": error.reason}), "application/json"
        raise


def application(start: Start = go) -> web.Application:
    users = Users()

    def handled(endpoint: Endpoint) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            asked = Asked(users, request.match_info, await request.read())
            status, text = await start(answer, endpoint, asked)
            return web.Response(status=status, text=text, content_type="application/json")

        return handler

    app = web.Application(middlewares=[errors_in_json], client_max_size=LARGEST)
    app.add_routes(
        [
            web.get("/users", handled(list_users)),
            web.get(r"/users/{id:\d{1,18}}", handled(get_user)),
            web.post("/users", handled(create_user)),
            web.post("/users/bulk", handled(create_users)),
        ]
    )
    return app


async def serve(app: web.Application, host: str, port: int) -> None:
    """Until Ctrl-C or SIGTERM; then it takes no more, and answers what it has read."""
    runner = web.AppRunner(app, shutdown_timeout=10)
    with notify_context(background(), SIGINT, SIGTERM) as ctx:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        print(f"http://{host}:{runner.addresses[0][1]}", flush=True)
        await ctx
        await runner.cleanup()
    print("all requests are answered")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A web server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args()
    asyncio.run(serve(application(), args.host, args.port))
