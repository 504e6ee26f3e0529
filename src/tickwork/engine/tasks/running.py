"""One run of a task is one sentence: may it begin, call its handler, judge how it ended, hand the outcome over.

Nothing here writes to the database but the mark of a start that must be known if the worker dies; outcomes are
settled in batches, off the hot path.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.notice import with_notice
from tickwork.engine.tasks.pressure import Rest
from tickwork.engine.tasks.processes import Processes
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.results import kept_of
from tickwork.engine.tasks.together import run_together, run_together_async
from tickwork.engine.tasks.transactional import NotBegun, NotOurs, Raised, Transactional
from tickwork.engine.tasks.units import Group, Job
from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.errors import InvalidInput, StoreError, TickworkError
from tickwork.model import limits
from tickwork.model import outcome as outcomes
from tickwork.model.action import PutTask, attempts_of
from tickwork.model.flow import with_attempts
from tickwork.model.limit import START_WITHIN, units_taken
from tickwork.model.outcome import Outcome, storable
from tickwork.model.retry import SHORTEST_SNOOZE
from tickwork.model.work import Claimed, Signs, Task
from tickwork.signals import Backpressure, Signal
from tickwork.store import claims
from tickwork.store.own import OwnTransaction
from tickwork.store.pressure import Pressure
from tickwork.store.store import Store
from tickwork.watch import LAST_INSTANT, SECOND, Instant, to_duration

log = logging.getLogger("tickwork.worker")


class Running:
    """Runs jobs, on whatever thread or loop an executor gives them, and hands each one's outcome to *finished*."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        watch: DatabaseWatch,
        finished: Callable[[Outcome], None],
        number: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.store, self.watch, self.finished, self.chance = store, watch, finished, chance
        self.registry = registry
        self.transactional = Transactional(store, watch.steady, number)
        self.signs = Signs()
        self.processes, self.rest = Processes(self.signs), Rest(registry, watch.now)
        self.now: dict[int, tuple[Claimed, Instant]] = {}
        """What is running at this moment, since when."""
        self.grouped = 0
        """How many of them take no place of their own, for they run together with another."""
        self._counting = threading.Lock()

    def count_grouped(self, more: int) -> None:
        """So many more (or fewer) run together with another; threads add to it at the same moment."""
        with self._counting:
            self.grouped += more

    def give_back(self, claimed: Claimed) -> None:
        """It has not begun, and waits again as it did."""
        self.finished(outcomes.released(claimed, self.watch.now()))

    def run_group(self, group: Group) -> None:
        """Run a group of jobs of a plain function to its end."""
        run_together(self, group)

    async def run_group_async(self, group: Group) -> None:
        """Run a group of jobs of a coroutine function to its end."""
        await run_together_async(self, group)

    def run(self, job: Job) -> None:
        """Run a job of a plain function to its end."""
        claimed, handler, _ = job
        if not self.may_begin(claimed, handler) or (claimed.must_be_marked and not self._marked(claimed)):
            return
        started_at = self.watch.now()
        self.now[claimed.id] = (claimed, started_at)
        if handler.transactional:
            self._run_in_transaction(job, started_at)
            return
        if handler.executor == "process":
            self._run_in_a_process(job, started_at)
            return
        try:
            arguments = handler.arguments(claimed.payload, claimed.payload_version)
            if handler.payload.takes_task:
                task = self.task(claimed)
                result = handler.function(task, **arguments)
            else:
                task = None
                result = handler.function(**arguments)
        except BaseException as error:  # a handler that calls sys.exit() ends its run, not the worker
            self.raised(job, error, started_at)
        else:
            self._returned(job, result, started_at, task)
        finally:
            self.now.pop(claimed.id, None)

    def _run_in_transaction(self, job: Job, started_at: Instant) -> None:
        """Run it in its task's own transaction: what comes out is settled, or nothing of it happened."""
        claimed, handler, _ = job

        def called(own: OwnTransaction) -> Outcome:
            arguments = handler.arguments(claimed.payload, claimed.payload_version)
            task = self.task(claimed) if handler.takes_task else None
            shown = () if task is None else (task,)
            result = handler.function(*shown, **{str(handler.payload.transaction): own}, **arguments)
            return self.outcome(job, result, started_at, task)

        try:
            self.finished(self.transactional.run(claimed, called))
        except NotOurs:
            self.signs.lost.add(claimed.token)
        except NotBegun as error:
            log.warning("task %d does not start, its transaction cannot be begun: %s", claimed.id, error)
            self.finished(outcomes.released(claimed, self.watch.now()))
        except Raised as raised:
            self.raised(job, raised.error, started_at)
        except TickworkError as error:
            self.raised(job, error, started_at)
        finally:
            self.now.pop(claimed.id, None)

    def _run_in_a_process(self, job: Job, started_at: Instant) -> None:
        """Run it in a child process, whose time-out is hard; this thread waits for it."""
        claimed, handler, _ = job
        try:
            ended = self.processes.call(handler, claimed)
        except BaseException as error:
            self.raised(job, error, started_at)
        else:
            outcome = outcomes.done(claimed, ended.result, ended.reason, started_at, self.watch.now())
            self.finished(outcome._replace(follow_ups=self._with_attempts(ended.follow_ups)))
        finally:
            self.now.pop(claimed.id, None)

    async def run_async(self, job: Job) -> None:
        """Run a job of a coroutine function to its end."""
        claimed, handler, _ = job
        if not self.may_begin(claimed, handler):
            return
        if claimed.must_be_marked and not await asyncio.to_thread(self._marked, claimed):
            return
        started_at = self.watch.now()
        self.now[claimed.id] = (claimed, started_at)
        try:
            arguments = handler.arguments(claimed.payload, claimed.payload_version)
            task = self.task(claimed) if handler.payload.takes_task else None
            shown = () if task is None else (task,)
            seconds = None if handler.timeout is None else handler.timeout / SECOND
            async with asyncio.timeout(seconds):
                result = await handler.function(*shown, **arguments)
        except BaseException as error:
            self.raised(job, error, started_at)
        else:
            self._returned(job, result, started_at, task)
        finally:
            self.now.pop(claimed.id, None)

    def may_begin(self, claimed: Claimed, handler: Handler) -> bool:
        """Look once more before the handler is called: lost, cancelled or expired meanwhile?"""
        if self.signs.lost and self.signs.is_lost(claimed):
            return False
        if claimed.cancel_asked or (self.signs.cancelled and claimed.id in self.signs.cancelled):
            self.finished(outcomes.cancelled(claimed, self.watch.now()))
            return False
        if claimed.superseded:
            self.finished(outcomes.superseded(claimed, self.watch.now()))
            return False
        if claimed.expires_at is not None and claimed.expires_at <= (now := self.watch.now()):
            self.finished(outcomes.expired(claimed, now))
            return False
        if (until := self.rest.until(claimed, handler)) is not None:
            self.finished(outcomes.put_off(claimed, until, self.watch.now()))
            return False
        if claimed.places is not None and self._too_late(claimed):
            self.finished(outcomes.released(claimed, self.watch.now()))
            return False
        return True

    def _too_late(self, claimed: Claimed) -> bool:
        """Say whether its place in a rate is no longer where it was counted: it is given back, and comes again."""
        late = self.watch.now() > claimed.claimed_at + START_WITHIN
        return late and bool(units_taken(claimed.places or "[]"))

    def task(self, claimed: Claimed) -> Task:
        """What a handler is shown."""
        return Task(claimed, self.signs)

    def _marked(self, claimed: Claimed) -> bool:
        """Write the start down where it must be known; without a database the task does not start."""
        try:
            with self.store.begin("worker") as transaction:
                ours = bool(claims.mark_started(transaction, [claimed]))
        except StoreError as error:
            log.warning("task %d does not start, its start cannot be written down: %s", claimed.id, error)
            self.finished(outcomes.released(claimed, self.watch.now()))
            return False
        if not ours:
            self.signs.lost.add(claimed.token)
        return ours

    def _returned(self, job: Job, result: Any, started_at: Instant, task: Task | None) -> None:
        self.finished(self.outcome(job, result, started_at, task))

    def outcome(self, job: Job, result: Any, started_at: Instant, task: Task | None) -> Outcome:
        """The outcome of a run that returned."""
        kept, reason = None, None
        if job.handler.keep_result and result is not None:
            kept, reason = kept_of(result)
        outcome = outcomes.done(job.claimed, kept, reason, started_at, self.watch.now())
        if task is not None and task.follow_ups:
            outcome = outcome._replace(follow_ups=self._with_attempts(task.follow_ups))
        return outcome

    def told(self, job: Job, outcome: Outcome) -> Outcome:
        """Return an outcome with the notice for whoever is to be told of it."""
        noticed = with_notice(job.claimed, job.handler.notice, outcome)
        return noticed._replace(follow_ups=self._with_attempts(noticed.follow_ups)) if noticed.follow_ups else noticed

    def _with_attempts(self, flows: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Give follow-ups of which nothing was said the attempts that their handlers were registered with."""
        return tuple(with_attempts(flow, self._attempts) for flow in flows)

    def _attempts(self, handler: str) -> int:
        known = self.registry.get(handler)
        return attempts_of(PutTask(handler)) if known is None else known.attempts

    def raised(self, job: Job, error: BaseException, started_at: Instant) -> None:
        """Judge a run that raised, and hand its outcome over."""
        claimed, handler, _ = job
        if self.signs.is_lost(claimed):
            return  # whoever has it now decides
        if isinstance(error, Backpressure):
            try:
                self._pressed(job, error, started_at)
            except InvalidInput as wrong:  # a kind that no database holds would stop every word of this worker
                error = wrong
            else:
                return
        hook = None if handler.wait is None else handler.wait_after
        wait = outcomes.wait_after(error, handler.backoff, hook, self.chance)
        judged = outcomes.judged(claimed, error, wait, started_at, self.watch.now())
        if claimed.id in self.signs.cancelled:
            log.info("task %d (%s) has stopped: somebody asked to cancel it", claimed.id, claimed.handler)
        elif not isinstance(error, Signal):
            attempt = f"attempt {claimed.attempt} of {claimed.attempts}"
            log.warning("task %d (%s): %s failed: %r", claimed.id, claimed.handler, attempt, error)
        self.finished(self.told(job, judged))

    def _pressed(self, job: Job, error: Backpressure, started_at: Instant) -> None:
        """Its kind rests from now on: for us at once, for all other workers within a second."""
        claimed, handler, _ = job
        now = self.watch.now()
        until = min(LAST_INSTANT, now + max(SHORTEST_SNOOZE, to_duration(error.delay, "delay")))
        kind = handler.kind if error.kind is None else limits.text(error.kind, "kind", limits.NAME_LENGTH)
        pressure = Pressure(claimed.namespace, kind, until, storable(str(error.reason), 500) or None, since_at=now)
        self.rest.say(pressure)
        self.finished(outcomes.put_off(claimed, self.rest.place(pressure), now, started_at))
