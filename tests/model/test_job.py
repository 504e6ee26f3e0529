"""Jobs as values: descriptors, transitions, retries, and the arithmetic of the next fire (4.1, 4.2, 4.3, 4.6)."""

import random
from datetime import datetime, timezone

import pytest

from tickwork.clocks import Cron, Daily, Every
from tickwork.errors import InvalidClock, InvalidInput, StateConflict, WrongWriter
from tickwork.model.job import Descriptor, foreign_trigger, from_descriptor, read_plain, read_text, read_trigger
from tickwork.model.job_log import (
    KINDS,
    POSSIBLE_FROM,
    STATUSES,
    WRITERS,
    Entry,
    State,
    attempts_in_cycle,
    attempts_since_last_completed,
    check,
    check_writer,
    fold,
    fold_all,
    known,
)
from tickwork.model.job_retry import JobRetry, read_foreign_retry
from tickwork.model.job_time import Cadence, next_fire_time, retry_at
from tickwork.watch import HOUR, SECOND, parse_instant


def at(text):
    return parse_instant((text if "T" in text else f"2026-01-01T{text}") + "Z")


@pytest.mark.parametrize(
    ("every", "created_at", "after", "expected"),
    [
        pytest.param(60, "00:00:00", "00:02:30", "00:03:00", id="T-001"),
        pytest.param(60, "00:00:00", "00:02:00", "00:03:00", id="T-002"),
        pytest.param(60, "00:00:00", "2025-12-31T23:59:00", "00:00:00", id="T-004"),
        pytest.param(60, "00:00:00", "2025-12-31T23:59:59.6", "00:00:00", id="T-005"),
        pytest.param(60, "00:00:00.25", "00:01:00.25", "00:02:00.25", id="T-007"),
        pytest.param(7, "00:00:00", "2026-06-01T00:00:00", "2026-06-01T00:00:04", id="T-008"),
        pytest.param(90, "00:00:00", "00:10:00", "00:10:30", id="T-010"),
        pytest.param(86_400, "2026-03-07T14:00:00", "2026-03-08T13:00:00", "2026-03-08T14:00:00", id="T-011"),
        pytest.param(60, "2016-12-31T23:59:00", "2016-12-31T23:59:59", "2017-01-01T00:00:00", id="T-013"),
        pytest.param(86_400, "2024-02-28T12:00:00", "2024-02-28T12:00:00", "2024-02-29T12:00:00", id="T-014"),
    ],
)
def test_intervals(every, created_at, after, expected):
    assert next_fire_time(Every(every), at(after), at(created_at)) == at(expected)


def test_a_naive_datetime_is_refused():
    """T-016."""
    with pytest.raises(ValueError, match="created_at"):
        next_fire_time(Every(60), at("00:00:00"), datetime(2026, 1, 1))
    assert next_fire_time(None, at("00:00:00"), at("00:00:00")) is None


