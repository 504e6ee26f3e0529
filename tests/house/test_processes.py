"""The bench's child processes: lines are waited for, kills are real, a hang is told with what was said."""

from __future__ import annotations

import signal

import pytest

from tests.support.processes import Hung, child, run


def test_a_child_is_spoken_with_line_by_line() -> None:
    with child("-c", "print('ready')\nprint(input()[::-1])") as speaker:
        assert speaker.line("ready") == "ready"
        speaker.tell("abc")
        assert speaker.line() == "cba"
        assert speaker.wait() == 0


def test_a_kill_is_sigkill() -> None:
    with child("-c", "import signal; print('up'); signal.pause()") as sleeper:
        sleeper.line("up")
        assert sleeper.kill() == -signal.SIGKILL


def test_a_child_that_ends_without_the_word_is_hung_with_what_it_said() -> None:
    with child("-c", "print('something else')") as other, pytest.raises(Hung, match="something else"):
        other.line("ready")


def test_run_returns_exit_code_and_output() -> None:
    assert run("-c", "print('out'); raise SystemExit(3)") == (3, "out\n")
