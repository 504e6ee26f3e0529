"""A mail digest: notices gather for ten quiet minutes, and go out as one mail; nobody is mailed more than once a day.

Each notice puts the person's digest under one key and debounces it: the mail moves to ten minutes after the last
notice. A second key with a period sends the weekly summary once a week, however often it is asked for.

    $ python examples/digest.py
    09:00 ann is told of page/0: the digest will go at 09:10
    09:04 ann is told of page/1: the digest will go at 09:14
    09:08 ann is told of page/2: the digest will go at 09:18
    09:18 mail to ann: page/0, page/1, page/2
    09:30 ann is told of page/3: the digest will go at 09:40
    09:35 ann does not want it: cancelled, and no mail goes
    asked for the weekly summary on 10 days: sent on day 0 and day 7
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone

from tickwork import Task, Tickwork
from tickwork.testing import TimeTravel

QUIET = timedelta(minutes=10)
WEEK = timedelta(days=7)


def main() -> None:
    with Tickwork("sqlite://") as app:
        app.migrate()
        travel = TimeTravel(app, at=datetime(2026, 1, 1, 9, tzinfo=timezone.utc))
        notices: dict[str, list[str]] = defaultdict(list)
        summaries: list[int] = []

        @app.handler("digest.send")
        def send(task: Task, person: str) -> None:
            print(f"{travel.now:%H:%M} mail to {person}: {', '.join(notices.pop(person))}")

        @app.handler("summary.send")
        def summary(task: Task) -> None:
            summaries.append((travel.now - datetime(2026, 1, 2, tzinfo=timezone.utc)).days)

        def notice(person: str, page: str) -> None:
            notices[person].append(page)
            app.put(send.task(person=person), key=f"digest/{person}", delay=QUIET, existing="debounce")
            goes_at = datetime.fromtimestamp((app.tasks.get(f"digest/{person}").available_at or 0) / 1e6, timezone.utc)
            print(f"{travel.now:%H:%M} {person} is told of {page}: the digest will go at {goes_at:%H:%M}")

        for number in range(3):
            notice("ann", f"page/{number}")
            travel.by(timedelta(minutes=4))
        travel.to(datetime(2026, 1, 1, 9, 30, tzinfo=timezone.utc))
        notice("ann", "page/3")
        travel.by(timedelta(minutes=5))
        done = app.tasks.cancel("digest/ann", reason="unsubscribed")
        print(f"{travel.now:%H:%M} ann does not want it: {done.did}, and no mail goes")

        travel.to(datetime(2026, 1, 2, tzinfo=timezone.utc))
        for _ in range(10):
            app.put(summary.task(), key="summary", scope=WEEK)
            travel.by(timedelta(days=1))
        days = " and ".join(f"day {day}" for day in summaries)
        print(f"asked for the weekly summary on 10 days: sent on {days}")


if __name__ == "__main__":
    main()
