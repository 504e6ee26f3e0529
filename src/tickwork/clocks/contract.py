"""The clock contract as checks: for the library's own clocks, and for whoever writes one.

:func:`check_clock` walks a clock forwards and backwards and raises :class:`AssertionError` with a sentence where the
contract (:mod:`tickwork.clocks.clock`) does not hold. A package that brings a clock calls it in its tests, for a few
clocks and a few moments each.
"""

from __future__ import annotations

from itertools import pairwise

from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode, decode_json, encode, encode_json
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, SECOND, Instant


def check_clock(clock: Clock, since: Instant, steps: int = 20) -> list[Instant]:
    """Check the whole contract from *since* on (microseconds), for *steps* occurrences, which are returned.

    >>> from tickwork.clocks import Every
    >>> check_clock(Every(60), since=0, steps=3)
    [60000000, 120000000, 180000000]
    """
    check_value(clock)
    occurrences = check_forward(clock, since, steps)
    check_verbs(clock, since, occurrences)
    return occurrences


def check_value(clock: Clock) -> None:
    """Check that the clock is a frozen value, that it describes itself, and that storing it loses nothing."""
    kind, params = encode(clock)
    assert isinstance(kind, str), "kind is the name of the clock in storage"
    assert kind, "kind is not empty"
    again = type(clock).from_params(params)
    assert again == clock, f"from_params(params()) is another clock: {again!r}"
    assert hash(again) == hash(clock), "equal clocks have equal hashes"
    assert decode(kind, params) == clock, "decode(encode(clock)) is another clock: is the kind registered?"
    assert decode_json(*encode_json(clock)) == clock, "the parameters are not plain JSON"
    assert clock.describe().strip(), "describe() says nothing"
    name = next(iter(params), "kind")
    try:
        setattr(clock, name, None)
    except (AttributeError, TypeError):
        pass
    else:
        raise AssertionError("a clock is a frozen value; this one can be changed")


def check_forward(clock: Clock, since: Instant, steps: int) -> list[Instant]:
    """Walk forward from *since*: whole numbers, strictly rising, the same answer each time, no answer after the end."""
    occurrences: list[Instant] = []
    after: Instant | None = None
    for _ in range(steps):
        found = clock.next_at(after, since)
        assert found == clock.next_at(after, since), f"asked twice, next_at({after}, {since}) gave two answers"
        if found is None:
            break
        assert type(found) is int, f"next_at gave {found!r}: instants are whole microseconds"
        assert FIRST_INSTANT <= found <= LAST_INSTANT, f"next_at gave {found}, which no store can hold"
        assert after is None or found > after, f"next_at({after}) gave {found}: not strictly after"
        occurrences.append(found)
        after = found
    return occurrences


def check_verbs(clock: Clock, since: Instant, occurrences: list[Instant]) -> None:
    """Check that following, prev, between and matches tell the same story as next."""
    if not occurrences:
        return
    for at, later in pairwise(occurrences):
        assert clock.following(at, since) == later, f"following({at}) is not next_at({at})"
        assert clock.following(later - 1, since) == later, f"following({later - 1}) passes {later} over"
        assert clock.following((at + later) // 2, since) == later, f"between {at} and {later} there is another one"
        assert clock.prev_at(later, since) == at, f"prev_at({later}) is {clock.prev_at(later, since)}, not {at}"
        assert clock.prev_at(at + 1, since) == at, f"prev_at({at + 1}) is not {at}"
        assert not clock.matches(at + 1, since) or later == at + 1, f"{at + 1} matches, and is no occurrence"
    first, last = occurrences[0], occurrences[-1]
    listed = clock.between(first, last + 1, since)
    assert listed == occurrences, f"between({first}, {last + 1}) gave {listed}"
    assert all(clock.matches(at, since) for at in occurrences), "an occurrence does not match"
    assert clock.next_at(last + 100 * SECOND, since) != last, "the past came back"
