"""The low-water mark's rules, one by one; each has a broken variant in the argument against it."""

from tickwork.engine.triggers.mark import BOTTOM_EVERY, MARGIN, Mark
from tickwork.watch import FIRST_INSTANT, SECOND

AT = 1_000 * SECOND


def seen(clock):
    mark = Mark()
    mark.see(clock)
    mark.scanned(mark.start(), cut=False, cost=0)
    return mark


def test_it_rises_to_a_bound_taken_before_the_scan_less_a_second():
    mark = seen(AT)
    mark.bound(AT - 3 * SECOND)
    mark.scanned(mark.start(), cut=False, cost=0)
    assert mark.start() == AT - 3 * SECOND - MARGIN


def test_without_a_bound_it_stays():
    mark = seen(AT)
    mark.scanned(mark.start(), cut=False, cost=0)
    assert mark.low == FIRST_INSTANT


def test_a_bound_serves_one_scan():
    mark = seen(AT)
    mark.bound(AT)
    mark.scanned(mark.start(), cut=False, cost=0)
    low = mark.low
    mark.scanned(mark.start(), cut=False, cost=0)
    assert mark.low == low


def test_a_scan_that_was_cut_does_not_raise_it():
    mark = seen(AT)
    mark.bound(AT)
    mark.scanned(mark.start(), cut=True, cost=0)
    assert mark.low == FIRST_INSTANT


def test_it_never_sinks_by_an_older_bound():
    mark = seen(AT)
    for bound in (AT, AT - 60 * SECOND):
        mark.bound(bound)
        mark.scanned(mark.start(), cut=False, cost=0)
    assert mark.low == AT - MARGIN


def test_a_clock_that_steps_back_drops_it():
    mark = seen(AT)
    mark.bound(AT)
    mark.scanned(mark.start(), cut=False, cost=0)
    mark.see(AT - 1)
    assert mark.start() == FIRST_INSTANT


def test_every_ten_seconds_a_scan_begins_at_the_bottom():
    mark = seen(AT)
    mark.bound(AT)
    mark.scanned(mark.start(), cut=False, cost=0)
    mark.see(AT + BOTTOM_EVERY - 1)
    assert mark.start() > FIRST_INSTANT
    mark.see(AT + BOTTOM_EVERY)
    assert mark.start() == FIRST_INSTANT


def test_it_says_when_it_wants_a_scan_from_the_bottom():
    mark = seen(AT)
    assert mark.bottom_in is None, "a mark at the bottom hides nothing"
    mark.bound(AT)
    mark.scanned(mark.start(), cut=False, cost=0)
    mark.see(AT + 3 * SECOND)
    assert mark.bottom_in == BOTTOM_EVERY - 3 * SECOND


def test_a_costly_bottom_scan_comes_less_often():
    mark = seen(AT)
    mark.bound(AT)
    mark.scanned(FIRST_INSTANT, cut=False, cost=2 * SECOND)
    mark.see(AT + 39 * SECOND)
    assert mark.start() > FIRST_INSTANT
    mark.see(AT + 40 * SECOND)
    assert mark.start() == FIRST_INSTANT
