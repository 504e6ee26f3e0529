"""Real crontabs: each is imported, or refused with the right line and field; and a day of all of them fires exactly
what cronsim says when it is handed the raw text of each line, and nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cronsim
import pytest

from tests.support.scene import Scene
from tests.support.shared import shared, shared_or_none
from tickwork.api.importing import import_crontab
from tickwork.model.crontab import Layout, read_crontab

FOLDER = "data/crontabs"

#: File -> its layout, how many jobs it has, and which lines are refused for which field.
TABLE: dict[str, tuple[Layout, int, list[tuple[int, str]]]] = {
    "18f-fbopen-crontab": ("user", 4, []),
    "211bsd-x44-etc-crontab": ("system", 5, []),
    "apcron-seconds-crontab": ("seconds", 2, []),
    "ark-server-etc-crontab": ("system", 2, []),
    "dragonflybsd-etc-crontab": ("system", 6, []),
    "dxspider-crontab": ("user", 9, []),
    "fedora-backend.cron": ("system", 0, []),
    "fedora-download-sync.cron": ("system", 1, []),
    "fedora-geoip_sync.cron.d": ("system", 1, []),
    "fedora-koji-gc.cron.d": ("system", 3, []),
    "fedora-mailman-crontab.j2": ("system", 7, []),
    "fedora-planet-cron": ("system", 3, []),
    "fedora-rawhide-iot.cron.d": ("system", 1, []),
    "firehol-update-ipsets.cron.d": ("system", 1, []),
    "gforge-plugin-scmcvs.cron.d": ("system", 4, []),
    "ircam-mezzo-crontab": ("user", 2, []),
    "jd-sync-crontab_list": ("user", 58, []),
    "morse-announcer-crontab": ("user", 1, [(4, "minute")]),
    "nitos-scheduler-etc-crontab": ("system", 8, []),
    "psypets-crontab.txt": ("user", 1, [(2, "hour")]),
    "sugard-openbsd-root": ("user", 7, []),
    "swh-lister-crontab": ("user", 1, []),
    "systemoversikt-crontab.txt": ("user", 14, []),
    "telekinesis-etc-crontab": ("system", 2, []),
    "viroverse-crontab": ("user", 8, [(9, "@reboot")]),
    "wasedatakeuchilab-root": ("user", 5, []),
}

#: What cronsim does not know.
MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
          "@yearly": "0 0 1 1 *"}  # fmt: skip

#: A Sunday that is the first of a month, so that weekly and monthly jobs run too.
DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)
#: The watch is wound in steps that are not late yet.
STEP = timedelta(seconds=60)


def test_the_table_has_every_crontab_that_there_is() -> None:
    found = {file.name for file in shared(FOLDER).iterdir() if not file.name.startswith("expressions")}
    assert found == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_each_is_read_or_refused_with_the_right_line_and_field(name: str) -> None:
    layout, jobs, refused = TABLE[name]
    crontab = read_crontab(crontab_file(name).read_bytes(), layout)
    assert (len(crontab.jobs), [(fault.line, fault.field) for fault in crontab.faults]) == (jobs, refused)


@pytest.mark.parametrize("name", [name for name, (_, _, refused) in TABLE.items() if refused])
def test_nothing_is_imported_from_a_file_with_a_wrong_line(name: str, database: str) -> None:
    layout, jobs, refused = TABLE[name]
    scene = Scene(database)
    data = crontab_file(name).read_bytes()
    stopped = import_crontab(scene.app, data, name, layout=layout)
    assert (stopped.written, stopped.lines, len(stopped.faults)) == (False, (), len(refused))
    assert scene.app.triggers.list() == []
    went_on = import_crontab(scene.app, data, name, layout=layout, keep_going=True)
    assert (went_on.written, len(went_on.lines), len(scene.app.triggers.list())) == (True, jobs, jobs)
    scene.close()


def test_a_crontab_with_seconds_is_not_taken_for_one_without() -> None:
    crontab = read_crontab(crontab_file("apcron-seconds-crontab").read_bytes(), "user")
    assert [(fault.line, fault.field) for fault in crontab.faults] == [(2, "command"), (3, "command")]


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_day_of_all_of_them_is_what_cronsim_says_and_nothing_else(database: str, tell: Callable[[str], None]) -> None:
    scene = Scene(database, at=DAY - timedelta(seconds=1))
    expected: Counter[tuple[str, datetime]] = Counter()
    for name, (layout, jobs, _) in TABLE.items():
        data = crontab_file(name).read_bytes()
        imported = import_crontab(scene.app, data, name, layout=layout, keep_going=True)
        assert len(imported.lines) == jobs
        key_of_line = {line.line: line.put.key for line in imported.lines}
        said = dict(raw_schedules(data, layout))
        assert set(key_of_line) <= set(said)
        for line, key in key_of_line.items():
            expected.update((key, at) for at in a_day_by_cronsim(said[line]))
    until = DAY + timedelta(days=1) - timedelta(seconds=1)
    while scene.now < until:
        scene.wind(min(STEP, until - scene.now))
    ledger = Counter(fired_of(scene))
    assert ledger == expected
    assert Counter((key, at) for key, at, *_ in scene.sql(
        "select trigger_key, planned_at from tickwork.task where trigger_id is not null"
    )) == Counter({(key, microseconds(at)): count for (key, at), count in expected.items()})  # fmt: skip
    tell(f"real crontabs on {scene.store.dialect.name}: {len(TABLE)} files, "
         f"{len({key for key, _ in expected})} lines that fire, {ledger.total():,} firings in a day as cronsim says")  # fmt: skip
    scene.close()


def crontab_file(name: str) -> Path:
    return shared(f"{FOLDER}/{name}")


def raw_schedules(data: bytes, layout: Layout) -> Iterator[tuple[int, str]]:
    """Cut the time columns off every line that has some, by hand and not by the reader under test."""
    columns = 6 if layout == "seconds" else 5
    for number, line in enumerate(data.decode().split("\n"), 1):
        if line.strip().startswith("@"):
            yield number, line.split()[0]
        elif re.match(r"\s*[0-9*]", line):
            yield number, " ".join(line.split()[:columns])


def a_day_by_cronsim(schedule: str) -> Iterator[datetime]:
    for at in cronsim.CronSim(MACROS.get(schedule, schedule), DAY - timedelta(seconds=1)):
        if at >= DAY + timedelta(days=1):
            return
        yield at


def fired_of(scene: Scene) -> Iterator[tuple[str, datetime]]:
    rows: list[tuple[Any, ...]] = scene.sql(
        "select t.key, f.planned_at, f.outcome, f.slots from tickwork.firing f join tickwork.trigger t on t.id = f.trigger_id"
    )
    for key, planned_at, outcome, slots in rows:
        assert (outcome, slots) == ("fired", 1)
        yield key, datetime.fromtimestamp(planned_at // 1_000_000, timezone.utc)


def microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


if shared_or_none(FOLDER) is None:  # pragma: no cover
    pytestmark = pytest.mark.skip(reason=f"shared material {FOLDER!r} is not on this machine; set TICKWORK_SHARED")
