"""Generators of an application: registered, run in a process, ended in the application's own transaction."""

import random
import threading

import pytest

from tickwork import Cursor, ExpiryRule, Generator, Offer, Tickwork
from tickwork.errors import ConfigurationError, InvalidInput, NotFound, TryAgain
from tickwork.model.generator import Over


@pytest.fixture
def app(database):
    app = Tickwork(database)
    yield app
    app.close()


def sql(app, text):
    with app.store.begin("installer", handing=True) as transaction:
        cursor = transaction.connection.execute(app.store.dialect.turn(text))
        return cursor.fetchall() if cursor.description else []


class Shelf(Generator):
    """Offers what is still on it."""

    def __init__(self, name, *identifiers, run=None, **settings):
        super().__init__(name, priority=2000, **settings)
        self.left, self.do, self.ran = list(identifiers), run, []
        self.empty = threading.Event()

    def offers(self, limit, now):
        return [Offer(each, 2000) for each in self.left]

    def run(self, work):
        self.ran.append(work.name)
        answer = None if self.do is None else self.do(work)
        if work.identifier in self.left:
            self.left.remove(work.identifier)
        if not self.left:
            self.empty.set()
        return answer


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_process_draws_from_generators(app):
    shelf = app.generators.add(Shelf("shelf", *map(str, range(20))))
    with app.process(daemon=False):
        assert shelf.empty.wait(60)
    assert sorted(shelf.ran) == sorted(f"shelf/{number}" for number in range(20))
    assert sql(app, "select count(*) from tickwork.lease")[0][0] == 0
    assert sql(app, "select done from tickwork.generator where name = 'shelf'")[0][0] == 20
    assert sql(app, "select count(*) from tickwork.worker")[0][0] == 0


def test_the_end_in_a_lent_transaction(app):
    """Effects and end are one commit of the application's own."""
    sql(app, "create table effect (name text)")
    ends = []

    def run(work):
        with app.store.begin("worker", handing=True) as transaction:
            transaction.connection.execute(f"insert into effect values ('{work.identifier}')")
            app.on(transaction.connection).generators.end(work, Over({"told": 1}))
        ends.append(work.identifier)

    shelf = app.generators.add(Shelf("shelf", "a", "b", run=run))
    assert app.generators.run_due() >= 2
    assert ends == ["a", "b"]
    assert len(sql(app, "select name from effect")) == 2
    assert shelf.left == []
    assert sql(app, "select count(*) from tickwork.lease")[0][0] == 0
    assert app.generators.state("shelf", "a").state == {"told": 1}


def test_a_lent_transaction_that_is_rolled_back(app):
    def run(work):
        with app.store.begin("worker", handing=True) as transaction:
            app.on(transaction.connection).generators.end(work)
            raise ValueError("no")

    app.generators.add(Shelf("shelf", "a", run=run))
    app.generators.run_due(1)
    kept = app.generators.state("shelf", "a")
    assert (kept.failures, kept.lease) == (1, None)


def test_who_has_lost_its_claim_ends_nothing(app):
    def run(work):
        sql(app, "update tickwork.generator set lease = null where key = 'a'")
        app.generators.remember(work, {"n": 1})

    app.generators.add(Shelf("shelf", "a", run=run))
    shelf = app.generators.registered["shelf"]
    app.generators.run_due(1)
    assert shelf.ran == ["shelf/a"]
    assert app.generators.state("shelf", "a").state == {}


def test_state_by_compare_and_swap(app):
    assert app.generators.state("mine", "k") is None
    assert app.generators.swap("mine", "k", {"n": 1}, 0) == 1
    assert app.generators.swap("mine", "k", {"n": 2}, 1) == 2
    with pytest.raises(TryAgain):
        app.generators.swap("mine", "k", {"n": 3}, 1)
    with pytest.raises(TryAgain):
        app.generators.swap("mine", "k", {"n": 3}, 0)
    with pytest.raises(InvalidInput):
        app.generators.swap("mine", "k", {"n": object()}, 2)
    kept = app.generators.state("mine", "k")
    assert (kept.state, kept.version) == ({"n": 2}, 2)


def test_of_two_that_swap_at_once_one_wins(app):
    """The row decides, whoever reads what."""
    app.generators.swap("mine", "k", {"n": 0}, 0)
    won = []

    def count():
        while True:
            kept = app.generators.state("mine", "k")
            if kept.state["n"] >= 40:
                return
            try:
                won.append(app.generators.swap("mine", "k", {"n": kept.state["n"] + 1}, kept.version))
            except TryAgain:
                continue

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(2, 42)), "no version twice, none left out"


def test_what_is_refused(app):
    app.generators.add(Shelf("shelf"))
    with pytest.raises(ConfigurationError):
        app.generators.add(Shelf("shelf"))
    with pytest.raises(ConfigurationError):
        app.generators.keep(archive=0)
    for name in ("", "Big", "a b", 7):
        with pytest.raises(InvalidInput):
            Shelf(name)
    with pytest.raises(InvalidInput):
        Generator.__init__(app.generators.registered["shelf"], "x", priority=(5, 1))
    with pytest.raises(InvalidInput):
        Cursor("x", "drop table x; --", print)
    with pytest.raises(NotFound):
        app.generators.show("nobody")


def test_an_application_collects_its_own(app):
    sql(app, "create table page_cache (id integer)")
    sql(app, "insert into page_cache values (1), (2), (3), (4), (5)")

    def remove(own, now, limit):
        return own.execute(
            f"delete from page_cache where id in (select id from page_cache order by id limit {limit})"
        ).rowcount

    app.generators.collect("page-cache", remove, every=3600, batch=2)
    app.generators.run_due()
    assert sql(app, "select count(*) from page_cache")[0][0] == 0
    kept = {kept.key: kept for kept in app.generators.show("retention").keys}["page-cache"]
    assert (kept.done, kept.state["removed"]) == (3, 5)


def test_rows_that_expire(app):
    """S4-14: by itself, on demand, and with a chance on write."""
    sql(app, "create table watch_item (id integer, expires_at bigint)")
    sql(app, "insert into watch_item values " + ", ".join(f"({n}, {n % 2})" for n in range(250)))
    sql(app, "insert into watch_item values (999, null)")
    rule = app.generators.expire(ExpiryRule("watch_item", kind="microseconds"), batch=100)
    chance = random.Random(1).random
    assert not rule.purges_now(0, chance)
    assert app.generators.purge(rule, limit=30) == 30
    assert app.generators.run_due() >= 3
    assert sql(app, "select id from watch_item")[0][0] == 999


def test_a_tick_draws_from_generators(app):
    """Where only cron may start something: by rank with tasks and jobs, and only while there is time."""
    shelf = app.generators.add(Shelf("shelf", "a", "b"))
    assert app.tick(within=30).reason == "none-ready"
    assert shelf.ran == ["shelf/a", "shelf/b"]
    names = {each.name for each in app.generators.list()}
    assert names == {"shelf", "retention", "bulk", "queue", "jobs"}
    shelf.left = ["c"]
    assert app.tick(within=0).reason == "time-limit"
    assert shelf.left == ["c"]
