"""``tickwork trigger import``: a crontab or a calendar file becomes triggers."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import JSON
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, SOME_FAILED, USAGE
from tickwork.cli.showing import on_terminal, say_json
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork
    from tickwork.api.imported import Imported, Progress
    from tickwork.api.importing import TriggerPut

#: From so many lines on a person is shown how far it is.
MANY = 200
#: Options that go with one kind of file only: (the argument's name, how it is written, its value when it was not given).
CRONTAB_ONLY = (("ignore_user", "--ignore-user", False), ("skip_reboot", "--skip-reboot", False))
CALENDAR_ONLY = (
    ("handler", "--handler", None),
    ("payload", "--payload", None),
    ("command", "--command", None),
    ("log", "--log", None),
    ("reminders", "--reminders", None),
    ("unchecked", "--unchecked", False),
)


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "layout", type=click.Choice(["user", "system", "seconds", "ics"]),
              help="Columns: five fields and a command; a user between them; six fields; or a calendar. "
                   "Default: by the path.")  # fmt: skip
@click.option("--name", metavar="NAME", help="The file's name in the keys (default: its own, without folders).")
@click.option("--zone", metavar="ZONE", help="The zone of lines without CRON_TZ, of floating times (default: UTC).")
@click.option("--ignore-user", is_flag=True, help="Import the jobs of every user; the worker runs them as itself.")
@click.option("--skip-reboot", is_flag=True, help="Leave @reboot lines out.")
@click.option("--handler", metavar="NAME", help="Calendar: the handler of its tasks; they are told uid, summary, ...")
@click.option("--payload", type=JSON, metavar="JSON", help="Calendar: what else the handler's payload has.")
@click.option("--command", metavar="SHELL", help="Calendar: run a shell command; the event is in $ICS_UID, ...")
@click.option("--log", metavar="TEXT", help="Calendar: log the text and the event's summary; no task.")
@click.option("--reminders", type=click.Choice(["also", "only", "none"]),
              help="Calendar: the events' reminders, as triggers of their own (default: also).")  # fmt: skip
@click.option("--unchecked", is_flag=True, help="Calendar: do not check handler and payload.")
@click.option("--keep-going", is_flag=True, help="Import the good lines although others are wrong; exit 1.")
@click.option("--prune", is_flag=True, help="Cancel what an earlier import made of what has vanished.")
@click.option("--misfire", type=click.Choice(["latest", "all", "skip"]), default="latest", show_default=True,
              help="What fell due while nobody ran: made up once, each, or (as cron does) not at all.")  # fmt: skip
@click.option("--attempts", type=int, metavar="N",
              help="Runs allowed when a task fails (default: 1 for a crontab, the handler's for a calendar).")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@as_json
@connected
def import_(
    app: Tickwork,
    file: Path,
    layout: str | None,
    name: str | None,
    dry_run: bool,
    keep_going: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Import a crontab, each job a trigger that runs its command; or a calendar, each event a trigger of your choice.

    Nothing is imported while a line is wrong; the errors name line and field. Importing again doubles nothing: a
    line's key is the file's name and a hash of its text, an event's its UID. Two files of one name need --name.
    Identical lines are jobs of their own, as they are for cron. Commands run on workers with --allow-commands.

    Of a calendar (.ics) reminders become triggers too; what was moved moves, what was cancelled is cancelled, what is
    over is left out.

    $ tickwork trigger import crontab --zone Europe/Berlin --dry-run
    $ tickwork trigger import /etc/cron.d/reports --ignore-user --prune
    $ crontab -l | tickwork trigger import - --name alice
    $ tickwork trigger import jobs.cron --format seconds --keep-going
    $ tickwork trigger import team.ics --handler calendar.event --unchecked --prune
    $ tickwork trigger import team.ics --reminders only --command 'notify-send "$ICS_SUMMARY"'
    """
    if str(file) == "-" and name is None:
        raise click.UsageError("say a --name: what comes by standard input has none, and the keys need it")
    with click.open_file(str(file), "rb") as stream:
        data = stream.read()
    layout = layout or layout_by(file, data)
    for argument, written, missing in CRONTAB_ONLY if layout == "ics" else CALENDAR_ONLY:
        if options.pop(argument) != missing:
            raise click.UsageError(f"{written} says nothing about a file of format {layout}")
    bring = bring_calendar if layout == "ics" else bring_crontab
    with progress_bar() as progress:
        imported = bring(
            app,
            data,
            name or file.name,
            layout,
            {**options, "keep_going": keep_going, "dry_run": dry_run, "progress": progress},
        )
    if as_json:
        tell_json(imported, dry_run=dry_run)
    else:
        tell(imported, dry_run=dry_run)
    if not imported.faults:
        return FINE
    return SOME_FAILED if keep_going else USAGE


