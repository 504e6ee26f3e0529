"""A clock of another package, found by its entry point: the contract, a real store, a daemon; and a host without it.

The package is installed as pip would leave it (a module and a ``.dist-info``) into a folder of its own, and used by a
child process that has this folder on its path.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.processes import run
from tests.support.scene import Scene
from tests.support.shared import REPOSITORY
from tickwork.clocks import Daily, Every

PACKAGE = Path(__file__).with_name("third_party") / "retail_clock.py"
AT = datetime(2026, 3, 2, tzinfo=timezone.utc)
#: The fiscal year began on 2 February 2026: periods end on 2 March, 30 March, 4 May, 1 June, ...
ENDS = ["2026-03-30", "2026-05-04", "2026-06-01", "2026-06-29"]

HOST = """
import json, sys
from datetime import datetime, timedelta, timezone
from tests.support.scene import Scene
from tickwork.clocks.codec import clock_class, kinds
from tickwork.testing import check_clock

PeriodEnd = clock_class("retail-period-end")
clock = PeriodEnd(1_769_990_400_000_000)
assert "retail-period-end" in kinds()
for since in (0, 1_769_990_400_000_000, 1_790_000_000_123_456):
    assert len(check_clock(clock, since)) == 20

scene = Scene(sys.argv[1], at=datetime.fromisoformat(sys.argv[2]))
scene.put("books/close", clock.starting(datetime(2026, 5, 1, tzinfo=timezone.utc)))
scene.put("books/remind", clock)
for _ in range(18):
    scene.wind(timedelta(days=7))
print(json.dumps([scene.app.triggers.get("books/remind").says, [str(at) for at in scene.fired("books/remind")]]))
scene.close()
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package as pip leaves it."""
    folder = tmp_path / "site"
    info = folder / "retail_clock-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "retail_clock.py").write_text(PACKAGE.read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: retail-clock\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tickwork.clocks]\nretail-period-end = retail_clock:PeriodEnd\n")
    return folder


def beside(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (folder, REPOSITORY / "src", REPOSITORY)))}


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_daemon_fires_the_clock_of_another_package(database: str, installed: Path) -> None:
    code, said = run("-c", HOST, database, AT.isoformat(), env=beside(installed))
    assert code == 0, said
    says, fired = json.loads(said)
    assert says == "at the end of each 4-4-5 period, counted from 2026-02-02"
    assert [at[:10] for at in fired] == ENDS


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_host_without_the_package_sets_its_trigger_aside_and_fires_the_others(database: str, installed: Path) -> None:
    code, said = run("-c", HOST, database, AT.isoformat(), env=beside(installed))
    assert code == 0, said
    scene = Scene(database, at=AT + timedelta(days=18 * 7))
    try:
        scene.put("ours", Daily("09:00"))
        for _ in range(60):
            scene.wind(timedelta(hours=24))
        assert len(scene.fired("ours")) == 60
        assert [at.strftime("%Y-%m-%d") for at in scene.fired("books/remind")] == ENDS
        event = scene.event("books/remind")
        assert event["set_aside_at"] is not None
        assert "retail-period-end" in event["error"]
        assert "books/remind" in {each.key for each in scene.app.triggers.list()}
    finally:
        scene.close()


def test_a_kind_of_ours_cannot_be_taken(installed: Path) -> None:
    (installed / "retail_clock-1.0.dist-info" / "entry_points.txt").write_text(
        "[tickwork.clocks]\nevery = retail_clock:PeriodEnd\nretail-period-end = retail_clock:QUARTER\n"
    )
    code, said = run(
        "-c",
        "from tickwork.clocks.codec import clock_class\n"
        "print(clock_class('every').__name__)\n"
        "clock_class('retail-period-end')",
        env=beside(installed),
    )
    assert code == 1
    assert Every.__name__ in said
    assert "a Clock whose kind is 'retail-period-end'" in said
