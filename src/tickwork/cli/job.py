"""``tickwork job``: periodic jobs at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.showing import list_rows, say, say_json, show_fields, table
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork
    from tickwork.api.job_seen import JobSeen
    from tickwork.api.jobs import Planned

LISTED = ("name", "status", "clock", "next", "last_at", "started_at", "late_for", "attempts", "declared")
STATUSES = ("scheduled", "running", "completed", "error", "fatal", "stop requested", "stopping", "stopped")
_SIGNS = {"create": "+", "change": "~", "remove": "-", "keep": " "}


@click.group(cls=Group)
def job() -> None:
    """Jobs: recurring work that never overlaps itself, with a log of all that happened.

    What the code declares is written when a process starts; a file declares with apply. A run that is due while the
    job still runs is let go; after downtime a job fires once.
    """


@job.command("list")
@click.argument("prefix", required=False)
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@as_json
@connected
def list_(app: Tickwork, prefix: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """List jobs by name; PREFIX narrows it to names that begin so.

    $ tickwork job list
    $ tickwork job list reports. --status error --json
    """
    found = [told(each) for each in app.jobs.list(prefix, status=status, limit=limit)]
    if not as_json:
        found = [{**each, "next": _coming(each)} for each in found]
    list_rows(found, LISTED, as_json=as_json, empty="no such jobs: tickwork job apply FILE.toml")


@job.command()
@click.argument("name")
@click.option("--runs", type=click.IntRange(0, 1_000), default=10, show_default=True, help="How many of the last runs.")
@as_json
@connected
def show(app: Tickwork, name: str, runs: int, as_json: bool) -> None:
    """Show one job whole: its clock, what comes next and why, and a timeline of its last runs.

    $ tickwork job show reports.daily
    """
    from tickwork.api.explaining.job import why

    tale = app.jobs.show(name, runs)
    timeline: list[dict[str, Any]] = [
        {
            "cause": run.cause,
            "nominal_at": run.nominal_at,
            "scheduled_at": run.scheduled_at,
            "started_at": run.started_at,
            "late_for": run.late_for,
            "ran_for": run.ran_for,
            "status": run.status,
            "coalesced": run.coalesced,
            "error": run.error,
        }
        for run in tale.runs
    ]
    whole, reasons = told(tale.job), why(tale.job)
    if as_json:
        from tickwork.cli.showing import plain

        say_json({**whole, "why": reasons, "runs": [plain(run) for run in timeline]})
        return
    show_fields({**whole, "next": _coming(whole)}, as_json=False)
    for reason in reasons:
        click.echo(f"  {reason}")
    if timeline:
        for run in timeline:
            run["failed"] = (
                None if run["error"] is None else f"{run['error'].get('code')}: {run['error'].get('message')}"
            )
        columns = ("status", "cause", "nominal_at", "started_at", "late_for", "ran_for", "coalesced", "failed")
        list_rows(timeline, columns, as_json=False, empty="")


@job.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many events.")
@as_json
@connected
def log(app: Tickwork, name: str, limit: int, as_json: bool) -> None:
    """Tell the log of a job, the newest event first; of a deleted one its last word.

    $ tickwork job log reports.daily --limit 20
    """
    events = [
        {"seq": each.seq, "kind": each.kind, "at": each.at, "writer": each.writer, "detail": json.loads(each.detail)}
        for each in app.jobs.log(name, limit=limit)
    ]
    if as_json:
        for event in events:
            say_json({**event, "at": say_instant(event["at"])})
        return
    table(
        ("seq", "at", "event", "by", "detail"),
        [
            [str(each["seq"]), say(each["at"], "logged_at"), each["kind"], each["writer"], say(each["detail"])]
            for each in events
        ],
    )


@job.command()
@click.argument("names", nargs=-1, required=True)
@as_json
@connected
def start(app: Tickwork, names: tuple[str, ...], as_json: bool) -> int:
    """Run jobs now, whatever their clocks say; one that is active already is left alone.

    $ tickwork job start reports.daily
    """
    return each(names, lambda name: _tell(app.jobs.start(name, by="cli"), as_json))


@job.command()
@click.argument("names", nargs=-1, required=True)
@as_json
@connected
def stop(app: Tickwork, names: tuple[str, ...], as_json: bool) -> int:
    """Stop jobs: they fire no more until they are started. One that runs is asked to end.

    $ tickwork job stop reports.daily
    """
    return each(names, lambda name: _tell(app.jobs.stop(name, by="cli"), as_json))


@job.command()
@click.argument("names", nargs=-1, required=True)
@as_json
@connected
def delete(app: Tickwork, names: tuple[str, ...], as_json: bool) -> int:
    """Delete jobs with their logs, when they are at rest. What is not there is deleted already.

    $ tickwork job delete reports.daily
    """
    return each(names, lambda name: _tell(app.jobs.delete(name, by="cli"), as_json))


@job.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the plan and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@connected
def apply(app: Tickwork, file: Path, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Create, change and remove jobs so that they match FILE (TOML, or JSON); the plan is shown first.

    Only jobs that came with the same group of files are removed.

    $ tickwork job apply jobs.toml --dry-run
    $ tickwork job apply jobs.toml --yes
    """
    from tickwork.api.descriptors import read_file

    declarations = read_file(file)
    plan = app.jobs.plan(declarations)
    _show_plan(plan, as_json)
    problems = [line for line in plan if line.problem is not None]
    if dry_run or problems or not any(line.change != "keep" for line in plan):
        return 1 if problems else 0
    if not yes:
        click.confirm("Do it?", abort=True, err=True)
    app.jobs.apply(declarations, by="cli")
    return 0


def told(seen: JobSeen) -> dict[str, Any]:
    """Return a job as it is shown."""
    return {
        "id": seen.id,
        "name": seen.name,
        "status": seen.status,
        "clock": seen.clock,
        "next": seen.next,
        "next_at": seen.next_at,
        "last_at": seen.nominal_at,
        "started_at": seen.started_at,
        "ended_at": seen.ended_at,
        "late_for": seen.late_for,
        "attempts": seen.attempt,
        "attempts_since_completed": seen.since_completed,
        "handler": seen.handler,
        "priority": seen.priority,
        "origin": seen.origin,
        "declared": seen.declared,
        "created_at": seen.created_at,
        "seq": seen.seq,
        "error": seen.error,
        "invalid": seen.invalid,
        "descriptor": None if seen.invalid else json.loads(seen.descriptor),
    }


def say_instant(at: int) -> str:
    """Return an instant as it stands in JSON."""
    from tickwork.cli.showing import plain

    return str(plain(at, "logged_at"))


def _coming(shown: dict[str, Any]) -> str | None:
    if shown["next_at"] is None:
        return shown["next"] and str(shown["next"])
    at = say(shown["next_at"], "next_at")
    return f"{at} (retry)" if shown["next"] == "retry" else at


def _show_plan(plan: list[Planned], as_json: bool) -> None:
    for line in plan:
        if as_json:
            say_json(line)
        else:
            problem = f"  (not now: it is {line.problem})" if line.problem else ""
            taken = f"  (taken over from {line.taken_from})" if line.taken_from else ""
            click.echo(f"{_SIGNS[line.change]} {line.name}{problem}{taken}")
            if line.change == "change" and line.before != line.after:
                click.echo(f"    {line.before}\n    {line.after}")


def _tell(done: Any, as_json: bool) -> None:
    if as_json:
        show_fields(done, as_json=True)
    else:
        click.echo(f"{done.did}: {done.name}" + (f" ({done.status})" if done.status else ""))
