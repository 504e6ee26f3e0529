"""A membership that ends: a notice before, another at the end, planned from the record as often as one likes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.scene import Scene
from tickwork.clocks import Once
from tickwork.clocks.ttl import notice_before
from tickwork.errors import NotFound
from tickwork.model.action import PutTask

NOTICE, END = "group/7/notice", "group/7/end"


def june(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=timezone.utc)


@pytest.fixture
def scene(database: str) -> Any:
    scene = Scene(database, june(1))
    yield scene
    scene.close()


def plan(scene: Scene, granted_at: datetime, expires_at: datetime | None) -> list[str]:
    """Write what follows from the record, in one go; what no longer follows is cancelled. Return what was done."""
    wanted = {}
    if expires_at is not None:
        wanted = {NOTICE: notice_before(granted_at, expires_at), END: expires_at}
    did = []
    for key in (NOTICE, END):
        at = wanted.get(key)
        try:
            done = scene.put(key, Once(at), PutTask("tell", "{}")) if at else scene.app.triggers.cancel(key)
            did.append(done.did)
        except NotFound:
            did.append("unknown")
    return did


@pytest.mark.parametrize(
    ("expires", "notice"),
    [(june(30), june(23)), (june(11), june(10)), (june(1, 12), None)],
    ids=["29 d", "10 d", "12 h"],
)
def test_t118_a_notice_and_the_end_are_told_once_each(scene: Scene, expires: datetime, notice: datetime | None) -> None:
    """T-118: the notice, and the end itself."""
    plan(scene, june(1), expires)
    scene.work()
    for _ in range(60):
        scene.wind(timedelta(hours=12))
    assert scene.fired(NOTICE) == [at for at in [notice] if at]
    assert scene.fired(END) == [expires]


def test_t119_a_group_that_is_made_permanent(scene: Scene) -> None:
    """T-119: both pending events are gone; planning an unchanged group again adds nothing."""
    assert plan(scene, june(1), june(30)) == ["created", "created"]
    scene.work()
    versions = scene.sql("select count(*) from tickwork.trigger_version")
    assert plan(scene, june(1), june(30)) == ["unchanged", "unchanged"]
    assert scene.sql("select count(*) from tickwork.trigger_version") == versions
    assert scene.sql("select count(*) from tickwork.trigger_change") == [(0,)], "no letter, so nothing for a daemon"
    scene.watch.set(june(20))
    scene.work()
    assert plan(scene, june(1), None) == ["cancelled", "cancelled"]
    assert plan(scene, june(1), None) == ["already cancelled", "already cancelled"]
    for _ in range(40):
        scene.wind(timedelta(days=1))
    assert scene.ledger(NOTICE) == scene.ledger(END) == []
    assert scene.sql("select count(*) from tickwork.event where due_at is not null") == [(0,)]
    assert scene.tasks() == []
