"""Material that lies beside the repository (real crontabs, calendars, zone tables) and may be missing elsewhere.

It is looked for in ``TICKWORK_SHARED``, else in ``../shared`` as seen from the repository. A test that needs it and does
not find it says so and is skipped; it never passes silently.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def shared(path: str) -> Path:
    """Return the file or folder *path* of the shared material, or skip the test and say what was missing.

    At module level (to parametrise over files) use :func:`shared_or_none`, since a skip there would hide the module.
    """
    found = shared_or_none(path)
    if found is None:
        pytest.skip(f"shared material {path!r} is not on this machine; set TICKWORK_SHARED to the folder that has it")
    return found


def shared_or_none(path: str) -> Path | None:
    """Return the file or folder *path* of the shared material, or None where it is missing."""
    found = Path(os.environ.get("TICKWORK_SHARED", REPOSITORY.parent / "shared")) / path
    return found if found.exists() else None