def test_random_intervals():
    """T-017."""
    chance = random.Random(17)
    for _ in range(10_000):
        every = chance.randint(1, 10**6) * SECOND
        anchor, after = (at("00:00:00") + chance.randint(-(10**15), 10**15) for _ in range(2))
        found = next_fire_time(Every(every / SECOND), after, anchor)
        assert found > after
        assert (found - anchor) % every == 0
        assert found - after <= every or after < anchor


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        pytest.param("* * * * *", "+00:00", "00:00:30", ["00:01:00"], id="T-019"),
        pytest.param("0 * * * *", "+05:30", "00:00:00", ["00:30:00"], id="T-020"),
        pytest.param("0 9 * * 0", "+00:00", "00:00:00", ["2026-01-04T09:00:00"], id="T-022-0"),
        pytest.param("0 9 * * 7", "+00:00", "00:00:00", ["2026-01-04T09:00:00"], id="T-022-7"),
        pytest.param("0 9 * * SUN", "+00:00", "00:00:00", ["2026-01-04T09:00:00"], id="T-022-SUN"),
        pytest.param("0 0 13 * 5", "+00:00", "00:00:00", ["2026-01-02T00:00:00"], id="T-023"),
        pytest.param("0 0 29 2 *", "+00:00", "2096-03-01T00:00:00", ["2104-02-29T00:00:00"], id="T-025"),
        pytest.param("0 0 * * *", "-03:00", "02:59:59", ["03:00:00", "2026-01-02T03:00:00"], id="T-028"),
        pytest.param("*/15 9-17 * * 1-5", "+00:00", "2026-01-02T17:45:00", ["2026-01-05T09:00:00"], id="T-029"),
        pytest.param("30 2 * * *", "America/New_York", "2026-03-07T00:00:00",
                     ["2026-03-07T07:30:00", "2026-03-08T07:30:00", "2026-03-09T06:30:00"], id="T-031"),
        pytest.param("30 1 * * *", "America/New_York", "2026-10-31T00:00:00",
                     ["2026-10-31T05:30:00", "2026-11-01T05:30:00", "2026-11-02T06:30:00"], id="T-032"),
        pytest.param("0 * * * *", "America/New_York", "2026-03-08T05:30:00",
                     ["2026-03-08T06:00:00", "2026-03-08T07:00:00", "2026-03-08T08:00:00"], id="T-034"),
        pytest.param("30 2,3 * * *", "America/New_York", "2026-03-08T05:00:00",
                     ["2026-03-08T07:30:00", "2026-03-09T06:30:00", "2026-03-09T07:30:00"], id="T-035"),
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00",
                     ["2026-10-25T00:30:00", "2026-10-26T01:30:00"], id="T-037"),
        pytest.param("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00",
                     ["2026-10-03T15:45:00", "2026-10-04T15:15:00"], id="T-038"),
    ],
)  # fmt: skip
def test_cron_in_the_foreign_form(schedule, zone, after, expected):
    clock = read_trigger({"type": "cron", "schedule": schedule, "time_zone": zone})
    found, last = [], at(after)
    for _ in expected:
        last = next_fire_time(clock, last, at("00:00:00"))
        found.append(last)
    assert found == [at(each) for each in expected]


def test_a_cron_that_never_fires_is_refused():
    """T-026."""
    with pytest.raises(InvalidClock, match="never fires"):
        read_trigger({"type": "cron", "schedule": "0 0 30 2 *"})


def test_reading_intervals():
    """T-040."""
    assert from_descriptor({"trigger": {"type": "interval", "every_secs": 300}}) == Every(300)
    assert from_descriptor({}) is None


@pytest.mark.parametrize("zone", [{}, {"time_zone": "+05:30"}, {"time_zone": "Europe/Berlin"}])
def test_reading_cron(zone):
    """T-041: without a zone it is +00:00; both forms round-trip."""
    given = {"type": "cron", "schedule": "0 * * * *", **zone}
    clock = read_trigger(given)
    assert clock == Cron("0 * * * *", zone.get("time_zone", "+00:00"))
    assert foreign_trigger(clock) == {"time_zone": "+00:00", **given}
    descriptor = Descriptor("job", clock)
    assert read_text("job", descriptor.text) == descriptor


@pytest.mark.parametrize("value", [0, -5, 1.5, "60", True, None, 2**70])
def test_intervals_that_are_none(value):
    """T-043, S3-61: the message names every_secs and 1."""
    with pytest.raises(InvalidClock, match=r"every_secs.* 1 "):
        read_plain("job", {"trigger": {"type": "interval", "every_secs": value}})


@pytest.mark.parametrize("schedule", ["not a cron", "* * * *", "60 * * * *", "", None])
def test_schedules_that_are_none(schedule):
    """T-044, S3-61."""
    with pytest.raises(InvalidClock):
        read_trigger({"type": "cron", "schedule": schedule})


@pytest.mark.parametrize("zone", ["+5:30", "0530", "+24:00", "+05:60", "New_York", 5])
def test_offsets_that_are_none(zone):
    """S3-61."""
    with pytest.raises(InvalidClock):
        read_trigger({"type": "cron", "schedule": "0 * * * *", "time_zone": zone})


