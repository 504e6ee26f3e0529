"""Databases with triggers, events and tasks in them, written with plain SQL so that a million take seconds.

A *due* trigger has one slot in the last hour and its next one in the future, so that a firing turn fires it once. They fall
due in the order in which they were written, as triggers of one kind do, or *scattered*: neighbours in time are strangers on
disk, and every firing touches pages of its own. A *waiting* one is due in years. Clocks are ``interval`` (every hour, on its own grid) or ``mix``: crons as people write
them, recurrence rules and daily, weekly and monthly times in zones of the world.
"""

from __future__ import annotations

import os
import random
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from frame import REPOSITORY
from frame.places import Place
from tickwork.clocks import Cron, Daily, Every, Monthly, Recurrence, Weekly, encode_json
from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidInput
from tickwork.store.open import open_store

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
AHEAD = 10 * 365 * DAY
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")
SHORT = ("* * * * *", "*/5 * * * *", "0 9 * * 1-5", "30 2 1 * *", "0 0 29 2 *", "15 */6 * * *", "0 0 13 * 5")
RULES = (
    "FREQ=DAILY;BYHOUR=9;BYMINUTE=30;BYSECOND=0",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=8;BYMINUTE=0;BYSECOND=0",
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0",
    "FREQ=HOURLY;INTERVAL=4",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
)
#: What a trigger is made from: kind and parameters of its clock, since when, and its slot.
Pattern = tuple[str, str, int, int]
PAYLOAD = '{"meeting_id":7}'


def now() -> int:
    """The present, in microseconds."""
    return time.time_ns() // 1000


def mixed(seed: int, size: int = 1_000) -> list[Clock]:
    """Return clocks as in life: half crons of real crontabs, the rest recurrence rules and times of day in zones."""
    chance = random.Random(seed)
    shared = Path(os.environ.get("TICKWORK_SHARED", REPOSITORY.parent / "shared")) / "data/crontabs/expressions.txt"
    lines = shared.read_text(encoding="utf-8").splitlines() if shared.exists() else list(SHORT)
    start = datetime(2025, 1, 1, 9, tzinfo=timezone.utc)
    found: list[Clock] = []
    while len(found) < size:
        zone = chance.choice(ZONES)
        try:
            match len(found) % 10:
                case 0 | 1 | 2 | 3 | 4:
                    found.append(Cron(chance.choice(lines), zone))
                case 5 | 6:
                    found.append(Recurrence(chance.choice(RULES), start=start + timedelta(hours=chance.randrange(24))))
                case 7:
                    found.append(Weekly(chance.choice(("mon", "tue", "sat")), f"{chance.randrange(24):02}:15", zone))
                case 8:
                    found.append(Monthly(chance.randrange(1, 32), f"{chance.randrange(24):02}:00", zone))
                case _:
                    found.append(Daily(f"{chance.randrange(24):02}:{chance.randrange(60):02}", zone))
        except InvalidInput:  # a line that cron reads and we refuse, such as @reboot
            continue
    return found


def slot_before(clock: Clock, at: int) -> tuple[int, int] | None:
    """Return (since, slot): the clock's newest slot at or before *at*, and an order's age from which it is reached."""
    for back in (2 * HOUR, 2 * DAY, 40 * DAY, 800 * DAY):
        since, slot = at - back, None
        answer = clock.next_at(None, since)
        while answer is not None and answer <= at:
            slot, answer = answer, clock.next_at(answer, since)
        if slot is not None:
            return since, slot
    return None


def templates(clocks: str, seed: int, at: int) -> list[Pattern]:
    """Return rows of (kind, params, since, slot) that triggers are made from."""
    if clocks == "interval":
        kind, params = encode_json(Every(3_600))
        return [(kind, params, at - HOUR - ago * SECOND, at - ago * SECOND) for ago in range(600, 0, -1)]
    rows = []
    for clock in mixed(seed):
        resolved = clock.resolve("bench", at)
        kind, params = encode_json(resolved)
        if (found := slot_before(resolved, at)) is not None:
            rows.append((kind, params, *found))
    return sorted(rows, key=lambda row: row[3])


