"""A real PostgreSQL server of our own: a cluster in a temporary folder, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

import servers

FOLDERS = "/usr/lib/postgresql/*/bin"
# It forgets everything at a crash of the machine, and listens to nobody but us.
SETTINGS = "-c fsync=off -c unix_socket_directories= -c listen_addresses=127.0.0.1"


def unprivileged() -> dict[str, Any]:
    """Arguments of subprocess: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    names = [user.pw_name for user in pwd.getpwall()]
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    def __init__(self, folder: Path) -> None:
        self.port = servers.free_port()
        self._folder = folder
        self._pg_ctl = servers.find("pg_ctl", FOLDERS)
        self._run(str(servers.find("initdb", FOLDERS)), "-A", "trust", "-U", "tester", "--no-sync",
                  "--locale=C", "--encoding=UTF8", "-D", str(folder / "data"))  # fmt: skip

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            **unprivileged(),
        )
        log = self._folder / "log"
        said = log.read_text() if log.exists() else done.stdout
        assert done.returncode == 0, f"{command[0]} failed:\n{said}"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self._run(
            str(self._pg_ctl), "start", "--wait", "-D", str(self._folder / "data"),
            "-l", str(self._folder / "log"), "-o", f"-p {self.port} {SETTINGS}",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop at once: whoever is connected is thrown out in the middle of what it does."""
        self._run(
            str(self._pg_ctl), "stop", "--wait", "-m", "fast", "-D", str(self._folder / "data")
        )

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=tester dbname=postgres", connect_timeout=5
        )


@contextmanager
def running() -> Generator[Postgres]:
    # Not pytest's folder: only its owner can get in there.
    folder = Path(tempfile.mkdtemp(prefix="gochan-postgres-"))
    try:
        if identity := unprivileged():
            os.chown(folder, identity["user"], identity["group"])
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
