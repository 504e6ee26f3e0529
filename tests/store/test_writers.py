"""Who may write which table: the role stands on the statement, and here it is held against the protocol's table."""

import re

import pytest

from tickwork.store.book import Book, Turn

#: The protocol's table of writers. ``installer`` is whoever runs migrations.
WRITERS = {
    "setting": {"application", "operator", "daemon", "worker", "installer"},
    "migration": {"installer"},
    "clock": {"application", "operator"},
    "trigger": {"application", "operator"},
    "trigger_version": {"application", "operator"},
    "event": {"daemon"},
    "firing": {"daemon"},
    "replaced": {"daemon"},
    "lease": {"worker", "controller"},  # a controller ends the lease of a run whose worker died
    "attempt": {"worker", "operator"},
    "worker": {"worker", "daemon", "controller", "application"},
    "handler": {"worker", "daemon", "controller", "application"},  # itself, whatever it runs
    "bulk": {"application", "operator", "worker"},
    "subscription": {"application", "operator", "worker"},
    "statistic": {"worker"},
    "reservation": {"application", "operator", "worker"},
    "root": {"application", "operator", "worker"},
    "generator": {"worker", "operator", "application"},  # a run may end its work in the application's own transaction
    "parked": {"worker", "operator", "application"},
    "job": {"application", "operator", "controller", "worker"},
    "job_event": {"application", "operator", "controller", "worker"},
    "job_status": {"application", "operator", "controller", "worker"},
}
#: A letter is written by applications and taken out by the daemon; a task is put by many and changed by workers.
INSERTERS = {
    "trigger_change": {"application", "operator"},
    "task": {"application", "operator", "daemon", "worker"},
    "archive": {"worker", "application", "operator"},
    "cancel_request": {"application", "operator", "daemon", "worker"},
}
CHANGERS = {
    "trigger_change": {"daemon"},
    "task": {"worker", "application", "operator"},
    "archive": {"worker", "application", "operator"},
    "cancel_request": {"worker", "application", "operator"},
}

_WRITE = re.compile(r"\b(insert into|update|delete from) tickwork\.(\w+)", re.IGNORECASE)
_AS_IT_STANDS = Turn(tables="tickwork.", now=":now", arrays=True)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_only_the_named_writer_writes_a_table(dialect):
    for statement in Book.open(dialect, _AS_IT_STANDS).statements():
        for verb, table in _WRITE.findall(statement.text):
            assert statement.writes, f"{statement.name} writes {table} and is marked as a reader"
            allowed = WRITERS.get(table) or (INSERTERS if verb.lower() == "insert into" else CHANGERS).get(table)
            if allowed is not None:
                assert statement.roles <= allowed, f"{statement.name}: {sorted(statement.roles - allowed)} on {table}"


def test_event_and_ledger_have_one_writer():
    book = Book.open("postgresql", _AS_IT_STANDS)
    for statement in book.statements():
        if {"event", "firing"} & {table for _, table in _WRITE.findall(statement.text)}:
            assert statement.roles <= {"daemon", "worker"} and "application" not in statement.roles, statement.name


def test_no_foreign_key_at_all(store):
    """A key check would make a daemon wait for an application."""
    with store.begin("installer") as transaction:
        connection = transaction.connection
        if store.dialect.name == "sqlite":
            tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
            keys = [table for table in tables if connection.execute(f"pragma foreign_key_list({table})").fetchall()]
        else:
            keys = connection.execute(
                "select conname from pg_constraint where contype = 'f' and connamespace = 'tickwork'::regnamespace"
            ).fetchall()
    assert keys == []


def test_the_only_unique_keys_of_a_task_are_its_id_and_its_own_key(store):
    """Tasks that daemons insert carry no key that anybody else can fill."""
    with store.begin("installer") as transaction:
        connection = transaction.connection
        if store.dialect.name == "sqlite":
            rows = connection.execute("select sql from sqlite_master where tbl_name = 'tickwork_task'").fetchall()
        else:
            rows = connection.execute("select indexdef from pg_indexes where tablename = 'task'").fetchall()
    unique = [text for (text,) in rows if text and "unique index" in text.lower() and "pkey" not in text]
    assert all("key is not null" in text.lower() or "unique_key is not null" in text.lower() for text in unique), unique
    assert "key" not in Book.open("postgresql", _AS_IT_STANDS)["record_firings"].text.split("tickwork.task (")[1].split(
        ")"
    )[0].replace("trigger_key", "").split(", ")
