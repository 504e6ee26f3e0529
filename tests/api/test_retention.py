"""Retention as people set it: by age and number, by outcome, for all processes; swept now or by workers. On every store."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.api.test_figures import archive
from tests.api.test_tasks import NOON, run_due
from tests.support.dying import walk
from tickwork import Tickwork
from tickwork.api import assembly, retention
from tickwork.api.settings import Settings
from tickwork.cli.main import run
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput
from tickwork.watch import DAY, SECOND, ManualWatch, to_instant

DAYS = timedelta(days=1)


def kept(app) -> list[tuple[str, int]]:
    """Handler and days of what is left in the archive."""
    found = app.tasks.list_archived(limit=1_000)
    return sorted((task.outcome, (to_instant(NOON) - (task.finished_at or 0)) // DAY) for task in found)


@pytest.fixture
def old(app):
    """One archived task of each outcome, of each of 100 days."""
    outcomes = ("done", "gave up", "lost", "expired", "declined", "cancelled")
    for outcome in outcomes:
        archive(app.store, [("work", outcome, 0, None, -days * DAY) for days in (1, 13, 15, 60, 89, 91)])
    return app


def test_the_usual(old):
    """Product: archive 14 days, gave up and lost 90; K16: it reports how many rows it removed."""
    assert old.retention.run("archive", "failed") == {"archive": 16, "failed": 2}
    assert kept(old) == sorted(
        [(outcome, days) for outcome in ("done", "expired", "declined", "cancelled") for days in (1, 13)]
        + [(outcome, days) for outcome in ("gave up", "lost") for days in (1, 13, 15, 60, 89)]
    )
    assert old.retention.run("archive") == {"archive": 0}


def test_by_outcome_by_number_and_for_ever(old):
    old.retention.set("archive", 100 * DAYS)
    old.retention.set("cancelled", 5 * DAYS)
    old.retention.set("declined", keep_most=2)
    old.retention.set("lost")
    old.retention.set("failed", 30 * DAYS, keep_most=2)
    old.retention.run("archive", "failed")
    by_outcome: dict[str, list[int]] = {}
    for outcome, days in kept(old):
        by_outcome.setdefault(outcome, []).append(days)
    assert by_outcome == {
        "cancelled": [1],
        "declined": [1, 13],
        "done": [1, 13, 15, 60, 89, 91],
        "expired": [1, 13, 15, 60, 89, 91],
        "gave up": [1, 13],
        "lost": [1, 13, 15, 60, 89, 91],
    }


def test_so_many_are_kept_even_where_all_ended_at_one_instant(app):
    """A bulk cancel ends thousands at one instant: the newest ids of them are kept."""
    archive(app.store, [("work", "cancelled", 0, None, -DAY)] * 20)
    app.retention.set("cancelled", keep_most=5)
    assert app.retention.run("archive") == {"archive": 15}
    assert sorted(task.id for task in app.tasks.list_archived()) == [16, 17, 18, 19, 20]
    assert app.retention.run("archive") == {"archive": 0}


def test_workers_obey_what_another_process_has_set(old, database, watch):
    with Tickwork(database, watch=watch) as other:
        other.retention.set("archive", 2 * DAYS)
    old.generators.run_due()
    assert {days for outcome, days in kept(old) if outcome == "done"} == {1}
    assert {days for outcome, days in kept(old) if outcome == "lost"} == {1, 13, 15, 60, 89}


def test_reservations_roots_and_bulk_go_too(app, watch):
    from tickwork import Root

    app.put(app.work.task(), key="k", scope=timedelta(hours=1))
    app.tasks.register_root(Root("s", NOON))
    bulk = app.bulk.put("one", [app.work.task()])
    run_due(app)
    app.generators.run_due()
    watch.wind(40 * DAY / SECOND)
    assert app.retention.run("reservations", "roots", "bulks") == {"reservations": 1, "roots": 1, "bulks": 1}
    assert app.bulk.list() == []
    assert bulk.total == 1


def test_what_cannot_be_is_named(app):
    for words, named in (
        (("attic", DAYS), "name"),
        (("archive", timedelta(0)), "keep_for"),
        (("archive", -1), "keep_for"),
    ):
        with pytest.raises(InvalidInput) as refused:
            app.retention.set(*words)
        assert refused.value.field == named
    for name, most in (("archive", 0), ("ledger", 7)):
        with pytest.raises(InvalidInput, match="keep_most"):
            app.retention.set(name, keep_most=most)
    with pytest.raises(InvalidInput, match="name"):
        app.retention.run("attic")


def test_at_the_command_line(old, database, monkeypatch, capsys):
    """K16: the command says how many rows it removed, and what it keeps for how long."""
    monkeypatch.setenv("TICKWORK_DATABASE", database)

    def say(*words: str) -> tuple[int, str]:
        code = run(list(words))
        return code, capsys.readouterr().out

    assert say("retention", "set", "archive", "--keep", "7d", "--most", "100") == (0, "archive: set\n")
    assert say("retention", "set", "lost", "--for-ever") == (0, "lost: for ever\n")
    assert say("retention", "set", "lost", "--usual") == (0, "lost: as usual\n")
    assert say("retention", "set", "lost")[0] == 2
    assert say("retention", "set", "attic", "--keep", "7d")[0] == 2
    code, out = say("retention", "show", "--json")
    first = json.loads(out.splitlines()[0])
    assert (code, first) == (0, {"name": "archive", "keep_for": 604800.0, "keep_most": 100, "usual": False})
    with Tickwork(database, watch=ManualWatch(NOON)) as app:
        app.retention.run("failed")
    code, out = say("retention", "run", "failed")
    assert (code, out) == (0, "removed 10: failed\n")
    code, out = say("retention", "run", "--json")
    assert json.loads(out)["archive"] == 24


def sweeps(store) -> None:
    """The body: a sweep in slices of two."""
    retention.SLICE = 2
    store.watch = ManualWatch(NOON)
    desk = assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)
    retention.RetentionRules(desk, store).run("archive", "failed")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_nothing_young_goes(bench, store_name, tell):
    """What is old goes, in this sweep or the next one; what is to be kept is there whatever was killed when."""

    def prepare() -> str:
        url = bench.migrated()
        with Tickwork(url) as app:
            archive(app.store, [("work", "done", 0, None, -days * DAY) for days in (1, 2, 20, 21, 22)])
            archive(app.store, [("work", "lost", 0, None, -days * DAY) for days in (20, 91)])
        return url

    def check(url: str, n: int) -> None:
        with Tickwork(url, watch=ManualWatch(NOON)) as app:
            young = [("done", 1), ("done", 2), ("lost", 20)]
            assert set(young) <= set(kept(app)), f"died before statement {n}"
            app.retention.run("archive", "failed")
            assert kept(app) == young, f"died before statement {n}"

    died = walk(sweeps, prepare, check)
    assert died > 5
    tell(f"walk of retention on {store_name}: died before each of {died} statements")
