"""Fixtures: every store test runs on SQLite, on the newest PostgreSQL and on the oldest one we support.

==================  =================================================================================
``database_url``    a fresh, empty database: ``sqlite:///...`` in a temporary file, or ``postgresql://...``
``database``        the same with Tickwork's tables in it
``store``           ``database``, opened with ``tickwork.store.open.open_store``; closed after the test
``bench``           the same choice as an object: ``fresh()`` and ``migrated()`` make further databases
``tell``            not a store: ``tell("walk of a firing: 37 statements")`` shows a line after the run
==================  =================================================================================

The doors (``tests/api``, ``tests/cli``, ``tests/integrations``) write no SQL of their own: their tests run on the oldest
PostgreSQL only where a person names it, ``--stores postgresql-15``. That it understands every statement is shown by
``tests/store/postgresql/test_statements.py``, and what the statements do by all the other tests.

A test narrows the choice with ``@pytest.mark.stores("sqlite")`` or ``("postgresql")``; a person narrows a run with
``--stores sqlite,postgresql-18``. A server that cannot be started fails the tests when ``CI=true``; elsewhere they are
skipped, and the run's last lines name the store that was not tested.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support import postgresql
from tests.support.shelf import Shelf

STORES = ["sqlite", *postgresql.names()]
_DOORS = ("tests/api/", "tests/cli/", "tests/integrations/")
_OLDEST = "postgresql-15"
_FOLDER = "TICKWORK_TEST_BENCH"  # worker processes inherit where the run keeps its servers
#: Nothing of a run must survive a power cut: where memory is plentiful, its files are kept there.
_MEMORY, _PLENTY = Path("/dev/shm"), 8 * 2**30
_ALIVE = pytest.StashKey[IO[str]]()
#: The shelves of this process, by the address of their server.
_SHELVES: dict[str, Shelf] = {}


class Bench:
    """One store to test on: makes databases, and drops what it made."""

    def __init__(self, name: str, folder: Path, tmp_path: Path) -> None:
        self.name, self.folder, self.tmp_path = name, folder, tmp_path
        self.kind = name.partition("-")[0]
        self.server = None if name == "sqlite" else postgresql.start(name, folder)
        self._made: list[str] = []

    def fresh(self) -> str:
        """Return the URL of a new, empty database."""
        return self._make(template=None)

    def migrated(self) -> str:
        """Return the URL of a database that has Tickwork's tables, and nothing in them."""
        if self.server is None:
            return self._make(template=self._sqlite_template())
        return self._shelf().take()

    def clean(self) -> None:
        if self.server is not None:
            self._shelf().take_back()
            for url in self._made:
                self.server.drop(url)

    def _shelf(self) -> Shelf:
        server = self.server
        assert server is not None
        if server.url not in _SHELVES:
            template = server.template(self.folder, migrate)
            _SHELVES[server.url] = Shelf(lambda: server.create(template), server.drop)
        return _SHELVES[server.url]

    def _make(self, template: str | None) -> str:
        if self.server is not None:
            url = self.server.create(template)
        else:
            file = self.tmp_path / f"{uuid.uuid4().hex[:8]}.db"
            if template is not None:
                shutil.copyfile(template, file)
            url = f"sqlite:///{file}"
        self._made.append(url)
        return url

    def _sqlite_template(self) -> str:
        file = self.folder / "template.db"
        with postgresql.locked(self.folder / "sqlite.lock"):
            if not file.exists():
                made = self.folder / "template-in-the-making.db"
                migrate(f"sqlite:///{made}")
                with sqlite3.connect(made) as connection:  # what still stands in the write-ahead log comes along
                    connection.execute("pragma wal_checkpoint(truncate)")
                connection.close()
                made.rename(file)
        return str(file)


def migrate(url: str) -> None:
    """Give the database of *url* Tickwork's tables."""
    from tickwork.store.open import open_store

    store = open_store(url)
    try:
        store.migrate()
    finally:
        store.close()


