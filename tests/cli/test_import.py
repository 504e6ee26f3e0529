"""``tickwork trigger import``: what a person types, and what stands in the database afterwards."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tickwork import Tickwork
from tickwork.cli.main import run

ME = getpass.getuser()

JOBS = """\
MAILTO=ops
30 2 * * * backup --all
*/5 * * * * poll
"""


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Tickwork:
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    return Tickwork(database)


@pytest.fixture
def crontab(tmp_path: Path) -> Callable[..., str]:
    """Write a crontab and return its path."""

    def write(text: str, name: str = "crontab") -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    return write


def commands(app: Tickwork) -> dict[str, str]:
    """State by command."""
    return {json.loads(each.payload)["argv"][-1]: each.state for each in app.triggers.list()}


def versions(app: Tickwork) -> list[int]:
    return sorted(each.version for each in app.triggers.list())


def test_each_line_becomes_a_trigger_that_runs_its_command(app: Tickwork, crontab: Callable[..., str]) -> None:
    assert run(["trigger", "import", crontab("HOME=/srv\nA='1 '\n0 9 * * 1-5 mail%Dear all,%100\\% done\n")]) == 0
    (trigger,) = app.triggers.list()
    assert (trigger.says, trigger.handler) == ("every weekday at 09:00, UTC", "tickwork.command")
    assert json.loads(trigger.payload) == {
        "argv": ["/bin/sh", "-c", "mail"],
        "input": "Dear all,\n100% done\n",
        "environment": {"HOME": "/srv", "A": "1 "},
        "directory": "/srv",
    }
    assert (trigger.attempts, trigger.policies.misfire, trigger.tags) == (1, "latest", ("crontab",))


def test_importing_again_or_after_moving_lines_doubles_nothing(app: Tickwork, crontab: Callable[..., str]) -> None:
    assert run(["trigger", "import", crontab(JOBS)]) == 0
    assert run(["trigger", "import", crontab(JOBS)]) == 0
    mail, backup, poll = JOBS.splitlines()
    assert run(["trigger", "import", crontab(f"# moved\n{mail}\n\n{poll}\n  {backup}\n")]) == 0
    assert commands(app) == {"backup --all": "active", "poll": "active"}
    assert versions(app) == [1, 1]


def test_another_environment_or_zone_edits_and_doubles_nothing(app: Tickwork, crontab: Callable[..., str]) -> None:
    run(["trigger", "import", crontab(JOBS)])
    assert run(["trigger", "import", crontab(JOBS.replace("ops", "dev")), "--zone", "Asia/Tokyo"]) == 0
    assert versions(app) == [2, 2]
    assert {trigger.clock.zone for trigger in app.triggers.list()} == {"Asia/Tokyo"}  # type: ignore[attr-defined]


def test_identical_lines_are_jobs_of_their_own(
    app: Tickwork, crontab: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trigger", "import", crontab("* * * * * twin\n* * * * * twin\n")]) == 0
    keys = [trigger.key for trigger in app.triggers.list()]
    assert len(keys) == 2
    assert sorted(key.removeprefix(min(keys)) for key in keys) == ["", ".2"]
    assert capsys.readouterr().out.count("created") == 2
    assert run(["trigger", "import", crontab("* * * * * twin\n* * * * * twin\n")]) == 0
    assert versions(app) == [1, 1]


def test_vanished_lines_are_cancelled_with_prune_only(app: Tickwork, crontab: Callable[..., str]) -> None:
    run(["trigger", "import", crontab(JOBS)])
    fewer = "\n".join(JOBS.splitlines()[:2])
    assert run(["trigger", "import", crontab(fewer)]) == 0
    assert commands(app)["poll"] == "active"
    assert run(["trigger", "import", crontab(fewer), "--prune"]) == 0
    assert commands(app) == {"backup --all": "active", "poll": "cancelled"}
    assert run(["trigger", "import", crontab(JOBS), "--prune"]) == 0  # it is back: a new generation
    assert commands(app) == {"backup --all": "active", "poll": "active"}


def test_pruning_one_file_leaves_another_alone(app: Tickwork, crontab: Callable[..., str]) -> None:
    run(["trigger", "import", crontab(JOBS, "a.cron")])
    run(["trigger", "import", crontab("* * * * * other\n", "b.cron")])
    assert run(["trigger", "import", crontab("* * * * * other\n", "c/a.cron"), "--name", "c-a", "--prune"]) == 0
    assert set(commands(app).values()) == {"active"}
    assert len(app.triggers.list()) == 4


def test_nothing_is_imported_while_a_line_is_wrong(
    app: Tickwork, crontab: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = crontab(JOBS + "0 25 * * * oops\n@reboot start\n")
    assert run(["trigger", "import", file]) == 2
    said = capsys.readouterr()
    assert "crontab: line 4: hour: '25' is not allowed; expected a number from 0 to 23" in said.err
    assert "crontab: line 5: @reboot:" in said.err
    assert app.triggers.list() == []
    assert run(["trigger", "import", file, "--keep-going"]) == 1
    assert set(commands(app)) == {"backup --all", "poll"}


def test_a_spoilt_line_does_not_take_its_job_along(
    app: Tickwork, crontab: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["trigger", "import", crontab(JOBS)])
    spoilt = crontab(JOBS.replace("30 2", "30 25"))
    assert run(["trigger", "import", spoilt, "--keep-going", "--prune"]) == 1
    assert "nothing was pruned" in capsys.readouterr().err
    assert commands(app) == {"backup --all": "active", "poll": "active"}


def test_a_dry_run_says_all_and_does_nothing(
    app: Tickwork, crontab: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["trigger", "import", crontab(JOBS)])
    before = [(each.key, each.version) for each in app.triggers.list()]
    capsys.readouterr()
    changed = crontab("MAILTO=ops\n30 2 * * * backup --all\n@hourly new\n")
    assert run(["trigger", "import", changed, "--prune", "--dry-run", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["line"], line["did"], line["dry_run"]) for line in told] == [
        (2, "unchanged", True), (3, "created", True), (None, "cancelled", True),
    ]  # fmt: skip
    assert [(each.key, each.version) for each in app.triggers.list()] == before


def test_the_user_column_is_a_tag_and_must_be_the_running_user(
    app: Tickwork, crontab: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = crontab(f"@daily {ME} mine\n@daily somebody-else theirs\n", "etc/crontab")
    assert run(["trigger", "import", file]) == 2
    assert "line 2: user: 'somebody-else'" in capsys.readouterr().err
    assert run(["trigger", "import", file, "--ignore-user"]) == 0
    assert {trigger.tags for trigger in app.triggers.list()} == {
        ("crontab", f"user:{ME}"), ("crontab", "user:somebody-else"),
    }  # fmt: skip


def test_standard_input_needs_a_name(app: Tickwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(["trigger", "import", "-"]) == 2
    (tmp_path / "piped").write_text(JOBS)
    with (tmp_path / "piped").open() as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert run(["trigger", "import", "-", "--name", "alice"]) == 0
    assert all(trigger.key.startswith("crontab/alice/") for trigger in app.triggers.list())


def test_a_paused_job_stays_paused_when_its_file_is_imported_again(app: Tickwork, crontab: Callable[..., str]) -> None:
    run(["trigger", "import", crontab(JOBS)])
    for trigger in app.triggers.list():
        app.triggers.pause(trigger.key)
    assert run(["trigger", "import", crontab(JOBS.replace("ops", "dev"))]) == 0
    assert set(commands(app).values()) == {"paused"}


def test_a_file_that_is_not_there_is_a_usage_error(app: Tickwork, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trigger", "import", "nowhere.cron"]) == 2
    assert "nowhere.cron" in capsys.readouterr().err
