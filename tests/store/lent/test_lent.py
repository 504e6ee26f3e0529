"""Promise 1: what a verb writes in a lent transaction lives and dies with it. Ten kinds of connection, every verb.

Q15, T-110: where the caller's transaction rolls back there is no trigger and no task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.borrowers import KINDS, Borrower, play, settled
from tickwork import Group, Snooze, Tickwork
from tickwork.clocks import Every, Once
from tickwork.errors import NotFound, StoreError, TryAgain, UnknownHandler, WrongDatabase
from tickwork.model import outcome as outcomes
from tickwork.model.action import PutTask
from tickwork.store import archive, claims
from tickwork.store.claims import Wish
from tickwork.watch import ManualWatch

AT = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
WORK = PutTask("work")


@dataclass(frozen=True)
class Verb:
    """A verb as a user says it, and what stands in the database before it."""

    name: str
    say: Callable[[Any, str], Any]
    before: Callable[[Tickwork, str], Any] = lambda app, key: None
    #: Whether another writer of the same row makes it lose the race under REPEATABLE READ.
    edits: bool = True


def trigger(app: Tickwork, key: str) -> Any:
    return app.trigger(key, Every(60), WORK, unchecked=True, object=key)


def paused(app: Tickwork, key: str) -> Any:
    trigger(app, key)
    return app.triggers.pause(key)


def task(app: Tickwork, key: str) -> Any:
    return app.put(WORK, unchecked=True, key=key, delay=3600, object=key)


def archived(app: Tickwork, key: str) -> Any:
    task(app, key)
    return app.tasks.cancel(key)


def retry(on: Any, key: str) -> Any:
    return on.tasks.retry(on.numbers.get(key, 1))


def flow(app: Tickwork, key: str) -> Any:
    return app.put(Group([WORK, (WORK, {"key": f"{key}/1"})]).then(WORK), unchecked=True, key=key, delay=3600)


def asleep(app: Tickwork, key: str) -> Any:
    """A task that has run and put itself off."""
    put = task(app, key)
    with app.store.begin("worker") as transaction:
        (claimed,) = claims.take(transaction, Wish(7, 1, 30_000_000, 1, 1), [put.id])
        at = claimed.claimed_at
        archive.settle(transaction, 1, [outcomes.judged(claimed, Snooze(3600), lambda attempt: 0, at, at)], [7])
    return put


def subscribed(on: Any, key: str) -> Any:
    on.topics.subscribe(key, "a", "b")
    return on.topics.put(key)


VERBS = [
    Verb("trigger", lambda on, key: on.trigger(key, Every(60), WORK, unchecked=True), edits=False),
    Verb("put again", lambda on, key: on.triggers.put(key, Every(61), WORK, unchecked=True), trigger),
    Verb("move", lambda on, key: on.triggers.move(key, Once(AT + timedelta(hours=1))), trigger),
    Verb("edit", lambda on, key: on.triggers.edit(key, misfire="latest", priority=7), trigger),
    Verb("cancel", lambda on, key: on.triggers.cancel(key, by="me"), trigger),
    Verb("cancel object", lambda on, key: on.triggers.cancel_object(key), trigger),
    Verb("pause", lambda on, key: on.triggers.pause(key), trigger),
    Verb("resume", lambda on, key: on.triggers.resume(key, missed="latest"), paused),
    Verb("rearm", lambda on, key: on.triggers.rearm(key), trigger),
    Verb("put", lambda on, key: on.put(WORK, unchecked=True, delay=5), edits=False),
    Verb("put with key", lambda on, key: on.tasks.put(WORK, unchecked=True, key=key), task),
    Verb("cancel task", lambda on, key: on.tasks.cancel(key, reason="no more"), task),
    Verb("cancel tasks of object", lambda on, key: on.tasks.cancel_object(key), task),
    Verb("edit task", lambda on, key: on.tasks.edit(key, priority=3, at=AT), task),
    Verb("retry", retry, archived),
    Verb(
        "put in a period",
        lambda on, key: on.tasks.put(WORK, unchecked=True, key=key, scope=timedelta(hours=1)),
        edits=False,
    ),
    Verb("replace", lambda on, key: on.tasks.put(WORK, unchecked=True, key=key, existing="replace", delay=5), task),
    Verb(
        "debounce", lambda on, key: on.tasks.put(WORK, unchecked=True, key=key, existing="debounce", delay=7200), task
    ),
    Verb(
        "put many", lambda on, key: on.tasks.put_many([WORK, (WORK, {"key": key})], unchecked=True), task, edits=False
    ),
    Verb("put many triggers", lambda on, key: on.triggers.put_many([(key, Every(61), WORK)], unchecked=True), trigger),
    Verb("cancel by filter", lambda on, key: on.tasks.where(key=key).cancel(), task),
    Verb("delay by filter", lambda on, key: on.tasks.where(object=key).delay(delay=7200), task),
    Verb(
        "retry by filter", lambda on, key: on.tasks.where(key=key, outcome="cancelled").retry(), archived, edits=False
    ),
    Verb("shift by filter", lambda on, key: on.triggers.where(prefix=key).shift(60), trigger),
    Verb("pause by filter", lambda on, key: on.triggers.where(object=key).pause(), trigger),
    Verb("cancel an object's work", lambda on, key: on.objects.cancel(key), trigger),
    Verb("a topic", subscribed, edits=False),
    Verb("a flow", lambda on, key: on.put(Group([WORK, (WORK, {"key": key})]).then(WORK), unchecked=True), edits=False),
    Verb("cancel a member", lambda on, key: on.tasks.cancel(f"{key}/1"), flow, edits=False),
    Verb("cancel a flow", lambda on, key: on.tasks.cancel(key, flow=True), flow, edits=False),
    Verb("awaken", lambda on, key: on.tasks.awaken(key), asleep, edits=False),
]

WRITTEN = """
select 'trigger', key, state, version, generation, clock_params || policies || did, priority from tickwork.trigger
union all select 'trail', '', state, version, generation, did, trigger_id from tickwork.trigger_version
union all select 'letter', '', '', trigger_id, id, '', 0 from tickwork.trigger_change
union all select 'task', coalesce(key, ''), state, available_at, id, handler, priority from tickwork.task
union all select 'archive', coalesce(key, ''), outcome, finished_at, id, handler, priority from tickwork.archive
"""


class Stage:
    """An application, a table of the user's, and a lent connection beside them."""

    def __init__(self, app: Tickwork, borrower: Borrower) -> None:
        self.app, self.borrower = app, borrower
        self.numbers: dict[str, int] = {}

    def prepare(self, verb: Verb) -> str:
        """Make what the verb needs, under a key of its own."""
        key = verb.name
        made = verb.before(self.app, key)
        if made is not None:
            self.numbers[key] = made.id
        return key

    async def say(self, verb: Verb, key: str) -> Any:
        on = self.app.on(self.borrower.lent)
        on.numbers = self.numbers
        return await settled(verb.say(on, key))

    def written(self) -> set[tuple[Any, ...]]:
        """What others see: what has been committed."""
        return {tuple(row) for row in self._rows(WRITTEN)}

    def meetings(self) -> int:
        return len(self._rows("select id from meeting"))

    def _rows(self, sql: str) -> list[Any]:
        with self.app.store.read() as transaction:
            text = self.app.store.dialect.turn(sql).replace("%", "%%")
            return transaction.connection.execute(text).fetchall()  # type: ignore[attr-defined]

    async def own_work(self, number: int) -> None:
        await self.borrower.execute(f"insert into meeting (id) values ({number})")