def layout_by(file: Path, data: bytes) -> str:
    """Tell a file's format by its name, or by how it begins."""
    from tickwork.api.importing import layout_of

    if file.suffix.lower() in (".ics", ".ical", ".ifb", ".icalendar"):
        return "ics"
    if data.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"BEGIN:VCALENDAR"):
        return "ics"
    return layout_of(str(file if str(file) == "-" else file.absolute()))


def bring_crontab(app: Tickwork, data: bytes, name: str, layout: str, options: dict[str, Any]) -> Imported:
    """Import a crontab as the options say."""
    from tickwork.api.importing import import_crontab

    user = None if options.pop("ignore_user") else getpass.getuser()
    attempts = options.pop("attempts")
    return import_crontab(
        app,
        data,
        name,
        layout=layout,  # type: ignore[arg-type]
        user=user,
        attempts=1 if attempts is None else attempts,
        **options,
    )


def bring_calendar(app: Tickwork, data: bytes, name: str, layout: str, options: dict[str, Any]) -> Imported:
    """Import a calendar as the options say."""
    from tickwork.api.calendar_file import import_calendar
    from tickwork.api.spoken import spoken_action

    handler, payload, command, log = (options.pop(word) for word in ("handler", "payload", "command", "log"))
    action = spoken_action(handler, payload, command, log, app.tasks.version_of)
    reminders: Any = options.pop("reminders") or "also"
    return import_calendar(app, data, name, action, reminders=reminders, **options)


def tell(imported: Imported, *, dry_run: bool) -> None:
    """Say what became of each line: what was written on standard output, what is wrong on standard error."""
    would = "would be " if dry_run else ""
    for line in imported.lines:
        click.echo(f"line {line.line}: {would}{line.put.did}: {line.put.key} ({line.clock})")
    for put in imported.pruned:
        click.echo(f"vanished: {would}{put.did}: {put.key}")
    for fault in imported.left_out:
        click.echo(f"line {fault.line}: left out: {fault.text}{' (over)' if fault.field == 'event' else ''}")
    for fault in imported.faults:
        click.secho(f"{imported.name}: {fault}", err=True, fg="red")
    if imported.prune_withheld:
        click.echo("tickwork: nothing was pruned, since lines are wrong: a spoilt line is no vanished one", err=True)
    count, noun = len(imported.lines), "trigger" if imported.layout == "ics" else "job"
    jobs = f"{count} {noun}{'' if count == 1 else 's'}"
    if imported.faults and not imported.lines and not imported.written:
        wrong = len(imported.faults)
        click.echo(
            f"tickwork: nothing imported from {imported.name}: {wrong} line{' is' if wrong == 1 else 's are'} wrong "
            f"(format {imported.layout}); correct them, or import the others with --keep-going",
            err=True,
        )
    else:
        click.echo(f"{jobs} of {imported.name} {'would be ' if dry_run else ''}imported (format {imported.layout})")


def tell_json(imported: Imported, *, dry_run: bool) -> None:
    """Say it as JSON lines: one for each line of the file that matters."""
    for line in imported.lines:
        say_json({"line": line.line, "clock": line.clock, **_put(line.put), "dry_run": dry_run})
    for pruned in imported.pruned:
        say_json({"line": None, **_put(pruned), "dry_run": dry_run})
    for did, faults in (("left out", imported.left_out), ("refused", imported.faults)):
        for fault in faults:
            say_json(
                {"line": fault.line, "did": did, "field": fault.field, "problem": fault.problem, "text": fault.text}
            )


def _put(put: TriggerPut) -> dict[str, object]:
    return {"key": put.key, "did": put.did, "version": put.version}


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show how far a long import is, on a terminal; elsewhere nothing."""
    if not on_terminal():
        yield lambda done, total: None
        return
    from rich.progress import Progress as Bar

    with Bar(transient=True) as bar:
        job = bar.add_task("importing", visible=False)
        yield lambda done, total: bar.update(job, completed=done, total=total, visible=total >= MANY)