def due(
    place: Place, size: int, *, clocks: str = "interval", waiting: int = 0, seed: int = 1, scattered: bool = False
) -> str:
    """Return the URL of a database with *size* due triggers and *waiting* others."""
    url = place.migrated()
    at = now()
    stand(url, waiting, "waiting", templates("interval", seed, at)[:1], due_at=at + AHEAD)
    stand(url, size, "due", templates(clocks, seed, at), scattered=scattered)
    place.settle(url)
    return url


def changed(place: Place, size: int, *, clocks: str = "interval", waiting: int = 0, seed: int = 1) -> str:
    """Return the URL of a database in which *size* new triggers wait to be planned."""
    url = place.migrated()
    at = now()
    stand(url, waiting, "waiting", templates("interval", seed, at)[:1], due_at=at + AHEAD)
    stand(url, size, "new", templates(clocks, seed, at), planned=False)
    place.settle(url)
    return url


def ready(place: Place, size: int, *, waiting: int = 0) -> str:
    """Return the URL of a database with *size* ready tasks and *waiting* delayed ones."""
    url = place.migrated()
    at = now()
    tasks(url, waiting, at + AHEAD)
    tasks(url, size, at - SECOND)
    place.settle(url)
    return url


def stand(
    url: str,
    size: int,
    word: str,
    rows: list[Pattern],
    *,
    due_at: int | None = None,
    planned: bool = True,
    scattered: bool = False,
) -> None:
    """Write *size* triggers made from *rows* in turn, with their events (or, unplanned, with their letters)."""
    if not size:
        return
    store = open_store(url)
    kinds, at = len(rows), "p.slot" if due_at is None else f"{due_at} + t.id"
    ordered = "order by g.i" if kinds > 1 else ""
    pattern = "{0} % {1}" if scattered else "{0} * {1} / {2}"
    with store.begin("installer") as transaction:
        run = transaction.connection.execute  # type: ignore[attr-defined]
        turn = store.dialect.turn
        run("create temporary table pattern (n int, kind text, params text, since_at bigint, slot bigint)")
        for number, (kind, params, since_at, slot) in enumerate(rows):
            quoted = params.replace("'", "''")
            run(f"insert into pattern values ({number}, '{kind}', '{quoted}', {since_at}, {slot})")
        (first,) = run(turn("select coalesce(max(id), 0) from tickwork.trigger")).fetchone()
        run(
            turn(f"""
            insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, payload,
                                          created_at, changed_at)
            {_SERIES[store.dialect.name].format(size=size)}
            select 'default', '{word}/' || g.i, p.kind, p.params, p.since_at, 'bench.noop', '{PAYLOAD}', p.since_at,
                   p.since_at
              from g join pattern p on p.n = {pattern.format("(g.i - 1)", kinds, size)} {ordered}""")
        )
        events = f"""
            insert into tickwork.event (trigger_id, version, generation, next_at, due_at)
            select t.id, 1, 1, {at}, {at} from tickwork.trigger t
              join pattern p on p.n = {pattern.format(f"(t.id - {first} - 1)", kinds, size)} where t.id > {first}"""
        letters = f"""
            insert into tickwork.trigger_change (trigger_id)
            select id from tickwork.trigger where id > {first} order by id"""
        run(turn(events if planned else letters))
        run("drop table pattern")
    store.close()


def tasks(url: str, size: int, available_at: int, *, handler: str = "bench.noop", priority: int = 2_000) -> None:
    """Write *size* tasks, a microsecond apart."""
    if not size:
        return
    store = open_store(url)
    with store.begin("installer") as transaction:
        transaction.connection.execute(  # type: ignore[attr-defined]
            store.dialect.turn(f"""
            insert into tickwork.task (namespace, priority, available_at, handler, payload, asked_at, created_at)
            {_SERIES[store.dialect.name].format(size=size)}
            select 'default', {priority}, {available_at} + g.i, '{handler}', '{{}}', {available_at}, {available_at}
              from g""")
        )
    store.close()


def forget_ready(url: str) -> None:
    """Remove the tasks that firings have put, so that nothing but what a lap puts is ready."""
    store = open_store(url)
    with store.begin("installer") as transaction:
        transaction.connection.execute(  # type: ignore[attr-defined]
            store.dialect.turn(f"delete from tickwork.task where available_at < {now() + HOUR}")
        )
    store.close()


_SERIES = {
    "postgresql": "with g as (select i::bigint from generate_series(1, {size}) i)",
    "sqlite": "with recursive g (i) as (select 1 union all select i + 1 from g where i < {size})",
}
