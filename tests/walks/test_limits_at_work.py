"""Limits with real processes: two workers, one killed in the middle; the archive shows that no limit was exceeded.

A small sample of ``make verify NAME=limits``, with the same checks.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.processes import child
from tests.verify.limits import TALES, application, at_once, rows, within_a_second
from tests.walks.test_two_workers import until

WORKER = "import sys; from tests.verify.limits import worker; worker(*sys.argv[1:])"
KEYS, EACH = 4, 15


def test_the_checks_see_what_they_are_to_see() -> None:
    second = 1_000_000
    assert at_once([(0, 10), (10, 20), (5, 12)]) == 2
    assert at_once([(0, 10), (10, 20)]) == 1
    assert within_a_second([(0, 0), (second - 1, 0), (second, 0)]) == 2


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
@pytest.mark.parametrize("kind", ["one", "few"])
def test_two_workers_of_which_one_is_killed(database: str, kind: str, tell: Callable[[str], None]) -> None:
    app = application(database, kind)
    work = app.handlers["work"]
    app.tasks.put_many(work.task(key=number % KEYS) for number in range(KEYS * EACH))

    def archived() -> int:
        return int(rows(app, "select count(*) from tickwork.archive")[0][0])

    with child("-c", WORKER, database, kind) as doomed, child("-c", WORKER, database, kind) as steady:
        until(lambda: archived() > KEYS)
        doomed.kill()
        until(lambda: archived() == KEYS * EACH)
        assert steady.alive
    runs = rows(app, "select payload, started_at, finished_at from tickwork.archive")
    spans = [[(start, end) for payload, start, end in runs if payload == key] for key in {row[0] for row in runs}]
    assert len(spans) == KEYS
    most = max((at_once if kind == "one" else within_a_second)(each) for each in spans)
    assert most <= {"one": 1, "few": 10}[kind]
    assert TALES[kind].per == "key"
    tell(f"two workers and a kill at the limit {TALES[kind]}: at most {most}")
    app.close()
