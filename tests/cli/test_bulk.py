"""Bulk commands at the command line: nothing by accident, each task told, an honest exit code. On every store."""

from __future__ import annotations

import json

import pytest

from tests.api.test_keys import claimed_by_worker
from tests.api.test_tasks import run_due
from tickwork import Group, Tickwork, clocks
from tickwork.cli.main import run
from tickwork.model.action import PutTask
from tickwork.model.retry import Backoff
from tickwork.signals import Snooze
from tickwork.store import workers


@pytest.fixture
def app(database, monkeypatch):
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    with Tickwork(database) as app:

        @app.handler("work")
        def work(number: int = 0) -> None: ...

        @app.handler("fails", backoff=Backoff(first=3_600_000_000, jitter=0.0))
        def fails() -> None:
            raise ValueError("no")

        @app.handler("snoozes")
        def snoozes() -> None:
            raise Snooze(3600)

        yield app


@pytest.fixture
def say(capsys):
    def say(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return say


def put(app, handler: str = "work", **treatment) -> int:
    return app.put(PutTask(handler), **treatment).id


@pytest.mark.parametrize("verb", ["cancel", "retry", "free", "awaken", "delay --for 1h", "priority --priority 7"])
def test_k1_without_a_selector_nothing_is_changed(app, say, verb):
    """K1: a usage error, and nothing changed; a limit alone is no selector."""
    number = put(app)
    for words in ([], ["--limit", 3], ["--dry-run"]):
        code, _, err = say("task", *verb.split(), *words)
        assert (code, "say which tasks" in err) == (2, True), err
    assert app.tasks.get(number).state == "ready"


def test_k3_k4_k6_bounds(app, say):
    """K3: at most one failure selects 0 of those that failed more. K4: 0 to 0. K6: 5 to 2 is a usage error."""
    failed = put(app, "fails")
    run_due(app)
    fresh = put(app, "fails")
    assert say("task", "cancel", "--min-failures", 2)[0] == 0
    assert say("task", "cancel", "--min-failures", 5, "--max-failures", 2)[0] == 2
    code, out, err = say("task", "cancel", "--min-failures", 0, "--max-failures", 0)
    assert (code, out, err) == (0, f"cancelled: task {fresh} (fails)\n", "1 task: 1 cancelled\n")
    assert app.tasks.get(failed).state == "waiting"
    assert say("task", "cancel", "--max-failures", 0)[2] == "no such tasks\n"


def test_k7_a_limit(app, say):
    """K7: of ids 1 to 5 of equal priority the first two."""
    ids = [put(app) for _ in range(5)]
    code, out, _ = say("task", "cancel", "--handler", "work", "--limit", 2, "--json")
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids[:2]


def test_k9_k10_priority(app, say):
    """K9: only the second changes, "from 2000 to 7". K10: 0 is a usage error."""
    ids = [put(app, priority=priority) for priority in (1000, 2000, 3000)]
    assert say("task", "priority", "--handler", "work", "--priority", 0)[0] == 2
    bounds = ("--min-priority", 1500, "--max-priority", 2500)
    code, out, _ = say("task", "priority", "--handler", "work", *bounds, "--priority", 7)
    assert (code, out) == (0, f"edited: task {ids[1]} (work) from 2000 to 7\n")
    assert [app.tasks.get(each).priority for each in ids] == [1000, 7, 3000]


def test_k9_what_is_so_already_is_unchanged(app, say):
    """K9: said so, by name, by filter and as JSON; it is as it was wanted, so that is no failure."""
    task, other = put(app, priority=2000, key="k"), put(app, priority=7)
    assert say("task", "priority", "k", "--priority", 7)[:2] == (0, f"edited: task {task} (key k)\n")
    assert say("task", "priority", "k", "--priority", 7)[:2] == (0, f"unchanged: task {task} (key k)\n")
    code, out, _ = say("task", "priority", task, "--priority", 7, "--json")
    assert (code, json.loads(out)["did"]) == (0, "unchanged")
    for did in ("edited", "unchanged"):
        assert say("task", "delay", task, "--until", "2099-01-01T00:00:00Z")[:2] == (0, f"{did}: task {task} (key k)\n")
    code, out, err = say("task", "priority", "--handler", "work", "--priority", 7)
    assert (code, err) == (0, "2 tasks: 2 unchanged\n")
    assert sorted(out.splitlines()) == sorted(
        [f"unchanged: task {task} (work, key k)", f"unchanged: task {other} (work)"]
    )


def test_k12_retry(app, say):
    """K12: active and done ones are left with a warning; with --repeat, failed and cancelled ones come back."""
    done, cancelled = put(app), put(app, delay=3600)
    run_due(app)
    code, _, err = say("task", "retry", cancelled)
    assert (code, err) == (1, f"tickwork: task {cancelled} was not retried: it is not over\n")
    app.tasks.cancel(cancelled)
    code, _, err = say("task", "retry", done)
    assert (code, "say --repeat" in err) == (1, True)
    assert say("task", "retry", done, "--repeat")[:2] == (0, f"retried: task {done}\n")
    assert say("task", "retry", cancelled)[0] == 0
    assert say("task", "retry", 4711)[0] == 3
    assert [task.attempt for task in app.tasks.list()] == [0, 0]
    code, out, _ = say("task", "retry", "--outcome", "done", "--handler", "work")
    assert (code, out) == (0, "")


def test_k13_free(app, say):
    """K13: one that put itself off and one that waits after a failure are freed; one that is ready is told."""
    put_off, failed = put(app, "snoozes"), put(app, "fails")
    run_due(app)
    ready = put(app)
    code, out, err = say("task", "free", put_off, failed, ready)
    assert (code, out) == (1, f"freed: task {put_off}\nfreed: task {failed}\n")
    assert "is left as it is" in err
    assert {task.state for task in app.tasks.list()} == {"ready"}


def test_q9_delay_and_until_now(app, say):
    """Q9: delayed by 6 h, then until now."""
    number = put(app)
    assert say("task", "delay", number, "--for", "6h")[0] == 0
    assert app.tasks.get(number).state == "waiting"
    assert say("task", "delay", number, "--until", "now")[0] == 0
    assert app.tasks.get(number).state == "ready"
    assert say("task", "delay", number)[0] == 2


def test_x21_awaken(app, say):
    put_off, failed = put(app, "snoozes"), put(app, "fails")
    run_due(app)
    running = put(app)
    claimed_by_worker(app)
    code, out, err = say("task", "awaken", put_off, failed, running)
    assert code == 1
    assert out.splitlines()[0].startswith("running: ")
    assert "3 tasks: 1 freed, 1 running, 1 unchanged" in err
    assert app.tasks.get(failed).state == "waiting"


def test_dry_runs_change_nothing(app, say):
    number = put(app)
    for verb in ("cancel", "free", "delay --for 1h", "priority --priority 7"):
        code, out, _ = say("task", *verb.split(), "--handler", "work", "--dry-run")
        assert (code, out.startswith("would ")) == (0, True)
    found = app.tasks.get(number)
    assert (found.state, found.priority) == ("ready", 2000)


def test_flood(app, say):
    run_due(app)  # its worker registers what it knows
    code, out, _ = say("task", "flood", "work", "--count", 2_500, "--container", "flood", "--json")
    assert (code, json.loads(out)) == (0, {"put": 2500, "handler": "work"})
    assert app.objects.count(container="flood").tasks == {"ready": 2500}
    assert say("task", "flood", "nobody")[0] == 3
    assert say("task", "cancel", "--container", "flood")[0] == 0


def test_put_with_what_a_key_does(app, say):
    run_due(app)
    assert say("task", "put", "work", "--key", "k", "--scope", "waiting", "--delay", "1h")[1].startswith("put: ")
    assert say("task", "put", "work", "--key", "k", "--existing", "debounce", "--delay", "2h")[1].startswith("edited: ")
    assert say("task", "put", "work", "--key", "p", "--period", "1h")[1].startswith("put: ")
    assert say("task", "put", "work", "--key", "p", "--period", "1h", "--scope", "waiting")[0] == 2
    assert say("task", "put", "work", "--dedupe", "--payload", '{"number": 7}')[1].startswith("put: ")
    assert say("task", "put", "work", "--dedupe", "--payload", '{"number": 7}')[1].startswith("exists: ")
    assert say("task", "put", "work", "--scope", "waiting")[0] == 2


def test_triggers_by_filter(app, say):
    for n in range(3):
        app.trigger(f"k{n}", clocks.Every(3600), PutTask("work"), object="o" if n else None)
    assert say("trigger", "cancel")[0] == 2
    assert say("trigger", "cancel", "k0", "--object", "o")[0] == 2
    code, out, err = say("trigger", "pause", "--object", "o")
    assert (code, err, len(out.splitlines())) == (0, "2 triggers: 2 paused\n", 2)
    assert say("trigger", "resume", "--object", "o", "--missed", "latest")[0] == 0
    code, out, _ = say("trigger", "retime", "--prefix", "k", "--later", "1h", "--dry-run", "--json")
    assert [json.loads(line)["did"] for line in out.splitlines()] == ["would"] * 3
    assert say("trigger", "retime", "--prefix", "k", "--later", "1h")[2] == "3 triggers: 3 moved\n"
    assert say("trigger", "retime", "--prefix", "k", "--earlier", "1h")[0] == 0
    assert say("trigger", "retime", "--prefix", "k", "--daily", "09:00")[2] == "3 triggers: 3 moved\n"
    assert say("trigger", "retime", "--prefix", "k")[0] == 2
    assert say("trigger", "retime", "--later", "1h")[0] == 2
    assert say("trigger", "cancel", "--handler", "work", "--limit", 2)[2] == "2 triggers: 2 cancelled\n"


def test_x23_objects(app, say):
    app.trigger("k", clocks.Every(3600), PutTask("work"), object="meeting/7")
    put(app, object="meeting/7")
    code, out, _ = say("object", "show", "meeting/7")
    assert (code, "triggers: 1 active" in out, "tasks: 1 ready" in out) == (0, True, True)
    code, out, _ = say("object", "cancel", "meeting/7", "--reason", "off", "--json")
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["trigger", "task"]
    code, out, _ = say("object", "show", "meeting/7", "--json")
    assert json.loads(out) == {"triggers": {"cancelled": 1}, "tasks": {}, "archive": {"cancelled": 1}}


def test_bulk_work(app, say):
    """B3 at the command line: ordered, listed, shown, cancelled, resumed; what does not exist is exit 3."""
    for _ in range(3):
        put(app)
    code, out, _ = say("bulk", "order", "reprioritise", "--handler", "work", "--priority", 7, "--dry-run")
    assert (code, out) == (0, "would reprioritise 3 tasks\n")
    code, out, _ = say("bulk", "order", "reprioritise", "--handler", "work", "--priority", 7, "--json")
    number = json.loads(out)["id"]
    assert say("bulk", "order", "cancel")[0] == 2
    assert say("bulk", "order", "reprioritise", "--handler", "work")[0] == 2
    code, out, _ = say("bulk", "cancel", number)
    assert (code, "cancelled: bulk" in out, "3 left" in out) == (0, True, True)
    assert say("bulk", "resume", number)[0] == 0
    app.generators.run_due()
    code, out, _ = say("bulk", "show", number, "--json")
    found = json.loads(out)
    assert (found["state"], found["done"], found["left"]) == ("done", 3, 0)
    assert len(say("bulk", "list", "--json")[1].splitlines()) == 1
    assert say("bulk", "list", "--state", "running")[2] == "no such bulk work\n"
    assert say("bulk", "show", 4711)[0] == 3


def test_figures(app, say):
    put(app)
    put(app, "fails")
    run_due(app)
    app.generators.run_due()
    code, out, _ = say("task", "figures", "--json")
    found = json.loads(out)
    assert (code, found["handler"], found["counts"], found["failure_rate"]) == (0, "work", {"done": 1}, 0.0)
    assert say("task", "figures", "work")[1].splitlines()[0].split() == [
        "handler", "ended", "failed", "wait", "lateness", "run",
    ]  # fmt: skip
    assert say("task", "figures", "nobody")[2] == "no task has ended\n"


def test_flows_at_the_command_line(app, say):
    """What waits is listed and shown with what it waits for; it is cancelled alone, or with all of it."""
    waiting = [(PutTask("work"), {"delay": 3600})] * 3
    last = app.put(Group(waiting).then(PutTask("work")), key="report/7").id
    other = app.put(Group(waiting).then(PutTask("work"))).id
    code, out, _ = say("task", "show", "report/7", "--json")
    shown = json.loads(out)
    group = {"id": 1, "on_failure": "give up", "total": 3, "unended": 3, "ended": {}}
    assert (code, shown["state"], shown["available_at"], shown["waits_for"]) == (0, "waiting", None, group)
    assert say("task", "show", "report/7")[0] == 0
    assert say("task", "list")[0] == 0
    assert say("task", "cancel", "--handler", "work", "--flow")[0] == 2
    assert say("task", "cancel", other)[:2] == (0, f"cancelled: task {other}\n")
    assert len(app.tasks.list()) == 7
    assert say("task", "cancel", "report/7", "--flow")[:2] == (0, f"cancelled: task {last} (key report/7)\n")
    assert len(app.tasks.list()) == 3
    assert say("task", "cancel", "nobody", "--flow")[0] == 3


def test_awaken_by_key_at_the_command_line(app, say):
    number = put(app, "snoozes", key="gate/7")
    run_due(app)
    code, out, _ = say("task", "awaken", "gate/7")
    assert (code, f"freed: task {number}" in out, app.tasks.get(number).state) == (0, True, "ready")
    assert say("task", "awaken", "gate/8")[0] == 3


def test_s4_60_what_a_person_puts_by_name_is_of_todays_version(app, say):
    """S4-60: who writes a payload by hand writes it for the program that runs, whose workers have said what they read."""
    with app.store.begin("worker") as transaction:
        number = workers.register(transaction, "worker", "here", 8)
        workers.register_handlers(transaction, number, {"mail": workers.Known(None, None, 4, 4)})
    assert say("task", "put", "mail")[0] == 0
    assert say("task", "flood", "mail", "--count", 1)[0] == 0
    assert say("trigger", "put", "tick", "--every", "1h", "--handler", "mail")[0] == 0
    assert [task.payload_version for task in app.tasks.list()] == [4, 4]
    assert app.triggers.get("tick").action.payload_version == 4