def test_unknown_types_and_keys():
    """T-046, S3-63: refused on entry; a stored one is an error, and not one-shot."""
    with pytest.raises(InvalidClock, match="one_shot, interval or cron"):
        read_plain("job", {"trigger": {"type": "hourly"}}, strict=True)
    with pytest.raises(InvalidInput, match="descriptor of job"):
        read_text("job", "not json")
    with pytest.raises(InvalidInput, match="note"):
        read_plain("job", {"note": "interval"}, strict=True)
    assert not read_plain("job", {"note": "interval"}).recurs
    with pytest.raises(InvalidClock, match="every"):
        read_trigger({"type": "interval", "every_secs": 5, "every": 6})


@pytest.mark.parametrize(
    "descriptor",
    [
        Descriptor("job"),
        Descriptor("job", Every(0.5), payload='{"a":[1,2]}'),
        Descriptor("job", Daily("09:00", "Europe/Berlin"), misfire="skip", jitter=5, grace=7, priority=9),
        Descriptor("other", Cron("H * * * *"), retry=JobRetry("bounded", 3, "fixed", 5 * SECOND, 3.0, 60 * SECOND)),
    ],
)
def test_what_is_stored_comes_back(descriptor):
    """Equal descriptors are equal text, and the text gives an equal descriptor."""
    assert read_text("job", descriptor.text) == descriptor
    assert read_text("job", descriptor.text).text == descriptor.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("misfire", "all"), ("jitter", -1), ("jitter", 1.5), ("priority", 0), ("grace", "5"), ("handler", ""),
     ("payload", "[]"), ("clock", "5m")],
)  # fmt: skip
def test_what_a_descriptor_refuses(field, value):
    """S3-61: named, with the value, where it is given."""
    with pytest.raises(InvalidInput, match=field):
        Descriptor(**{"handler": "job", "clock": Every(60), field: value})


def test_hashed_cron_is_settled_by_the_name():
    """The same job has the same minute, on every machine and after every restart."""
    one = Cadence.of("reports", Cron("H * * * *"), 0)
    assert one == Cadence.of("reports", Cron("H * * * *"), 0)
    assert one.next_at(0) == next_fire_time(Cron("H * * * *"), 0, 0, "reports")


# ------------------------------------------------------------------------------------------------------- log and fold


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [*STATUSES, "unknown"])
def test_transitions(status, kind):
    """S3-56: every pair that is not in the table raises StateConflict with what was expected and what is."""
    state = State(4, status, "{}", 0, 0, 0)
    if status in POSSIBLE_FROM[kind]:
        check(kind, status)
        return
    with pytest.raises(StateConflict) as refused:
        fold(state, Entry(5, kind, 0))
    assert (refused.value.expected, refused.value.actual) == (POSSIBLE_FROM[kind], status)


def test_the_table_of_transitions_is_the_one_that_was_asked_for():
    """S3-56: the original's rows, with a compare-and-set where it had none."""
    assert POSSIBLE_FROM["running"] == ("scheduled",)
    assert POSSIBLE_FROM["completed"] == ("running",)
    assert POSSIBLE_FROM["error"] == ("scheduled", "running")
    assert set(POSSIBLE_FROM["fatal"]) == {"scheduled", "running", "error"}
    assert POSSIBLE_FROM["stopping"] == ("stop requested",)
    assert set(POSSIBLE_FROM["deleted"]) == {"completed", "stopped", "error", "fatal"}
    assert known("paused") == "unknown"


def test_each_kind_has_its_writers():
    """Applications, controllers and workers write their own kinds of event, and no other."""
    assert set(WRITERS) == set(KINDS)
    with pytest.raises(WrongWriter, match="running"):
        check_writer("running", "controller")
    with pytest.raises(WrongWriter, match="configured"):
        check_writer("configured", "worker")


@pytest.mark.parametrize(
    ("log", "since_completed", "in_cycle"),
    [
        pytest.param("S R C S R E S R E", 2, 2, id="T-086"),
        pytest.param("S R E S", 2, 2, id="S3-47-no-completed"),
        pytest.param("", 0, 0, id="S3-47-nothing"),
        pytest.param("S R E F S R", 2, 1, id="fatal-begins-a-cycle"),
        pytest.param("S R C S R E X S", 2, 1, id="stopped-begins-a-cycle"),
    ],
)
def test_the_two_counters(log, since_completed, in_cycle):
    """S3-47: both counters, counted from the log and folded along it."""
    words = {"S": "scheduled", "R": "running", "C": "completed", "E": "error", "F": "fatal", "X": "stopped"}
    kinds = [words[letter] for letter in log.split()]
    assert (attempts_since_last_completed(kinds), attempts_in_cycle(kinds)) == (since_completed, in_cycle)
    entries = [Entry(1, "configured", 0, descriptor="{}")]
    entries += [Entry(number, kind, number) for number, kind in enumerate(kinds, 2)]
    state = fold_all(entries)
    assert (state.since_completed, state.in_cycle) == (since_completed, in_cycle)


