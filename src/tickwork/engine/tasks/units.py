"""What an executor runs at a time: one job, or a group of jobs whose handler takes them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tickwork.engine.tasks.registry import Handler
from tickwork.model.work import Claimed


class Job(NamedTuple):
    """A claimed task with the handler that will run it."""

    claimed: Claimed
    handler: Handler


class Group(NamedTuple):
    """Claimed tasks that are run in one call; they were claimed together, under one token."""

    claimed: Claimed
    """The first of them: whoever asks for the token asks it."""
    handler: Handler
    members: tuple[Claimed, ...]

    @property
    def jobs(self) -> list[Job]:
        return [Job(claimed, self.handler) for claimed in self.members]


Unit = Job | Group


def units_of(jobs: Sequence[Job]) -> Sequence[Unit]:
    """Group the jobs of batch handlers, each group at the place of its first; the others stay as they are."""
    if not any(job.handler.batch for job in jobs):
        return jobs
    units: list[Unit | list[Job]] = []
    open_groups: dict[str, list[Job]] = {}
    for job in jobs:
        size = job.handler.batch
        if size is None:
            units.append(job)
            continue
        group = open_groups.get(job.handler.name)
        if group is None or len(group) >= size:
            group = open_groups[job.handler.name] = []
            units.append(group)
        group.append(job)
    return [_grouped(unit) if isinstance(unit, list) else unit for unit in units]


def jobs_of(units: Iterable[Unit]) -> list[Job]:
    """Take groups apart again."""
    jobs: list[Job] = []
    for unit in units:
        jobs.extend(unit.jobs if isinstance(unit, Group) else [unit])
    return jobs


def _grouped(jobs: list[Job]) -> Group:
    return Group(jobs[0].claimed, jobs[0].handler, tuple(job.claimed for job in jobs))
