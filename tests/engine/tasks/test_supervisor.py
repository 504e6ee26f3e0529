"""A supervisor of real processes, its turns taken by hand: it restarts, recycles, grows and shrinks them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.tasks.test_worker import until
from tickwork.engine.tasks.copy import PIPES
from tickwork.engine.tasks.post import Post
from tickwork.engine.tasks.supervisor import GROW_AFTER, SHRINK_AFTER, YOUNG, Regime, Supervisor
from tickwork.errors import InvalidInput
from tickwork.watch import SECOND

pytestmark = pytest.mark.stores("sqlite")

#: Says the load of its first argument, then waits for its end, politely.
COPY = f"""
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda *_: sys.exit(0))
said, lifeline = map(int, os.environ["{PIPES}"].split(","))
os.write(said, sys.argv[1].encode() + b"\\n")
os.read(lifeline, 1)
"""


POST = Post("sqlite:////w.db", "tickwork").encode().decode()
RESTLESS = Post("sqlite:////w.db", "tickwork", absence=SECOND).encode().decode()


@pytest.fixture
def made() -> Iterator[Callable[..., Supervisor]]:
    supervisors = []

    def make(load: str = "0 4 0", **regime: Any) -> Supervisor:
        supervisors.append(Supervisor([sys.executable, "-c", COPY, load], Regime(**regime)))
        return supervisors[-1]

    yield make
    for supervisor in supervisors:
        for copy in supervisor.copies:
            copy.process.kill()
            copy.process.wait()
            copy.close()


def heard(supervisor: Supervisor, now: int) -> Callable[[], bool]:
    """Whether all that are there have said how busy they are."""

    def all_heard() -> bool:
        supervisor.turn(now)
        return bool(supervisor.copies) and all(copy.load is not None for copy in supervisor.copies)

    return all_heard


def test_it_starts_so_many_and_replaces_one_that_dies(made: Any) -> None:
    supervisor = made(least=2, most=2)
    supervisor.turn(0)
    first, second = supervisor.copies
    first.process.kill()
    first.process.wait()
    supervisor.turn(YOUNG)  # it was not young any more
    assert len(supervisor.copies) == 2
    assert second in supervisor.copies and first not in supervisor.copies


def test_one_that_keeps_dying_young_is_waited_for(made: Any) -> None:
    supervisor = made()
    now, waits = 0, []
    for _ in range(4):
        supervisor.turn(now)
        (copy,) = supervisor.copies
        copy.process.kill()
        copy.process.wait()
        supervisor.turn(now)
        assert supervisor.copies == []
        waits.append((supervisor._not_before - now) // SECOND)
        now = supervisor._not_before
    assert waits == [1, 2, 4, 8]


def test_an_old_one_leaves_after_its_successor_may_begin(made: Any) -> None:
    supervisor = made(age=3600 * SECOND)
    supervisor.turn(0)
    (old,) = supervisor.copies
    until(heard(supervisor, 0))
    supervisor.turn(3601 * SECOND)
    assert old.leaving
    assert [copy.leaving for copy in supervisor.copies] == [True, False]
    assert old.process.wait(30) == 0
    supervisor.turn(3602 * SECOND)
    assert len(supervisor.copies) == 1


def test_one_that_takes_too_much_memory_leaves(made: Any) -> None:
    supervisor = made(memory=1_000_000)
    supervisor.turn(0)
    (large,) = supervisor.copies

    def left() -> bool:
        supervisor.turn(1)
        return large.leaving

    until(left)
    assert len(supervisor.staying) == 1


def test_it_grows_while_all_are_full_and_not_beyond(made: Any) -> None:
    supervisor = made(load="4 4 1", least=1, most=2)
    now = 1
    for _ in range(4):
        until(heard(supervisor, now))
        now += GROW_AFTER
    assert len(supervisor.staying) == supervisor.wanted == 2


def test_full_with_nothing_more_to_do_is_no_reason_to_grow(made: Any) -> None:
    supervisor = made(load="4 4 0", least=1, most=2)
    for now in (1, 1 + GROW_AFTER, 1 + 2 * GROW_AFTER):
        until(heard(supervisor, now))
    assert supervisor.wanted == 1


def test_it_shrinks_when_fewer_would_do_and_not_below(made: Any) -> None:
    supervisor = made(load="0 4 0", least=1, most=2)
    supervisor.wanted = 2
    now = 1
    for _ in range(4):
        until(heard(supervisor, now))
        now += SHRINK_AFTER
    assert supervisor.wanted == len(supervisor.staying) == 1


class Stand:
    """Stands in, and calls somebody when it is told to."""

    def __init__(self, post: Post) -> None:
        self.post, self.calls, self.ended = post, False, False

    def begin(self, now: int) -> None: ...

    def turn(self, now: int) -> bool:
        return self.calls

    def end(self) -> None:
        self.ended = True


@pytest.mark.parametrize(("load", "goes"), [("0 4 0", True), ("1 4 0", False), ("0 4 1", False)])
def test_the_last_one_goes_when_nothing_runs_and_comes_when_it_is_called(made: Any, load: str, goes: bool) -> None:
    supervisor = made(load=f"{POST}\n{load}", least=0, most=2)
    supervisor._look_out = Stand
    until(heard(supervisor, 1))
    (last,) = supervisor.copies
    assert supervisor.wanted == 1
    supervisor.turn(1 + SHRINK_AFTER)
    assert (supervisor.wanted, last.leaving) == ((0, True) if goes else (1, False))
    if not goes:
        return
    stand = supervisor.lookout
    assert stand.post.address == "sqlite:////w.db"
    last.process.wait(30)
    for now in (1, 2, 3):
        supervisor.turn(SHRINK_AFTER * 2 + now)
    assert supervisor.copies == []
    stand.calls = True
    supervisor.turn(SHRINK_AFTER * 3)
    assert len(supervisor.copies) == 1
    assert supervisor.lookout is stand  # until somebody is at work
    until(heard(supervisor, SHRINK_AFTER * 3))
    supervisor.turn(SHRINK_AFTER * 3)
    assert (supervisor.lookout, stand.ended) == (None, True)


@pytest.mark.parametrize("said", ["", RESTLESS])
def test_nobody_goes_of_whom_it_is_not_known_what_he_serves_or_whom_generators_need(made: Any, said: str) -> None:
    supervisor = made(load=f"{said}\n0 4 0".strip(), least=0, most=1)
    until(heard(supervisor, 1))
    supervisor.turn(1 + SHRINK_AFTER)
    assert (supervisor.wanted, supervisor.copies[0].leaving) == (1, False)


def test_nobody_goes_while_the_database_is_away(made: Any, tmp_path: Path) -> None:
    away = Post(f"sqlite:///{tmp_path}/none/at/all.db", "tickwork").encode().decode()
    supervisor = made(load=f"{away}\n0 4 0", least=0, most=1)
    until(heard(supervisor, 1))
    supervisor.turn(1 + SHRINK_AFTER)
    assert (supervisor.wanted, supervisor.copies[0].leaving, supervisor.lookout) == (1, False, None)


def test_a_changed_source_replaces_all(made: Any, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("one = 1")
    supervisor = made(sources=tmp_path)
    supervisor.turn(0)
    (old,) = supervisor.copies
    supervisor.turn(1)
    assert not old.leaving
    (tmp_path / "more.py").write_text("two = 2")
    supervisor.turn(2)
    assert old.leaving
    assert len(supervisor.staying) == 1


def test_a_stop_is_passed_on_and_nobody_is_replaced(made: Any) -> None:
    supervisor = made(least=2, most=2)
    until(heard(supervisor, 0))
    supervisor.stop()
    codes = [copy.process.wait(30) for copy in supervisor.copies]
    supervisor.turn(SECOND)
    assert (codes, supervisor.copies) == ([0, 0], [])


def test_a_copy_learns_that_its_supervisor_has_gone(made: Any) -> None:
    supervisor = made()
    until(heard(supervisor, 0))
    (copy,) = supervisor.copies
    os.close(copy._lifeline)
    assert copy.process.wait(30) == 0
    copy._lifeline = os.open(os.devnull, os.O_RDONLY)


def test_a_copy_that_ended_by_a_signal_of_ours_is_no_accident(made: Any) -> None:
    supervisor = made()
    until(heard(supervisor, 0))
    (copy,) = supervisor.copies
    copy.leave(signal.SIGKILL)
    copy.process.wait()
    supervisor.turn(SECOND)
    assert supervisor._died_young == 0


@pytest.mark.parametrize("bounds", [(0, 0), (-1, 1), (2, 1), (1, 1001)])
def test_bounds_that_cannot_be_are_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="processes"):
        Regime(*bounds)


def test_what_no_process_can_do_with_ends_all_of_them() -> None:
    """Issue 5, honest exit status: a wrong option is no reason to start processes for ever."""
    supervisor = Supervisor([sys.executable, "-c", "import sys; sys.exit(2)"], Regime(2, 2))
    assert supervisor.run() == 2
    assert supervisor.copies == []
