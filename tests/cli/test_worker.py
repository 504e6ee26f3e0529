"""``tickwork worker``: supervised processes, really; what they say of themselves; who runs what."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.engine.tasks.test_worker import until
from tests.support.processes import Child, child
from tickwork import Tickwork
from tickwork.cli.main import run
from tickwork.engine.tasks.copy import LEAVE

APP = """
import os, threading
from tickwork import Tickwork

app = Tickwork("{url}")
gate = threading.Event()

@app.handler("note", keep_result=True)
def note() -> int:
    return os.getpid()

@app.handler("held")
def held(task) -> None:
    task.progress(0.4, "of the pages")
    while not task.cancelled:
        gate.wait(0.05)
"""


@pytest.fixture
def shop(database: str, tmp_path: Path, monkeypatch: Any) -> Any:
    (tmp_path / "shop_app.py").write_text(APP.format(url=database))
    monkeypatch.chdir(tmp_path)
    app = Tickwork(database)
    app.handler("note")(lambda: None)
    app.handler("held")(lambda task: None)
    yield app
    app.close()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(parent) == pid and state != "Z":
                    found.append(int(entry.name))
    return found


def pids(app: Tickwork) -> set[int]:
    return {member.pid for member in app.workers.list()}


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_supervised_processes_are_replaced_and_drain(shop: Tickwork) -> None:
    """Issue 5: supervised, restarted; SIGTERM drains all of them; nothing is lost."""
    note = shop.handlers["note"]
    with child("-m", "tickwork", "worker", "--app", "shop_app:app", "--processes", "2", "--lease", "2s") as supervisor:
        until(lambda: len(pids(shop)) == 2)
        doomed = min(pids(shop))
        os.kill(doomed, signal.SIGKILL)
        until(lambda: len(pids(shop) - {doomed}) == 2)
        for _ in range(20):
            shop.put(note.task())
        until(lambda: shop.counts().archive.get("done") == 20)
        supervisor.send(signal.SIGQUIT)
        supervisor.line("most recent call first")  # its own stacks, and those of its processes
        alive = pids(shop) - {doomed}
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
    assert not alive & pids(shop)  # they have signed off


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_processes_end_when_their_supervisor_is_killed(shop: Tickwork) -> None:
    with child("-m", "tickwork", "worker", "--app", "shop_app:app", "--processes", "2") as supervisor:
        until(lambda: len(pids(shop)) == 2)
        supervisor.kill()
        until(lambda: pids(shop) == set())


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_who_runs_what_for_how_long(shop: Tickwork, database: str, capsys: Any) -> None:
    task = shop.put(shop.handlers["held"].task()).id
    with child("-m", "tickwork", "worker", "--app", "shop_app:app", "--concurrency", "2") as worker:
        until(lambda: any(each.progress for member in shop.workers.list() for each in member.works))
        assert run(["worker", "list", "--database", database]) == 0
        said = capsys.readouterr().out
        assert f"queue/{task} held" in said and "40% of the pages" in said and str(worker.pid) in said
        assert run(["worker", "list", "--database", database, "--json"]) == 0
        members = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (member,) = [each for each in members if each["kind"] == "worker"]
        works = [each for each in member["works"] if each["generator"] == "queue"]  # retention may be at work beside it
        found = [(each["identifier"], each["handler"], each["progress"]) for each in works]
        assert found == [(str(task), "held", 0.4)]
        assert run(["task", "show", str(task), "--database", database]) == 0
        assert "40% of the pages" in capsys.readouterr().out
        shop.tasks.cancel(task)
        until(lambda: shop.counts().archive.get("cancelled") == 1)
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0
    assert run(["worker", "list", "--database", database]) == 0
    assert "nobody works" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_pool_hibernates_and_wakes(shop: Tickwork, database: str, capsys: Any) -> None:
    """Issue 5, hibernating when idle: nobody but the supervisor is left, who knows the handlers, hears, and calls one."""
    held = shop.handlers["held"]
    killed: set[int] = set()

    def sleeps() -> bool:
        there = {(member.pid, member.name) for member in shop.workers.list() if member.pid not in killed}
        return there == {(supervisor.pid, "lookout")} and not children(supervisor.pid)

    with child(
        *("-m", "tickwork", "worker", "--app", "shop_app:app", "--processes", "0..2", "--shrink-after", "0.5s"),
        "--lease",
        "1s",
    ) as supervisor:
        until(sleeps)
        assert shop.available()
        assert run(["worker", "list", "--database", database]) == 0
        assert "nothing: hibernates" in capsys.readouterr().out
        assert run(["task", "put", "note", "--database", database]) == 0  # it is known who will run it
        assert run(["task", "put", "nobody", "--database", database]) != 0
        until(lambda: shop.counts().archive.get("done") == 1)
        task = shop.put(held.task()).id
        until(lambda: any(each.progress for member in shop.workers.list() for each in member.works))
        (doomed,) = [member.pid for member in shop.workers.list() if member.works]
        os.kill(doomed, signal.SIGKILL)
        killed.add(doomed)
        until(lambda: shop.tasks.get(task).lost == 1 and shop.tasks.get(task).state == "running")
        shop.tasks.cancel(task)
        until(lambda: shop.counts().archive.get("cancelled") == 1)
        until(sleeps)
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
    assert pids(shop) <= killed


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("said", ["0", "0..0", "3..2", "many"])
def test_a_number_of_processes_that_cannot_be(said: str, capsys: Any) -> None:
    assert run(["worker", "--processes", said]) == 2
    assert "write 4, or 2..8, or 0..8" in capsys.readouterr().err


@pytest.mark.stores("sqlite", "postgresql-18")
def test_tasks_are_run_here_and_now(shop: Tickwork, database: str, tmp_path: Path) -> None:
    """``task run``: whatever their time; each says what became of it, and the exit status is honest."""
    from tests.support.processes import run as run_child

    (tmp_path / "here_app.py").write_text(
        f"from tickwork import Tickwork\napp = Tickwork({database!r})\n"
        "@app.handler('greet')\ndef greet(name: str):\n    print('hello', name)\n"
        "@app.handler('fail')\ndef fail():\n    raise ValueError('no paper')\n"
    )
    for name in ("greet", "fail"):
        shop.handler(name)(lambda **payload: None)
    greet = shop.put(shop.handlers["greet"].task(name="Ada"), delay=3600).id
    fail = shop.put(shop.handlers["fail"].task(), key="f").id
    code, said = run_child("-m", "tickwork", "task", "run", str(greet), "--app", "here_app:app")
    assert (code, said) == (0, f"hello Ada\ntask {greet} (greet): done\n")
    code, said = run_child("-m", "tickwork", "task", "run", "f", "--app", "here_app:app")
    assert code == 1
    assert f"task {fail} (fail): waiting again, attempt 1 of 20: no paper" in said
    code, said = run_child("-m", "tickwork", "task", "run", str(greet), "--app", "here_app:app")
    assert (code, said) == (0, f"task {greet} (greet): done\n")  # it is over, and is not run again
    assert run_child("-m", "tickwork", "task", "run", "4711", "--app", "here_app:app")[0] == 3
    assert shop.workers.list() == []


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_kind_that_rests_is_told_and_resumed(shop: Tickwork, database: str, capsys: Any) -> None:
    from tickwork import Backpressure

    def full() -> None:
        raise Backpressure("smtp", 3600, "451 try later")

    shop.handler("mail.send", kind="smtp")(full)
    task = shop.put(shop.handlers["mail.send"].task()).id
    with shop.process(daemon=False):
        until(shop.workers.resting)
    (resting,) = shop.workers.resting()
    assert (resting.kind, resting.reason) == ("smtp", "451 try later")
    assert run(["worker", "list", "--database", database]) == 0
    assert "smtp rests for" in capsys.readouterr().out
    assert run(["worker", "resume", "smtp", "--database", database]) == 0
    assert run(["worker", "resume", "smtp", "--database", database]) == 3
    assert shop.tasks.get(task).attempt == 0


PATIENT = """
import logging, sys
from pathlib import Path
from tickwork import Generator, Offer, Tickwork

