"""``tickwork trigger import``: a crontab becomes triggers."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, SOME_FAILED, USAGE
from tickwork.cli.showing import on_terminal, say_json
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork
    from tickwork.api.importing import Imported, Progress, TriggerPut

#: From so many lines on a person is shown how far it is.
MANY = 200


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "layout", type=click.Choice(["user", "system", "seconds"]),
              help="Columns: five fields and a command; a user between them; six fields. Default: by the path.")  # fmt: skip
@click.option("--name", metavar="NAME", help="The file's name in the keys (default: its own, without folders).")
@click.option("--zone", metavar="ZONE", help="The zone of lines without CRON_TZ above them (default: UTC).")
@click.option("--ignore-user", is_flag=True, help="Import the jobs of every user; the worker runs them as itself.")
@click.option("--skip-reboot", is_flag=True, help="Leave @reboot lines out.")
@click.option("--keep-going", is_flag=True, help="Import the good lines although others are wrong; exit 1.")
@click.option("--prune", is_flag=True, help="Cancel what an earlier import made of lines that have vanished.")
@click.option("--misfire", type=click.Choice(["latest", "all", "skip"]), default="latest", show_default=True,
              help="What fell due while nobody ran: made up once, each, or (as cron does) not at all.")  # fmt: skip
@click.option(
    "--attempts", type=int, default=1, show_default=True, metavar="N", help="Runs allowed when a command fails."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@as_json
@connected
def import_(
    app: Tickwork,
    file: Path,
    layout: str | None,
    name: str | None,
    zone: str | None,
    ignore_user: bool,
    skip_reboot: bool,
    keep_going: bool,
    prune: bool,
    misfire: str,
    attempts: int,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Import a crontab: each job becomes a trigger that runs its command.

    Nothing is imported while a line is wrong; the errors name line and field. Importing again doubles nothing: a
    line's key is the file's name and a hash of its text. Two files of one name need --name. Identical lines are jobs
    of their own, as they are for cron. Commands run on workers with --allow-commands.

    $ tickwork trigger import crontab --zone Europe/Berlin --dry-run
    $ tickwork trigger import /etc/cron.d/reports --ignore-user --prune
    $ crontab -l | tickwork trigger import - --name alice
    $ tickwork trigger import jobs.cron --format seconds --keep-going
    """
    from tickwork.api.importing import import_crontab, layout_of

    if str(file) == "-" and name is None:
        raise click.UsageError("say a --name: what comes by standard input has none, and the keys need it")
    with click.open_file(str(file), "rb") as stream:
        data = stream.read()
    path = str(file if str(file) == "-" else file.absolute())
    with progress_bar() as progress:
        imported = import_crontab(
            app,
            data,
            name or file.name,
            layout=layout or layout_of(path),  # type: ignore[arg-type]
            zone=zone,
            user=None if ignore_user else getpass.getuser(),
            skip_reboot=skip_reboot,
            keep_going=keep_going,
            prune=prune,
            dry_run=dry_run,
            misfire=misfire,  # type: ignore[arg-type]
            attempts=attempts,
            progress=progress,
        )
    if as_json:
        tell_json(imported, dry_run=dry_run)
    else:
        tell(imported, dry_run=dry_run)
    if not imported.faults:
        return FINE
    return SOME_FAILED if keep_going else USAGE


def tell(imported: Imported, *, dry_run: bool) -> None:
    """Say what became of each line: what was written on standard output, what is wrong on standard error."""
    would = "would be " if dry_run else ""
    for line in imported.lines:
        click.echo(f"line {line.line}: {would}{line.put.did}: {line.put.key} ({line.clock})")
    for put in imported.pruned:
        click.echo(f"vanished: {would}{put.did}: {put.key}")
    for fault in imported.left_out:
        click.echo(f"line {fault.line}: left out: {fault.text}")
    for fault in imported.faults:
        click.secho(f"{imported.name}: {fault}", err=True, fg="red")
    if imported.prune_withheld:
        click.echo("tickwork: nothing was pruned, since lines are wrong: a spoilt line is no vanished one", err=True)
    count = len(imported.lines)
    jobs = f"{count} job{'' if count == 1 else 's'}"
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
