"""What an edit without a clock does to one trigger that is held: cancel, pause, resume, re-arm.

Each looks at the trigger's state, whoever asked for it: for one trigger, for an object's, for all of a filter.
"""

from __future__ import annotations

from typing import Literal

from tickwork.errors import InvalidInput
from tickwork.model.standing_order import TriggerPut
from tickwork.store.triggers import Decide, Edit, Held

#: What becomes of the slots of a pause.
Missed = Literal["skip", "latest", "all"]


def cancelled(held: Held) -> Edit | TriggerPut:
    """Cancel it, unless it was."""
    if held.state == "cancelled":
        return held.unchanged("already cancelled")
    return Edit("cancelled", {"state": held.into("cancelled")})


def paused(held: Held) -> Edit | TriggerPut:
    """Pause it, unless it is."""
    return held.unchanged() if held.state == "paused" else Edit("paused", {"state": held.into("paused")})


def resumed(missed: Missed) -> Decide:
    """Let it go on; *missed* says what becomes of the slots in between."""
    if missed not in ("skip", "latest", "all"):
        raise InvalidInput("missed", missed, "skip, latest or all")

    def decide(held: Held) -> Edit | TriggerPut:
        state = held.into("resumed")
        if held.state == "active" and not held.set_aside:
            return held.unchanged()
        return Edit("resumed", {"state": state, "missed": missed})

    return decide


def rearmed(held: Held) -> Edit | TriggerPut:
    """Begin a new generation."""
    return Edit("rearmed", {"state": held.into("rearmed")}, rearm=True)
