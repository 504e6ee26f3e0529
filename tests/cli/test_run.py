"""``tickwork run``, ``daemon`` and ``worker`` as real processes: they work until a signal, and end with exit 0."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.processes import DEADLINE, child, run
from tickwork import Tickwork


class Pipe:
    """A pipe with a name, into which a command of a task writes; reading it waits for the command."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._writer = os.open(path, os.O_WRONLY)  # so that it does not end between two commands

    def line(self) -> str:
        said = b""
        while not said.endswith(b"\n"):
            assert select.select([self._end], [], [], DEADLINE)[0], "the command was not run"
            said += os.read(self._end, 4096)
        return said.decode().strip()

    def close(self) -> None:
        os.close(self._end)
        os.close(self._writer)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = Pipe(tmp_path / "pipe")
    yield made
    made.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_all_in_one_process_runs_a_command_at_its_time(database_url: str, pipe: Pipe) -> None:
    tickwork = ("-m", "tickwork")
    env = {"TICKWORK_DATABASE": database_url}
    with child(*tickwork, "run", "--upgrade", "--allow-commands", "-v", env=env) as process:
        process.line()  # it says something once it is at work; the tables are there then
        put = ("trigger", "put", "hello", "--at", "now", "--command", f"echo hello > {pipe.path}")
        code, said = run(*tickwork, *put, env=env)
        assert code == 0, said
        assert pipe.line() == "hello"
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.said
    with Tickwork(database_url) as app:
        (done,) = app.tasks.list_archived()
        assert (done.outcome, done.trigger_key) == ("done", "hello")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_daemon_and_worker_apart(database: str, pipe: Pipe) -> None:
    env = {"TICKWORK_DATABASE": database}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(child("-m", "tickwork", *words, env=env))
            for words in (["daemon"], ["worker", "--allow-commands", "--concurrency", "2", "--lease", "5s"])
        ]
        with Tickwork(database) as app:
            from tickwork.api.spoken import spoken_action, spoken_clock
            from tickwork.watch import SystemWatch, from_instant

            now = from_instant(SystemWatch().now())
            for number in range(3):
                action = spoken_action(command=f"echo {number} > {pipe.path}")
                app.triggers.put(f"n/{number}", spoken_clock(at=now), action)
        assert sorted(pipe.line() for _ in range(1)) != []
        for process in processes:
            process.send(signal.SIGINT)
        assert [process.wait() for process in processes] == [0, 0], [process.said for process in processes]


@pytest.mark.stores("sqlite")
def test_what_cannot_work_says_so_at_once(database_url: str, database: str) -> None:
    code, said = run("-m", "tickwork", "daemon", "--database", database_url)
    assert (code, "tickwork db upgrade" in said) == (1, True), said
    code, said = run("-m", "tickwork", "worker", "--database", database, "--lease", "10ms")
    assert (code, "lease" in said) == (2, True), said
