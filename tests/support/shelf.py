"""Databases that are used again: after a test they are emptied and put on a shelf, where the next test finds them.

Making a database of a server costs a tenth of a second of processor, and a run would make thousands. Emptied means: as
the template was, by a fingerprint of all that can be made in a database, with the template's own rows, sequences at
their start and nobody connected. Tables of a test's own are dropped; a database that is not as it was even then (a
test dropped one of ours, or gathered statistics for the planner) goes as a whole. The shelf belongs to one process of
the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

#: Everything that a test could have made, in words that are the same in each copy of one template.
FINGERPRINT = """
select md5(string_agg(line, e'\\n' order by line)) from (
  select format('%s %s.%s %s %s', relkind, nspname, relname, reloptions, relacl) from pg_class c
    join pg_namespace n on n.oid = relnamespace
   where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
  union all
  select format('%s.%s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull, attisdropped)
    from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
   where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
  union all select format('schema %s %s', nspname, nspacl) from pg_namespace where nspname !~ '^pg_(toast_)?temp'
  union all select format('function %s', p.oid::regprocedure) from pg_proc p where p.oid >= 16384
  union all select format('rule or trigger %s %s', tgrelid::regclass, tgname) from pg_trigger where not tgisinternal
  union all select format('constraint %s %s', conrelid::regclass, conname) from pg_constraint where oid >= 16384
  union all select format('setting %s %s', setrole, setconfig) from pg_db_role_setting
   where setdatabase = (select oid from pg_database where datname = current_database())
  union all select format('extension %s', extname) from pg_extension
  union all select format('publication %s', pubname) from pg_publication
  union all select format('statistics %s', starelid::regclass) from pg_statistic where starelid >= 16384
) as made (line)
"""
TABLES = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace
 where relkind in ('r', 'p') and nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
"""
FILLED = """
select oid::regclass::text from pg_class
 where relkind = 'r' and oid >= 16384 and pg_relation_size(oid) > 0 order by 1
"""
ALONE = """
with others as materialized (
  select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
)
select pg_terminate_backend(pid, 5000) from others
"""
BEGUN_ANEW = """
select setval(format('%I.%I', schemaname, sequencename), start_value, false) from pg_sequences
 where last_value is not null
"""


@dataclass(frozen=True)
class Template:
    """What a database looks like before a test."""

    fingerprint: str
    tables: set[str]
    rows: dict[str, list[tuple[Any, ...]]]

    @classmethod
    def of(cls, connection: Connection) -> Template:
        filled = [name for (name,) in connection.execute(FILLED).fetchall()]
        tables = {name for (name,) in connection.execute(TABLES).fetchall()}
        return cls(fingerprint(connection), tables, {name: rows_of(connection, name) for name in filled})


@dataclass(eq=False)
class Shelf:
    """The emptied databases of one server and template."""

    create: Callable[[], str]
    drop: Callable[[str], None]
    template: Template | None = None
    urls: list[str] = field(default_factory=list)

    def take(self) -> str:
        """Return the URL of a database that is as the template was, and lend it until it is given back."""
        url = self.urls.pop() if self.urls else self.create()
        if self.template is None:
            with psycopg.connect(url, autocommit=True) as connection:
                self.template = Template.of(connection)
        _LENT[url] = self
        return url

    def take_back(self) -> None:
        """Put back all that is lent from here."""
        for url in [url for url, shelf in _LENT.items() if shelf is self]:
            give_back(url)

    def put_back(self, url: str) -> None:
        """Empty a database and keep it, or drop it."""
        assert self.template is not None
        try:
            with psycopg.connect(url, autocommit=True, options="-c lock_timeout=5s") as connection:
                kept = emptied(connection, self.template)
        except psycopg.Error:  # it refuses connections, or somebody who holds its rows does not go
            kept = False
        if kept:
            self.urls.append(url)
        else:
            self.drop(url)

    def clear(self) -> None:
        """Drop what is left."""
        while self.urls:
            self.drop(self.urls.pop())


#: Which database in use came from which shelf of this process.
_LENT: dict[str, Shelf] = {}


def give_back(url: str) -> None:
    """A database is needed no more; whoever is still connected to it is sent away. Any other URL is left alone."""
    if url in _LENT:
        _LENT.pop(url).put_back(url)


def emptied(connection: Connection, template: Template) -> bool:
    """Empty the database, and say whether it is now as *template*."""
    connection.execute(ALONE)
    for (name,) in connection.execute("select gid from pg_prepared_xacts where database = current_database()"):
        connection.execute(sql.SQL("rollback prepared {}").format(name))
    if strange := [name for (name,) in connection.execute(TABLES).fetchall() if name not in template.tables]:
        connection.execute(f"drop table {', '.join(strange)} cascade")
    if fingerprint(connection) != template.fingerprint:
        return False
    filled = [name for (name,) in connection.execute(FILLED).fetchall()]
    spoilt = [name for name in filled if name not in template.rows or rows_of(connection, name) != template.rows[name]]
    lost = [name for name, rows in template.rows.items() if name in spoilt or (name not in filled and rows)]
    if spoilt:
        connection.execute(f"truncate {', '.join(spoilt)}")
    for name in lost:
        refill(connection, name, template.rows[name])
    connection.execute(BEGUN_ANEW)
    connection.execute("select pg_stat_reset()")
    return True


def fingerprint(connection: Connection) -> str:
    """Return what distinguishes this database from one in which something else was made."""
    row = connection.execute(FINGERPRINT).fetchone()
    assert row is not None
    return str(row[0])


def rows_of(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    """Return a table's rows, in an order of their own."""
    return connection.execute(f"select * from {table} as t order by t::text").fetchall()


def refill(connection: Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Give a table the rows that it had."""
    for row in rows:
        places = ", ".join(["%s"] * len(row))
        connection.execute(f"insert into {table} overriding system value values ({places})", row)
