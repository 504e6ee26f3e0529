"""What a trigger does when it is late, when its last task still runs, and how often it may fire at all.

Policies are data, stored beside the clock as JSON with the defaults left out, so that equal policies are equal text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from tickwork.errors import InvalidInput
from tickwork.watch import SECOND

Misfire = Literal["all", "latest", "skip"]
Overlap = Literal["allow", "skip", "queue", "replace"]

GRACE = 60 * SECOND
#: More missed slots than this of one trigger are a question for a person: all, latest or skip?
MISSED_LIMIT = 1_000


class Policies(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The policies of one trigger; durations in microseconds.

    >>> Policies(misfire="latest").encode()
    '{"misfire":"latest"}'
    """

    misfire: Misfire = "all"
    grace: int = GRACE
    overlap: Overlap = "allow"
    jitter: int = 0
    max_firings: int | None = None
    pause_on_failure: bool = False

    def __post_init__(self) -> None:
        if self.misfire not in ("all", "latest", "skip"):
            raise InvalidInput("misfire", self.misfire, "all, latest or skip")
        if self.overlap not in ("allow", "skip", "queue", "replace"):
            raise InvalidInput("overlap", self.overlap, "allow, skip, queue or replace")
        if self.grace < 0:
            raise InvalidInput("grace", self.grace, "a duration of 0 or more")
        if self.jitter < 0:
            raise InvalidInput("jitter", self.jitter, "a duration of 0 or more")
        if self.max_firings is not None and self.max_firings < 1:
            raise InvalidInput("max_firings", self.max_firings, "a whole number of 1 or more, or None")

    def encode(self) -> str:
        """Return the JSON that is stored."""
        return msgspec.json.encode(self).decode()


@lru_cache(maxsize=4096)
def decode_policies(text: str) -> Policies:
    """Read stored policies (equal text gives the same frozen value)."""
    try:
        return msgspec.json.decode(text, type=Policies)
    except msgspec.ValidationError as error:
        raise InvalidInput("policies", text, f"what this program knows ({error})") from None


def jitter_of(trigger_id: int, planned_at: int, span: int) -> int:
    """Return how much later than planned this occurrence is due: 0 to *span*, the same for ever.

    A hash and no chance, so that a preview shows what will happen (splitmix64 over both numbers).
    """
    if not span:
        return 0
    mixed = (trigger_id * 0x9E3779B97F4A7C15 + planned_at) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ (mixed >> 31)) % (span + 1)
