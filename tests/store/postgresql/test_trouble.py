"""Which errors of the server speak of a row, and which say nothing about any: those are waited out, never blamed on one."""

import pytest
from psycopg import errors as pg

from tickwork.engine.triggers.planning import NOT_THE_ROWS
from tickwork.errors import StatementRefused
from tickwork.store.postgresql.trouble import trouble


@pytest.mark.parametrize(
    "error",
    [
        pg.AdminShutdown,
        pg.CannotConnectNow,
        pg.DiskFull,
        pg.IdleInTransactionSessionTimeout,
        pg.InsufficientPrivilege,
        pg.ReadOnlySqlTransaction,
        pg.SerializationFailure,
        pg.TooManyConnections,
        pg.TransactionTimeout,
        pg.UndefinedTable,
    ],
)
def test_these_say_nothing_about_a_row(error):
    assert isinstance(trouble(error("no")), NOT_THE_ROWS)


@pytest.mark.parametrize("error", [pg.CheckViolation, pg.NumericValueOutOfRange, pg.UntranslatableCharacter])
def test_these_do(error):
    assert isinstance(trouble(error("no")), StatementRefused)
