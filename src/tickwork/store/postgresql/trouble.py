"""What an error of psycopg means: whose it is, and what to do about it."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolTimeout

from tickwork.errors import ReadOnlyStore, SchemaMismatch, StatementRefused, StoreError, StoreUnavailable, TryAgain
from tickwork.store.postgresql import connections


def trouble(error: BaseException) -> StoreError | None:
    """Say what an error of psycopg means."""
    if isinstance(error, PoolTimeout):
        return StoreUnavailable(
            f"no connection was free or could be opened within {connections.POOL_WAIT_SECONDS:g} s: the pool is full (raise "
            "pool_size), or the database is down"
        )
    if isinstance(error, (OverflowError, UnicodeEncodeError)):  # a number or a text that no column holds
        return StatementRefused(str(error))
    if not isinstance(error, psycopg.Error):
        return None
    text = str(error).strip()
    if isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)):
        return TryAgain(f"{text}. Your transaction lost a race with another one: roll it back and begin it anew")
    if isinstance(error, pg.ReadOnlySqlTransaction):
        return ReadOnlyStore(f"the database takes no writes: {text}")
    if isinstance(error, (pg.UndefinedTable, pg.InvalidSchemaName, pg.UndefinedColumn)):
        return SchemaMismatch(f"{text}. Tickwork's tables are not there or too old: run 'tickwork db upgrade'")
    if isinstance(error, (psycopg.DataError, psycopg.IntegrityError, pg.ProgramLimitExceeded)):
        return StatementRefused(text)
    if isinstance(error, pg.QueryCanceled):
        return StoreError(text)
    if error.sqlstate in ("25P03", "25P04"):  # idle in transaction, or too long in one: frozen, or a laptop that slept
        return StoreUnavailable(f"the server ended this session, which had stood still in a transaction: {text}")
    if isinstance(error, pg.InsufficientPrivilege):  # says nothing about a row, so nobody hunts for a bad one
        return StoreUnavailable(f"the database does not let this role do that; grant it what it needs: {text}")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StoreUnavailable(f"the database cannot be reached: {text}")
    return StoreError(text)
