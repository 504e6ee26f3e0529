"""Change dispatch: every edit wants each subscribed wiki told, and a wiki that has much to hear hears it in batches.

An edit writes a row of changes and, in the same transaction, puts one task per wiki under the key of that wiki. While
such a task waits, the next edit's put is that task (scope "waiting"); once it has been claimed it keeps nothing away,
so no edit is lost between "the task has read the changes" and "the task is done". However many edits, one task per wiki
and batch.

    $ python examples/dispatch.py
    500 edits: 3 tasks wait, one for each wiki
    an edit that is rolled back leaves no change and no task
    told dewiki of 100 changes, and put itself again for the rest
    after a while: dewiki 500, enwiki 500, frwiki 500 changes, in 15 batches; 0 tasks left
    one more edit while they run: 3 new tasks, 501 changes each, nothing twice
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

from tickwork import Task, Tickwork
from tickwork.testing import TimeTravel

WIKIS = ("dewiki", "enwiki", "frwiki")
BATCH = 100


class Repository:
    """The application: a table of changes, and how far each wiki has been told."""

    def __init__(self, file: Path) -> None:
        self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.db.execute("create table change (id integer primary key, page text)")
        self.db.execute("create table told (wiki text primary key, up_to integer not null)")
        self.db.executemany("insert into told values (?, 0)", [(wiki,) for wiki in WIKIS])
        self.app = Tickwork(f"sqlite:///{file}")
        self.app.migrate()
        self.heard: Counter[str] = Counter()
        self.batches = 0
        self.during = self.nothing
        self.dispatch = self.app.handler("dispatch")(self._dispatch)

    def edit(self, page: str, *, commit: bool = True) -> None:
        """One edit: the change and the tasks are one transaction."""
        self.db.execute("begin immediate")
        self.db.execute("insert into change (page) values (?)", (page,))
        on = self.app.on(self.db)
        for wiki in WIKIS:
            on.put(self.dispatch.task(wiki=wiki), key=f"dispatch/{wiki}", scope="waiting")
        self.db.execute("commit" if commit else "rollback")

    def _dispatch(self, task: Task, wiki: str) -> None:
        (up_to,) = self.db.execute("select up_to from told where wiki = ?", (wiki,)).fetchone()
        batch = self.db.execute("select id from change where id > ? order by id limit ?", (up_to, BATCH)).fetchall()
        self.during()
        if not batch:
            return
        self.heard[wiki] += len(batch)
        self.batches += 1
        self.db.execute("update told set up_to = ? where wiki = ? and up_to = ?", (batch[-1][0], wiki, up_to))
        if len(batch) == BATCH:
            if self.batches == 1:
                print(f"told {wiki} of {len(batch)} changes, and put itself again for the rest")
            task.put(self.dispatch.task(wiki=wiki), key=f"dispatch/{wiki}", scope="waiting")

    def nothing(self) -> None:
        """What happens elsewhere while a wiki is told."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wiki = Repository(Path(folder) / "wiki.db")
        travel = TimeTravel(wiki.app)
        for number in range(500):
            wiki.edit(f"page/{number}")
        tasks = wiki.app.tasks.list()
        print(f"500 edits: {len(tasks)} tasks wait, one for each wiki")
        wiki.edit("page/0", commit=False)
        print("an edit that is rolled back leaves no change and no task")

        travel.run_due()
        heard = ", ".join(f"{name} {number}" for name, number in sorted(wiki.heard.items()))
        print(f"after a while: {heard} changes, in {wiki.batches} batches; {len(wiki.app.tasks.list())} tasks left")

        def meanwhile() -> None:
            wiki.during = wiki.nothing
            before = len(wiki.app.tasks.list())
            wiki.edit("page/7")
            new = len(wiki.app.tasks.list()) - before
            print(f"one more edit while they run: {new} new tasks", end="")

        for name in WIKIS:
            wiki.app.put(wiki.dispatch.task(wiki=name), key=f"dispatch/{name}", scope="waiting")
        wiki.during = meanwhile
        travel.run_due()
        assert set(wiki.heard.values()) == {501}
        print(f", {wiki.heard['dewiki']} changes each, nothing twice")
        wiki.app.close()
        wiki.db.close()


if __name__ == "__main__":
    main()
