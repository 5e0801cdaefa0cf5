"""examples/db_pool.py on SQLite, and on a real PostgreSQL server that is restarted meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres
from db_pool import Pool, PoolClosed
from gochan import (
    AtomicInt,
    Canceled,
    Chan,
    DeadlineExceeded,
    Goroutine,
    WaitGroup,
    background,
    go,
    sleep,
    with_cancel,
    with_timeout,
)
from parking import wait_parked, wait_until, wait_waiting
from watch import PATIENCE

pytestmark = pytest.mark.usefixtures("deadline")
Connect = Callable[[], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """Opens connections to a database that has one empty table, `t (n)`."""
    connect: Connect
    if request.param == "postgres":
        connect = request.getfixturevalue("server").connect
    else:

        def connect() -> sqlite3.Connection:
            conn = sqlite3.connect(tmp_path / "db", check_same_thread=False, timeout=PATIENCE)
            conn.execute("PRAGMA foreign_keys = ON")
            return conn

    conn = connect()
    conn.execute("DROP TABLE IF EXISTS t")
    conn.execute("CREATE TABLE t (n INTEGER)")
    conn.commit()
    conn.close()
    return connect


def rows(pool: Pool[Any]) -> list[int]:
    with pool.get() as conn:
        return [n for (n,) in conn.execute("SELECT n FROM t ORDER BY n").fetchall()]


def out(pool: Pool[Any]) -> int:
    return int(repr(pool).partition("out=")[2].split()[0])


def use(pool: Pool[Any], *steps: Callable[[Any], object]) -> None:
    """Do one thing after the other with a connection, until one fails."""
    with pool.get() as conn:
        for step in steps:
            step(conn)


def insert(n: int) -> Callable[[Any], object]:
    return lambda conn: conn.execute(f"INSERT INTO t VALUES ({n})")


def slip(conn: object) -> None:
    raise ZeroDivisionError


def hold(pool: Pool[Any], until_told: Chan[None]) -> None:
    with pool.get():
        until_told.recv_ok()


def test_many_goroutines_share_few_connections(connect: Connect) -> None:
    opened, at_once, most = AtomicInt(), AtomicInt(), AtomicInt()

    def counted() -> Any:
        opened.add(1)
        return connect()

    def enter(conn: object) -> None:
        now = at_once.add(1)
        while (seen := most.load()) < now and not most.compare_and_swap(seen, now):
            pass

    def leave(conn: object) -> None:
        at_once.add(-1)

    with Pool[Any](counted, 3) as pool:
        assert opened.load() == 0, "a connection is opened when it is needed"
        with WaitGroup() as wg:
            handles = [wg.go(use, pool, enter, insert(n), leave) for n in range(30)]
        assert [handle.exception() for handle in handles] == [None] * 30
        assert rows(pool) == list(range(30))
        assert most.load() <= 3 and opened.load() <= 3
        assert out(pool) == 0


def test_the_same_connection_again(connect: Connect) -> None:
    with Pool[Any](connect, 3) as pool:
        with pool.get() as first:
            pass
        with pool.get() as second:
            assert second is first, "an open one is preferred to opening another"


def test_commit_at_the_end_rollback_after_an_error(connect: Connect) -> None:
    with Pool[Any](connect, 1, check=None) as pool:
        used: list[object] = []
        use(pool, used.append, insert(1))
        with pytest.raises(ZeroDivisionError):
            use(pool, used.append, insert(2), slip)
        use(pool, used.append)
        assert used[0] is used[1] is used[2], "there is nothing wrong with the connection"
        assert rows(pool) == [1]


def test_nothing_comes_free_in_time(connect: Connect) -> None:
    with Pool[Any](connect, 1) as pool:
        for timeout in (0, 0.01):
            with pool.get() as conn, pytest.raises(TimeoutError, match="size=1 out=1"):
                pool.get(timeout=timeout).__enter__()
        with pool.get(timeout=0) as again:
            assert again is conn, "whoever gave up left no trace"


def test_a_context_ends_the_wait(connect: Connect) -> None:
    with Pool[Any](connect, 1) as pool:
        with pool.get():
            with with_timeout(background(), 0.01) as ctx, pytest.raises(DeadlineExceeded):
                pool.get(ctx=ctx).__enter__()
            with with_cancel(background()) as ctx:
                waiting = go(lambda: pool.get(ctx=ctx).__enter__())
                wait_parked(pool._idle, receivers=1)
                ctx.cancel()
                with pytest.raises(Canceled):
                    waiting.result(PATIENCE)
        with pool.get(timeout=0):
            pass


def test_who_waits_gets_what_comes_back_in_the_order_of_asking(connect: Connect) -> None:
    order: list[int] = []

    def ask(n: int) -> None:
        with pool.get():
            order.append(n)

    with Pool[Any](connect, 1) as pool, WaitGroup() as wg, pool.get():
        for n in range(5):
            wg.go(ask, n)
            wait_parked(pool._idle, receivers=n + 1)
    assert order == [0, 1, 2, 3, 4]


def test_a_broken_connection_is_replaced(connect: Connect) -> None:
    with Pool[Any](connect, 1) as pool:
        with pool.get() as conn:
            pass
        conn.close()  # while it lies in the pool
        use(pool, insert(1))
        with pytest.raises(ZeroDivisionError):  # and not what the rollback says
            use(pool, lambda conn: conn.close(), slip)  # while somebody uses it
        assert out(pool) == 0
        assert rows(pool) == [1]


def test_a_commit_that_fails_is_an_error(connect: Connect) -> None:
    """As one does that breaks a promise. It is not known what such a connection is good for."""
    with Pool[Any](connect, 1) as pool:
        used: list[Any] = []
        with pool.get() as conn:
            conn.execute("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)")
            conn.execute("DROP TABLE IF EXISTS child")
            reference = "INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED"
            conn.execute(f"CREATE TABLE child (id {reference})")
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match=r"(?i)foreign"):
            use(
                pool,
                used.append,
                insert(1),
                lambda conn: conn.execute("INSERT INTO child VALUES (7)"),
            )
        with pytest.raises(Exception, match="closed"):
            used[0].execute("SELECT 1")
        assert out(pool) == 0 and rows(pool) == []


def test_no_check(connect: Connect) -> None:
    with Pool[Any](connect, 1, check=None) as pool:
        with pool.get() as conn:
            pass
        conn.close()
        with pytest.raises(Exception, match="closed"):
            use(pool, insert(1))


def test_a_connection_lives_so_long(connect: Connect) -> None:
    with Pool[Any](connect, 1, max_lifetime=0) as pool:
        with pool.get() as conn:
            pass
        with pool.get() as other:
            assert other is not conn
        with pytest.raises(Exception, match="closed"):
            conn.execute("SELECT 1")


def test_a_connection_that_can_not_be_opened(connect: Connect) -> None:
    """The driver's error goes to who asked, and the next one tries anew."""
    refusals = iter([ConnectionRefusedError("no server there")])

    def sometimes() -> Any:
        for error in refusals:
            raise error
        return connect()

    with Pool[Any](sometimes, 1) as pool:
        with pytest.raises(ConnectionRefusedError, match="no server"):
            pool.get().__enter__()
        with pool.get(timeout=0):
            pass


