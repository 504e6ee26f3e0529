"""``tickwork limit``: how much of a kind of work may go on in the whole cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import fields_of, list_rows
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

_LISTED = ("handler", "per", "namespace", "concurrency", "rate", "said", "said_by")
_PER = click.option("--per", default="", metavar="FIELD", help="Each value of this field of the payload by itself.")
_WHERE = click.option(
    "--in", "where", default="", metavar="NAMESPACE", help="Only there; else in every namespace, in each by itself."
)


@click.group(cls=Group)
def limit() -> None:
    """How many tasks of a handler run at once, and how many start within a period, in the whole cluster.

    Code says it (@app.handler("mail.send", concurrency=3, rate="100/s")); what is set here outranks code, at once and
    for all processes, until it is removed.
    """


@limit.command("list")
@as_json
@connected
def list_(app: Tickwork, as_json: bool) -> None:
    """List the limits that stand, and who has said them.

    $ tickwork limit list
    """
    list_rows(map(fields_of, app.limits.list()), _LISTED, as_json=as_json, empty="nothing is limited")


@limit.command()
@click.option("--limit", "most", type=click.IntRange(1), default=100, metavar="N", help="At most so many (100).")
@as_json
@connected
def show(app: Tickwork, as_json: bool, most: int) -> None:
    """Show what is taken of the limits just now: places, units of the rate, and how many tasks wait.

    A line for each value that a limit counts by; where nothing is taken and nobody waits there is none.

    $ tickwork limit show
    """
    rows = (each._asdict() for each in app.limits.lanes(limit=most))
    columns = ("handler", "per", "key", "namespace", "places", "units", "waiting")
    list_rows(rows, columns, as_json=as_json, empty="nothing is taken and nobody waits")


@limit.command("set")
@click.argument("handler")
@click.option("--concurrency", type=int, metavar="N", help="At most so many at once.")
@click.option("--rate", metavar="RATE", help="At most so many units within any period: 100/s, 30/min, 10/15s.")
@_PER
@_WHERE
@connected
def set_(app: Tickwork, handler: str, concurrency: int | None, rate: str | None, per: str, where: str) -> None:
    """Limit HANDLER, whatever code says; "*" is all tasks of a namespace together.

    What runs already goes on, and counts.

    $ tickwork limit set mail.send --concurrency 3 --per customer_id
    $ tickwork limit set mail.send --rate 100/s
    $ tickwork limit set "*" --concurrency 20 --in tenant-a
    """
    if concurrency is None and rate is None:
        raise click.UsageError("say --concurrency N, --rate RATE, or both")
    app.limits.set(handler, concurrency=concurrency, rate=rate, per=per, namespace=where, by="cli")
    click.echo(f"{handler}: limited")


@limit.command()
@click.argument("handler")
@_PER
@_WHERE
@connected
def remove(app: Tickwork, handler: str, per: str, where: str) -> None:
    """Lift a limit of HANDLER; a worker that starts says what its code says.

    $ tickwork limit remove mail.send --per customer_id
    """
    app.limits.remove(handler, per=per, namespace=where)
    click.echo(f"{handler}: no longer limited{f' per {per}' if per else ''}")
