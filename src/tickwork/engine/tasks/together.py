"""Runs one batch handler for its group: which of them may begin, the call, and what becomes of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tickwork.engine.tasks.batching import Batch, Item
from tickwork.engine.tasks.units import Group, Job
from tickwork.errors import StoreError
from tickwork.model import outcome as outcomes
from tickwork.model.work import Claimed
from tickwork.store import claims
from tickwork.watch import SECOND, Instant

if TYPE_CHECKING:
    from tickwork.engine.tasks.running import Running

log = logging.getLogger("tickwork.worker")


def run_together(running: Running, group: Group) -> None:
    """Run a group of a plain function to its end."""
    begun, started_at = _begin(running, group, _marked(running, group))
    error: BaseException | None = None
    try:
        if begun:
            group.handler.function(Batch(list(begun.values())))
    except BaseException as raised:
        error = raised
    finally:
        _end(running, group, begun, error, started_at)


async def run_together_async(running: Running, group: Group) -> None:
    """Run a group of a coroutine function to its end; its time-out counts for the whole call."""
    begun, started_at = _begin(running, group, await asyncio.to_thread(_marked, running, group))
    error: BaseException | None = None
    seconds = None if group.handler.timeout is None else group.handler.timeout / SECOND
    try:
        if begun:
            async with asyncio.timeout(seconds):
                await group.handler.function(Batch(list(begun.values())))
    except BaseException as raised:
        error = raised
    finally:
        _end(running, group, begun, error, started_at)


def _marked(running: Running, group: Group) -> Sequence[Claimed]:
    """Write down, at once for all, the starts that must be known; without a database none of these starts."""
    may = [claimed for claimed in group.members if running.may_begin(claimed, group.handler)]
    must = [claimed for claimed in may if claimed.must_be_marked]
    if not must:
        return may
    ours: set[int] = set()
    try:
        with running.store.begin("worker") as transaction:
            ours = claims.mark_started(transaction, must)
    except StoreError as error:
        log.warning("%d tasks do not start, their start cannot be written down: %s", len(must), error)
        for claimed in must:
            running.finished(outcomes.released(claimed, running.watch.now()))
    return [claimed for claimed in may if not claimed.must_be_marked or claimed.id in ours]


def _begin(running: Running, group: Group, members: Sequence[Claimed]) -> tuple[dict[Claimed, Item[Any]], Instant]:
    """Make the items; one whose payload cannot be read fails alone."""
    started_at = running.watch.now()
    begun: dict[Claimed, Item[Any]] = {}
    for claimed in members:
        running.now[claimed.id] = (claimed, started_at)
        try:
            payload = group.handler.arguments(claimed.payload, claimed.payload_version)["payload"]
        except Exception as error:
            running.now.pop(claimed.id, None)
            running.raised(Job(claimed, group.handler, running), error, started_at)
        else:
            begun[claimed] = Item(running.task(claimed), payload)
    running.count_grouped(max(0, len(begun) - 1))
    return begun, started_at


def _end(
    running: Running,
    group: Group,
    begun: dict[Claimed, Item[Any]],
    error: BaseException | None,
    started_at: Instant,
) -> None:
    """Judge each item by what was said of it, else by how the call ended."""
    running.count_grouped(-max(0, len(begun) - 1))
    for claimed, item in begun.items():
        running.now.pop(claimed.id, None)
        failed = item.error or (error if item.result is None else None)
        job = Job(claimed, group.handler, running)
        if failed is not None:
            running.raised(job, failed, started_at)
        else:
            result = None if item.result is None else item.result.value
            running.finished(running.outcome(job, result, started_at, item.task))
