"""Workers of each generator that ships, killed for real before every statement: whoever comes next finishes it.

After each death the lease is ended, as whoever watches it does, and another worker goes on: effects that are written in
the work's own transaction exist exactly once, what is told elsewhere is told at least once and in order, and nothing
is left in anybody's hands.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.generators.field import Field
from tests.support.dying import walk
from tickwork.engine.generators.collection import Collector, Retention
from tickwork.engine.generators.cursor import Aggregate, Cursor
from tickwork.engine.generators.deadline import Deadline
from tickwork.engine.generators.expiry import Expiry
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.polling import Polling
from tickwork.model.expiry import ExpiryRule
from tickwork.store.open import open_store
from tickwork.store.store import Store

ROWS = 2


def told(field: Field, what: str) -> None:
    """An effect outside any transaction of ours, as a request to a server is."""
    field.sql(f"insert into told (what) values ('{what}')")


def add(rows: Any, own: Any) -> None:
    own.execute(f"update total set n = n + {len(rows)}, ids = ids + {sum(row['id'] for row in rows)}")


def fail(identifier: str, own: Any) -> None:
    own.execute(f"update item set failures = failures + 1, status = 'failed' where id = {int(identifier)}")


def take_away(own: Any, limit: int) -> int:
    taken: int = own.execute(
        f"delete from rubbish where id in (select id from rubbish order by id limit {limit})"
    ).rowcount
    return taken


def collect(work: Any, now: int, limit: int) -> int:
    with work.transaction() as own:
        return take_away(own, limit)


def generator_of(field: Field, kind: str) -> Generator:
    if kind == "cursor":
        return Cursor("walk", "item", lambda row: told(field, str(row["id"])), batch=3)
    if kind == "aggregate":
        return Aggregate("walk", "item", add, chunk=2)
    if kind == "deadline":
        return Deadline("walk", "select id as identifier from item where status = 'running' order by id", fail)
    if kind == "polling":
        objects = f"select id as identifier from item where id <= {ROWS}"
        return Polling("walk", objects, lambda identifier: told(field, identifier), period=60)
    if kind == "expiry":
        expiry = Expiry(name="walk")
        expiry.add_rule(ExpiryRule("item", kind="microseconds"), batch=2)
        return expiry
    return Retention([Collector("rubbish", collect, slice=2)])


KINDS = ("cursor", "aggregate", "deadline", "polling", "expiry", "retention")
#: Those whose effects are one commit with their end are walked on PostgreSQL, too: there a row is held, not a database.
WITHIN = {"aggregate", "deadline"}


def work_off(store: Store, kind: str) -> None:
    field = Field(store)
    field.run_due(generator_of(field, kind))


@pytest.mark.stores("sqlite", "postgresql-18")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.long
def test_a_worker_that_dies_at_any_statement(bench: Any, tell: Any, kind: str) -> None:
    if bench.kind == "postgresql" and kind not in WITHIN:
        pytest.skip(f"the walk of {kind} is the same on every store: it holds nothing while it works")

    def prepare() -> str:
        url: str = bench.migrated()
        store = open_store(url)
        field = Field(store)
        field.sql("create table item (id integer primary key, status text, failures integer, expires_at bigint)")
        field.sql("create table rubbish (id integer primary key)")
        field.sql("create table told (what text)")
        field.sql("create table total (n integer, ids integer)")
        field.sql("insert into total values (0, 0)")
        field.sql("insert into item values " + ", ".join(f"({n}, 'running', 0, 1)" for n in range(1, ROWS + 1)))
        field.sql("insert into item values (99, 'done', 0, null)")
        field.sql("insert into rubbish values " + ", ".join(f"({n})" for n in range(ROWS)))
        store.close()
        return url

    def check(url: str, n: int) -> None:
        store = open_store(url)
        field = Field(store)
        field.sql("delete from tickwork.lease")
        field.later(1)
        field.run_due(generator_of(field, kind))
        ids = [str(number) for number in range(1, ROWS + 1)]
        if kind == "cursor":
            heard = [what for (what,) in field.sql("select what from told")]
            assert sorted(set(heard), key=int) == [*ids, "99"], n
            assert len(heard) <= ROWS + 2, "one at most is told twice"
            assert heard == sorted(heard, key=int), "in order"
        elif kind == "aggregate":
            assert field.sql("select n, ids from total") == [(ROWS + 1, sum(range(1, ROWS + 1)) + 99)], n
        elif kind == "deadline":
            assert field.sql("select failures, count(*) from item where status = 'failed' group by 1") == [(1, ROWS)], n
        elif kind == "polling":
            heard = [what for (what,) in field.sql("select what from told")]
            assert sorted(set(heard)) == ids and len(heard) <= ROWS + 1, n
        elif kind == "expiry":
            assert field.sql("select id from item") == [(99,)], n
        else:
            assert field.sql("select id from rubbish") == [], n
        assert field.one("select count(*) from tickwork.lease") == 0
        assert field.one("select count(*) from tickwork.generator g join tickwork.lease l on l.token = g.lease") == 0
        assert field.one("select count(*) from tickwork.parked") == 0
        store.close()

    died = walk(work_off, prepare, check, kind)
    tell(f"walk of the generator {kind} on {bench.name}: {died} statements, each died before")
