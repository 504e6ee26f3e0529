"""``tickwork job``: declare by file, list, show, tell, start, stop, delete; with the plan shown first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_trigger import Screen
from tickwork import Tickwork
from tickwork.cli.main import run
from tickwork.model.job_run import completed
from tickwork.store import job_reading

pytestmark = pytest.mark.stores("sqlite", "postgresql-18")

TOML = """
group = "nightly"

[job."reports.daily"]
cron = "0 9 * * 1-5"
zone = "Europe/Berlin"
payload = { format = "pdf" }
retry = { strategy = "bounded", max_attempts = 3, base = "5s", cap = "10m" }

[job.sweep]
every = "5m"
"""


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Tickwork:
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    opened = Tickwork(database)
    yield opened
    opened.close()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(capsys)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "jobs.toml"
    file.write_text(TOML)
    return file


def test_a_file_is_applied_to_match(app: Tickwork, say: Screen, file: Path) -> None:
    """Create, change, remove to match; the plan first; the same again changes nothing."""
    assert say("job", "apply", str(file), "--dry-run") == 0
    assert say.out == "+ reports.daily\n+ sweep\n"
    assert app.jobs.list() == []
    assert say("job", "apply", str(file), "--yes") == 0
    assert [job.origin for job in app.jobs.list()] == ["file:nightly"] * 2
    seqs = [job.seq for job in app.jobs.list()]
    assert say("job", "apply", str(file)) == 0
    assert [job.seq for job in app.jobs.list()] == seqs
    app.jobs.declare("mine", every="1h")
    file.write_text('group = "nightly"\n[job.sweep]\nevery = "10m"\n')
    assert say("job", "apply", str(file), "--yes") == 0
    assert say.out.splitlines()[0] == "~ sweep"
    assert say.out.splitlines()[-1] == "- reports.daily"
    assert [(job.name, job.clock) for job in app.jobs.list()] == [("mine", "every hour"), ("sweep", "every 10 minutes")]


def test_a_job_that_is_taken_over(app: Tickwork, say: Screen, file: Path) -> None:
    """The plan says from whom; and who takes it over with the same descriptor changes nothing about when it fires."""
    app.jobs.declare("sweep", every="5m", origin="code")
    before = app.jobs.get("sweep")
    assert say("job", "apply", str(file), "--yes") == 0
    assert say.out == "+ reports.daily\n~ sweep  (taken over from code)\n"
    after = app.jobs.get("sweep")
    assert (after.origin, after.next_at, after.descriptor) == ("file:nightly", before.next_at, before.descriptor)
    (event, _) = app.jobs.log("sweep")
    assert (event.kind, event.descriptor) == ("configured", None)
    assert say.json("job", "apply", str(file))[1]["change"] == "keep"


def test_an_active_job_is_not_removed(app: Tickwork, say: Screen, file: Path) -> None:
    """S3-73: nothing of the plan is done, and the line says why."""
    assert say("job", "apply", str(file), "--yes") == 0
    app.jobs.start("sweep")
    file.write_text('group = "nightly"\n')
    assert say("job", "apply", str(file), "--yes") == 1
    assert "- sweep  (not now: it is scheduled)" in say.out
    assert len(app.jobs.list()) == 2


def test_a_file_in_the_foreign_form(app: Tickwork, say: Screen, tmp_path: Path) -> None:
    """T-040, T-041."""
    file = tmp_path / "jobs.json"
    descriptor = {"trigger": {"type": "interval", "every_secs": 300}, "retry_strategy": {"strategy": "none"}}
    file.write_text(json.dumps({"jobs": {"sweep": descriptor}}))
    assert say("job", "apply", str(file), "--yes") == 0
    assert app.jobs.get("sweep").clock == "every 5 minutes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[job.sweep]\nevry = "5m"\n', "job sweep: evry"),
        ('[job.sweep]\nevery = "5 minutes"\n', "90s, 5m"),
        ("[job.sweep]\nevery = 0\n", "period"),
        ('[job.sweep]\ncron = "0 0 30 2 *"\n', "never fires"),
        ('[job.sweep]\nevery = "5m"\ncron = "* * * * *"\n', "exactly one of"),
        ("[jobs.sweep]\n", "group, job"),
        ("job = 5\n", "a table per job"),
        ('[job.sweep]\nretry = { strategy = "bounded", max_attempts = 0 }\n', "max_attempts"),
        ("[job", "TOML"),
        ('[job.sweep]\nevery = "5m"\npayload = { share = inf }\n', "payload"),
        ("[job.sweep]\nevery = 1e18\n", "a thousand years"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_refused(app: Tickwork, say: Screen, file: Path, text: str | bytes, told: str) -> None:
    """S3-61, T-046: refused by job and key, and nothing is stored."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert say("job", "apply", str(file), "--yes") == 2
    assert told in say.err
    assert app.jobs.list() == []


