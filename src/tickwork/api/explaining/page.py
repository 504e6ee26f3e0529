"""What an explanation is: one sentence that answers, what it rests on, what happened lately, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tickwork.watch import Instant

Kind = Literal["trigger", "task", "job", "generator", "work"]


@dataclass(frozen=True, slots=True)
class Why:
    """Why something fires, runs, waits or does nothing, as it stood at one moment; reading it changes nothing."""

    name: str
    """How it is called, with its prefix where it has one: ``task:7``, ``job:reports.daily``."""
    kind: Kind
    at: Instant
    """The database's time when it was asked."""
    state: str
    verdict: str
    """The answer in one sentence."""
    next_at: Instant | None = None
    """When it fires, runs or is tried next, where that is known."""
    late_for: int | None = None
    """How late it is, or was when it last began, in microseconds."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the verdict rests on, by name; instants end in ``_at``, durations (microseconds) in ``_for`` or ``_after``."""
    more: tuple[str, ...] = ()
    """What else a person should know."""
    do: tuple[str, ...] = ()
    """What to do next: commands, where there are some."""
    lately: Sequence[Any] = ()
    """What happened lately, the newest first: firings, failed attempts, runs."""
