"""A watchlist whose entries expire: gone for readers at their time, removed lazily, a page that is extended survives.

The filter for reads is an expression on a SQLAlchemy model, a Django ``Q``, or a piece of SQL, all of one rule. The
application collects a table of its own beside it, at the lowest priority.

    $ python examples/watchlist.py
    250 pages watched for a day, one for ever, one for two days: 252 seen
    a day later: 2 seen by SQLAlchemy, 2 by SQL, 252 rows are there
    Django asks: (OR: ('expires_at__isnull', True), ('expires_at__gt', datetime.datetime(2026, 1, 2, 10, 0)))
    collected: 2 rows are left, 0 of 30 pages in the cache
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tickwork import ExpiryRule, OwnTransaction, Tickwork
from tickwork.watch import ManualWatch, from_instant


class Model(DeclarativeBase):
    pass


class Watched(Model):
    __tablename__ = "watched"
    id: Mapped[int] = mapped_column(primary_key=True)
    page: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)  # UTC; null: for ever


class Cached(Model):
    __tablename__ = "cached"
    id: Mapped[int] = mapped_column(primary_key=True)


RULE = ExpiryRule("watched", kind="naive")


def forget(own: OwnTransaction, now: int, limit: int) -> int:
    """Remove a slice of the cache."""
    removed: int = own.execute(f"delete from cached where id in (select id from cached limit {limit})").rowcount
    return removed


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'wiki.db'}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        Model.metadata.create_all(engine)
        watch = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
        with Tickwork(address, watch=watch) as app:
            app.migrate()
            app.generators.expire(RULE, every=timedelta(hours=1), batch=100)
            app.generators.collect("cache", forget, batch=10)
            tale(app, engine, watch)
        engine.dispose()


def tale(app: Tickwork, engine: Any, watch: ManualWatch) -> None:
    def now() -> datetime:
        return from_instant(watch.now()).replace(tzinfo=None)

    with Session(engine) as session, session.begin():
        session.add_all(Watched(page=f"Page {n}", expires_at=now() + timedelta(days=1)) for n in range(250))
        session.add_all(
            [Watched(page="Main", expires_at=None), Watched(page="News", expires_at=now() + timedelta(days=2))]
        )
        session.add_all(Cached() for _ in range(30))
    seen = select(func.count()).select_from(Watched)
    with Session(engine) as session:
        count = session.scalar(seen.where(RULE.visible_by(Watched.expires_at, now())))
        print(f"250 pages watched for a day, one for ever, one for two days: {count} seen")
    watch.wind(timedelta(days=1))
    with Session(engine) as session:
        by_model = session.scalar(seen.where(RULE.visible_by(Watched.expires_at, now())))
        sql = text(f"select count(*) from watched where {RULE.visible()}").bindparams(naive=now())
        print(
            f"a day later: {by_model} seen by SQLAlchemy, {session.scalar(sql)} by SQL, {session.scalar(seen)} rows are there"
        )
    print(f"Django asks: {RULE.visible_q(now())}")
    app.generators.run_due()
    with Session(engine) as session:
        cached = session.scalar(select(func.count()).select_from(Cached))
        print(f"collected: {session.scalar(seen)} rows are left, {cached} of 30 pages in the cache")


if __name__ == "__main__":
    main()
