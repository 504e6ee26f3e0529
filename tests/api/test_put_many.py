"""Many tasks in one statement: all or none, in order, with the treatment of one."""

from __future__ import annotations

import pytest

from tickwork import Tickwork
from tickwork.errors import InvalidInput, InvalidPayload
from tickwork.model.action import PutTask


@pytest.fixture
def app(database):
    with Tickwork(database) as opened:

        @opened.handler("page.purge", attempts=3)
        def purge(page: int) -> None: ...

        yield opened


def test_ids_come_in_the_order_of_the_actions(app):
    purge = app.handlers["page.purge"]
    ids = app.tasks.put_many([purge.task(page=page) for page in range(2_500)], priority=3_000, delay=60)
    assert ids == sorted(ids)
    assert len(set(ids)) == 2_500
    first, last = app.tasks.get(ids[0]), app.tasks.get(ids[-1])
    assert (first.payload, last.payload) == ('{"page":0}', '{"page":2499}')
    assert (first.priority, first.attempts, first.state) == (3_000, 3, "waiting")


def test_none_is_put_when_one_is_bad(app):
    purge = app.handlers["page.purge"]
    with pytest.raises(InvalidPayload):
        app.tasks.put_many([purge.task(page=1), PutTask("page.purge", '{"page":"x"}')])
    with pytest.raises(InvalidInput, match="key"):
        app.tasks.put_many([purge.task(page=1)], key="once")
    assert app.tasks.put_many([]) == []
    assert app.tasks.list() == []
