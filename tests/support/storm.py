"""An edit storm: daemons fire while applications edit the same few triggers and backends are killed.

Every application writes down, for each edit that it committed, the version that it wrote and the database's time as
read *after* the commit. Afterwards the ledger is held against these notes: a firing that carries an older version than
an edit which had committed before the firing's own statement is a broken promise. Nothing may be lost or doubled, and
no daemon may ever have waited for an application.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tickwork import Tickwork, clocks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import StoreError
from tickwork.model.action import PutTask
from tickwork.store.open import open_store
from tickwork.watch import SECOND, from_instant

_CONTEXT = multiprocessing.get_context("forkserver")
KEYS = 40
ACTION = PutTask("storm", "{}")


@dataclass
class Storm:
    """What a storm came to."""

    edits: int = 0
    kills: int = 0
    firings: int = 0
    replaced_order_fired: list[Any] = field(default_factory=list)
    doubled: list[Any] = field(default_factory=list)
    lost: list[Any] = field(default_factory=list)
    daemon_waits: list[Any] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def run_storm(
    url: str,
    folder: Path,
    seed: int,
    seconds: float,
    *,
    daemons: int = 2,
    applications: int = 4,
    workers: int = 0,
    edits: int = 0,
) -> Storm:
    """Let it blow for *seconds*, and until at least *edits* edits were made; then drain and account for everything."""
    stop = folder / "stop"
    roles = [_CONTEXT.Process(target=_daemon, args=(url, str(stop), number)) for number in range(daemons)] + [
        _CONTEXT.Process(target=_application, args=(url, str(folder), str(stop), seed * 1_000 + number, number))
        for number in range(applications)
    ]
    roles += [_CONTEXT.Process(target=_worker, args=(url, str(stop))) for _ in range(workers)]
    storm = Storm()
    for role in roles:
        role.start()
    try:
        _blow(url, folder, storm, roles, random.Random(seed), seconds, edits)
    finally:
        stop.touch()
        for role in roles:
            role.join(30)
            role.kill()
    assert [role.exitcode for role in roles] == [0] * len(roles)
    _drain(url)
    _account(url, folder, storm)
    return storm


def _blow(
    url: str, folder: Path, storm: Storm, roles: list[Any], chance: random.Random, seconds: float, edits: int
) -> None:
    """Watch the storm: who waits for whom, who dies; and kill a backend now and then."""
    ends, pause = time.monotonic() + seconds, threading.Event()
    with psycopg.connect(url, autocommit=True) as watcher:
        while time.monotonic() < ends or _edits_so_far(folder) < edits:
            pause.wait(0.02)
            storm.daemon_waits += _daemon_waits(watcher)
            if chance.random() < 0.08:
                storm.kills += _kill_one(watcher, chance)
            assert all(role.is_alive() for role in roles), "a process of the storm died by itself"


def _daemon(url: str, stop: str, number: int) -> None:
    store = open_store(url)
    daemon = TriggerDaemon(store, batch=50)
    pause = threading.Event()
    while not Path(stop).exists():
        try:
            daemon.turn(0)
            pause.wait(0.005)
        except StoreError:
            pause.wait(0.01)


def _application(url: str, folder: str, stop: str, seed: int, number: int) -> None:
    """Edit at random; write a line for each edit that was committed."""
    chance = random.Random(seed)
    app = Tickwork(url)
    connection = _connect(url)
    with (Path(folder) / f"edits-{number}").open("w", buffering=1) as notes:
        while not Path(stop).exists():
            try:
                written = _edit_some(app, connection, chance)
                row = connection.execute("select (extract(epoch from clock_timestamp()) * 1000000)::bigint").fetchone()
            except (StoreError, psycopg.Error, _ChangedItsMind):
                if connection.closed or connection.broken:
                    connection = _connect(url)
                continue
            for each in written:
                notes.write(f"{each.id} {each.version} {row[0] if row else 0}\n")


class _ChangedItsMind(Exception):
    """The application rolls back by itself."""


def _edit_some(app: Tickwork, connection: Any, chance: random.Random) -> list[Any]:
    """Edit one to three triggers in one transaction; return what was committed, nothing if it was rolled back."""
    with connection.transaction():
        if chance.random() < 0.15:
            connection.execute("set transaction isolation level repeatable read")
        edits = [_edit(app, connection, chance, key) for key in _keys(chance)]
        if chance.random() < 0.01:
            connection.execute("select pg_sleep(%s)", (chance.random() * 0.1,))
        if chance.random() < 0.1:
            raise _ChangedItsMind
    return [edit for edit in edits if edit is not None]


def _worker(url: str, stop: str) -> None:
    """Run the storm's tasks, under short leases, until told to stop."""
    app = Tickwork(url)
    app.handler("storm")(_nothing)
    with app.process(daemon=False, concurrency=4, lease=2):
        pause = threading.Event()
        while not Path(stop).exists():
            pause.wait(0.05)


