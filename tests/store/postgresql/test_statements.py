"""Every statement of the book is understood by every server that we support: parsed, and each name in it found."""

from typing import Any

import psycopg
import pytest

from tickwork.store.store import Store

#: What cannot be prepared is run, and taken back.
MAKES = "create "


@pytest.mark.stores("postgresql")
def test_a_server_understands_every_statement(store: Store) -> None:
    statements = list(store.dialect.book.statements())
    assert len(statements) > 250
    refused: dict[str, str] = {}
    with store.begin("operator") as transaction:
        connection: psycopg.Connection[Any] = transaction.connection
        for statement in statements:
            made = "" if statement.text.startswith(MAKES) else f'prepare "{statement.name}" as '
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(f"{made}{statement.numeric}".encode())
            except psycopg.Error as error:
                refused[statement.name] = str(error)
    assert refused == {}
