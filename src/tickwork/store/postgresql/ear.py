"""How a process learns that another one has written to PostgreSQL: NOTIFY, sent with the commit, on a channel for each schema.

Behind a pooler that lends a server for a transaction nothing can be heard, and polling goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from psycopg import sql

from tickwork.store.ear import Ear, Halt

if TYPE_CHECKING:
    from tickwork.store.postgresql.dialect import PostgresqlDialect

#: How long it sleeps at most; whoever asks it to stop wakes it.
SLEEP_SECONDS = 60.0


class PostgresqlEar(Ear):
    """Hears what is sent to the channel, on a connection of its own."""

    def __init__(self, dialect: PostgresqlDialect) -> None:
        self.dialect = dialect

    def listen(self, heard: Callable[[str], None], halt: Halt) -> None:
        if self.dialect.pooled:
            return
        with self.dialect.translated(), self.dialect.connect() as connection:
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(str(self.dialect.channel))))
            heard("")  # whatever was said before we listened
            line = connection.pgconn
            while not halt.asked:
                if halt.wait_for(line.socket, SLEEP_SECONDS):
                    line.consume_input()
                while (notice := line.notifies()) is not None:
                    heard(notice.extra.decode())
