"""Which slots are due and what becomes of each: pure rules, no store. Case numbers are those of the acceptance papers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwork.clocks.codec import encode
from tickwork.clocks.every import Every
from tickwork.clocks.once import Once
from tickwork.errors import InvalidClock
from tickwork.model.event import Event, first_after, plan, strictly_after
from tickwork.model.firing import FIRINGS_PER_TURN, Question, judge
from tickwork.model.policies import Policies, jitter_of
from tickwork.model.trigger import Order, Pause
from tickwork.watch import HOUR, MINUTE, SECOND

TEN = 10 * HOUR


USUAL = Policies()


def order(clock, policies=USUAL, *, since_at=0, version=1, generation=1, state="active", **changes):
    kind, params = encode(clock)
    import msgspec

    text = params if isinstance(params, str) else msgspec.json.encode(params).decode()
    made = Order(7, version, generation, state, kind, text, since_at, policies.encode(), "task", None, None, "k")
    return made._replace(**changes)


def event(next_at, last_at=None, *, version=1, generation=1, firings=0):
    return Event(7, version, generation, last_at, next_at, next_at, firings, None, 0, None)


def shown(verdict):
    return [(row.outcome, row.reason, row.planned_at, row.slots, row.until_at) for row in verdict.firings]


def test_one_slot_on_time_fires_and_knows_the_previous_one():
    verdict = judge(order(Every(60)), event(TEN, TEN - MINUTE), TEN)
    assert shown(verdict) == [("fired", None, TEN, 1, None)]
    assert verdict.firings[0].previous_at == TEN - MINUTE
    assert (verdict.last_at, verdict.next_at, verdict.fired) == (TEN, TEN + MINUTE, 1)


def test_f4_three_missed_slots_fire_at_their_planned_times_in_one_turn():
    """F4"""
    verdict = judge(order(Every(33)), event(TEN + 33 * SECOND, TEN, firings=1)._replace(), TEN + 100 * SECOND)
    # the grid of Every(33) runs through its since; the slots are 33 s apart whatever it is
    assert len(verdict.firings) in (2, 3)
    start = order(Every(33), since_at=TEN)
    verdict = judge(start, event(TEN + 33 * SECOND, TEN), TEN + 100 * SECOND)
    assert [row.planned_at - TEN for row in verdict.firings] == [33 * SECOND, 66 * SECOND, 99 * SECOND]
    assert verdict.next_at == TEN + 132 * SECOND


def test_t137_a_metronome_of_33_seconds_after_an_hour():
    """T-137: 109 slots, at most 100 in the first turn"""
    each, now = order(Every(33), since_at=TEN), TEN + HOUR
    first = judge(each, event(TEN + 33 * SECOND, TEN), now)
    assert first.fired == FIRINGS_PER_TURN == 100
    assert first.next_at <= now
    second = judge(each, event(first.next_at, first.last_at, firings=100), now)
    assert second.fired == 9
    planned = [row.planned_at for row in (*first.firings, *second.firings)]
    assert planned == [TEN + n * 33 * SECOND for n in range(1, 110)]
    assert second.next_at > now


def test_t140_slots_before_an_edit_count_for_an_interval():
    """T-140: 3600 s becomes 600 s at 10:30, the last firing was at 10:00"""
    edited = order(Every(600), since_at=TEN + 30 * MINUTE, version=2)
    planned = plan(edited, event(TEN + HOUR, TEN), "")
    assert planned.next_at == TEN + 10 * MINUTE
    verdict = judge(edited, event(planned.next_at, TEN, version=2), TEN + 30 * MINUTE)
    assert [row.planned_at - TEN for row in verdict.firings] == [10 * MINUTE, 20 * MINUTE, 30 * MINUTE]
    assert verdict.next_at == TEN + 40 * MINUTE


def test_latest_is_one_firing_that_says_how_many_it_stands_for():
    verdict = judge(order(Every(60), Policies(misfire="latest"), since_at=TEN), event(TEN, TEN - MINUTE), TEN + HOUR)
    late = 59  # 10:00 to 10:58 are more than a minute late, 10:59 and 11:00 are within the grace
    assert shown(verdict) == [
        ("coalesced", "misfire", TEN, late - 1, TEN + 57 * MINUTE),
        ("fired", None, TEN + 58 * MINUTE, late, None),
        ("fired", None, TEN + 59 * MINUTE, 1, None),
        ("fired", None, TEN + 60 * MINUTE, 1, None),
    ]
    assert verdict.fired == 3


def test_skip_is_one_row_with_a_count_and_a_range():
    verdict = judge(order(Every(60), Policies(misfire="skip"), since_at=TEN), event(TEN, None), TEN + 30 * MINUTE)
    assert shown(verdict)[0] == ("skipped", "misfire", TEN, 29, TEN + 28 * MINUTE)
    assert verdict.fired == 2


def test_every_slot_has_exactly_one_outcome_whatever_the_policy():
    for misfire in ("all", "latest", "skip"):
        each, standing, now = order(Every(7), Policies(misfire=misfire), since_at=TEN), event(TEN, None), TEN + HOUR
        counted = 0
        while standing.next_at is not None and standing.next_at <= now:
            verdict = judge(each, standing, now)
            counted += sum(1 if row.outcome == "fired" else row.slots for row in verdict.firings)
            standing = event(verdict.next_at, verdict.last_at)
        assert counted == HOUR // (7 * SECOND) + 1, misfire


def test_more_than_a_thousand_missed_slots_are_a_question():
    verdict = judge(order(Every(1), since_at=TEN), event(TEN, None), TEN + 1_001 * SECOND)
    assert isinstance(verdict, Question)
    assert "all" in verdict.text and "latest" in verdict.text and "skip" in verdict.text
    few = judge(order(Every(1), since_at=TEN), event(TEN, None), TEN + 999 * SECOND)
    assert few.fired == 100


def test_the_answer_all_fires_them_all():
    answered = Pause(0, TEN + HOUR, "all")
    verdict = judge(order(Every(1), since_at=TEN), event(TEN, None), TEN + 1_001 * SECOND, [answered])
    assert verdict.fired == 100


def test_f15_a_pause_resumed_with_latest_fires_once():
    """F15"""
    pause = Pause(TEN - SECOND, TEN + HOUR, "latest")
    verdict = judge(order(Every(600), since_at=TEN), event(TEN, None), TEN + HOUR, [pause])
    assert shown(verdict) == [
        ("coalesced", "paused", TEN, 5, TEN + 40 * MINUTE),
        ("fired", None, TEN + 50 * MINUTE, 6, None),
        ("fired", None, TEN + 60 * MINUTE, 1, None),
    ]


def test_a_slot_before_the_pause_follows_the_misfire_policy_and_one_inside_the_resume():
    pause = Pause(TEN + 5 * MINUTE, TEN + HOUR, "skip")
    verdict = judge(order(Every(600), since_at=TEN), event(TEN, None), TEN + HOUR, [pause])
    assert shown(verdict) == [
        ("fired", None, TEN, 1, None),
        ("skipped", "paused", TEN + 10 * MINUTE, 5, TEN + 50 * MINUTE),
        ("fired", None, TEN + HOUR, 1, None),
    ]


def test_max_firings_ends_the_trigger():
    each = order(Every(60), Policies(max_firings=3), since_at=TEN)
    verdict = judge(each, event(TEN, None, firings=1), TEN + HOUR)
    assert verdict.fired == 2 and verdict.next_at is None


def test_jitter_is_the_same_for_ever_and_within_its_span():
    assert jitter_of(7, TEN, MINUTE) == jitter_of(7, TEN, MINUTE)
    assert len({jitter_of(7, TEN + n * SECOND, MINUTE) for n in range(100)}) > 90
    each = order(Every(3600), Policies(jitter=60 * SECOND), since_at=TEN)
    due_at = TEN + jitter_of(7, TEN, MINUTE)
    assert judge(each, event(TEN), due_at - 1).firings == []
    assert [row.planned_at for row in judge(each, event(TEN), due_at).firings] == [TEN]


@given(st.integers(0, 10**9), st.integers(0, 10**18), st.integers(0, 10**10))
def test_jitter_never_leaves_its_span(trigger_id, planned_at, span):
    assert 0 <= jitter_of(trigger_id, planned_at, span) <= span


def test_f10_a_clock_that_does_not_move_forward_is_refused_with_both_instants():
    """F10"""

    class Stuck(Every):
        def next_at(self, after, since):
            return after

    with pytest.raises(InvalidClock, match=r"1970-01-01T10:00:00.*1970-01-01T10:00:00"):
        strictly_after(Stuck(60), TEN, 0)


def test_c3_a_one_time_clock_has_no_second_occurrence():
    """C3, C4: also at the epoch itself"""
    at_zero = order(Once(0))
    assert first_after(at_zero, None) == 0
    assert first_after(at_zero, 0) is None
    assert plan(at_zero, None, "").due_at == 0


def test_the_last_occurrence_counts_for_its_own_generation_only():
    again = order(Once(TEN), generation=2, version=3)
    assert plan(again, event(None, TEN, version=2, generation=1), "").next_at == TEN
    edited = order(Once(TEN), generation=1, version=3)
    assert plan(edited, event(None, TEN, version=2, generation=1), "").next_at is None


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_what_is_not_active_is_never_due(state):
    planned = plan(order(Every(60), state=state, since_at=TEN), None, "")
    assert planned.due_at is None
    assert (planned.next_at is None) == (state == "cancelled"), "a pause keeps the clock's place"
