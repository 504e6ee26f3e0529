"""Jobs through the application: declared in code, run by a process, told afterwards."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest

from tickwork import Tickwork
from tickwork.api.descriptors import read_toml
from tickwork.clocks import Daily
from tickwork.errors import InvalidInput, InvalidPayload, NotFound, StateConflict
from tickwork.watch import ManualWatch


@pytest.fixture
def app(database):
    opened = Tickwork(database)
    yield opened
    opened.close()


@pytest.mark.stores("sqlite", "postgresql-18")
def test_from_the_decorator_to_the_log(app):
    """A process declares, fires, runs and tells; a failing job is retried while another goes on."""
    ran, tries, twice, over = [], [], threading.Event(), threading.Event()

    @app.job("beat", every="200ms")
    def beat():
        ran.append(1)
        if len(ran) >= 2:
            twice.set()

    @app.job("import", payload={"folder": "in"}, retry={"base": "50ms"})
    def import_(task, folder: str):
        tries.append((task.name, folder))
        if len(tries) == 1:
            raise ValueError("not yet")
        over.set()
        return {"files": 3}

    with app.process(concurrency=2):
        assert twice.wait(30)
        assert over.wait(30)
    assert tries == [("import", "in")] * 2
    kinds = [event.kind for event in app.jobs.log("import")][::-1]
    assert kinds == ["configured", "scheduled", "running", "error", "scheduled", "running", "completed"]
    tale = app.jobs.show("import")
    assert [(run.cause, run.status) for run in tale.runs] == [("retry", "completed"), ("start", "error")]
    assert tale.runs[1].error["message"] == "not yet"
    beats = app.jobs.show("beat", runs=100).runs
    assert {run.cause for run in beats} == {"trigger"}
    for earlier, later in zip(beats[1:], beats, strict=False):
        assert (later.nominal_at - earlier.nominal_at) % 200_000 == 0
        assert earlier.ended_at <= later.scheduled_at


def test_verbs(app):
    """S3-56, S3-73, S3-75."""
    assert app.jobs.declare("a", Daily("09:00")).did == "created"
    assert app.jobs.schedule("a", Daily("09:00")).did == "started"
    assert app.jobs.schedule("a", Daily("09:00")).did == "exists"
    with pytest.raises(StateConflict):
        app.jobs.schedule("a", every="5m")
    assert app.jobs.schedule("a", every="5m", at_next_run=True).did == "changed"
    with pytest.raises(StateConflict):
        app.jobs.delete("a")
    for verb in (app.jobs.start, app.jobs.stop, app.jobs.get, app.jobs.show, app.jobs.log):
        with pytest.raises(NotFound):
            verb("nobody")
    assert app.jobs.delete("nobody").did == "unknown"


def test_only_a_run_that_the_clock_fired_can_be_late(database):
    """S3-72: a start by hand, hours after the last planned time, is not hours late; a retry is not late by its wait."""
    watch = ManualWatch(datetime(2026, 3, 2, 10, tzinfo=timezone.utc))
    with Tickwork(database, watch=watch) as app:

        @app.job("sweep", every="1h", retry={"strategy": "bounded", "max_attempts": 3, "base": "30s"})
        def sweep():
            if len(app.jobs.log("sweep")) < 6:
                raise ValueError("not yet")

        def late():
            seen = app.jobs.get("sweep"), app.jobs.list()[0], app.jobs.show("sweep").job
            assert len({each.late_for for each in seen}) == 1
            assert app.why("job:sweep").facts["attempts"] == seen[0].attempt
            return seen[0].late_for

        app.jobs.declare_all()
        assert late() is None
        watch.wind(3_602)
        app.tick(within=5)
        assert late() == 2_000_000
        assert app.jobs.get("sweep").status == "error"
        watch.wind(60)
        app.tick(within=5)
        assert (app.jobs.get("sweep").status, late()) == ("completed", None)
        watch.wind(1_800)
        app.jobs.start("sweep")
        app.tick(within=5)
        assert late() is None
        assert not [said for said in app.why("job:sweep").more if "after the planned time" in said]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"every": "5 m"}, "every"),
        ({"every": 0}, "period"),
        ({"every": "5m", "cron": "* * * * *"}, "clock"),
        ({"evry": "5m"}, "evry"),
        ({"every": "5m", "misfire": "all"}, "misfire"),
        ({"every": "5m", "payload": [1]}, "payload"),
        ({"every": "5m", "jitter": "-1s"}, "jitter"),
        ({"every": "5m", "retry": {"tries": 3}}, "tries"),
        ({"every": "5m", "priority": 0}, "priority"),
        ({"cron": "61 * * * *"}, "minute"),
        ({"every": 1e15}, "every"),
        ({"every": float("nan")}, "every"),
        ({"every": "5m", "payload": {"a": object()}}, "payload"),
        ({"every": "5m", "payload": {1: 2}}, "payload"),
        ({"every": "5m", "payload": {"a": "\ud800"}}, "payload"),
        ({"every": "5m", "payload": {"a": [{"b": float("nan")}]}}, "payload"),
    ],
)
@pytest.mark.stores("sqlite")
def test_words_that_are_refused(app, words, field):
    """S3-61: where they are given, by name; nothing is stored."""
    with pytest.raises(InvalidInput, match=field):
        app.jobs.declare("a", **words)
    with pytest.raises(InvalidInput, match=field):
        app.job("a", **words)(lambda: None)
    assert app.jobs.list() == []


NUL, LONG = "a\0b", "x" * 201


@pytest.mark.stores("sqlite", "postgresql-18")
def test_nonsense_is_refused_by_name(app):
    """Whatever is handed in, the error names it, on every store alike."""
    jobs = app.jobs
    jobs.declare("a", every="5m")
    before = jobs.log("a")
    for name in (5, None, [], "", NUL, LONG, "\ud800"):
        for verb in (
            jobs.start,
            jobs.stop,
            jobs.delete,
            jobs.get,
            jobs.show,
            jobs.log,
            lambda name: jobs.declare(name, every=5),
        ):
            with pytest.raises(InvalidInput, match="name"):
                verb(name)
    for field, call in (
        ("by", lambda: jobs.start("a", by=NUL)),
        ("by", lambda: jobs.declare("a", every="6m", by=5)),
        ("origin", lambda: jobs.declare("a", every="6m", origin=NUL)),
        ("limit", lambda: jobs.list(limit=0)),
        ("limit", lambda: jobs.list(limit="x")),
        ("status", lambda: jobs.list(status="nonsense")),
        ("prefix", lambda: jobs.list(NUL)),
        ("after", lambda: jobs.list(after=5)),
        ("limit", lambda: jobs.log("a", limit=-5)),
        ("before", lambda: jobs.log("a", before="x")),
        ("runs", lambda: jobs.show("a", runs=-1)),
    ):
        with pytest.raises(InvalidInput, match=field):
            call()
    assert jobs.log("a") == before


@pytest.mark.stores("sqlite")
def test_a_payload_that_its_handler_would_refuse(app):
    """Where it is declared, and not at each run; a handler that is known elsewhere is its worker's to judge."""
    with pytest.raises(InvalidPayload, match="folder"):
        app.job("import", every="5m", payload={"folder": 7})(_import)
    for declare in (app.jobs.declare, app.jobs.schedule):
        with pytest.raises(InvalidPayload, match="floder"):
            declare("nightly", every="5m", handler="import", payload={"floder": "in"})
    file = read_toml('[job.import]\nevery = "5m"\npayload = { folder = 7 }\n')
    with pytest.raises(InvalidPayload, match="folder"):
        app.jobs.apply(file)
    assert app.jobs.list() == []
    assert app.jobs.declare("elsewhere", every="5m", payload={"floder": 7}).did == "created"


