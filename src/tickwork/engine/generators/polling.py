"""Objects that are looked at now and then, each at its own time: what a repository daemon does, without the daemon.

Each object has its next time in its row; so many at once over all workers; one that fails is looked at later and
later; one that takes too long is killed, if its handler runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from typing import Any

from tickwork.engine.generators import table
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.errors import InvalidInput
from tickwork.model.generator import USUAL, Offer, Rest, Verdict
from tickwork.model.retry import Backoff
from tickwork.signals import RetryAfter
from tickwork.watch import HOUR, SECOND, Instant, to_duration

_DUE = """
select o.identifier, g.next_wake_at as due_at from ({objects}) o
  left join tickwork.generator g
    on g.namespace = :namespace and g.name = :name and g.key = cast(o.identifier as text)
 where g.key is null or (g.paused_at is null and (g.next_wake_at is null or g.next_wake_at <= :now)
       and not exists (select 1 from tickwork.lease l where l.token = g.lease))
 order by coalesce(g.next_wake_at, 0), o.identifier limit :n
"""


class Polling(Generator):
    """Looks at each of an application's objects in its own rhythm.

    Args:
        name: its name; work is called ``name/identifier``.
        objects: SQL that returns, as ``identifier``, what is to be looked at.
        handle: called with the identifier (as text); may return the seconds until the next look.
        period: how long until the next look, where the handler does not say; seconds or a timedelta.
        throttle: the shortest time between two looks at one object, whatever the handler says.
        kill_after: how long a look may take; it runs in a process of its own then, and is killed.
        **settings: priority, limit, every, attempts, backoff, lease: see :class:`Generator`.
    """

    def __init__(
        self,
        name: str,
        objects: str,
        handle: Callable[[str], Any],
        *,
        period: Any = 60.0,
        throttle: Any = 15.0,
        kill_after: Any = None,
        **settings: Any,
    ) -> None:
        self.period, self.throttle = to_duration(period, "period"), to_duration(throttle, "throttle")
        if self.throttle < 0 or self.period < 0:
            raise InvalidInput("period", period, "a duration of 0 or more")
        usual = Backoff(first=max(self.period, SECOND), cap=max(HOUR, self.period))
        super().__init__(name, **{"priority": USUAL, "attempts": None, "backoff": usual, "every": 1.0, **settings})
        self.handle = handle
        self.kill_after = None if kill_after is None else to_duration(kill_after, "kill_after")
        self._due = _DUE.format(objects=objects)

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        values = {"namespace": self.scope.namespace, "name": self.name, "n": limit}
        rows = table.read(self.store, self._due, now, **values)
        return [Offer(str(row["identifier"]), self.range.best, row["due_at"]) for row in rows]

    def run(self, work: Work) -> Verdict | None:
        said = self.handle(work.identifier) if self.kill_after is None else self._in_a_process(work)
        after = self.period if said is None else to_duration(said, "what the handler returned")
        return Rest(max(after, self.throttle))

    def _in_a_process(self, work: Work) -> Any:
        """Run the handler where it can be killed; it must be importable, as anything that another process runs."""
        assert self.kill_after is not None
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_answer, args=(there, self.handle, work.identifier), daemon=True)
        child.start()
        there.close()
        try:
            if not here.poll(self.kill_after / SECOND):
                child.kill()
                raise RetryAfter(self.backoff.wait(work.attempt, 0.5) / SECOND, "it took too long and was killed")
            went_well, said = here.recv()
        except EOFError:
            raise RuntimeError(f"the process that looked at {work.name} died") from None
        finally:
            child.join()
            here.close()
        if not went_well:
            raise RuntimeError(said)
        return said


def _answer(pipe: Any, handle: Callable[[str], Any], identifier: str) -> None:
    try:
        pipe.send((True, handle(identifier)))
    except BaseException as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))
