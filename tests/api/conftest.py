"""An application with a watch that is wound by hand, on every store."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tickwork import Tickwork
from tickwork.watch import ManualWatch

AT = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


@pytest.fixture
def watch():
    return ManualWatch(AT)


@pytest.fixture
def app(database, watch):
    with Tickwork(database, watch=watch) as app:

        @app.handler("work")
        def work(number: int = 0) -> None: ...

        app.work = work
        yield app
