"""Which events a controller appends to a job, as tables of words: pure, so that each rule can be read and tested alone."""

from __future__ import annotations

from typing import Any

import msgspec

from tickwork.model.job import Descriptor
from tickwork.model.job_log import State
from tickwork.store.jobs import Word
from tickwork.watch import Instant

ABANDONED = "abandoned_by_trigger"
LOST = "lost"


def fire_words(state: State, nominal_at: Instant, now: Instant, coalesced: int) -> list[Word]:
    """A fire: a cycle of retries that is going on is given up first, and keeps what it last said."""
    cause: dict[str, Any] = {"by": "trigger", "nominal_at": nominal_at, "late_for": max(0, now - nominal_at)}
    if coalesced:
        cause["coalesced"] = coalesced
    fire = Word("scheduled", {"cause": cause}, carries=True)
    if state.status != "error":
        return [fire]
    return [Word("fatal", {**_last_error(state), "cause": ABANDONED}), fire]


def retry_words(state: State) -> list[Word]:
    """A retry within the cycle; *attempt* counts from 1."""
    return [Word("scheduled", {"cause": {"by": "retry", "attempt": state.in_cycle}}, carries=True)]


def end_of_unrun() -> list[Word]:
    """A stop that nobody has to carry out: the job was scheduled and no worker has it."""
    return [Word("stopping", {"cause": "nobody runs it"}), Word("stopped", {"cause": "nobody runs it"})]


def end_of_lost(state: State, descriptor: Descriptor | None) -> list[Word]:
    """The end of a run whose worker is gone; nothing where it had claimed the job and not begun."""
    if state.status == "stop requested":
        return [Word("stopping", {"cause": LOST}), Word("stopped", {"cause": LOST})]
    if state.status == "stopping":
        return [Word("stopped", {"cause": LOST})]
    if state.status != "running":
        return []
    attempt = max(0, state.in_cycle - 1)
    final = descriptor is not None and descriptor.retry.exhausted(attempt)
    detail = {
        "code": LOST,
        "message": "the worker that ran it is gone: its lease stood still",
        "causes": [],
        "attempt": attempt,
    }
    return [Word("fatal" if final else "error", detail)]


def _last_error(state: State) -> dict[str, Any]:
    if state.error is None:
        return {}
    last: dict[str, Any] = msgspec.json.decode(state.error)
    return last
