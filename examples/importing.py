"""An import of many rows with progress: one bulk, put once whatever is clicked twice; counted, cancelled, resumed.

All tasks of the bulk are written in one transaction, ten thousand to a statement. Rows that cannot be imported give up
and are counted; when the cause is mended they are resumed, and nothing that went well runs again.

    $ python examples/importing.py
    putting: 10000 of 25000
    putting: 20000 of 25000
    putting: 25000 of 25000
    clicked twice: still bulk 1 with 25000 rows
    the first rows at once, the others at night: 8991 imported, 9 failed, 16000 left
    cancelled: 8991 imported, 9 failed, 16000 cancelled, 0 left
    resumed: 24990 imported, 10 failed, state done
    the ten rows mended and resumed: 25000 imported, 0 failed, state done
    every row was imported exactly once: True
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tickwork import GiveUp, Tickwork
from tickwork.model.bulk import Bulk
from tickwork.testing import TimeTravel

ROWS, AT_ONCE = 25_000, 9_000
NIGHT = timedelta(hours=12)


def main() -> None:
    with Tickwork("sqlite://") as app:
        app.migrate()
        travel = TimeTravel(app)
        imported: Counter[int] = Counter()
        broken = set(range(0, 10_000, 1_000))

        @app.handler("row.import")
        def import_row(number: int) -> None:
            if number in broken:
                raise GiveUp("no such column")
            imported[number] += 1

        def put(say: bool) -> Bulk:
            rows = ((import_row.task(number=n), {} if n < AT_ONCE else {"delay": NIGHT}) for n in range(ROWS))

            def progress(done: int, total: int) -> None:
                if say:
                    print(f"putting: {done} of {total}")

            return app.bulk.put("customers.csv", rows, once="import/customers.csv", progress=progress)

        def settled() -> None:
            travel.run_due()
            travel.by(timedelta(seconds=5))
            app.generators.run_due()

        bulk = put(say=True)
        again = put(say=False)
        print(f"clicked twice: still bulk {again.id} with {len(app.tasks.list(limit=100_000))} rows")

        settled()
        found = app.bulk.get(bulk.id)
        print("the first rows at once, the others at night: ", end="")
        print(f"{found.done} imported, {found.failed} failed, {found.left} left")

        found = app.bulk.cancel(bulk.id)
        counts = f"{found.done} imported, {found.failed} failed, {found.counts['cancelled']} cancelled"
        print(f"cancelled: {counts}, {found.left} left")

        app.bulk.resume(bulk.id)
        settled()
        found = app.bulk.get(bulk.id)
        print(f"resumed: {found.done} imported, {found.failed} failed, state {found.state}")

        broken.clear()
        app.bulk.resume(bulk.id)
        settled()
        found = app.bulk.get(bulk.id)
        print(f"the ten rows mended and resumed: {found.done} imported, {found.failed} failed, state {found.state}")
        print(f"every row was imported exactly once: {set(imported.values()) == {1} and len(imported) == ROWS}")


if __name__ == "__main__":
    main()
