"""A daemon that is stopped in mid-turn holds up nobody for longer than the session time-out, and changes nothing when it thaws."""

import os
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.processes import child
from tickwork import PutTask, Tickwork, clocks
from tickwork.engine.triggers.daemon import TriggerDaemon

TRIGGERS = 40
#: For the day on which something hangs.
DEADLINE_SECONDS = 60

#: Stops itself when it is about to run a statement for the n-th time; thawed, it goes on as a loop does after an error.
FROZEN = """
import os, signal, sys
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import StoreError
from tickwork.store.open import open_store

url, statement, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)

def freeze(name):
    global left
    left -= name == statement
    if name == statement and left == 0:
        os.kill(os.getpid(), signal.SIGSTOP)

store.dialect.on_statement = freeze
daemon = TriggerDaemon(store, batch=20)
try:
    daemon.run_due(0)
except StoreError as error:
    print(f"thawed: {error}")
daemon.run_due(0)
store.close()
"""

#: In a batch of one there is nothing to halve, and nobody may take the row for the culprit.
ALONE = ("record_firings", 1)

#: Stopped between transactions on SQLite: inside one it would stop every writer, as docs/guarantees.md says.
ON_SQLITE = [("begin", 2), ("begin", 3), ("begin", 4)]
ON_POSTGRESQL = [("save_events", 1), ("record_firings", 1), ("advance_events", 2)]


def thawed(database, statement, n, tell):
    """Put triggers that are due; freeze one daemon, let another one do the work, thaw the first."""
    with Tickwork(database) as app:
        past = datetime.now(timezone.utc) - timedelta(minutes=1)
        for number in range(TRIGGERS):
            app.trigger(f"f9/{number}", clocks.Once(past), PutTask("work"), unchecked=True)
        with child("-c", FROZEN, database, statement, str(n)) as frozen:
            _, how = os.waitpid(frozen.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(how), frozen.said
            other, begun = TriggerDaemon(app.store, batch=20), time.monotonic()
            while app.counts().tasks != {"ready": TRIGGERS}:
                other.turn(0)
                assert time.monotonic() - begun < DEADLINE_SECONDS
            tell(f"F9: stopped at {statement} {n}, all had fired after {time.monotonic() - begun:.1f} s")
            frozen.send(signal.SIGCONT)
            assert frozen.wait() == 0, frozen.said
            said = frozen.said
        rows = [app.triggers.ledger(f"f9/{number}") for number in range(TRIGGERS)]
        assert [[row.outcome for row in each] for each in rows] == [["fired"]] * TRIGGERS
        assert {each[0].task_id for each in rows} == {task.id for task in app.tasks.list()}
        return said


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize(("statement", "n"), ON_SQLITE)
def test_f9_stopped_between_transactions_and_continued(database, statement, n, tell):
    """F9: exactly one task for each occurrence."""
    thawed(database, statement, n, tell)


@pytest.mark.long
@pytest.mark.stores("postgresql-18")
@pytest.mark.parametrize(("statement", "n"), ON_POSTGRESQL)
def test_f9_stopped_in_mid_turn_and_continued(database, statement, n, tell):
    """F9: the others of its batch fire when its session has timed out, and its own writes come to nothing."""
    assert "thawed: the server ended this session" in thawed(database, statement, n, tell)


@pytest.mark.long
@pytest.mark.stores("postgresql")
def test_f9_what_a_frozen_daemon_had_in_hand_is_not_to_blame(database):
    """F9: no other daemon; thawed, it fires the one trigger that it had locked, and sets nothing aside."""
    statement, n = ALONE
    with Tickwork(database) as app:
        app.trigger("f9", clocks.Once(datetime.now(timezone.utc)), PutTask("work"), unchecked=True)
        with child("-c", FROZEN, database, statement, str(n)) as frozen:
            os.waitpid(frozen.pid, os.WUNTRACED)
            free = app.store.dialect.connect()
            free.execute("begin")
            free.execute("select from tickwork.trigger for update")  # waits until the frozen session has timed out
            free.close()
            frozen.send(signal.SIGCONT)
            assert frozen.wait() == 0, frozen.said
        assert [row.outcome for row in app.triggers.ledger("f9")] == ["fired"]
        assert not app.triggers.get("f9").set_aside
