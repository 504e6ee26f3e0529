"""What the daily, weekly, monthly, yearly and cron clocks share: a zone, the two policies, and steps from a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tickwork.clocks.calendar import FIRST_DAY, LocalRule
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import write_date
from tickwork.clocks.wall import LAST_SECOND, WallClock, next_utc
from tickwork.clocks.zone import FoldPolicy, GapPolicy, Zone, check_fold, check_gap
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, repr=False)
class PlacedClock(WallClock):
    """A clock with local times in a named zone. Its parameters are its constructor's arguments."""

    zone: str
    gap: GapPolicy
    fold: FoldPolicy
    _tz: Zone = field(compare=False)
    #: The rule, where it does not depend on ``since``: then it is worked out once, for a daemon asks thousands a second.
    _held: LocalRule | None = field(compare=False)

    def tz(self) -> Zone:
        return self._tz

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        rule = self._held
        utc = (since if after is None else after) // 1_000_000 + 1
        found = next_utc(self.rule(since) if rule is None else rule, self._tz, self.gap, self.fold, utc)
        return None if found is None or found > LAST_SECOND else found * 1_000_000

    def _hold(self, every: int, start: int | None) -> None:
        """Keep the rule of a clock whose steps, if it has any, are counted from its start."""
        self._set(_held=None)
        if every == 1 or start is not None:
            self._set(_held=self.rule(0))

    def counted_from(self, since: Instant, every: int, start: int | None) -> tuple[int, int]:
        """Return the day from which steps are counted, and the first day that may count at all."""
        if start is not None:
            return start, start
        if every == 1:
            return 0, FIRST_DAY
        return self._tz.to_local(since // 1_000_000) // 86_400, FIRST_DAY

    def _place(self, zone: str, gap: str, fold: str) -> None:
        tz = Zone.get(zone)
        self._set(zone=tz.name, gap=check_gap(gap), fold=check_fold(fold), _tz=tz)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _step_params(self) -> dict[str, Any]:
        every, start = getattr(self, "every", 1), getattr(self, "start", None)
        shown: dict[str, Any] = {} if every == 1 else {"every": every}
        if start is not None:
            shown["start"] = write_date(start)
        return shown

    def _place_params(self) -> dict[str, Any]:
        """Return zone and policies; what is the default need not be stored."""
        shown = {"zone": self.zone}
        if self.gap != "shift":
            shown["gap"] = self.gap
        if self.fold != "first":
            shown["fold"] = self.fold
        return shown

    @staticmethod
    def _stored_step(stored: Stored) -> dict[str, Any]:
        return {
            "every": stored.whole("every", "a whole number, 1 or more", default=1),
            "start": stored.text("start", "a local date such as '2026-01-31'", default=None),
        }

    @staticmethod
    def _stored_place(stored: Stored) -> dict[str, Any]:
        return {
            "zone": stored.text("zone", "the name of a time zone"),
            "gap": stored.text("gap", "'shift' or 'skip'", default="shift"),
            "fold": stored.text("fold", "'first', 'last' or 'both'", default="first"),
        }

    def _say_place(self) -> str:
        start = getattr(self, "start", None)
        since = "" if start is None else f", from {write_date(start)}"
        return f"{since}, {self.zone}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_params, (dict(self.params()),)  # what was worked out is not carried along

    def __repr__(self) -> str:
        params: Mapping[str, Any] = self.params()
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in params.items())})"
