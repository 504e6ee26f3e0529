"""A child that was forked while its parent was at work begins anew."""

from __future__ import annotations

import multiprocessing

import pytest

pytestmark = pytest.mark.stores("postgresql")


def look(store):
    with store.begin("worker") as transaction:
        assert transaction.all("standing_leases") == []


def test_a_lock_that_the_parent_held_is_nothing_to_the_child(store):
    look(store)
    child = multiprocessing.get_context("fork").Process(target=look, args=(store,))
    with store.dialect.connections._guard:  # as a thread of the parent may hold it at that moment
        child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0
    look(store)
