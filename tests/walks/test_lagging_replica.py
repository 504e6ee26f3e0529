"""A real replica that falls behind: a worker that was told how far it may takes no more, says why, and goes on by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgresql import bench_of_servers, start
from tests.support.shop import Shop
from tests.support.stores import migrate
from tests.walks.test_two_workers import until
from tickwork.engine.worker.appetite import Appetite
from tickwork.store.open import open_store
from tickwork.watch import SECOND


class Replica:
    """A hot standby that applies nothing for an hour."""

    def __init__(self, folder: Path, port: int) -> None:
        data = folder / "data"
        self.folder, self.copy = folder, folder / "copy"
        self.programs = Path((data / "postmaster.opts").read_text().split(" ", 1)[0]).parent
        owner = data.stat()
        self.as_owner: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        source = f"host=127.0.0.1 port={port} user=postgres application_name=copy"
        self._run("pg_basebackup", "-d", source, "-D", self.copy, "-R", "-X", "stream", "-c", "fast")
        with (self.copy / "postgresql.auto.conf").open("a") as settings:
            settings.write("\nrecovery_min_apply_delay = '1h'\nlisten_addresses = ''\nport = 1\n")

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.copy, "-w", "-t", "60", "-l", self.folder / "copy.log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.copy, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: Any) -> None:
        with (self.folder / "replica.out").open("w") as said:
            subprocess.run(
                [self.programs / program, *arguments], check=True, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
                cwd=self.folder, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **self.as_owner,
            )  # fmt: skip


@pytest.fixture
def pair() -> Iterator[tuple[str, Replica]]:
    with bench_of_servers() as bench:
        server = start("postgresql-18", bench)
        url = server.create()
        migrate(url)
        replica = Replica(bench / server.name, int(server.url.rpartition(":")[2].partition("/")[0]))
        replica.start()
        yield url, replica
        if (replica.copy / "postmaster.pid").exists():
            replica.stop()


@pytest.mark.long
def test_a_lagging_replica_stops_the_work_by_name(pair: Any) -> None:
    url, replica = pair
    store = open_store(url)
    shop = Shop(store)
    worker = shop.worker({"note": lambda: None}, Appetite(replica_lag=SECOND))
    task = shop.put("note")
    lag = "select replay_lag > interval '1.5 s' from pg_stat_replication where application_name = 'copy'"
    until(lambda: shop.put("note") and shop.ask(lag) == [(True,)])
    worker.run_due()
    assert (shop.tasks[task].state, shop.tasks[task].attempt) == ("waiting", 0)
    assert worker.pump.obstacle.reason is not None
    assert worker.pump.obstacle.reason.startswith("replica-lag: copy is ")
    replica.stop()
    until(lambda: shop.ask(lag) == [])
    shop.wind(2)
    worker.run_due()
    assert shop.tasks == {}
    assert {(row.outcome, row.attempt) for row in shop.archive.values()} == {("done", 1)}
    store.close()
