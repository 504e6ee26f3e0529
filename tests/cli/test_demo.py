"""The demonstration: exit 0 when all is as promised, exit 1 when a daemon is broken on purpose."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.processes import run
from tickwork.api.demonstration.show import Script
from tickwork.cli.demo import play

#: Enough of everything to see each fault, in a few seconds.
SHORT = Script(orders=500, edits=300, kills=("daemon", "worker"), span=3.0, longest=20.0)
BROKEN = Path(__file__).with_name("broken_daemon.py")


@pytest.mark.long
def test_the_demo_ends_well() -> None:
    code, said = run("-m", "tickwork", "demo", "--seed", "7", "--json")
    assert code == 0, said
    account = json.loads(said)
    assert not account["wrong"]
    assert account["fired"] == account["done"] == account["planned"] > 1_000
    assert account["written"] - account["planned"] <= account["cancelled"]
    # six hundred edits and seven kills are planned, by the clock: a busy machine leaves time for fewer
    assert min(account["moved"], account["cancelled"]) >= 50
    assert account["kills"] >= 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "figure"), [("loses", "lost"), ("doubles", "doubled"), ("stubborn", "fired_after_cancel")]
)
def test_a_broken_daemon_is_found_out(fault: str, figure: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = play(7, as_json=True, script=SHORT, daemon=[sys.executable, str(BROKEN), fault])
    account = json.loads(capsys.readouterr().out)
    assert (code, account["wrong"]) == (1, True)
    assert account[figure] > 0
    assert account["written"] == SHORT.orders


@pytest.mark.long
def test_the_short_show_ends_well_with_a_sound_daemon_and_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert play(7, script=replace(SHORT, span=8.0, longest=60.0)) == 0  # room for all of it on a busy machine
    said = capsys.readouterr().out
    for line in (
        "kill -9 of a",
        "fired after a committed cancel",
        "every hour, Europe/Berlin",
        "All as promised",
    ):
        assert line in said
