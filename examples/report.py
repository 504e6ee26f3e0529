"""A report over many parts: a task fans out, another one goes on when all parts are over, and a third when it is done.

The parts are put with the completion of the task that found them; a part that fails for good does not keep the report
from being written, since it says ``on_failure="run"``, and it says how many are missing. Everything is a task from the
beginning: the report can be found by its key, and cancelled with all its parts.

    $ python examples/report.py
    march: 200 parts found
    march: 3 of 200 parts are missing, the others sum up to 19700
    march: mailed
    april: put, and exists when it is asked for again
    april: cancelled with its parts, 201 tasks; 0 parts counted
"""

from __future__ import annotations

from tickwork import GiveUp, Group, Task, Tickwork
from tickwork.testing import TimeTravel

PARTS = 200
BROKEN = (40, 60, 100)


def main() -> None:
    with Tickwork("sqlite://") as app:
        app.migrate()
        travel = TimeTravel(app)

        @app.handler("part.count", keep_result=True)
        def count(month: str, number: int) -> int:
            if number in BROKEN and month == "march":
                raise GiveUp("its file is broken")
            return number

        @app.handler("report.write")
        def write(task: Task, month: str) -> None:
            assert task.gathered is not None
            total = sum(each.value or 0 for each in app.tasks.results(task.gathered))
            failed, parts = task.gathered.failed, task.gathered.total
            print(f"{month}: {failed} of {parts} parts are missing, the others sum up to {total}")

        @app.handler("report.mail")
        def mail(month: str) -> None:
            print(f"{month}: mailed")

        @app.handler("report.find")
        def find(task: Task, month: str) -> None:
            parts = Group(count.task(month=month, number=number) for number in range(PARTS))
            report = parts.then(write.task(month=month), on_failure="run", key=f"report/{month}")
            task.put(report.then(mail.task(month=month)))
            print(f"{month}: {PARTS} parts found")

        app.put(find.task(month="march"))
        travel.run_due()

        april = Group(count.task(month="april", number=number) for number in range(PARTS)).then(
            write.task(month="april")
        )
        first, again = (app.put(april, key="report/april", delay=3600).did for _ in range(2))
        print(f"april: {first}, and {again} when it is asked for again")
        before = len(app.tasks.list(limit=1_000))
        app.tasks.cancel("report/april", flow=True)
        travel.by(7200)
        counted = app.counts().archive["done"] - 197 - 3
        print(f"april: cancelled with its parts, {before} tasks; {counted} parts counted")


if __name__ == "__main__":
    main()
