"""Coverage of 1,000 files by 3 builds, and a worker killed in each chunk, after it has added it and before it commits."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.engine.generators.field import Field
from tests.support.dying import dies
from tickwork.engine.generators.cursor import Aggregate
from tickwork.model.generator import AGGREGATE
from tickwork.store.open import open_store
from tickwork.store.store import Store

FILES, BUILDS, CHUNK = 1_000, 3, 1_000
FAR = 10**9


def work_off(store: Store, marks: str) -> None:
    """Add chunks up; whoever sees a chunk first dies with it in his hands."""

    def add(rows: list[dict[str, Any]], own: Any) -> None:
        own.execute(
            "insert into covered (file, reports, lines)"
            f" select file, count(*), sum(lines) from report where id between {rows[0]['id']} and {rows[-1]['id']}"
            " group by file on conflict (file) do update"
            " set reports = covered.reports + excluded.reports, lines = covered.lines + excluded.lines"
        )
        mark = Path(marks) / str(rows[0]["id"])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    Field(store).run_due(Aggregate("coverage", "report", add, chunk=CHUNK))


@pytest.mark.stores("sqlite", "postgresql-18")
@pytest.mark.long
def test_coverage_with_a_kill_in_each_chunk(database: str, tmp_path: Path) -> None:
    """3.10: sums exact, each chunk exactly once, at priority 1900."""
    store = open_store(database)
    field = Field(store)
    field.sql("create table report (id integer primary key, file text, lines integer)")
    field.sql("create table covered (file text primary key, reports integer, lines integer)")
    field.sql(
        "insert into report with recursive n (i) as (select 0 union all select i + 1 from n"
        f" where i < {FILES * BUILDS - 1}) select i + 1, 'f' || (i % {FILES}), i * 7 % 86 from n"
    )
    marks = tmp_path / "marks"
    marks.mkdir()
    deaths = 0
    while dies(database, work_off, FAR, str(marks)):
        deaths += 1
        assert field.one("select coalesce(sum(reports), 0) from covered") == (deaths - 1) * CHUNK
        taken = "select priority from tickwork.generator where name = 'coverage' and key = 'all' and lease is not null"
        assert field.sql(taken) == [(AGGREGATE,)]
        field.sql("delete from tickwork.lease")  # as whoever watches it does
        field.sql("update tickwork.generator set next_wake_at = null")
    assert deaths == FILES * BUILDS // CHUNK
    assert field.sql("select count(*), sum(reports), min(reports), max(reports) from covered") == [
        (FILES, FILES * BUILDS, BUILDS, BUILDS)
    ]
    assert field.one("select sum(lines) from covered") == field.one("select sum(lines) from report")
    assert field.one("select count(*) from tickwork.parked") == 0
    store.close()
