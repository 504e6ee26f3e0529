"""The picture of the gap and the fold is what the clocks say, and stands in the repository as it is drawn now."""

from __future__ import annotations

from tests.support.shared import REPOSITORY
from tools import moves


def test_the_picture_is_up_to_date() -> None:
    assert moves.FILE.read_text(encoding="utf-8") == moves.drawn(), "draw it anew: make docs"


def test_the_page_shows_it() -> None:
    assert f"({moves.FILE.name})" in (REPOSITORY / "docs" / "concepts" / "time.md").read_text(encoding="utf-8")
