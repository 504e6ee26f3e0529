"""Coverage of many files by several builds, added up in chunks: each chunk exactly once, with progress, resumable.

Sums, place and progress are one commit; a worker that dies between two chunks loses nothing and adds nothing twice.

    $ python examples/coverage.py
    1000 files, 3 builds: 3000 reports
    one chunk of 500 was added: 500 reports so far
    the next one breaks off in the middle: 500 reports so far
    worked off: 3000 reports, 1000 files, 125632 lines covered: exact
"""

from __future__ import annotations

import logging
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tickwork import Aggregate, OwnTransaction, Tickwork
from tickwork.watch import ManualWatch


class Model(DeclarativeBase):
    pass


class Report(Model):
    __tablename__ = "report"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[str]
    lines: Mapped[int]


class Covered(Model):
    __tablename__ = "covered"
    file: Mapped[str] = mapped_column(primary_key=True)
    reports: Mapped[int]
    lines: Mapped[int]


class Adding:
    """Adds chunks up; it can be made to break."""

    breaks = False

    def __call__(self, rows: list[dict[str, Any]], own: OwnTransaction) -> None:
        for number, row in enumerate(rows):
            if self.breaks and number == 250:
                raise RuntimeError("out of memory")
            own.execute(
                f"insert into covered values ('{row['file']}', 1, {row['lines']}) on conflict (file) do update"
                f" set reports = covered.reports + 1, lines = covered.lines + {row['lines']}"
            )


def main() -> None:
    logging.getLogger("tickwork").setLevel(logging.ERROR)  # what fails here is meant to
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'facts.db'}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        Model.metadata.create_all(engine)
        watch = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
        with Tickwork(address, watch=watch) as app:
            app.migrate()
            tale(app, engine, watch)
        engine.dispose()


def tale(app: Tickwork, engine: Any, watch: ManualWatch) -> None:
    adding = Adding()
    app.generators.add(Aggregate("coverage", "report", adding, chunk=500))
    with Session(engine) as session, session.begin():
        session.add_all(Report(file=f"{n:04}.py", lines=(n * build) % 86) for build in (1, 2, 3) for n in range(1000))
    print("1000 files, 3 builds: 3000 reports")
    app.generators.run_due(limit=1)
    print(f"one chunk of 500 was added: {told(engine)[0]} reports so far")
    adding.breaks = True
    app.generators.run_due(limit=1)
    print(f"the next one breaks off in the middle: {told(engine)[0]} reports so far")
    adding.breaks = False
    watch.wind(timedelta(minutes=1))
    app.generators.run_due()
    reports, files, lines = told(engine)
    with Session(engine) as session:
        right = lines == session.scalar(select(func.sum(Report.lines)))
    print(f"worked off: {reports} reports, {files} files, {lines} lines covered: {'exact' if right else 'WRONG'}")


def told(engine: Any) -> tuple[int, int, int]:
    """Reports added, files, lines."""
    with Session(engine) as session:
        sums = select(
            func.coalesce(func.sum(Covered.reports), 0), func.count(), func.coalesce(func.sum(Covered.lines), 0)
        )
        found = session.execute(sums).one()
        return int(found[0]), int(found[1]), int(found[2])


if __name__ == "__main__":
    main()