def test_a_log_has_no_gaps():
    """S3-57: the number of an event is the one that follows."""
    state = fold(None, Entry(1, "configured", 5, descriptor="{}"))
    for seq in (1, 3):
        with pytest.raises(StateConflict):
            fold(state, Entry(seq, "scheduled", 6))


def test_the_reference_is_the_newest_of_three():
    state = State(9, "completed", "{}", 10, 20, 60, nominal_at=30, ended_at=40)
    assert state.reference == 40
    assert State(9, "completed", "{}", 10, 50, 60, 30, 40).reference == 50
    assert State(9, "completed", "{}", 10, 20, 60, 70, 40).reference == 70


# ------------------------------------------------------------------------------------------------------------- retries


def test_default_delays():
    """T-079."""
    assert [JobRetry().wait(attempt) / SECOND for attempt in range(6)] == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("retry", "attempt", "seconds"),
    [
        (JobRetry(backoff="fixed", base=5 * SECOND), 99, 5),
        (JobRetry(cap=60 * SECOND), 10, 60),
        (JobRetry(cap=HOUR), 10_000, 3600),
    ],
    ids=["fixed", "cap-60", "cap-3600"],
)
def test_waits_are_bounded(retry, attempt, seconds):
    """T-080."""
    assert retry.wait(attempt) == seconds * SECOND


def test_when_a_strategy_is_exhausted():
    """T-082."""
    bounded = JobRetry("bounded", 3)
    assert [bounded.exhausted(attempt) for attempt in range(5)] == [False, False, False, True, True]
    assert JobRetry("none").exhausted(0)
    assert not JobRetry().exhausted(10**9)
    assert JobRetry().wait(10**9) > 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"strategy": "bounded", "max_attempts": 0}, "max_attempts"),
        ({"strategy": "bounded"}, "max_attempts"),
        ({"strategy": "sometimes"}, "strategy"),
        ({"backoff": {"multiplier": -1}}, "multiplier"),
        ({"backoff": {"multiplier": float("nan")}}, "multiplier"),
        ({"backoff": {"multiplier": 0}}, "multiplier"),
        ({"backoff": {"base_delay_secs": 0}}, "base_delay_secs"),
        ({"backoff": {"base_delay_secs": 60, "max_delay_secs": 10}}, "max_delay_secs"),
        ({"backoff": {"kind": "linear"}}, "backoff"),
        ({"backoff": 5}, "backoff"),
    ],
)
def test_strategies_that_are_none(given, field):
    """T-083: refused with the field named."""
    with pytest.raises(InvalidInput, match=field):
        read_foreign_retry(given)


def test_jitter_is_a_share_on_top():
    """T-089: base 8, attempt 0: the wait is in [8, 16), the pure one is 8."""
    retry = JobRetry(backoff="exponential_with_jitter", base=8 * SECOND)
    assert retry.pure_wait(0) == 8 * SECOND
    chance = random.Random(89)
    waits = [retry.wait(0, chance.random()) for _ in range(1_000)]
    assert all(8 * SECOND <= wait < 16 * SECOND for wait in waits)
    descriptor = Descriptor("job", Every(60), retry=retry)
    for job_id in range(100):
        state = State(4, "error", "{}", 0, 0, 9, ended_at=1_000, in_cycle=1, error="{}")
        found = retry_at(job_id, descriptor, state)
        assert found == retry_at(job_id, descriptor, state)
        assert 8 * SECOND <= found - 1_000 < 16 * SECOND


def test_time_zone_of_a_datetime_counts():
    """T-016: an aware datetime is an instant."""
    assert next_fire_time(Every(60), at("00:00:30"), datetime(2026, 1, 1, tzinfo=timezone.utc)) == at("00:01:00")
