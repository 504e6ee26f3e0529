"""``import tickwork.clocks`` costs little, and every name that it offers can be had."""

from __future__ import annotations

import pytest

import tickwork.clocks
from tests.support.processes import run

MEASURE = "import time; t = time.process_time(); {}; print(time.process_time() - t)"


@pytest.mark.parametrize(
    ("statement", "at_most"), [("import tickwork.clocks", 0.060), ("from tickwork.clocks import Cron, Daily", 0.120)]
)
def test_the_import_is_quick(statement: str, at_most: float) -> None:
    """Of five starts the quickest, in processor time inside the child: what it costs, not what the machine is busy with."""
    assert min(float(run("-c", MEASURE.format(statement))[1]) for _ in range(5)) < at_most


@pytest.mark.parametrize("name", tickwork.clocks.__all__)
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(tickwork.clocks, name) is not None
    assert name in dir(tickwork.clocks)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cronn'"):
        _ = tickwork.clocks.Cronn  # type: ignore[attr-defined]
