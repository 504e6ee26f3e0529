"""Workers in rough weather: connections cut in a loop, the server restarted under load, stopped in mid-work.

Throughput returns by itself, nothing is lost, nothing is done twice, and nobody is charged for a run that he did not have.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from tests.support.postgresql import bench_of_servers, start
from tests.support.processes import Child, child
from tests.support.shop import Shop
from tests.support.stores import migrate
from tests.walks.test_two_workers import until
from tickwork.store.open import open_store

WORKER = """
import sys, threading
from tickwork.engine.loop import Listener
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

store = open_store(sys.argv[1])
registry = Registry()
pause = threading.Event()
registry.add("note", lambda: pause.wait(0.002))
listener = Listener(store.dialect.ear)
listener.start()
worker = Worker(store, registry, Subscription(), Appetite(concurrency=4, batch=50))
worker.start(listener)
print("up")
sys.stdin.readline()
print("stopped", worker.stop())
"""


class Weather:
    """Two workers on one database, and somebody who puts tasks all the time, as well as the weather allows."""

    def __init__(self, url: str) -> None:
        self.url, self.put, self.refused = url, 0, 0
        self._calm = threading.Event()
        self._putting = threading.Thread(target=self._put, daemon=True)

    def __enter__(self) -> Self:
        self._putting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calm.set()
        self._putting.join(60)

    def _put(self) -> None:
        from tickwork.errors import StoreError

        store = open_store(self.url)
        shop = Shop(store, wakes=True)
        store.watch = None
        while not self._calm.is_set():
            try:
                shop.put("note")
                self.put += 1
            except StoreError:
                self.refused += 1  # it may have happened all the same: an answer can be lost
                self._calm.wait(0.05)
        store.close()


def look(url: str) -> Shop:
    store = open_store(url)
    shop = Shop(store)
    store.watch = None
    return shop


def everything_is_done_once(url: str, weather: Weather, workers: list[Child]) -> str:
    """Wait until the queue is empty, stop the workers, and look at what became of every task."""
    shop = look(url)
    until(lambda: shop.ask("select count(*) from tickwork.task") == [(0,)])
    for worker in workers:
        worker.tell("stop")
        worker.line("stopped True")
    archive = shop.archive
    assert weather.put <= len(archive) <= weather.put + weather.refused
    assert {row.outcome for row in archive.values()} == {"done"}
    assert {(row.attempt, row.lost) for row in archive.values()} == {(1, 0)}
    assert (shop.tasks, shop.leases) == ({}, [])
    shop.store.close()
    return f"{len(archive)} tasks, each run once, {weather.refused} puts refused"


@pytest.mark.long
@pytest.mark.stores("postgresql-18")
def test_connections_are_cut_in_a_loop(database: str, tell: Callable[[str], None]) -> None:
    """Issue 5: pg_terminate_backend in a loop: throughput returns, nothing is lost, attempts are right."""
    with child("-c", WORKER, database) as one, child("-c", WORKER, database) as two:
        one.line("up"), two.line("up")
        with Weather(database) as weather, psycopg.connect(database, autocommit=True) as axe:
            until(lambda: weather.put > 20)
            cut, pause = 0, threading.Event()
            for _ in range(40):
                cut += axe.execute(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                ).fetchone()[0]  # type: ignore[index]
                pause.wait(0.05)
            before = weather.put
            until(lambda: weather.put > before + 50)
        told = everything_is_done_once(database, weather, [one, two])
    tell(f"pg_terminate_backend in a loop: {cut} connections cut; {told}")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of the test's own, and a way to restart it as a power cut would."""
    monkeypatch.setenv("TICKWORK_TEST_FSYNC", "on")  # what it says it has committed must survive
    with bench_of_servers() as folder:
        own = start("postgresql-18", folder)
        url = own.create()
        migrate(url)
        data = folder / own.name / "data"
        owner = data.stat()
        options = (data / "postmaster.opts").read_text()
        pg_ctl = Path(options.split('"', 1)[0].split()[0]).with_name("pg_ctl")
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}

        def restart() -> None:
            with (tmp_path / "said").open("w") as said:
                subprocess.run(
                    [pg_ctl, "-D", data, "-m", "immediate", "-w", "-t", "60", "-l", folder / own.name / "log", "restart"],
                    check=True, stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=data.parent,
                    env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **as_owner,
                )  # fmt: skip

        yield url, restart


@pytest.mark.long
def test_the_server_is_restarted_under_load(server: Any, tell: Callable[[str], None]) -> None:
    """Issue 5: PostgreSQL is restarted, immediately and twice, under load: nobody needs a restart for it."""
    url, restart = server
    with child("-c", WORKER, url) as one, child("-c", WORKER, url) as two:
        one.line("up"), two.line("up")
        with Weather(url) as weather:
            for _ in range(2):
                before = weather.put
                until(lambda: weather.put > before + 20)  # noqa: B023
                restart()
            before = weather.put
            until(lambda: weather.put > before + 50)
        told = everything_is_done_once(url, weather, [one, two])
    tell(f"PostgreSQL restarted twice under load: {told}")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_one_of_two_is_stopped_under_load_again_and_again(database: str, tell: Callable[[str], None]) -> None:
    """Issue 5, stop under load: what had not begun is given back uncounted, what ran has ended."""
    with child("-c", WORKER, database) as steady:
        steady.line("up")
        with Weather(database) as weather:
            for _ in range(4):
                with child("-c", WORKER, database) as leaving:
                    leaving.line("up")
                    before = weather.put
                    until(lambda: weather.put > before + 20)  # noqa: B023
                    leaving.tell("stop")
                    leaving.line("stopped True")
        told = everything_is_done_once(database, weather, [steady])
    tell(f"one of two workers stopped four times under load: {told}")