url, gate, over = sys.argv[1:]
app = Tickwork(url)

def say(words):
    sys.stdout.write(words + "\\n")  # in one piece: others say something at the same moment

def hold(what):
    say("began " + what)
    open(gate, "rb", buffering=0).read(1)  # until somebody lets it pass
    say("ended " + what)

@app.handler("plain")
def plain():
    hold("plain")

@app.handler("awaited")
async def awaited():
    import asyncio
    say("began awaited")
    await asyncio.to_thread(lambda: open(gate, "rb", buffering=0).read(1))
    say("ended awaited")

@app.handler("nightly")
def nightly():
    hold("nightly")

class Pictures(Generator):
    def offers(self, limit, now):
        return [] if Path(over).exists() else [Offer("cat", 2500)]

    def run(self, work):
        hold("pictures")
        Path(over).touch()

app.generators.add(Pictures("pictures", priority=2500))
logging.basicConfig(level="INFO", format="%(message)s")
logging.getLogger("tickwork.process").setLevel("INFO")
print("up")
print("gentle", app.process(daemon=False, concurrency=8).run(grace=0.0))
"""
#: What such a process begins: tasks on a thread and on the event loop, a run of a job, generated work.
WORK = ("plain", "awaited", "nightly", "pictures")

SUPERVISED = """
import logging, sys
from pathlib import Path
from tickwork.api.supervising import supervise