def test_verbs_and_exit_codes(app: Tickwork, say: Screen, file: Path) -> None:
    """S3-73, S3-74: stop twice is once, a missing one is not found, except for delete."""
    say("job", "apply", str(file), "--yes")
    assert say("job", "start", "sweep") == 0
    assert say.out == "started: sweep (scheduled)\n"
    assert say("job", "delete", "sweep") == 1
    assert "sweep" in say.err or "deleted" in say.err
    assert say("job", "stop", "sweep", "reports.daily") == 0
    assert say.out == "asked: sweep (stop requested)\nstopped: reports.daily (stopped)\n"
    assert say("job", "stop", "reports.daily") == 0
    assert say("job", "stop", "nobody") == 3
    assert say("job", "show", "nobody") == 3
    assert say("job", "delete", "reports.daily", "nobody") == 0
    assert say("job", "log", "reports.daily") == 0
    assert "deleted" in say.out


def test_what_a_list_shows(app: Tickwork, say: Screen, file: Path) -> None:
    """S3-72, T-136: status, clock, creation, what comes next (or active), last nominal, lateness, attempts."""
    say("job", "apply", str(file), "--yes")
    app.jobs.start("sweep")
    (daily, sweep) = say.json("job", "list")
    assert (daily["status"], daily["next"], daily["clock"]) == (
        "completed", "clock", "every weekday at 09:00, Europe/Berlin",
    )  # fmt: skip
    assert daily["next_at"].endswith("Z")
    assert daily["created_at"].endswith("Z")
    assert (sweep["status"], sweep["next"], sweep["next_at"], sweep["attempts"]) == ("scheduled", "active", None, 1)
    assert {"last_at", "late_for", "attempts_since_completed", "declared", "error"} <= set(sweep)
    assert say("job", "list", "sw") == 0
    assert "active" in say.out
    assert "reports" not in say.out
    assert say.json("job", "list", "--status", "stopped") == []


def test_an_invalid_trigger_is_listed(app: Tickwork, say: Screen, file: Path) -> None:
    """S3-15, S3-63, T-046: never one-shot by silence."""
    say("job", "apply", str(file), "--yes")
    with app.store.begin("installer") as transaction:
        text = 'update tickwork.job set descriptor = \'{"trigger":{"type":"hourly"}}\' where name = \'sweep\';'
        app.store.dialect.script(transaction, text)
    (_, sweep) = say.json("job", "list")
    assert sweep["clock"].startswith("invalid trigger: ")
    assert sweep["next_at"] is None
    assert say("job", "show", "sweep") == 0
    assert "cannot be read" in say.out


def test_the_tale_of_a_job(app: Tickwork, say: Screen, file: Path) -> None:
    """Last runs with cause, lateness and duration; the log with causes; why in words."""
    from tickwork.store.job_runs import JobRuns

    say("job", "apply", str(file), "--yes")
    app.jobs.start("sweep", by="ann")
    work = JobRuns(app.store, 7)
    ids = [each.id for each in work.scheduled(5)]
    with app.store.begin("worker") as transaction:
        ((_, taken),) = work.begun(transaction, ids, 10**15)
    work.settle(taken, completed({"rows": 3}))
    (shown,) = say.json("job", "show", "sweep")
    (run_,) = shown["runs"]
    assert (run_["status"], run_["cause"]) == ("completed", "start")
    assert run_["ran_for"] >= 0
    assert shown["why"][0].startswith("its clock fires at ")
    assert say("job", "show", "sweep") == 0
    told = say.json("job", "log", "sweep")
    assert [event["kind"] for event in told] == ["completed", "running", "scheduled", "configured"]
    assert told[0]["detail"]["result"] == {"rows": 3}
    assert told[2]["detail"]["cause"] == {"by": "start", "who": "ann"}
    with app.store.read() as transaction:
        assert len(job_reading.log_of(transaction, shown["id"])) == 4


def test_a_job_that_vanished_from_the_code(database: str) -> None:
    """Shown as undeclared, never deleted by itself."""
    before = Tickwork(database)

    @before.job("sweep", every="5m")
    def sweep() -> None: ...

    @before.job("reports", every="1h")
    def reports() -> None: ...

    assert [put.did for put in before.jobs.declare_all()] == ["created", "created"]
    assert [put.did for put in before.jobs.declare_all()] == ["unchanged", "unchanged"]
    assert [job.declared for job in before.jobs.list()] == [True, True]
    after = Tickwork(database)
    after.job("sweep", every="10m")(sweep.function)
    assert [put.did for put in after.jobs.declare_all()] == ["changed"]
    assert [(job.name, job.declared) for job in after.jobs.list()] == [("reports", False), ("sweep", True)]
    assert [job.declared for job in Tickwork(database).jobs.list()] == [None, None]
    for each in (before, after):
        each.close()


def test_the_group_is_loaded_late(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["job", "--help"]) == 0
    assert "apply" in capsys.readouterr().out
