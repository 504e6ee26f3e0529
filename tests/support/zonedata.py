"""The real older zone data (``tzdata==2025.2``), which ``make install`` puts beside the environment's own.

Where they are missing the test that needs them is skipped and says what to run; in CI it fails, for there they belong.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.shared import REPOSITORY

OLDER = REPOSITORY / ".venv" / "tzdata-2025b"


def older_zone_data() -> Path:
    """Return the folder that goes first in PYTHONPATH for a process with zone data of 2025b."""
    if (OLDER / "tzdata" / "zoneinfo").is_dir():
        return OLDER
    missing = "the zone data of 2025b are not installed (.venv/tzdata-2025b): run `make install`"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
