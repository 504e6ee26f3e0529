"""The long checks' frame: time is up when it is up, and the account is one line per run."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import run
from tests.support.verification import HEAD, Run, account


def test_a_run_goes_on_until_its_time_is_up() -> None:
    seconds = iter([0.0, 1.0, 59.9, 60.0])
    clocked = Run(60, seed=1, clock=lambda: next(seconds))
    assert [clocked.goes_on() for _ in range(3)] == [True, True, False]


def test_the_same_seed_makes_the_same_choices() -> None:
    assert Run(1, seed=7).random.random() == Run(1, seed=7).random.random()


def test_the_account_says_what_was_counted_and_how_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "verified.md"
    ended = Run(60, seed=11, clock=lambda: 0.0)
    ended.count("firings", 12_345)
    account("edits", ended, "held", file)
    account("edits", ended, "FAILED: a | b\nc", file)
    text = file.read_text()
    assert text.startswith(HEAD)
    first, second = text[len(HEAD) :].splitlines()
    assert first.endswith("| edits | 0.0 | 11 | 12,345 firings | held |")
    assert second.endswith("| FAILED: a \\| b c |")


def test_an_unknown_check_is_refused_with_the_ones_there_are() -> None:
    code, said = run("-m", "tests.verify", "no-such-check")
    assert code == 2
    assert "no check named no-such-check; there are: " in said


def test_two_at_once_are_checked_like_one() -> None:
    code, said = run("-m", "tests.verify", "no-such-check", "--jobs", "2")
    assert code == 2
    assert "no check named no-such-check; there are: " in said