def _nothing() -> None:
    """The storm's handler."""


def _connect(url: str) -> psycopg.Connection[Any]:
    pause = threading.Event()
    while True:
        try:
            return psycopg.connect(url, autocommit=True, application_name="storm-application")
        except psycopg.OperationalError:
            pause.wait(0.05)


def _keys(chance: random.Random) -> list[str]:
    """One to three triggers, in one order: two applications that take rows in opposite orders deadlock as with any rows."""
    return sorted(f"k{number:02}" for number in chance.sample(range(KEYS), chance.choice((1, 1, 1, 2, 3))))


def _edit(app: Tickwork, connection: Any, chance: random.Random, key: str) -> Any:
    triggers = app.on(connection).triggers
    now = time.time_ns() // 1000
    soon = from_instant(now + int(chance.uniform(-0.02, 0.15) * SECOND))
    verb = chance.choice(("put", "put", "put+cancel", "every", "move", "move", "pause", "resume", "cancel", "again"))
    try:
        if verb == "put":
            return triggers.put(key, clocks.Once(soon), ACTION, unchecked=True, rearm=chance.random() < 0.7)
        if verb == "put+cancel":
            triggers.put(key, clocks.Once(soon), ACTION, unchecked=True, rearm=True)
            return triggers.cancel(key)
        if verb == "every":
            return triggers.put(
                key, clocks.Every(chance.choice((0.02, 0.05, 0.2))), ACTION, unchecked=True, misfire="latest"
            )
        if verb == "move":
            return triggers.move(key, clocks.Once(soon))
        if verb == "pause":
            return triggers.pause(key)
        if verb == "resume":
            return triggers.resume(key, missed=chance.choice(("skip", "latest")))
        if verb == "cancel":
            return triggers.cancel(key)
        triggers.cancel(key)
        return triggers.put(key, clocks.Once(soon), ACTION, unchecked=True)
    except LookupError:
        return None  # nobody has put it yet


def _edits_so_far(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("edits-*"))


def _daemon_waits(watcher: psycopg.Connection[Any]) -> list[Any]:
    """Who of the daemons waits for an application's lock.

    Commits that notify stand in one line, server-wide, while the one before them is written to disk (``object`` is that
    line's lock, of PostgreSQL itself): a slow disk, not an application that keeps somebody waiting.
    """
    return watcher.execute(
        """
        select a.query, b.application_name, b.query from pg_stat_activity a
          join pg_stat_activity b on b.pid = any(pg_blocking_pids(a.pid))
         where a.application_name = 'tickwork-daemon' and a.wait_event_type = 'Lock' and a.wait_event <> 'object'
           and a.datname = current_database() and b.application_name = 'storm-application'
        """
    ).fetchall()


