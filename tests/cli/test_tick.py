"""``tickwork tick`` as cron starts it: real processes that end, never overlap, and lose nothing when they are killed."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.processes import child, run
from tickwork import PutTask, Tickwork, clocks
from tickwork.api.ticking import Tick
from tickwork.watch import SystemWatch, from_instant

#: Each test starts several processes; what differs between servers is shown closer to it.
pytestmark = pytest.mark.stores("sqlite", "postgresql-18")

#: An application whose handlers tell the test what they do, and wait for its word.
APP = """
import os
from tickwork import Tickwork

app = Tickwork()
ran = []

@app.handler("note")
def note(number: int):
    pass

@app.handler("hold")
def hold(number: int):
    os.write(1, f"holding {number}\\n".encode())  # a line in one piece, whatever the other threads say
    with open(os.environ["GATE"]) as gate:
        gate.read()

@app.job("sweep", every=3600)
def sweep():
    pass
"""


@pytest.fixture
def place(tmp_path: Path, database: str) -> tuple[dict[str, str], str]:
    (tmp_path / "shop.py").write_text(APP)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = os.pathsep.join(
        [str(tmp_path), *map(str, Path(__file__).parents[2:3]), str(Path(__file__).parents[2] / "src")]
    )
    return {"TICKWORK_DATABASE": database, "PYTHONPATH": path, "GATE": str(gate)}, database


def ticked(env, *options, code=0):
    found, said = run("-m", "tickwork", "tick", "--app", "shop:app", "--json", *options, env=env)
    assert found == code, said
    return json.loads(said.splitlines()[-1])


def put(database, handler, count, **more):
    with Tickwork(database) as app:
        for number in range(count):
            app.tasks.put(task_of(handler, number), unchecked=True, **more)


def task_of(handler, number):
    return PutTask(handler, f'{{"number":{number}}}')


def archived(database):
    with Tickwork(database) as app:
        return app.tasks.list_archived(limit=1_000)


def test_a_limit_is_kept_and_the_reason_is_said(place):
    """T-133, S4-44: 25 due, three calls with a limit of 10."""
    env, database = place
    put(database, "note", 25)
    calls = [ticked(env, "--limit", "10") for _ in range(3)]
    assert [(call["tasks"], call["reason"]) for call in calls] == [
        (10, "limit"),
        (10, "limit"),
        (5, "none-ready"),
    ]
    assert len(archived(database)) == 25


def test_a_cron_line_is_enough(place):
    """T-131, S4-49, S4-56: a trigger, a job's timer and a task are handled at the next call; no process is left."""
    env, database = place
    ticked(env)  # declares the job
    put(database, "note", 1)
    with Tickwork(database) as app:
        missed = from_instant(SystemWatch().now()) - timedelta(hours=2)
        app.trigger("reminder", clocks.Once(missed), task_of("note", 7), unchecked=True)
        app.trigger("hourly", clocks.Every(3600, missed), task_of("note", 8), misfire="all", unchecked=True)
        app.jobs.start("sweep")
    done = ticked(env, "--for", "20s")
    assert (done["reason"], done["jobs"]) == ("none-ready", 1)
    assert done["fired"] >= 1
    assert done["tasks"] == done["done"] == done["fired"] + 1
    assert {task.outcome for task in archived(database)} == {"done"}
    with Tickwork(database) as app:
        assert app.alive() == []
        assert app.jobs.get("sweep").status == "completed"


def test_a_second_tick_leaves_at_once(place):
    """T-121, S4-38, S4-39: a tick that overlaps prints one line and exits 75; the first one ends with everything done."""
    env, database = place
    put(database, "hold", 1)
    put(database, "note", 30, priority=3000)
    with child("-m", "tickwork", "tick", "--app", "shop:app", "--concurrency", "1", env=env) as first:
        first.line("holding")
        for _ in range(2):
            code, said = run("-m", "tickwork", "tick", "--app", "shop:app", env=env)
            assert (code, said) == (75, "tick: busy (another tick is running); nothing was done\n")
        shared = ticked(env, "--shared", "--limit", "3")
        assert (shared["tasks"], shared["reason"]) == (3, "limit")
        Path(env["GATE"]).write_text("")
        assert first.wait() == 0
        assert "28 tasks run (28 done)" in first.line("ended: none-ready")
    ended = archived(database)
    assert len(ended) == len({task.id for task in ended}) == 31


