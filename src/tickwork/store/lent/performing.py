"""A verb on a lent connection: the same checks, joins and errors for every kind.

The verb joins the user's transaction. Where none is open and each statement would commit by itself, the verb becomes
a transaction of its own, so that its statements are one unit. Nothing is remembered between verbs but which database a
connection leads to; nothing is retried.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tickwork.errors import StoreError
from tickwork.store.dialect import Dialect, Verb
from tickwork.store.lent.identity import admitted
from tickwork.store.lent.lent import Lent, Loan, Standing, Steps
from tickwork.store.lent.trouble import FAILED, translated
from tickwork.store.store import Store
from tickwork.watch import Instant

Result = TypeVar("Result")

ROLE = "application"


def performed(store: Store, make: Callable[[], Verb[Result]], loan: Loan) -> Steps[Result]:
    """The steps of one verb on a lent connection."""
    standing = Standing.OPEN
    try:
        lent = loan.opened()
        standing = lent.standing()
        if standing is Standing.FAILED:
            raise StoreError(FAILED)
        yield from admitted(store, lent)
        if standing is Standing.OPEN:
            return (yield from _run(store, make(), lent))
        yield lent.begin
        if standing is Standing.OPENS:
            return (yield from _run(store, make(), lent))
        try:
            result = yield from _run(store, make(), lent)
            yield lent.commit
        except BaseException:
            yield lent.rollback
            raise
        return result
    except StoreError:
        raise
    except Exception as error:
        trouble = translated(store.dialect, error, lent=standing is Standing.OPEN)
        if trouble is None:
            raise
        raise trouble from error


def _run(store: Store, verb: Verb[Result], lent: Lent) -> Steps[Result]:
    now = None if store.watch is None else store.watch.now()
    try:
        call = next(verb)
        while True:
            try:
                rows = yield _step(store.dialect, lent, call.name, call.values, now)
            except Exception as error:
                call = verb.throw(error)
            else:
                call = verb.send(rows)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def _step(dialect: Dialect, lent: Lent, name: str, values: dict[str, Any], now: Instant | None) -> Callable[[], Any]:
    statement = dialect.book[name]
    statement.allow(ROLE)
    if dialect.on_statement is not None:
        dialect.on_statement(name)
    if "now" in statement.parameters:
        values = {"now": dialect.now(now), **values}
    for parameter in statement.parameters:
        if type(values[parameter]) is list:
            values = {**values, parameter: dialect.array(values[parameter])}
    return partial(lent.execute, statement.written_in(lent.style), lent.arguments(statement, values))