@pytest.fixture
def app(database):
    with Tickwork(database, watch=ManualWatch(AT)) as app:
        with app.store.begin("installer") as transaction:
            transaction.connection.execute("create table meeting (id bigint primary key)")
        yield app


@pytest.fixture
def staged(app, database, kind):
    """Play a tale with a connection of this kind, opened and closed around it."""

    def staged(tale: Callable[[Stage], Awaitable[Any]], **how: Any) -> Any:
        borrower = KINDS[kind](how.pop("url", database), **how)
        stage = Stage(app, borrower)

        async def whole() -> Any:
            await borrower.open()
            try:
                return await tale(stage)
            finally:
                await borrower.close()

        return play(borrower, whole)

    return staged


def test_commit(staged, kind, store_name, tell):
    """Nobody sees it before the commit; everybody sees it afterwards, with the user's own row."""

    async def tale(stage):
        for number, verb in enumerate(VERBS):
            key = stage.prepare(verb)
            before = stage.written()
            await stage.borrower.begin()
            await stage.own_work(number)
            await stage.say(verb, key)
            assert stage.written() == before, verb.name
            await stage.borrower.commit()
            assert stage.written() != before, verb.name
            assert stage.meetings() == number + 1

    staged(tale)
    tell(f"lent: {kind} on {store_name}: {', '.join(verb.name for verb in VERBS)}")


def test_rollback(staged):
    async def tale(stage):
        for number, verb in enumerate(VERBS):
            key = stage.prepare(verb)
            before = stage.written()
            await stage.borrower.begin()
            await stage.own_work(number)
            await stage.say(verb, key)
            await stage.borrower.rollback()
            assert stage.written() == before, verb.name
            assert stage.meetings() == 0

    staged(tale)


def test_the_verb_comes_first_in_the_transaction(staged):
    """Sessions begin lazily: a verb that is the first statement dies with the rollback all the same."""

    async def tale(stage):
        for verb in VERBS:
            key = stage.prepare(verb)
            before = stage.written()
            await stage.borrower.begin()
            await stage.say(verb, key)
            await stage.borrower.rollback()
            assert stage.written() == before, verb.name

    staged(tale)


