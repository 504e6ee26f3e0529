"""``tickwork db``: the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import connected
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


@click.group(cls=Group)
def db() -> None:
    """The tables: numbered steps, taken once each, safe to run from several hosts at once."""


@db.command()
@connected
def upgrade(app: Tickwork) -> None:
    """Bring the tables up to date; a new database gets them all.

    $ tickwork db upgrade --database sqlite:///work.db
    $ tickwork db upgrade --database postgresql://app@db/app --schema tickwork
    """
    taken = app.migrate()
    for step in taken:
        click.echo(f"taken: {step}")
    if not taken:
        click.echo("nothing to do: the tables are up to date")


@db.command()
@connected
def check(app: Tickwork) -> None:
    """Say whether the tables are those of this program; exit 1 when they are older or newer.

    $ tickwork db check && systemctl restart tickwork
    """
    app.store.check_schema()
    click.echo("the tables are up to date")


@db.command()
@connected
def agree(app: Tickwork) -> None:
    """Make the shared settings of this program those of the database; others are refused from now on, by name.

    Shared are payload_limit and namespaces. Stop the processes that run with the old ones first.

    $ tickwork db agree --app myapp:app
    """
    app.agree()
    click.echo("agreed: every process that starts from now on must have these settings")


@db.command()
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Only the steps after this one.")
@connected
def sql(app: Tickwork, after: int) -> None:
    """Print the steps as SQL, for people who run migrations by hand.

    $ tickwork db sql --database postgresql://localhost/app > tickwork.sql
    """
    from tickwork.api.tables import script

    click.echo(script(app, after), nl=False)
