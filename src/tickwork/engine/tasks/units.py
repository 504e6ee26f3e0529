"""What an executor runs at a time of the queue: one job, or a group of jobs whose handler takes them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tickwork.engine.tasks.handler import Handler
from tickwork.model.work import Claimed
from tickwork.watch import Instant

if TYPE_CHECKING:
    from tickwork.engine.tasks.running import Running

#: What the queue is called among the sources of work.
NAME = "queue"


class Job(NamedTuple):
    """A claimed task with the handler that will run it, and with what runs it."""

    claimed: Claimed
    handler: Handler
    running: Running

    @property
    def name(self) -> str:
        return f"{NAME}/{self.claimed.id}"

    @property
    def identifier(self) -> str:
        return str(self.claimed.id)

    @property
    def token(self) -> int:
        return self.claimed.token

    @property
    def priority(self) -> int:
        return self.claimed.priority

    @property
    def claimed_at(self) -> Instant:
        return self.claimed.claimed_at

    @property
    def size(self) -> int:
        return 1

    @property
    def is_async(self) -> bool:
        return self.handler.is_async

    def run(self) -> None:
        self.running.run(self)

    async def run_async(self) -> None:
        await self.running.run_async(self)

    def give_back(self) -> None:
        self.running.give_back(self.claimed)


class Group(NamedTuple):
    """Claimed tasks that are run in one call; they were claimed together, under one token."""

    claimed: Claimed
    """The first of them: whoever asks for the token asks it."""
    handler: Handler
    running: Running
    members: tuple[Claimed, ...]

    @property
    def jobs(self) -> list[Job]:
        return [Job(claimed, self.handler, self.running) for claimed in self.members]

    @property
    def name(self) -> str:
        return f"{NAME}/{self.claimed.id}"

    @property
    def identifier(self) -> str:
        return str(self.claimed.id)

    @property
    def token(self) -> int:
        return self.claimed.token

    @property
    def priority(self) -> int:
        return self.claimed.priority

    @property
    def claimed_at(self) -> Instant:
        return self.claimed.claimed_at

    @property
    def size(self) -> int:
        return len(self.members)

    @property
    def is_async(self) -> bool:
        return self.handler.is_async

    def run(self) -> None:
        self.running.run_group(self)

    async def run_async(self) -> None:
        await self.running.run_group_async(self)

    def give_back(self) -> None:
        for claimed in self.members:
            self.running.give_back(claimed)


class Stranger(NamedTuple):
    """A claimed task that another worker can run and this one cannot: it is given back as soon as a hand has it."""

    claimed: Claimed
    running: Running
    size: int = 1
    is_async: bool = False

    @property
    def name(self) -> str:
        return f"{NAME}/{self.claimed.id}"

    @property
    def identifier(self) -> str:
        return str(self.claimed.id)

    @property
    def token(self) -> int:
        return self.claimed.token

    @property
    def priority(self) -> int:
        return self.claimed.priority

    @property
    def claimed_at(self) -> Instant:
        return self.claimed.claimed_at

    def run(self) -> None:
        self.give_back()

    async def run_async(self) -> None:
        self.give_back()

    def give_back(self) -> None:
        self.running.give_back(self.claimed)


TaskUnit = Job | Group | Stranger


def units_of(jobs: Sequence[Job]) -> Sequence[Job | Group]:
    """Group the jobs of batch handlers, each group at the place of its first; the others stay as they are."""
    if not any(job.handler.batch for job in jobs):
        return jobs
    units: list[Job | list[Job]] = []
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


def _grouped(jobs: list[Job]) -> Group:
    first = jobs[0]
    return Group(first.claimed, first.handler, first.running, tuple(job.claimed for job in jobs))