def test_savepoint(staged):
    """Undone with its savepoint; said again it is done again: nothing is remembered across it."""

    async def tale(stage):
        for number, verb in enumerate(VERBS):
            key = stage.prepare(verb)
            before = stage.written()
            await stage.borrower.begin()
            await stage.own_work(2 * number)
            await stage.borrower.savepoint()
            first = await stage.say(verb, key)
            await stage.borrower.back_to_savepoint()
            await stage.own_work(2 * number + 1)
            await stage.borrower.commit()
            assert stage.written() == before, verb.name
            await stage.borrower.begin()
            await stage.borrower.savepoint()
            await stage.say(verb, key)
            await stage.borrower.back_to_savepoint()
            second = await stage.say(verb, key)
            assert type(second) is type(first)
            await stage.borrower.commit()
            assert stage.written() != before, verb.name
        assert stage.meetings() == 2 * len(VERBS)

    staged(tale)


def test_autocommit(staged):
    """Outside a transaction each verb is one of its own: whole at once, or not at all."""

    async def tale(stage):
        for verb in VERBS:
            key = stage.prepare(verb)
            before = stage.written()
            await stage.say(verb, key)
            assert stage.written() != before, verb.name
        before = stage.written()
        for wrong in (
            lambda on: on.triggers.cancel("nobody"),
            lambda on: on.triggers.put("new", Every(5), PutTask("nobody knows it")),
        ):
            with pytest.raises((NotFound, UnknownHandler)):
                await settled(wrong(stage.app.on(stage.borrower.lent)))
        assert stage.written() == before
        await stage.own_work(1)
        assert stage.meetings() == 1

    staged(tale, autocommit=True)


def test_failed_transaction(staged, database):
    """After an error of the user's own the verb says what to do; after a rollback it works.

    SQLite undoes the statement that failed and keeps the transaction: there the verb simply joins it.
    """

    async def tale(stage):
        for verb in VERBS:
            key = stage.prepare(verb)
            before = stage.written()
            await stage.borrower.begin()
            with pytest.raises(Exception, match=r"no such table|does not exist"):
                await stage.borrower.execute("select * from no_such_table")
            if database.startswith("postgresql"):
                with pytest.raises(StoreError, match="Roll it back"):
                    await stage.say(verb, key)
                await stage.borrower.rollback()
                await stage.borrower.begin()
            assert stage.written() == before, verb.name
            await stage.say(verb, key)
            await stage.borrower.commit()
            assert stage.written() != before, verb.name

    staged(tale)


def test_another_database(staged, bench):
    """A connection to another database is told by what it leads to, not by its address, before anything is done."""

    async def tale(stage):
        before = stage.written()
        await stage.borrower.begin()
        for verb in VERBS:
            with pytest.raises(WrongDatabase, match="another database"):
                await stage.say(verb, verb.name)
        await stage.borrower.rollback()
        assert stage.written() == before

    staged(tale, url=bench.migrated())


@pytest.mark.stores("postgresql")
def test_repeatable_read(staged):
    """A row that changed after the snapshot: TryAgain, and the transaction is to be begun anew."""

    async def tale(stage):
        for verb in VERBS:
            if not verb.edits or verb.name in ("put with key", "retry"):
                continue
            key = stage.prepare(verb)
            await stage.borrower.begin_repeatable()
            await stage.borrower.execute("select count(*) from meeting")
            other = stage.app.tasks if verb.before is task else stage.app.triggers
            other.edit(key, priority=77)
            with pytest.raises(TryAgain):
                await stage.say(verb, key)
            await stage.borrower.rollback()
            await stage.borrower.begin()
            await stage.say(verb, key)
            await stage.borrower.commit()

    staged(tale)


@pytest.mark.stores("sqlite")
def test_sqlite_read_then_write(staged):
    """F23: a transaction that began by reading cannot become a writer once another has written; nothing is done."""

    async def tale(stage):
        for verb in VERBS:
            key = stage.prepare(verb)
            await stage.borrower.begin()
            await stage.borrower.execute("select count(*) from meeting")
            stage.app.trigger(f"other/{verb.name}", Every(5), WORK, unchecked=True)
            before = stage.written()
            with pytest.raises(TryAgain, match="BEGIN IMMEDIATE"):
                await stage.say(verb, key)
            await stage.borrower.rollback()
            assert stage.written() == before, verb.name

    staged(tale)


def test_reading_sees_what_the_transaction_wrote(staged):
    async def tale(stage):
        await stage.borrower.begin()
        on = stage.app.on(stage.borrower.lent)
        put = await settled(on.trigger("mine", Every(60), WORK, unchecked=True, tags=["x"]))
        found = await settled(on.triggers.get("mine"))
        assert (found.id, found.clock, found.action) == (put.id, Every(60), WORK)
        assert [each.key for each in await settled(on.triggers.list(tag="x"))] == ["mine"]
        assert (await settled(on.put(WORK, unchecked=True, key="t"))).did == "put"
        assert [each.key for each in await settled(on.tasks.list(state="ready"))] == ["t"]
        await stage.borrower.rollback()
        assert stage.app.triggers.list() == []

    staged(tale)
