"""Every move of every IANA zone's clocks from 1970 to 2037, every kind of wall clock, every policy, against the reference.

Many zones share their moves. What a clock does around a move depends on the offsets there and on nothing else, so a
move that was compared for one zone is not compared again for another with the same offsets for eleven days on either
side; that the tables themselves are right is shown for each zone by ``tests/clocks/test_zone.py``.
"""

from __future__ import annotations

from tests.clocks.moves import check_move
from tests.support.verification import Run
from tickwork.clocks import Zone
from tickwork.clocks.zone import zone_names

FIRST, LAST = 0, 2_145_916_800
AROUND = 1_000_000
#: A run of so many seconds compares all of them, however long it takes (two to five minutes).
ALL = 300


def verify(run: Run) -> None:
    """Compare all of them, or in a shorter run those of as many zones as there is time for, in a random order."""
    seen: set[tuple[int, str]] = set()
    names = sorted(zone_names())
    run.random.shuffle(names)
    for name in names:
        if run.seconds < ALL and not run.goes_on():
            return
        zone = Zone.get(name)
        run.count("zones")
        for at, before, after in zone.transitions(FIRST, LAST):
            run.count("moves")
            like = at, zone.fingerprint(at - AROUND, at + AROUND)
            if like not in seen:
                seen.add(like)
                run.count("distinct moves")
                run.count("comparisons", check_move(name, at, before, after))
