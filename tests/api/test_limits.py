"""Limits as operators see them: said, listed, removed, explained; by the application and by the command."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tickwork import Limit, Tickwork
from tickwork.cli.main import run
from tickwork.errors import InvalidInput, NotFound


@pytest.fixture
def app(database: str) -> Any:
    app = Tickwork(database)

    @app.handler("mail.send", rate="2/day", limits=[Limit(concurrency=1, per="customer")])
    def send(customer: str) -> None: ...

    yield app
    app.close()


def test_an_operator_says_a_limit_and_takes_it_back(app: Tickwork, database: str, capsys: Any) -> None:
    assert run(["limit", "list", "--database", database]) == 0
    assert "nothing is limited" in capsys.readouterr().err
    assert run(["limit", "set", "mail.send", "--concurrency", "3", "--per", "customer", "--database", database]) == 0
    assert run(["limit", "set", "*", "--rate", "10/15s", "--in", "tenant", "--database", database]) == 0
    capsys.readouterr()
    assert run(["limit", "list", "--json", "--database", database]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [
        (row["namespace"], row["handler"], row["per"], row["concurrency"], row["rate"], row["said"]) for row in rows
    ] == [
        ("", "mail.send", "customer", 3, None, "operator"),
        ("tenant", "*", "", None, "10/15s", "operator"),
    ]
    assert run(["limit", "remove", "mail.send", "--database", database]) == 3
    assert run(["limit", "remove", "mail.send", "--per", "customer", "--database", database]) == 0
    assert len(app.limits.list()) == 1


def test_what_cannot_be_is_refused_and_nothing_is_written(app: Tickwork, database: str) -> None:
    for wrong in (["--concurrency", "0"], ["--rate", "fast"], []):
        assert run(["limit", "set", "mail.send", *wrong, "--database", database]) == 2
    with pytest.raises(InvalidInput, match="per"):
        app.limits.set("*", concurrency=1, per="customer")
    with pytest.raises(NotFound, match="no limit of 'nobody'"):
        app.limits.remove("nobody")
    assert app.limits.list() == []


def test_one_that_waits_for_a_place_is_shown_and_explained(app: Tickwork, database: str, capsys: Any) -> None:
    send = app.handlers["mail.send"]
    tasks = [app.put(send.task(customer="acme")).id for _ in range(4)]
    app.tick()
    assert [(each.outcome, each.id) for each in app.tasks.list_archived()] == [("done", tasks[1]), ("done", tasks[0])]
    assert [(lane.per, lane.key, lane.places, lane.units, lane.waiting) for lane in app.limits.lanes()] == [
        ("", "", 0, 2, 1),
        ("customer", "acme", 1, 0, 1),
    ]
    why = app.why(f"task:{tasks[2]}")
    assert why.verdict == "it waits for a place: mail.send is limited to 2/day, and it is the next one"
    why = app.why(f"task:{tasks[3]}")
    assert why.verdict == (
        "it waits for a place: mail.send with customer 'acme' is limited to 1 at once, and it is the next one"
    )
    assert run(["limit", "show", "--database", database]) == 0
    assert "acme" in capsys.readouterr().out
    listed = {each.id: each for each in app.tasks.list()}
    assert listed[tasks[2]].state == "waiting"
    assert listed[tasks[2]].available_at == listed[tasks[2]].asked_at
    assert app.tasks.free(tasks[2] or 0).did == "unchanged"


def test_units_and_a_key_may_be_said_where_a_task_is_put(app: Tickwork, database: str) -> None:
    send = app.handlers["mail.send"]
    many = app.tasks.put_many([(send.task(customer=str(n)), {"units": 2, "limit_key": "all"}) for n in range(3)])
    assert many.put == 3
    app.tick()
    assert len(app.tasks.list_archived()) == 1
    (lane,) = [lane for lane in app.limits.lanes() if lane.per]
    assert lane.key == "all"
    again = app.tasks.list_archived()[0].id
    app.limits.set("mail.send", rate="4/day")
    app.tick()
    assert len(app.tasks.list_archived()) == 2
    assert app.tasks.retry(again, repeat=True).did == "retried"
    app.limits.set("mail.send", rate="5/day")  # not enough for two more: it came back with what it was worth
    app.tick()
    assert len(app.tasks.list_archived()) == 1
    assert (
        run(["task", "put", "mail.send", "--payload", '{"customer": "x"}', "--units", "0", "--database", database]) == 2
    )