def _import(folder: str = "in") -> None: ...


@pytest.mark.stores("sqlite")
def test_the_same_name_twice(app):
    app.job("a", every="5m")(lambda: None)
    with pytest.raises(InvalidInput, match="twice"):
        app.jobs.note("a", every="6m")


def test_namespaces_are_apart(database):
    """The same name in two namespaces is two jobs; one controller serves both, a worker its own."""
    ours, theirs = Tickwork(database), Tickwork(database, namespace="theirs")
    first = ours.jobs.declare("a", every="5m")
    second = theirs.jobs.declare("a", every="1h")
    assert first.id != second.id
    assert [job.clock for job in theirs.jobs.list()] == ["every hour"]
    for app in (ours, theirs):
        app.close()


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_run_that_outlives_its_process_is_retried_elsewhere(app):
    """A stop waits for its grace and no longer; the run is an error, and the zombie's result is discarded."""
    began, let_go = threading.Event(), threading.Event()

    @app.job("slow")
    def slow(task):
        began.set()
        let_go.wait(30)

    process = app.process(concurrency=1)
    process.start()
    assert began.wait(30)
    assert process.stop(grace=0.2) is False
    let_go.set()
    job = app.jobs.get("slow")
    assert (job.status, job.error["code"]) == ("error", "InterruptedError")
    assert job.next == "retry"


def test_async_handlers(app):
    over = threading.Event()

    @app.job("later")
    async def later(task):
        over.set()
        return task.attempt

    with app.process(concurrency=1):
        assert over.wait(30)
    assert app.jobs.log("later", limit=1)[0].entry.told["result"] == 0


@pytest.mark.stores("postgresql-18")
def test_behind_a_pooler_nobody_hears(database):
    """Without wake-ups the log is asked: the cadence goes on, though the comparison comes every 30 s only."""
    join = "&" if "?" in database else "?"
    app, ran, often = Tickwork(f"{database}{join}pooler=transaction"), [], threading.Event()

    @app.job("beat", every="1s")
    def beat():
        ran.append(1)
        if len(ran) >= 3:
            often.set()

    with app.process(concurrency=1):
        assert often.wait(20)
    app.close()