logging.basicConfig(level="INFO", format="%(message)s")
how = {"reload": {"reload": Path.cwd()}, "age": {"recycle_after": 3600}}[sys.argv[1]]
sys.exit(supervise([sys.executable, "-c", *sys.argv[2:]], **how))
"""


class Yard:
    """An application with work of every source, which is held until the gate is opened."""

    def __init__(self, shop: Tickwork, database: str, folder: Path) -> None:
        self.shop, self.gate, self.over = shop, folder / "gate", folder / "over"
        os.mkfifo(self.gate)
        self._key = os.open(self.gate, os.O_RDWR)
        self.patient = (PATIENT, database, str(self.gate), str(self.over))
        for name in ("plain", "awaited"):
            shop.handler(name)(lambda: None)
        self.tasks = [shop.put(shop.handlers[name].task()).id for name in ("plain", "awaited")]
        shop.jobs.declare("nightly")

    def wait_for_all(self, child: Child) -> None:
        left = set(WORK)
        while left:
            left.discard(child.line("began ").rpartition(" ")[2])

    def another_comes_up(self) -> None:
        """Somebody takes its place and ends again: an impatient one would have cut off what it runs by now."""
        with child("-c", *self.patient) as other:
            other.line("up")
            other.send(signal.SIGTERM)
            other.wait()
            assert "began" not in other.said

    def open(self) -> None:
        os.write(self._key, b"pass" * len(WORK))

    def close(self) -> None:
        os.close(self._key)

    def ended_once(self, child: Child, plain: int = 1) -> None:
        """Everything was begun once, and went well."""
        said = child.said.splitlines()
        counts = [(said.count(f"began {what}"), said.count(f"ended {what}")) for what in WORK]
        assert counts == [(plain, plain), (1, 1), (1, 1), (1, 1)], child.said
        rows = [self.shop.tasks.get(task) for task in self.tasks]
        assert [(row.outcome, row.attempt) for row in rows] == [("done", 1)] * 2
        assert self.shop.jobs.get("nightly").status == "completed"
        assert self.over.exists()


@pytest.fixture
def yard(shop: Tickwork, database: str, tmp_path: Path) -> Any:
    made = Yard(shop, database, tmp_path)
    yield made
    made.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_who_is_only_replaced_finishes_however_long_it_takes(yard: Yard) -> None:
    """Issue 5, recycled by age or memory, or not needed any more: what runs is finished, whatever its source."""
    with child("-c", *yard.patient) as worker:
        yard.wait_for_all(worker)
        worker.send(LEAVE)
        worker.line("stopping")
        worker.send(LEAVE)  # asked once more is not asked to hurry
        yard.another_comes_up()
        yard.open()
        worker.line("gentle True")
        assert worker.wait() == 0
        yard.ended_once(worker)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_person_who_tells_it_to_stop_after_that_gives_it_the_usual_grace(yard: Yard) -> None:
    with child("-c", *yard.patient) as worker:
        yard.wait_for_all(worker)
        worker.send(LEAVE)
        worker.line("stopping")
        worker.send(signal.SIGTERM)
        worker.line("gentle False")
    rows = [yard.shop.tasks.get(task) for task in yard.tasks]
    assert [(row.state, row.attempt) for row in rows] == [("ready", 1)] * 2, worker.said
    assert yard.shop.jobs.get("nightly").status == "error"


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_reload_lets_the_old_processes_finish(yard: Yard, tmp_path: Path) -> None:
    """Issue 5, --reload: the new process works, and the old one finishes what it runs, which it alone has begun."""
    with child("-c", SUPERVISED, "reload", *yard.patient) as supervisor:
        yard.wait_for_all(supervisor)
        (old,) = pids(yard.shop)
        (tmp_path / "edited.py").write_text("two = 2")
        until(lambda: len(pids(yard.shop)) == 2)
        supervisor.line("stopping")
        note = yard.shop.put(yard.shop.handlers["plain"].task()).id
        until(lambda: yard.shop.tasks.get(note).state == "running")
        assert old in pids(yard.shop)  # after all that time it has not been cut off
        yard.open()
        until(lambda: yard.shop.tasks.get(note).outcome == "done" and old not in pids(yard.shop))
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
    yard.ended_once(supervisor, plain=2)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_who_loses_its_supervisor_finishes_however_long_it_takes(yard: Yard) -> None:
    with child("-c", SUPERVISED, "age", *yard.patient) as supervisor:
        yard.wait_for_all(supervisor)
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.line("stopping")
        yard.another_comes_up()
        yard.open()
        supervisor.line("gentle True")
        yard.ended_once(supervisor)
