"""A command's own process lets its garbage collector look less often, unless the application has set it."""

import pytest

from tests.support.processes import run

SAY = "import gc; from tickwork.cli import collector; {}; collector.collect_rarely(); print(gc.get_threshold()[0], gc.get_freeze_count() > 0)"


@pytest.mark.parametrize(
    ("own", "expected"),
    [("pass", "50000 True"), ("gc.set_threshold(900, 5, 5)", "900 False"), ("gc.disable()", "default False")],
)
def test_the_application_s_own_settings_stand(own: str, expected: str) -> None:
    code, said = run("-c", "import gc; print(gc.get_threshold()[0])")
    assert code == 0, said
    code, shown = run("-c", SAY.format(own))
    assert code == 0, shown
    assert shown.strip() == expected.replace("default", said.strip())
