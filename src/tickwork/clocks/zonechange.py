"""Which zones changed between two versions of the zone data, in the years that still matter.

A planned occurrence remembers the version from which it was worked out. When a daemon's own version is newer, it
compares the fingerprints of the zones that it kept with those of now: most releases mend history or touch a few
zones, and only clocks in those (:meth:`tickwork.clocks.clock.Clock.zones`) need to be planned anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tickwork.clocks.edition import INSTALLED, Edition
from tickwork.clocks.zone import Zone
from tickwork.errors import InvalidClock
from tickwork.watch import SECOND, Instant


def fingerprints(
    start: Instant, end: Instant, names: Iterable[str] | None = None, edition: Edition = INSTALLED
) -> dict[str, str]:
    """Return a short hash of what each zone's clocks do from *start* to *end* (microseconds); default: all zones.

    *edition* is the zone data to look at: the installed ``tzdata`` package unless another is handed in.

    >>> first, second = fingerprints(0, 10**15, ["Asia/Tokyo", "Japan"]).values()
    >>> first == second
    True
    """
    chosen = sorted(edition.names()) if names is None else names
    return {name: _fingerprint(name, start, end, edition) for name in chosen}


def changed_zones(
    before: Mapping[str, str], start: Instant, end: Instant, edition: Edition = INSTALLED
) -> frozenset[str]:
    """Return the names whose clocks do something else now than when *before* was taken; names that are gone count.

    >>> changed_zones(fingerprints(0, 10**15), 0, 10**15)
    frozenset()
    """
    changed = set()
    for name, kept in before.items():
        try:
            now = _fingerprint(name, start, end, edition)
        except InvalidClock:
            now = "gone"
        if now != kept:
            changed.add(name)
    return frozenset(changed)


def _fingerprint(name: str, start: Instant, end: Instant, edition: Edition) -> str:
    return Zone.get(name, edition=edition).fingerprint(start // SECOND, end // SECOND)