def test_close_waits_for_those_that_are_out(connect: Connect) -> None:
    pool, told = Pool[Any](connect, 2), Chan[None]()
    holder = go(hold, pool, told)
    wait_until(lambda: out(pool) == 1, "a connection that is out")
    with pool.get() as idle:
        pass
    with pytest.raises(TimeoutError, match="out=1"):
        pool.close(timeout=0.01)
    closers = [go(pool.close) for _ in range(2)]
    wait_waiting(*closers)
    told.close()
    for closer in closers:
        closer.result(PATIENCE)
    holder.result(PATIENCE)
    assert repr(pool) == "<Pool size=2 out=0 idle=0 closed>"
    with pytest.raises(Exception, match="closed"):
        idle.execute("SELECT 1")
    with pytest.raises(PoolClosed):
        pool.get().__enter__()
    pool.close()


def test_close_sends_away_who_waits(connect: Connect) -> None:
    pool, told = Pool[Any](connect, 1), Chan[None]()
    holder = go(hold, pool, told)
    wait_until(lambda: out(pool) == 1, "a connection that is out")
    waiting = go(use, pool)
    wait_parked(pool._idle, receivers=1)
    closer = go(pool.close)
    with pytest.raises(PoolClosed):
        waiting.result(PATIENCE)
    told.close()
    closer.result(PATIENCE)
    holder.result(PATIENCE)