@pytest.fixture
def bench(store_name: str, tmp_path: Path) -> Iterator[Bench]:
    try:
        made = Bench(store_name, Path(os.environ[_FOLDER]), tmp_path)
    except postgresql.CannotStart as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"store not tested, and CI tests every store: {error}", pytrace=False)
        pytest.skip(f"store not tested: {error}")
    yield made
    made.clean()


@pytest.fixture
def tell() -> Callable[[str], None]:
    """A way to say something that a person should read: the lines stand after the run, whichever process ran the test."""

    def append(line: str) -> None:
        with (Path(os.environ[_FOLDER]) / "told").open("a") as told:
            told.write(f"{line}\n")

    return append


@pytest.fixture
def database_url(bench: Bench) -> str:
    return bench.fresh()


@pytest.fixture
def database(bench: Bench) -> str:
    return bench.migrated()


@pytest.fixture
def store(database: str) -> Iterator[Any]:
    from tickwork.store.open import open_store

    opened = open_store(database)
    yield opened
    opened.close()


# ------------------------------------------------------------------------------------------------------ hooks of pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stores", default="", help=f"stores to test on (default: {','.join(STORES)})")


def pytest_configure(config: pytest.Config) -> None:
    unknown = [name for name in _chosen(config) if not any(_is(store, name) for store in STORES)]
    if unknown:
        raise pytest.UsageError(
            f"--stores: {', '.join(unknown)}: there are {', '.join(STORES)}, and postgresql for all of these"
        )
    if hasattr(config, "workerinput"):
        return
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _PLENTY:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    folder = Path(tempfile.mkdtemp(prefix="tickwork-tests-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    folder.chmod(0o711)  # as root the servers run as another user, who must be able to walk in
    os.environ[_FOLDER] = str(folder)
    alive = (folder / "alive").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)  # released however this process ends; the keepers wait for that
    config.stash[_ALIVE] = alive


def pytest_unconfigure(config: pytest.Config) -> None:
    if postgresql.GIVEN in _SHELVES:  # all other servers go as a whole
        _SHELVES[postgresql.GIVEN].clear()
    alive = config.stash.get(_ALIVE, None)
    if alive is None:
        return
    folder = Path(os.environ.pop(_FOLDER))
    alive.close()
    postgresql.wait_for_keepers(folder)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_name" not in metafunc.fixturenames:
        return
    chosen = _chosen(metafunc.config)
    marker = metafunc.definition.get_closest_marker("stores")
    wanted = marker.args if marker else ("sqlite", "postgresql")
    stores = [s for s in STORES if any(_is(s, name) for name in chosen) and any(_is(s, name) for name in wanted)]
    if metafunc.definition.nodeid.startswith(_DOORS) and not metafunc.config.getoption("--stores"):
        stores = [store for store in stores if store != _OLDEST]
    metafunc.parametrize("store_name", stores)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every store that this run was tested on, with its version, and loudly every one that it was not."""
    folder = Path(os.environ[_FOLDER])
    if (folder / "told").exists():
        terminalreporter.section("told by the tests")
        for line in sorted((folder / "told").read_text().splitlines()):
            terminalreporter.write_line(line)
    terminalreporter.section("stores")
    terminalreporter.write_line(f"sqlite {sqlite3.sqlite_version}")
    for name in postgresql.names():
        known = folder / f"{name}.json"
        answer = json.loads(known.read_text()) if known.exists() else {}
        if "error" in answer:
            terminalreporter.write_line(f"NOT TESTED: {name}: {answer['error']}", red=True, bold=True)
        elif answer:
            terminalreporter.write_line(f"{name} {answer['version']}")
        else:
            terminalreporter.write_line(f"{name} (no test of this run asked for it)")


def _chosen(config: pytest.Config) -> list[str]:
    named = str(config.getoption("--stores"))
    return named.split(",") if named else STORES


def _is(store: str, name: str) -> bool:
    return store == name or store.partition("-")[0] == name
