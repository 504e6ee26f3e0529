"""Builds that fail after what their plan allows: when the plan's limit changes every running build follows.

No date is stored per build, so the change is one row of the application's own. The models are SQLAlchemy's; each
overdue build is failed in one transaction with the end of that piece of work, so exactly once.

    $ python examples/build_timeouts.py
    100 builds run, their plan allows an hour; one has a plan without a limit
    at 59 minutes the plan is changed to two hours
    after an hour: 0 failed
    after two hours: 100 failed, each once; triggers written: 0
    the one without a limit: running
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tickwork import Deadline, OwnTransaction, Tickwork
from tickwork.watch import ManualWatch

OVERDUE = """
    select b.id as identifier
      from build b join plan p on p.id = b.plan_id
     where b.status = 'running' and b.started_at + p.seconds * 1000000 <= :now
     order by b.started_at
"""


class Model(DeclarativeBase):
    pass


class Plan(Model):
    __tablename__ = "plan"
    id: Mapped[int] = mapped_column(primary_key=True)
    seconds: Mapped[int | None] = mapped_column(BigInteger)


class Build(Model):
    __tablename__ = "build"
    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    status: Mapped[str]
    started_at: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(default=0)


def fail(identifier: str, own: OwnTransaction) -> None:
    """Fail one build; it is overdue, and nobody else has it."""
    own.execute(f"update build set status = 'failed', failures = failures + 1 where id = {int(identifier)}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'builds.db'}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        Model.metadata.create_all(engine)
        watch = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
        with Tickwork(address, watch=watch) as app:
            app.migrate()
            app.generators.add(Deadline("build-timeout", OVERDUE, fail))
            tale(app, engine, watch)
        engine.dispose()


def tale(app: Tickwork, engine: Any, watch: ManualWatch) -> None:
    now = watch.now()
    with Session(engine) as session, session.begin():
        session.add_all([Plan(id=1, seconds=3600), Plan(id=2, seconds=None)])
        session.flush()
        session.add_all(Build(id=n, plan_id=1, status="running", started_at=now) for n in range(1, 101))
        session.add(Build(id=101, plan_id=2, status="running", started_at=now))
    print("100 builds run, their plan allows an hour; one has a plan without a limit")
    watch.wind(timedelta(minutes=59))
    app.generators.run_due()
    with Session(engine) as session, session.begin():
        session.get_one(Plan, 1).seconds = 7200
    print("at 59 minutes the plan is changed to two hours")
    watch.wind(timedelta(minutes=1))
    app.generators.run_due()
    print(f"after an hour: {failed(engine)[0]} failed")
    watch.wind(timedelta(hours=1))
    app.generators.run_due()
    count, times = failed(engine)
    triggers = sum(app.counts().triggers.values())
    print(
        f"after two hours: {count} failed, each {'once' if times == count else 'not once'}; triggers written: {triggers}"
    )
    with Session(engine) as session:
        print(f"the one without a limit: {session.get_one(Build, 101).status}")


def failed(engine: Any) -> tuple[int, int]:
    """How many builds have failed, and how often in all."""
    with Session(engine) as session:
        count = select(func.count(), func.coalesce(func.sum(Build.failures), 0)).where(Build.status == "failed")
        found = session.execute(count).one()
        return int(found[0]), int(found[1])


if __name__ == "__main__":
    main()
