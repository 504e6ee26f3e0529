"""An application's own table is collected, at the lowest priority: in slices, at leisure, and no sooner for a restart.

Sessions that nobody has used for 30 days. The models are SQLAlchemy's; a slice is a statement of the application's. What
is known of the collector (when it looks again, how much it has removed) stands in the database.

    $ python examples/collection.py
    10000 sessions, 9000 of them unused for 30 days
    one slice of 500 and then somebody's task: 8500 are left, the task is done
    swept in 18 slices and a last look: 1000 sessions are left, all in use
    a week in which nothing is old: looked 9 times, first after 4 hours, in the end once a day
    restarted 20 times: looked 0 times
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tickwork import OwnTransaction, Tickwork
from tickwork.watch import DAY, ManualWatch

UNUSED = 30 * DAY


class Model(DeclarativeBase):
    pass


class Login(Model):
    __tablename__ = "login"
    id: Mapped[int] = mapped_column(primary_key=True)
    used_at: Mapped[int] = mapped_column(BigInteger, index=True)


class Sweeping:
    """Removes a slice, and notes when it was called."""

    def __init__(self) -> None:
        self.looks: list[int] = []

    def __call__(self, own: OwnTransaction, now: int, limit: int) -> int:
        self.looks.append(now)
        old = f"select id from login where used_at < {now - UNUSED} order by used_at limit {limit}"
        return int(own.execute(f"delete from login where id in ({old})").rowcount)


def opened(address: str, watch: ManualWatch, sweeping: Sweeping) -> Tickwork:
    app = Tickwork(address, watch=watch)
    app.generators.collect("logins", sweeping, every=timedelta(hours=4), batch=500)
    app.handler("greet")(lambda: None)
    return app


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'shop.db'}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        Model.metadata.create_all(engine)
        watch, sweeping = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc)), Sweeping()
        with opened(address, watch, sweeping) as app:
            app.migrate()
            tale(app, engine, watch, sweeping)
        looked = len(sweeping.looks)
        for _ in range(20):
            watch.wind(timedelta(minutes=1))
            with opened(address, watch, sweeping) as again:
                again.generators.run_due()
        print(f"restarted 20 times: looked {len(sweeping.looks) - looked} times")
        engine.dispose()


def tale(app: Tickwork, engine: Any, watch: ManualWatch, sweeping: Sweeping) -> None:
    now = watch.now()
    with Session(engine) as session, session.begin():
        session.add_all(Login(used_at=now - UNUSED - n - 1 if n < 9_000 else now + 30 * DAY) for n in range(10_000))
    count = select(func.count()).select_from(Login)
    with Session(engine) as session:
        old = session.scalar(count.where(Login.used_at < now - UNUSED))
        print(f"{session.scalar(count)} sessions, {old} of them unused for 30 days")
    while not sweeping.looks:
        app.generators.run_due(limit=1)  # Tickwork's own collectors have their turns, too
    task = app.put(app.handlers.find("greet").task())
    (done,) = app.run_tasks(task.id)
    with Session(engine) as session:
        old = session.scalar(count.where(Login.used_at < now - UNUSED))
        print(f"one slice of 500 and then somebody's task: {old} are left, the task is {done.outcome}")
    app.generators.run_due()
    with Session(engine) as session:
        slices, left = len(sweeping.looks) - 1, session.scalar(count)
        print(f"swept in {slices} slices and a last look: {left} sessions are left, all in use")
    looked = len(sweeping.looks)
    for _ in range(7 * 24):
        watch.wind(timedelta(hours=1))
        app.generators.run_due()
    looks = sweeping.looks[looked:]
    first, last = (looks[0] - now) // (DAY // 24), "once a day" if looks[-1] - looks[-2] == DAY else "more often"
    print(f"a week in which nothing is old: looked {len(looks)} times, first after {first} hours, in the end {last}")


if __name__ == "__main__":
    main()
