"""A pool of database connections, for goroutines and threads: of any DB-API driver, SQLite here.

    pool = Pool(lambda: psycopg.connect("dbname=shop"), size=4, max_lifetime=600)
    with pool.get(timeout=1) as conn:  # commits where the block ends, rolls back after an error
        conn.execute("INSERT INTO orders ...")
    pool.close()  # waits for the connections that are out

Two channels are all there is to it. `_idle` holds the connections that nobody uses, `_room` one
None for each that may still be opened. A checkout selects over both, so whoever waits gets whatever
comes first, in the order of asking; and what is held by nobody is always in one of the two, so
`close` is done when it has taken `size` values out of them.
"""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Generic, LiteralString, NamedTuple, Protocol, Self, TypeVar

from gochan import Chan, Context, Mutex, WaitGroup, after, background, select, with_cancel


class Cursor(Protocol):
    def execute(self, query: LiteralString, /) -> object: ...
    def fetchone(self) -> object: ...
    def close(self) -> object: ...


class Connection(Protocol):
    """What the pool needs of DB-API 2.0."""

    def cursor(self) -> Cursor: ...
    def commit(self) -> object: ...
    def rollback(self) -> object: ...
    def close(self) -> object: ...


C = TypeVar("C", bound=Connection)


class Held(NamedTuple, Generic[C]):
    conn: C
    born: float


class PoolClosed(Exception):
    """The pool was closed: it gives no more connections."""


def ask(conn: Connection) -> None:
    """The health check: a question that every database answers."""
    cursor = conn.cursor()
    cursor.execute("SELECT 1")
    cursor.fetchone()
    cursor.close()
    conn.rollback()  # some drivers began a transaction for it


class Pool(Generic[C]):
    """At most `size` connections, opened when they are first needed.

    Args:
        connect: Opens one. Give it a time limit of its own: the pool's do not cover it.
        size: How many at most.
        max_lifetime: Seconds after which a connection is replaced, when it is next taken.
        check: Called with an idle connection before it is given out; if it raises, the connection
            is replaced. None: no check.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        size: int = 4,
        *,
        max_lifetime: float = float("inf"),
        check: Callable[[C], object] | None = ask,
    ) -> None:
        if size < 1:
            raise ValueError(f"Pool() needs a size of at least 1, not {size}")
        self._connect, self._max_lifetime, self._check = connect, max_lifetime, check
        self._size = self._to_close = size
        self._idle, self._room = Chan[Held[C]](size), Chan[None](size)
        for _ in range(size):
            self._room.send(None)
        self._open = with_cancel(background())  # done when the pool closes
        self._closing = Mutex()

    @contextmanager
    def get(self, *, timeout: float | None = None, ctx: Context | None = None) -> Generator[C]:
        """Lend a connection to a `with` block.

        Raises:
            TimeoutError: None came free within `timeout` seconds.
            Canceled, DeadlineExceeded: `ctx` ended before one came free.
            PoolClosed: The pool was closed, perhaps while this waited.
            The driver's error: A connection could not be opened, or the commit failed.
        """
        held = self._take(timeout, ctx)
        sound = False
        try:
            try:
                yield held.conn
            except BaseException:
                with suppress(Exception):  # what ended the block says more than a failed rollback
                    held.conn.rollback()
                    sound = True
                raise
            held.conn.commit()
            sound = True
        finally:
            if sound:
                self._idle.send(held)  # never waits: there is a place for each
            else:
                self._discard(held)
                self._room.send(None)

    def _take(self, timeout: float | None, ctx: Context | None) -> Held[C]:
        late = None if timeout is None else after(timeout)  # a None among the arms is never ready
        arms = self._open.done, self._idle, self._room, late
        match select(*arms, ctx=ctx, priority=True):
            case (0, _, _):
                raise PoolClosed("get() on a closed pool")
            case (1, held, True):
                if self._is_sound(held):
                    return held
                self._discard(held)  # and open another one in its place
            case (3, _, _):
                raise TimeoutError(f"no connection came free in {timeout} s: all {self!r}")
            case _:
                pass  # there is room for one more
        try:
            return Held(self._connect(), monotonic())
        except BaseException:
            self._room.send(None)
            raise

    def _is_sound(self, held: Held[C]) -> bool:
        if monotonic() - held.born >= self._max_lifetime:
            return False
        try:
            if self._check is not None:
                self._check(held.conn)
        except Exception:
            return False  # the server went away, say: if it still is, opening another one tells why
        return True

    def _discard(self, held: Held[C]) -> None:
        with suppress(Exception):  # it is broken, perhaps
            held.conn.close()

    def close(self, *, timeout: float | None = None) -> None:
        """Refuse all who ask, wait for the connections that are out, and close all.

        Raises:
            TimeoutError: Some are still out after `timeout` seconds. Call it again to wait on.
        """
        self._open.cancel()
        late = None if timeout is None else after(timeout)
        with self._closing:  # who closes a second time waits as well
            while self._to_close:
                match select(self._idle, self._room, late, priority=True):
                    case (0, held, True):
                        self._discard(held)
                    case (2, _, _):
                        raise TimeoutError(f"not closed after {timeout} s: {self!r}")
                    case _:
                        pass
                self._to_close -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        idle, room = len(self._idle), len(self._room)
        state = "open" if self._open.err is None else "closed"
        return f"<Pool size={self._size} out={self._to_close - idle - room} idle={idle} {state}>"


def sqlite_pool(path: Path, size: int = 4) -> Pool[sqlite3.Connection]:
    # A connection is used by one thread at a time, but not always by the one that opened it.
    return Pool(lambda: sqlite3.connect(path, check_same_thread=False), size)


def order(pool: Pool[sqlite3.Connection], number: int) -> None:
    with pool.get() as conn:
        conn.execute("INSERT INTO orders VALUES (?)", (number,))


def main() -> None:
    with TemporaryDirectory() as folder, sqlite_pool(Path(folder) / "shop.db", size=2) as pool:
        with pool.get() as conn:
            conn.execute("CREATE TABLE orders (number INTEGER)")
        with WaitGroup() as customers:  # leaving the block waits for all of them
            for number in range(100):
                customers.go(order, pool, number)
        with pool.get() as conn:
            print("orders:", conn.execute("SELECT count(*) FROM orders").fetchone()[0])
            with pool.get() as other:
                print("two connections:", conn is not other, pool)
                try:
                    with pool.get(timeout=0.01):
                        print("a third one?")
                except TimeoutError as error:
                    print(error)


if __name__ == "__main__":
    main()

# Output:
# orders: 100
# two connections: True <Pool size=2 out=2 idle=0 open>
# no connection came free in 0.01 s: all <Pool size=2 out=2 idle=0 open>
