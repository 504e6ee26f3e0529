"""Being alone: one holder at a time, on every store; free at once when the holder is killed."""

from __future__ import annotations

import sys

import pytest

from tests.support.processes import child
from tickwork.store.alone import alone, number_of
from tickwork.store.open import open_store
from tickwork.watch import ManualWatch

HOLDER = """
import sys
from tickwork.store.alone import alone
from tickwork.store.open import open_store
with alone(open_store(sys.argv[1]), "tick default") as ours:
    print("held" if ours else "refused", flush=True)
    sys.stdin.readline()
"""


def test_one_holder_at_a_time(store):
    """S4-39: strict non-overlap; another name is another lock."""
    with alone(store, "tick default") as first:
        with alone(store, "tick default") as second, alone(store, "tick billing") as other:
            assert (first, second, other) == (True, False, True)
        with alone(store, "tick default") as again:
            assert not again
    with alone(store, "tick default") as free:
        assert free


def test_a_killed_holder_is_free_at_once(database):
    """S4-40: holder killed -> lock free at once."""
    store = open_store(database)
    with child("-c", HOLDER, database) as holder:
        assert holder.line() == "held"
        with alone(store, "tick default") as ours:
            assert not ours
        holder.kill()
    wait_until_free(store)
    store.close()


def wait_until_free(store):
    """The server hears of the end of a killed client's connection by itself; no time-out of ours is involved."""
    for _ in range(1_000):
        with alone(store, "tick default") as ours:
            if ours:
                return
    raise AssertionError("the lock of a killed holder is still held")


@pytest.mark.stores("postgresql")
def test_behind_a_pooler_a_lease_stands_for_the_lock(database):
    """S4-40: holder killed -> lock free after its TTL."""
    store = open_store(f"{database}{'&' if '?' in database else '?'}pooler=transaction")
    store.watch = watch = ManualWatch(0)
    with alone(store, "tick default") as first, alone(store, "tick default") as second:
        assert (first, second) == (True, False)
    dead = alone(store, "tick default")
    assert dead.__enter__()  # killed: never left
    with alone(store, "tick default") as ours:
        assert not ours
    watch.wind(31)
    with alone(store, "tick default") as ours:
        assert ours
    dead.__exit__(None, None, None)
    store.close()


def test_a_database_in_memory_has_one_holder_too():
    store = open_store("sqlite://")
    with alone(store, "tick") as first, alone(store, "tick") as second:
        assert (first, second) == (True, False)
    store.close()


def test_numbers_of_names_are_no_tokens():
    assert number_of("tick default") < 0
    assert number_of("tick default") != number_of("tick billing")
    assert sys.maxsize > -number_of("x")
