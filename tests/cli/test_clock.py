"""``tickwork clock``: what a person learns about an expression, without a database; and every word that says a clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tickwork.cli.main import run

AFTER = ["--after", "2026-03-01T00:00:00Z"]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]):
    def saying(*arguments: str, expect: int = 0) -> list[str]:
        assert run(["clock", *arguments]) == expect
        said = capsys.readouterr()
        return (said.out + said.err).splitlines()

    return saying


def test_describe_teaches_the_two_nights(say) -> None:
    assert say("describe", "30 2 * * *", "--zone", "Europe/Berlin", "-n", "2", *AFTER) == [
        "every day at 02:30, Europe/Berlin",
        "  Sun 2026-03-01 02:30 +01:00   2026-03-01 01:30:00Z",
        "  Mon 2026-03-02 02:30 +01:00   2026-03-02 01:30:00Z",
        (
            "Sun 2026-03-29: the clocks of Europe/Berlin skip 02:00 to 03:00; fires at 03:30 (gap shift), "
            "not at all with gap skip"
        ),
        (
            "Sun 2026-10-25: the clocks of Europe/Berlin show 02:00 to 03:00 twice; fires at 02:30 the first time "
            "(fold first), the second time with fold last, both times with fold both"
        ),
    ]


def test_the_policies_that_were_chosen_are_told(say) -> None:
    zone = ["--zone", "Australia/Lord_Howe", "-n", "0", *AFTER]
    nights = say("describe", "--daily", "01:45,02:15", "--gap", "skip", "--fold", "both", *zone)[2:]
    assert nights == [
        (
            "Sun 2026-04-05: the clocks of Australia/Lord_Howe show 01:30 to 02:00 twice; fires at 01:45 both times "
            "(fold both), the first time with fold first, the second time with fold last"
        ),
        (
            "Sun 2026-10-04: the clocks of Australia/Lord_Howe skip 02:00 to 02:30; does not fire (gap skip), "
            "at 02:45 with gap shift"
        ),
    ]


@pytest.mark.parametrize("expression", ["0 * * * *", "@every 90s", "0 9 * * *"])
def test_where_no_policy_has_a_say_nothing_is_said(say, expression: str) -> None:
    assert len(say("describe", expression, "--zone", "Europe/Berlin", "-n", "1", *AFTER)) == 2


def test_what_is_over_says_so(say) -> None:
    assert say("describe", "--cron", "0 9 * * *", "--until", "2026-01-01T00:00:00Z", *AFTER)[1:] == [
        "  it does not fire again"
    ]


def test_check_says_what_is_wrong_and_whether_it_fires(say) -> None:
    assert say("check", "0 9 * * MON#2") == ["fine: on the second Monday of the month at 09:00, UTC"]
    assert say("check", "0 25 * * *", expect=2) == [
        "tickwork: hour: '25' is not allowed; expected a number from 0 to 23"
    ]
    say("check", "0 9 * * 1-5", "--fires-at", "2026-11-23T09:00:00Z")
    say("check", "0 9 * * 1-5", "--fires-at", "2026-11-22T09:00:00Z", expect=1)
    say("check", "0 9 * * *", "--daily", "09:00", expect=2)


#: Every kind of clock in the words of the command line: (options, what it says, its next occurrence).
KINDS = [
    (["--at", "2026-06-03T09:00:00Z"], "once, at 2026-06-03 09:00 UTC", "2026-06-03 09:00:00Z"),
    (
        ["--every", "90s", "--start", "2026-01-01T00:00:30Z"],
        "every 90 seconds, counted from 2026-01-01 00:00:30 UTC",
        "2026-03-01 00:00:30Z",
    ),
    (["--cron", "0 9 L * *"], "on the last day of the month at 09:00, UTC", "2026-03-31 09:00:00Z"),
    (["--daily", "09:00,17:30"], "every day at 09:00 and 17:30, UTC", "2026-03-01 09:00:00Z"),
    (
        ["--weekly", "MON", "--time", "08:00", "--step", "2", "--start", "2026-01-05"],
        "every other week on Monday at 08:00, from 2026-01-05, UTC",
        "2026-03-02 08:00:00Z",
    ),
    (["--monthly", "last friday"], "on the last Friday of every month at 00:00, UTC", "2026-03-27 00:00:00Z"),
    (["--yearly", "12-24"], "every year on the 24th of December at 00:00, UTC", "2026-12-24 00:00:00Z"),
    (["--yearly", "nov fourth thursday"], "every year on the fourth Thursday of November at 00:00, UTC", None),
    (
        ["--rrule", "FREQ=MONTHLY;BYDAY=-1FR", "--start", "2026-01-30T17:00", "--zone", "Europe/Berlin"],
        "every month on the last Friday at 17:00, Europe/Berlin",
        "2026-03-27 16:00:00Z",
    ),
    (["--never"], "never", None),
    (
        ["--monthly", "31", "--time", "09:00", "--business-days-before", "2"],
        "2 business days before: on the 31st of every month at 09:00, UTC",
        "2026-03-27 09:00:00Z",
    ),
    (["--daily", "09:00", "--starting", "2026-05-01T00:00:00Z"], None, "2026-05-01 09:00:00Z"),
    (["--clock", '{"kind":"every","params":{"period":60000000}}'], "every minute", "2026-03-01 00:01:00Z"),
]


@pytest.mark.parametrize(("words", "says", "first"), KINDS, ids=[" ".join(words[:3]) for words, _, _ in KINDS])
def test_every_kind_of_clock_can_be_said(say, words: list[str], says: str | None, first: str | None) -> None:
    said = say("describe", *words, *AFTER, "-n", "1")
    assert says in (None, said[0])
    if first is not None:
        assert first in said[1]


def test_holidays_of_a_country_and_of_a_calendar_file(say, tmp_path: Path) -> None:
    pytest.importorskip("holidays", reason="the extra `holidays` is not installed")
    closed = tmp_path / "closed.ics"
    closed.write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:c\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;BYMONTHDAY=2;BYMONTH=1\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    words = ["--daily", "09:00", "--zone", "Europe/Berlin", "--except-holidays", f"DE,{closed}"]
    # The holidays begin in the present year; the next New Year's Day is one, and the day after it stands in the file.
    (row,) = say("describe", *words, "--json", "-n", "500")
    days = {each["local"][4:14] for each in json.loads(row)["coming"]}
    assert not any(day.endswith(("-01-01", "-01-02")) for day in days)
    assert any(day.endswith("-01-03") for day in days)


def test_preview_lists_instants_as_json_lines(say) -> None:
    assert [json.loads(row) for row in say("preview", "@daily", "-n", "2", "--json", *AFTER)] == [
        {"planned_at": "2026-03-02T00:00:00.000000Z"},
        {"planned_at": "2026-03-03T00:00:00.000000Z"},
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--daily", "09:00", "--time", "10:00"], "weekly, monthly and yearly"),
        (["--every", "5m", "--gap", "skip"], "not with every"),
        (["--at", "2026-06-03T09:00:00Z", "--step", "2"], "not with at"),
        (["--yearly", "december"], "a month and a day of it"),
        (["--clock", '{"kind":"every"}'], "as trigger show --json says it"),
        (["--rrule", "FREQ=DAILY"], "DTSTART"),
        (["--daily", "09:00", "--except-holidays", "Atlantis"], "one that the holidays package knows"),
        (["--daily", "09:00", "--except-holidays", "missing.ics"], "a calendar file that can be read"),
        ([], "exactly one of at, every, cron"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_words_that_do_not_go_together_are_refused(say, words: list[str], names: str) -> None:
    assert names in "\n".join(say("describe", *words, expect=2))
