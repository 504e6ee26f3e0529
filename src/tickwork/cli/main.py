"""The command ``tickwork``: groups by noun, loaded when they are used, so that ``--version`` and ``--help`` are quick.

Exit codes: 0 fine, 1 some items failed, 2 usage, 3 not found, 75 busy (try again). An error of ours is one line on
standard error that says what to do; a traceback is a bug.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from tickwork import __version__
from tickwork.cli.failing import brief, exit_code, legible, one_line
from tickwork.cli.teaching import Group
from tickwork.errors import TickworkError

#: Command -> where it stands, and what ``tickwork --help`` says about it without opening it.
COMMANDS = {
    "agenda": ("tickwork.cli.agenda", "agenda", "What comes: triggers, jobs and delayed tasks in the order of time."),
    "clock": (
        "tickwork.cli.lesson",
        "clock",
        "Say in words what a clock means, and when it fires; without a database.",
    ),
    "bulk": ("tickwork.cli.bulk", "bulk", "Bulk work: order it, see how far it has come, cancel, resume."),
    "daemon": ("tickwork.cli.run", "daemon", "Run the trigger daemon alone: it turns due triggers into tasks."),
    "db": ("tickwork.cli.db", "db", "Make, check and print the tables."),
    "demo": ("tickwork.cli.demo", "demo", "Half a minute of triggers, edits and kill -9, with an account at the end."),
    "generator": (
        "tickwork.cli.generator",
        "generator",
        "List, show, pause and wake sources of work; release parked work.",
    ),
    "job": ("tickwork.cli.job", "job", "Declare, list, show, start and stop periodic jobs."),
    "object": ("tickwork.cli.object", "object_", "Count, list and cancel everything about an object."),
    "limit": ("tickwork.cli.limit", "limit", "How much of a kind of work may go on at once, or within a period."),
    "retention": ("tickwork.cli.retention", "retention", "How long finished tasks and the like are kept."),
    "run": ("tickwork.cli.run", "run", "Run everything in one process: trigger daemon and worker."),
    "service": ("tickwork.cli.service", "service", "Start by itself: systemd units, a timer, cron lines."),
    "status": ("tickwork.cli.status", "status", "What is due, what is running, who is alive."),
    "task": ("tickwork.cli.task", "task", "Put, list, show and cancel tasks."),
    "tick": ("tickwork.cli.tick", "tick", "One bounded round of everything, then leave: a line in crontab is enough."),
    "trigger": (
        "tickwork.cli.trigger",
        "trigger",
        "Put, list, show, move and cancel triggers; import crontab or calendar.",
    ),
    "why": ("tickwork.cli.why", "why", "Why something fires, runs, waits or does nothing, and what to do."),
    "worker": ("tickwork.cli.worker", "worker", "Run workers, alone or supervised; list who runs what."),
}


class LazyGroup(Group):
    """A group that imports a command when it is called, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, _, said) in sorted(COMMANDS.items())])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command explains itself with examples: tickwork trigger put --help",
)
@click.version_option(__version__, "--version", prog_name="tickwork", message="%(prog)s %(version)s")
def tickwork() -> None:
    """Durable clocks and triggers, on the database that you already have.

    $ tickwork db upgrade --database sqlite:///work.db
    $ tickwork trigger put backup --daily 03:00 --zone Europe/Berlin --command ./backup.sh
    $ tickwork trigger import /etc/cron.d/reports
    $ tickwork run --allow-commands
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        legible(sys.argv[1:] if arguments is None else arguments)
        answered = tickwork.main(arguments, prog_name="tickwork", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as wrong:
        said = io.StringIO()
        wrong.show(said)
        click.echo(brief(said.getvalue().rstrip()), err=True)
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("tickwork: stopped", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone (`tickwork ... | head`): nothing more to say
        return 0
    except TickworkError as error:
        click.echo(f"tickwork: {one_line(error)}", err=True)
        return exit_code(error)
    return answered if isinstance(answered, int) else 0