def _kill_one(watcher: psycopg.Connection[Any], chance: random.Random) -> int:
    pids = watcher.execute(
        """
        select pid from pg_stat_activity where datname = current_database()
           and pid <> pg_backend_pid() and state <> 'idle' and backend_type = 'client backend'
        """
    ).fetchall()
    if not pids:
        return 0
    killed = watcher.execute("select pg_terminate_backend(%s)", chance.choice(pids)).fetchone()
    return int(bool(killed and killed[0]))


def _drain(url: str) -> None:
    """Let a living daemon finish what the storm left: every letter, and every one-time trigger."""
    store = open_store(url)
    daemon = TriggerDaemon(store)
    pause = threading.Event()
    ends = time.monotonic() + 60
    try:
        with psycopg.connect(url, autocommit=True) as reader:
            while time.monotonic() < ends:
                busy = (
                    daemon.turn(0) == 0
                )  # not until nothing is due: of clocks of 20 ms a slow machine always finds one
                if reader.execute(_LEFT).fetchone() == (0,):
                    return
                if not busy:
                    pause.wait(0.05)
    finally:
        store.close()
    raise AssertionError("the storm did not drain within a minute")


_LEFT = """
select (select count(*) from tickwork.trigger_change)
     + (select count(*) from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
         where e.due_at is not null and t.clock_kind = 'once')
"""


def _account(url: str, folder: Path, storm: Storm) -> None:
    notes: dict[int, list[tuple[int, int]]] = {}
    for file in sorted(folder.glob("edits-*")):
        for line in file.read_text().splitlines():
            trigger_id, version, at = map(int, line.split())
            notes.setdefault(trigger_id, []).append((version, at))
            storm.edits += 1
    with psycopg.connect(url) as reader:
        ledger = reader.execute(
            "select trigger_id, version, generation, planned_at, outcome, fired_at, task_id from tickwork.firing"
        ).fetchall()
        storm.firings = sum(row[4] == "fired" for row in ledger)
        for trigger_id, version, _, planned_at, outcome, fired_at, _ in ledger:
            if outcome == "fired":
                newer = [note for note in notes.get(trigger_id, ()) if note[0] > version and note[1] < fired_at]
                storm.replaced_order_fired += [(trigger_id, version, planned_at, note) for note in newer[:1]]
        storm.doubled = reader.execute(
            """
            select trigger_id, generation, planned_at, count(*) from (
                select trigger_id, generation, planned_at from tickwork.task where trigger_id is not null
                union all select trigger_id, generation, planned_at from tickwork.archive where trigger_id is not null) t
             group by 1, 2, 3 having count(*) > 1
            """
        ).fetchall()
        storm.lost = reader.execute(
            """
            select 'firing without task', f.trigger_id, f.planned_at from tickwork.firing f
             where f.outcome = 'fired' and not exists (select 1 from tickwork.task k where k.id = f.task_id)
               and not exists (select 1 from tickwork.archive a where a.id = f.task_id and a.outcome = 'done')
            union all
            select 'task without firing', k.trigger_id, k.planned_at from tickwork.task k
             where not exists (select 1 from tickwork.firing f where f.task_id = k.id)
            union all
            select 'one-time trigger that never fired', t.id, 0 from tickwork.trigger t
             where t.state = 'active' and t.clock_kind = 'once'
               and not exists (select 1 from tickwork.firing f where f.trigger_id = t.id and f.generation = t.generation)
            union all
            select 'event of an old version', t.id, e.version from tickwork.trigger t
              left join tickwork.event e on e.trigger_id = t.id
             where e.version is distinct from t.version or e.generation is distinct from t.generation
            union all
            select 'active interval without due time', t.id, 0 from tickwork.trigger t
              join tickwork.event e on e.trigger_id = t.id
             where t.state = 'active' and t.clock_kind = 'every' and e.due_at is null
            union all
            select 'letter left', c.trigger_id, c.id from tickwork.trigger_change c
            """
        ).fetchall()
        storm.counts.update(row[4] for row in ledger)
