"""T-110: what was put in the user's transaction is there after SIGKILL where it had committed, and not where it had not."""

from __future__ import annotations

import pytest

from tests.support.processes import run
from tickwork import Tickwork

CHILD = """
import os, signal, sys
from tickwork import PutTask, Tickwork, clocks
url, commits = sys.argv[1], sys.argv[2] == "commits"
if url.startswith("sqlite"):
    import sqlite3
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
else:
    import psycopg
    connection = psycopg.connect(url)
with connection:
    on = Tickwork(url).on(connection)
    on.trigger("k", clocks.Every(60), PutTask("work"), unchecked=True)
    on.put(PutTask("work"), unchecked=True, key="t")
    if not commits:
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "does not"])
def test_t110_a_killed_application(database, commits):
    code, said = run("-c", CHILD, database, "commits" if commits else "does not")
    assert code == -9, said
    with Tickwork(database) as app:
        assert [each.key for each in app.triggers.list()] == ["k"] * commits
        assert [each.key for each in app.tasks.list()] == ["t"] * commits
