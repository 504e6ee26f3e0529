"""How a run of generated work is judged: by what it returned, by the signal or error that it raised, by its generator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.model.generator import Again, Over, Park, Rest, Verdict, judged
from tickwork.model.outcome import Failure
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.watch import to_duration

log = logging.getLogger("tickwork.generators")


def verdict_on(
    generator: Generator, work: Work, answer: Any, error: BaseException | None, chance: Callable[[], float]
) -> Verdict:
    """Say what becomes of a piece of work whose run returned *answer* or raised *error*; its generator has the last word."""
    if error is not None:
        verdict = _judged(generator, work, error, chance)
    else:
        verdict = answer if isinstance(answer, (Rest, Over, Again, Park)) else Over()
    try:
        return generator.on_outcome(work.claim, verdict)
    except Exception:
        log.exception("the generator %s could not say what becomes of %s", generator.name, work.name)
        return verdict


def _judged(generator: Generator, work: Work, error: BaseException, chance: Callable[[], float]) -> Verdict:
    if isinstance(error, Snooze):
        return Rest(max(0, to_duration(error.delay, "delay")))
    if isinstance(error, Decline):
        return Over()
    text = Failure.of(error.__cause__ or error if isinstance(error, GiveUp) else error).encode()
    if isinstance(error, GiveUp):
        return Park(error.reason or "its run gave up", text)
    if isinstance(error, RetryAfter):
        return Again(max(0, to_duration(error.delay, "delay")), text)
    log.warning("%s failed in run %d: %r", work.name, work.attempt, error)
    return judged(work.claim, repr(error), text, generator.backoff, generator.attempts, chance())
