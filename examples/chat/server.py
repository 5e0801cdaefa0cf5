"""A chat server: rooms, messages to all and to one, over WebSocket, with a page to talk in.

    pip install '.[examples]'                      (aiohttp; or: pip install aiohttp)
    python examples/chat/server.py --port 8000     and open http://127.0.0.1:8000 in two windows

One goroutine, the hub, owns who is where. It receives what is to be done on a channel and does one
thing after the other, so there is nothing to lock. Each client has an outbox, a channel with a
buffer, and the hub never waits for it: a client that reads too slowly misses messages, and is told
how many, but holds up nobody.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGTERM

from aiohttp import WSMsgType, web

from gochan import Canceled, Chan, Context, SendChan, aselect, background, go
from gochan.signal import notify_context

OUTBOX = 64  # messages that wait for one client, besides those that are on their way already
LONGEST = 2000
NAME = re.compile(r"\w[\w.-]{0,23}")  # of people and rooms

Event = dict[str, object]
Command = Callable[[], None]


@dataclass(eq=False)
class Client:
    name: str
    outbox: Chan[Event] = field(default_factory=lambda: Chan(OUTBOX))  # only the hub sends on it
    missed: int = 0  # messages since the last one that it got


class Hub:
    """`serve` is a goroutine, all the other methods are what it may be asked to do."""

    def __init__(self) -> None:
        self.commands = Chan[Command]()
        self.skipped = 0  # messages that somebody missed
        self._clients: dict[str, Client] = {}
        self._rooms: dict[str, set[Client]] = {}

    async def serve(self, ctx: Context) -> None:
        while True:
            match await aselect(ctx.done, self.commands):
                case (1, command, True):
                    command()
                case _:
                    break
        for client in self._clients.values():
            client.outbox.close()

    def enter(self, client: Client, admitted: SendChan[bool]) -> None:
        admitted.send_nowait(self._clients.setdefault(client.name, client) is client)

    def quit(self, client: Client) -> None:
        for room in [room for room, there in self._rooms.items() if client in there]:
            self.leave(client, room)
        del self._clients[client.name]
        client.outbox.close()

    def join(self, client: Client, room: str) -> None:
        self._rooms.setdefault(room, set()).add(client)
        self._show(room, self._rooms[room])

    def leave(self, client: Client, room: str) -> None:
        there = self._rooms.get(room, set())
        there.discard(client)
        self._show(room, {client, *there})
        if not there:
            self._rooms.pop(room, None)

    def say(self, client: Client, room: str, text: str) -> None:
        if client in (there := self._rooms.get(room, set())):
            self._send(there, {"type": "said", "room": room, "name": client.name, "text": text})
        else:
            self.refuse(client, f"you are not in {room}")

    def tell(self, client: Client, to: str, text: str) -> None:
        if other := self._clients.get(to):
            told: Event = {"type": "told", "name": client.name, "to": to, "text": text}
            self._send({client, other}, told)
        else:
            self.refuse(client, f"nobody here is called {to}")

    def refuse(self, client: Client, why: str) -> None:
        self._send([client], {"type": "refused", "why": why})

    def _show(self, room: str, to: Iterable[Client]) -> None:
        members = sorted(client.name for client in self._rooms.get(room, ()))
        self._send(to, {"type": "members", "room": room, "members": members})

    def _send(self, clients: Iterable[Client], event: Event) -> None:
        for client in clients:
            missed: Event = {"type": "missed", "count": client.missed}
            events = [missed, event] if client.missed else [event]
            if len(client.outbox) + len(events) > OUTBOX:
                client.missed += 1
                self.skipped += 1
                continue
            client.missed = 0
            for each in events:
                client.outbox.send_nowait(each)  # nobody else sends, so there is room


HUB, CTX = web.AppKey("hub", Hub), web.AppKey("ctx", Context)


def parse(hub: Hub, client: Client, data: str) -> Command:
    """What a message of a client asks the hub to do."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        message = None
    match message:
        case {"type": "join", "room": str(room)} if NAME.fullmatch(room):
            return partial(hub.join, client, room)
        case {"type": "leave", "room": str(room)}:
            return partial(hub.leave, client, room)
        case {"type": "say", "room": str(room), "text": str(text)} if 0 < len(text) <= LONGEST:
            return partial(hub.say, client, room, text)
        case {"type": "tell", "to": str(to), "text": str(text)} if 0 < len(text) <= LONGEST:
            return partial(hub.tell, client, to, text)
        case _:
            return partial(hub.refuse, client, f"that can not be understood: {data:.80}")


async def talk(request: web.Request) -> web.WebSocketResponse:
    """One client from beginning to end: two tasks of the event loop, one reads and one writes."""
    client, admitted = Client(request.query.get("name", "")), Chan[bool](1)
    hub, ctx = request.app[HUB], request.app[CTX]
    ws = web.WebSocketResponse(heartbeat=30, max_msg_size=16_384)
    await ws.prepare(request)
    if not NAME.fullmatch(client.name):
        await ws.close(code=4000, message=b"A name is up to 24 letters, digits, dots and dashes.")
        return ws
    with suppress(Canceled):  # the hub is gone
        await hub.commands.asend(partial(hub.enter, client, admitted), ctx=ctx)
        if not await admitted.arecv():
            await ws.close(code=4001, message=b"Somebody of that name is here already.")
            return ws
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write(ws, client))
            await read(ws, client, hub, ctx)
    return ws


async def read(ws: web.WebSocketResponse, client: Client, hub: Hub, ctx: Context) -> None:
    try:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await hub.commands.asend(parse(hub, client, message.data), ctx=ctx)
    except Canceled:
        pass
    finally:
        with suppress(Canceled):
            await hub.commands.asend(partial(hub.quit, client), ctx=ctx)


async def write(ws: web.WebSocketResponse, client: Client) -> None:
    """May wait for a slow network as long as it takes: the outbox fills up meanwhile."""
    with suppress(ConnectionError):  # the other side went away
        async for event in client.outbox:
            await ws.send_json(event)
        await ws.close(code=1001)


async def page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(Path(__file__).with_name("index.html"))


async def main(host: str, port: int) -> None:
    app, hub = web.Application(), Hub()
    app.add_routes([web.get("/", page), web.get("/ws", talk)])
    with notify_context(background(), SIGINT, SIGTERM) as ctx:
        app[HUB], app[CTX] = hub, ctx
        serving = go(hub.serve, ctx)
        runner = web.AppRunner(app, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        print(f"http://{host}:{runner.addresses[0][1]}", flush=True)
        await ctx  # until Ctrl-C or SIGTERM
        await serving  # it closes all outboxes, which ends the connections
        await runner.cleanup()
    print("messages skipped for slow clients:", hub.skipped)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A chat server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()
    asyncio.run(main(args.host, args.port))
