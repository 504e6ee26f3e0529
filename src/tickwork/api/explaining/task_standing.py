"""What an explanation of a task rests on: where it stands, who could run it, what goes before it, how it failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tickwork.model.report import Failed, GroupRow, TaskRow
from tickwork.store import evidence, lanes, pressure, reports
from tickwork.store.dialect import Verb
from tickwork.store.evidence import Grip, Hand, Holder, Reader, Scene
from tickwork.store.lanes import Wait
from tickwork.store.pressure import Pressure
from tickwork.store.scope import Scope
from tickwork.watch import Instant

#: How many failed attempts are told.
ATTEMPTS = 20
WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Standing:
    """All that an explanation of a task rests on."""

    task: TaskRow
    scene: Scene
    failures: Sequence[Failed]
    grip: Grip
    hand: Hand | None = None
    holder: Holder | None = None
    rest: Pressure | None = None
    ahead: int = 0
    knowing: frozenset[int] = frozenset()
    """Those who are there, know the handler, and can read the payload."""
    unread: Sequence[Reader] = ()
    """Those who are there and know the handler, but cannot read the payload."""
    known: Sequence[str] = ()
    """What handlers are known, where this one is not."""
    group: GroupRow | None = None
    """The group for whose end it waits."""
    namespace: str = "default"
    wait: Wait | None = None
    """It could run, but for a place of a limit."""

    @property
    def now(self) -> Instant:
        return self.scene.now

    @property
    def serving(self) -> list[int]:
        """The workers that are there and serve its queue."""
        task = self.task
        return [
            each.id
            for each in self.scene.present
            if each.kind == WORKER and each.serves(self.namespace, task.queue, task.priority)
        ]


def standing(scope: Scope, name: str | int, kind_of: Callable[[str], str]) -> Verb[Standing]:
    """Read it all, in at most ten statements; *kind_of* says in which kind of work a handler belongs. Raises NotFound."""
    task = yield from reports.task(scope, name)
    scene = yield from evidence.scene()
    failures = yield from reports.failures(task.id, ATTEMPTS)
    if task.state == "over":
        return Standing(task, scene, failures, evidence.NO_GRIP, namespace=scope.namespace)
    grip = yield from evidence.grip(scope, task.id)
    hand = yield from evidence.hand(grip.lease)
    knowing = yield from evidence.who_knows(task.handler)
    resting = yield from pressure.pressures()
    rest = [each for each in resting if (each.namespace, each.kind) == (scope.namespace, kind_of(task.handler))]
    ahead = (yield from evidence.ahead(scope, task)) if task.state == "ready" else 0
    holder = (yield from evidence.holder(task=task.id)) if task.state == "ready" else None
    known = [] if knowing else (yield from evidence.known_names())
    group = None if task.awaits is None else (yield from reports.group(scope, task.awaits))
    wait = (yield from lanes.wait(scope, task.id)) if task.state == "waiting" else None
    return Standing(
        task,
        scene,
        failures,
        grip,
        hand,
        holder,
        rest[0] if rest else None,
        ahead,
        scene.of(each for each in knowing if each.reads(task.payload_version)),
        [each for each in knowing if not each.reads(task.payload_version) and scene.of([each])],
        known,
        group,
        scope.namespace,
        wait,
    )
