"""``tickwork service``: what makes it start by itself: printed, or written to where systemd looks."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import warn
from tickwork.cli.teaching import Group
from tickwork.cli.units import Kind, Site, cron_lines, folder_of, next_commands, units, untouched


@click.group(cls=Group)
def service() -> None:
    """Start by itself: systemd units for daemon and worker, a timer or cron lines for a tick.

    $ tickwork service print --app myapp:app
    $ tickwork service print cron --app myapp:app
    $ tickwork service install daemon worker --app myapp:app --user
    """


def placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where, as whom and with what the processes run."""

    @click.option(
        "--database", metavar="URL", help="Which database; better in --environment-file, where ps shows it not."
    )
    @click.option(
        "--app", "app_path", metavar="MODULE:ATTR", help="Your application: the Tickwork object, by its name."
    )
    @click.option("--folder", type=click.Path(path_type=Path), help="Where it starts (default: here).")
    @click.option("--environment-file", type=click.Path(path_type=Path), help="TICKWORK_DATABASE=... and your own.")
    @click.option("--user", "for_user", is_flag=True, help="Units of your own account, not of the machine.")
    @click.option("--system", "for_system", is_flag=True, help="Units of the machine (the default).")
    @click.option("--as", "account", metavar="ACCOUNT", help="The account that a system unit runs as.")
    @click.option("--name", default="tickwork", show_default=True, help="How the units' names begin.")
    @click.option("--for", "within", default="50s", show_default=True, help="How long a tick takes at most.")
    @functools.wraps(command)
    def with_site(
        *,
        database: str | None,
        app_path: str | None,
        folder: Path | None,
        environment_file: Path | None,
        for_user: bool,
        for_system: bool,
        account: str | None,
        name: str,
        within: str,
        **arguments: Any,
    ) -> Any:
        if for_user and for_system:
            raise click.UsageError("--user or --system, not both")
        options = [word for pair in (("--app", app_path), ("--database", database)) if pair[1] for word in pair if word]
        site = Site(
            program=[str(Path(sys.executable).absolute()), "-m", "tickwork"],
            options=options,
            folder=(folder or Path.cwd()).absolute(),
            scope="user" if for_user else "system",
            user=account,
            environment_file=None if environment_file is None else environment_file.absolute(),
            within=within,
            name=name,
        )
        return command(site, **arguments)

    return with_site


@service.command("print")
@click.argument("what", nargs=-1, type=click.Choice([*get_args(Kind), "cron"]))
@placed
def print_(site: Site, what: tuple[str, ...]) -> None:
    """Print the files: units for daemon and worker, the timer for a tick, and cron lines; or only what is named.

    $ tickwork service print --app myapp:app
    $ tickwork service print cron --app myapp:app --environment-file /etc/myapp.env
    """
    wanted = what or ("daemon", "worker", "tick", "cron")
    kinds: list[Kind] = [kind for kind in get_args(Kind) if kind in wanted]
    for name, text in units(site, kinds).items():
        click.echo(f"# ---- {name}\n{text}")
    if "cron" in wanted:
        click.echo(f"# ---- crontab\n{cron_lines(site)}", nl=False)


@service.command()
@click.argument("what", nargs=-1, type=click.Choice(get_args(Kind)))
@click.option("--into", type=click.Path(path_type=Path), help="Write there (default: where systemd looks).")
@click.option("--force", is_flag=True, help="Replace files that somebody has changed.")
@placed
def install(site: Site, what: tuple[Kind, ...], into: Path | None, force: bool) -> int:
    """Write the units for daemon and worker (or what is named), and say what to run next; nothing is started.

    A file that somebody has changed since is left alone, and the exit code is 1, unless --force is said.

    $ tickwork service install --app myapp:app --user
    $ tickwork service install tick --app myapp:app --into ./deploy
    """
    folder = into or folder_of(site.scope)
    written, kept = units(site, what or ("daemon", "worker")), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            if not _write(folder / name, text, force=force):
                kept.append(name)
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be written ({error.strerror}); say --user, --into, or use sudo"
        ) from error
    for name in kept:
        warn(f"{folder / name} was changed by somebody and is left as it is; --force replaces it")
    click.echo("next:")
    for command in next_commands(site, list(written)):
        click.echo(f"  {command}")
    return SOME_FAILED if kept else FINE


def _write(file: Path, text: str, *, force: bool) -> bool:
    """Write one file; False where one stands that is not ours to replace."""
    there = file.read_text("utf-8") if file.exists() else None
    if there == text:
        click.echo(f"unchanged: {file}")
        return True
    if there is not None and not untouched(there) and not force:
        return False
    file.write_text(text, "utf-8")
    click.echo(f"written: {file}")
    return True