def test_a_killed_tick_blocks_nobody_and_loses_nothing(place):
    """T-122, S4-40: killed with 10 tasks claimed; the next start runs; they return after their lease."""
    env, database = place
    put(database, "hold", 10)
    with child("-m", "tickwork", "tick", "--app", "shop:app", "--lease", "2s", env=env) as first:
        for _ in range(10):
            first.line("holding")
        first.kill()
    with Tickwork(database) as app:
        assert len(app.tasks.list(state="running")) == 10
    # each short tick remembers for the next one what it has seen: no tick need live as long as a lease
    calls = 0
    with Tickwork(database) as app:
        while app.tasks.list(state="running", limit=1):
            assert ticked(env, "--queue", "nothing")["reason"] == "none-ready"
            calls += 1
            assert calls < 200
        assert len(app.tasks.list(state="ready")) + len(app.tasks.list(state="waiting")) == 10


def test_the_time_is_up(place):
    """S4-44: time-limit; what still runs after the grace is given back and run again later."""
    env, database = place
    put(database, "hold", 1)
    done = ticked(env, "--for", "1s", "--grace", "0s")
    assert (done["reason"], done["unfinished"], done["tasks"]) == ("time-limit", True, 0)
    with Tickwork(database) as app:
        (task,) = app.tasks.list()
        assert task.state != "running"


def test_a_signal_ends_it_gently(place):
    """S4-44: stopped; what runs may finish."""
    env, database = place
    put(database, "hold", 1)
    with child("-m", "tickwork", "tick", "--app", "shop:app", env=env) as first:
        first.line("holding")
        first.send(signal.SIGTERM)
        Path(env["GATE"]).write_text("")
        assert first.wait() == 0
        assert "1 tasks run (1 done)" in first.line("ended: stopped")


@pytest.mark.stores("sqlite")
def test_memory_is_bounded(place):
    """S4-44: memory-limit."""
    env, database = place
    put(database, "note", 1)
    assert ticked(env, "--memory", "1M")["reason"] == "memory-limit"
    code, said = run("-m", "tickwork", "tick", "--memory", "much", env=env)
    assert code == 2
    assert "'much' is no amount of memory; write 300M or 1.5G" in said


@pytest.mark.stores("sqlite")
def test_work_that_nobody_here_can_do_is_told(place):
    """S4-44: none-possible."""
    env, database = place
    put(database, "strange", 2)
    assert ticked(env)["reason"] == "none-possible"
    with Tickwork(database) as app:
        assert [task.state for task in app.tasks.list()] == ["unhandled"] * 2


@pytest.mark.stores("postgresql-18")
def test_a_read_only_database_costs_no_attempt(place):
    """S4-44, S4-45: reason read-only, exit 75; attempts are unchanged, and it goes on when it is over."""
    import psycopg

    env, database = place
    put(database, "note", 3)
    name = database.rsplit("/", 1)[1].split("?")[0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on')
        assert ticked(env, code=75)["reason"] == "read-only"
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f'alter database "{name}" reset default_transaction_read_only')
    with Tickwork(database) as app:
        assert [task.attempt for task in app.tasks.list()] == [0, 0, 0]
    assert ticked(env)["done"] == 3


def test_every_reason_has_its_words():
    from typing import get_args

    from tickwork.api.ticking import MEANING, Reason

    assert set(MEANING) == set(get_args(Reason))
    assert "nothing was done" in str(Tick("busy"))
