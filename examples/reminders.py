"""Reminders on an object, with a comment, over one or more channels: each channel is a handler of one topic.

A reminder is one trigger, in the transaction of whatever it is about. When it fires, each channel that has subscribed
gets a task of its own: one whose channel is down is retried by itself, and nobody is told twice by the others.

    $ python examples/reminders.py
    a reminder for yesterday: refused, at: 2026-03-01 09:00 is over
    set: reminder/page/7/ann for 2026-03-02 15:00, about page/7
    15:00 mail to ann fails: the server is down
    15:00 web: ann, page/7 wants a look: read the sources
    15:01 mail to ann: page/7 wants a look: read the sources
    web told once, mail told once; mail was tried twice
    moved to 16:00, cancelled at 15:30: told 0 times
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

from tickwork import RetryAfter, Task, Tickwork, Topic, clocks
from tickwork.testing import TimeTravel

TOPIC = "reminder.due"


def remind(app: Tickwork, now: datetime, person: str, subject: str, at: datetime, comment: str) -> str:
    """Set a reminder and return its key; what is over is refused, as a web page would with a 400."""
    if at <= now:
        raise ValueError(f"at: {at:%Y-%m-%d %H:%M} is over")
    what = Topic.of(TOPIC, {"person": person, "subject": subject, "comment": comment})
    return app.trigger(f"reminder/{subject}/{person}", clocks.Once(at), what, object=subject, rearm=True).key


def main() -> None:
    with Tickwork("sqlite://") as app:
        app.migrate()
        travel = TimeTravel(app, at=datetime(2026, 3, 2, 9, tzinfo=timezone.utc))
        told, tried = Counter[str](), Counter[str]()

        @app.handler("remind.web")
        def web(task: Task, person: str, subject: str, comment: str) -> None:
            told["web"] += 1
            print(f"{travel.now:%H:%M} web: {person}, {subject} wants a look: {comment}")

        @app.handler("remind.mail")
        def mail(task: Task, person: str, subject: str, comment: str) -> None:
            tried["mail"] += 1
            if tried["mail"] == 1:
                print(f"{travel.now:%H:%M} mail to {person} fails: the server is down")
                raise RetryAfter(timedelta(minutes=1))
            told["mail"] += 1
            print(f"{travel.now:%H:%M} mail to {person}: {subject} wants a look: {comment}")

        app.topics.subscribe(TOPIC, web, mail)
        app.topics.declare_all()
        try:
            remind(app, travel.now, "ann", "page/7", travel.now - timedelta(days=1), "too late")
        except ValueError as error:
            print(f"a reminder for yesterday: refused, {error}")
        at = travel.now.replace(hour=15)
        key = remind(app, travel.now, "ann", "page/7", at, "read the sources")
        print(f"set: {key} for {at:%Y-%m-%d %H:%M}, about {app.triggers.get(key).object}")
        travel.to(at + timedelta(minutes=5))
        print(f"web told once, mail told once; mail was tried {'twice' if tried['mail'] == 2 else tried['mail']}")
        assert told == {"web": 1, "mail": 1}

        told.clear()
        remind(app, travel.now, "ann", "page/7", travel.now.replace(hour=16, minute=0), "once more")
        travel.to(travel.now.replace(hour=15, minute=30))
        app.objects.cancel("page/7")
        travel.by(timedelta(days=1))
        print(f"moved to 16:00, cancelled at 15:30: told {told.total()} times")


if __name__ == "__main__":
    main()