def test_a_pool_of_none(connect: Connect) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pool[Any](connect, 0)


def test_both_drivers_fit(server: postgres.Postgres) -> None:
    """For type checkers: neither needs a cast."""
    with Pool(server.connect) as pool, pool.get() as conn:
        assert conn.info.status.name == "OK"
    with Pool(lambda: sqlite3.connect(":memory:")) as lite, lite.get() as other:
        assert other.total_changes == 0


def test_a_restart_in_the_middle(server: postgres.Postgres) -> None:
    """Nothing hangs, errors say what happened, no commit is lost, and it all goes on afterwards."""
    pool = Pool(server.connect, 3)
    with pool.get() as conn:
        conn.execute("CREATE TABLE rows (worker INTEGER, n INTEGER)")
    stop, inserted = with_cancel(background()), AtomicInt()
    errors: list[psycopg.Error] = []
    unsure: set[tuple[int, int]] = set()  # the commit failed, or its answer did not come
    sure: set[tuple[int, int]] = set()

    def work(worker: int) -> None:
        n = 0
        while stop.err is None:
            row = (worker, n := n + 1)
            try:
                with pool.get(timeout=PATIENCE) as conn:
                    unsure.add(row)
                    conn.execute("INSERT INTO rows VALUES (%s, %s)", row)
                unsure.discard(row)
                sure.add(row)
                inserted.add(1)
            except psycopg.OperationalError as error:
                errors.append(error)
                sleep(0.01)  # as an application would: it tries again a little later

    def further(count: int) -> None:
        goal = inserted.load() + count
        wait_until(lambda: inserted.load() >= goal, f"{count} more rows, after {errors[-3:]}")

    with stop:
        wg = WaitGroup()
        workers = [wg.go(work, n) for n in range(8)]
        further(100)
        server.stop()
        wait_until(lambda: len(errors) > 2 * 8, "errors while there is no server")
        server.start()
        further(100)
    wg.wait(timeout=PATIENCE)
    assert [worker.exception() for worker in workers] == [None] * 8

    known = ("terminating connection", "shutting down", "starting up", "refused", "closed", "lost")
    unclear = [error for error in errors if not any(word in str(error) for word in known)]
    assert not unclear
    with pool.get() as conn:
        found = set(conn.execute("SELECT worker, n FROM rows").fetchall())
    assert sure <= found <= sure | unsure
    assert "out=0" in repr(pool)
    pool.close(timeout=PATIENCE)


def test_who_asks_while_there_is_no_server(server: postgres.Postgres) -> None:
    """The one who holds a connection and the one who waits for it both hear what happened."""
    with Pool(server.connect, 1) as pool:
        waiting: list[Goroutine[None]] = []

        def stop(conn: object) -> None:
            waiting.append(go(use, pool))
            wait_parked(pool._idle, receivers=1)
            server.stop()

        with pytest.raises(psycopg.OperationalError, match="terminat"):
            use(pool, stop, lambda conn: conn.execute("SELECT 1"))
        with pytest.raises(psycopg.OperationalError, match="refused"):
            waiting[0].result(PATIENCE)  # it got the place, and no server to connect to
        server.start()
        with pool.get(timeout=0) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
