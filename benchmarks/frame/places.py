"""Where a benchmark runs: a SQLite file in a temporary folder, or a PostgreSQL server with full durability.

The server is started by the tests' keeper with fsync on, and is gone when the benchmark ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from frame import REPOSITORY  # noqa: F401  (it makes the packages below importable)

#: Production's way on a small machine: durable, with a cache and a log that hold a benchmark.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}
TICKS = os.sysconf("SC_CLK_TCK")


class Meter(NamedTuple):
    """What a place has used so far: CPU seconds of the server, bytes of WAL."""

    cpu: float | None
    wal: int | None


class Place:
    """One store: makes databases, and reads meters."""

    def __init__(self, name: str, folder: Path, server: str | None = None) -> None:
        self.name, self.folder, self.kind = name, folder, name.partition("-")[0]
        self.label = name
        self._templates: dict[str, str] = {}
        self._server = None
        if self.kind == "postgresql":
            from tests.support import postgresql

            if server:
                self._server = postgresql.Server(name, "given", server)
            else:
                self._server = postgresql.start(name, folder)
            self._admin = _administrator(self._server.url)
            self._postmaster = _parent(self._admin.execute("select pg_backend_pid()").fetchone()[0])
            version = self._admin.info.server_version
            self.label = f"postgresql {version // 10_000}.{version % 10_000}"
        else:
            import sqlite3

            self.label = f"sqlite {sqlite3.sqlite_version}"

    @property
    def is_postgresql(self) -> bool:
        return self._server is not None

    def empty(self) -> str:
        """Return the URL of a new, empty database."""
        if self._server is not None:
            return self._server.create()
        return f"sqlite:///{self.folder}/{uuid.uuid4().hex[:12]}.db"

    def migrated(self) -> str:
        """Return the URL of a new database with Tickwork's tables."""
        from tickwork.store.open import open_store

        url = self.empty()
        store = open_store(url)
        store.migrate()
        store.close()
        return url

    def settle(self, url: str) -> None:
        """Let the database come to rest before a lap: statistics are fresh, nothing waits to be written."""
        if self._server is None:
            import sqlite3

            connection = sqlite3.connect(path_of(url))
            connection.execute("pragma wal_checkpoint(truncate)")
            connection.close()
            return
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        self._admin.execute("checkpoint")

    def drop(self, url: str) -> None:
        if self._server is not None:
            self._server.drop(url)
            return
        for end in ("", "-wal", "-shm", "-journal"):
            Path(path_of(url) + end).unlink(missing_ok=True)

    def meter(self) -> Meter:
        if self._server is None:
            return Meter(None, None)
        (wal,) = self._admin.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()
        return Meter(_cpu_of(self._postmaster), int(wal))

    def close(self) -> None:
        if self._server is not None:
            self._admin.close()


def path_of(url: str) -> str:
    """The file of a ``sqlite:///`` address."""
    return url.removeprefix("sqlite:///")


@contextmanager
def opened(names: list[str], server: str | None = None) -> Iterator[list[Place]]:
    """Open places by name; servers that were started for it are stopped at the end."""
    from tests.support import postgresql

    folder = Path(tempfile.mkdtemp(prefix="tickwork-bench-"))
    folder.chmod(0o711)  # as root the servers run as another user, who must be able to walk in
    os.environ["TICKWORK_TEST_SETTINGS"] = json.dumps(SETTINGS)
    alive = (folder / "alive").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)  # released however this process ends; the keepers wait for that
    places: list[Place] = []
    try:
        places.extend(Place(name, folder, server) for name in names)
        yield places
    finally:
        for place in places:
            place.close()
        alive.close()
        postgresql.wait_for_keepers(folder)
        shutil.rmtree(folder, ignore_errors=True)


def known() -> list[str]:
    """The stores of this machine."""
    from tests.support import postgresql

    return ["sqlite", *postgresql.names()]


def _administrator(url: str):  # type: ignore[no-untyped-def]
    import psycopg

    return psycopg.connect(url, autocommit=True)


def _parent(pid: int) -> int:
    return int(_status(pid)[1])


def _status(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def _cpu_of(postmaster: int) -> float:
    """CPU seconds of a server: its living processes to the nanosecond, those that have ended in clock ticks."""
    status = _status(postmaster)
    total = (int(status[13]) + int(status[14])) / TICKS
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                if int(folder.name) == postmaster or _parent(int(folder.name)) == postmaster:
                    total += int((folder / "schedstat").read_text().split()[0]) / 1e9
    return total
