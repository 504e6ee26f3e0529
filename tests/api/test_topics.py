"""Topics: one put or one firing, a task for each handler that has subscribed, in one transaction. On every store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.test_tasks import run_due
from tests.support.dying import walk
from tests.support.scene import START, Scene
from tickwork import Tickwork, Topic, clocks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import InvalidInput, InvalidPayload
from tickwork.model.retry import Backoff
from tickwork.watch import ManualWatch


@pytest.fixture
def ran(app):
    ran = []

    @app.handler("cache.purge")
    def purge(page: int) -> None:
        ran.append(("purge", page))

    @app.handler("search.index", attempts=3)
    def index(page: int) -> None:
        ran.append(("index", page))

    app.topics.subscribe("page.saved", purge, index)
    return ran


def test_every_subscriber_has_a_task_of_its_own(app, ran):
    put = app.topics.put("page.saved", {"page": 7}, object="page/7")
    assert sorted(put.tasks) == ["cache.purge", "search.index"]
    assert [(task.handler, task.attempts, task.object) for task in app.tasks.list()] == [
        ("cache.purge", 20, "page/7"),
        ("search.index", 3, "page/7"),
    ]
    run_due(app)
    assert sorted(ran) == [("index", 7), ("purge", 7)]


def test_who_only_writes_need_not_know_the_handlers(app, ran, database, watch):
    app.topics.declare_all()
    with Tickwork(database, watch=watch) as web, Tickwork(database, namespace="other", watch=watch) as other:
        assert len(web.topics.put("page.saved", {"page": 7}, delay=60).tasks) == 2
        assert other.topics.put("page.saved", {"page": 7}).tasks == {}
    assert {task.state for task in app.tasks.list()} == {"waiting"}


def test_subscriptions_come_and_go(app, ran):
    assert app.topics.put("page.deleted").tasks == {}
    app.topics.declare_all()
    assert [(each.topic, each.handler) for each in app.topics.list()] == [
        ("page.saved", "cache.purge"),
        ("page.saved", "search.index"),
    ]
    assert app.topics.unsubscribe("page.saved", "cache.purge")
    assert not app.topics.unsubscribe("page.saved", "cache.purge")
    assert list(app.topics.put("page.saved", {"page": 7}).tasks) == ["search.index"]


def test_a_lent_transaction_has_all_of_it_or_nothing(app, ran):
    if app.store.dialect.name == "sqlite":
        import sqlite3

        lent = sqlite3.connect(app.store.dialect.path, isolation_level=None)
    else:
        import psycopg

        lent = psycopg.connect(app.store.dialect.conninfo, autocommit=True)
    for end in ("rollback", "commit"):
        lent.execute("begin" if end == "commit" or app.store.dialect.name != "sqlite" else "begin immediate")
        assert len(app.on(lent).topics.put("page.saved", {"page": 7}).tasks) == 2
        lent.execute(end)
        assert len(app.tasks.list()) == (0 if end == "rollback" else 2)
        assert len(app.topics.list()) == (0 if end == "rollback" else 2)
    lent.close()


def test_what_cannot_be_is_refused(app, ran):
    with pytest.raises(InvalidPayload, match="page"):
        app.topics.put("page.saved", {"page": "seven"})
    for bad in ({"key": "k"}, {"dedupe": True}, {"priority": 0}, {"delay": -1}):
        with pytest.raises(InvalidInput):
            app.topics.put("page.saved", {"page": 7}, **bad)
    with pytest.raises(InvalidInput, match="overlap"):
        app.trigger("t", clocks.Every(60), Topic.of("page.saved", {"page": 7}), overlap="skip")
    with pytest.raises(InvalidInput, match="handlers"):
        app.topics.subscribe("page.saved")
    assert app.tasks.list() == []


# -------------------------------------------------------------------------------------------------------------- firing


@pytest.fixture
def scene(database):
    scene = Scene(database)
    scene.app.topics.subscribe("tick", "a", "b", "c")
    scene.app.topics.declare_all()
    yield scene
    scene.close()


def test_a_firing_spreads_to_all_in_the_same_transaction(scene):
    scene.put("t", clocks.Every(60), Topic.of("tick", {"n": 1}), priority=7, tags=["x"], expires_after=60)
    scene.put("plain", clocks.Every(60))
    scene.put("empty", clocks.Every(60), Topic("nobody.listens"))
    scene.work()
    statements = []
    scene.store.dialect.on_statement = statements.append
    scene.wind(60)
    scene.store.dialect.on_statement = None
    rows = scene.sql(
        "select handler, priority, payload, tags, planned_at, previous_at from tickwork.task where trigger_key = 't' order by id"
    )
    assert [row[0] for row in rows] == ["a", "b", "c"]
    assert {row[1:4] for row in rows} == {(7, '{"n":1}', '["x"]')}
    assert scene.fired("t") == scene.fired("empty") == scene.fired("plain") == [START + timedelta(seconds=60)]
    assert len(scene.tasks()) == 4
    assert statements.count("record_firings") == 1
    assert scene.app.triggers.get("t").action == Topic.of("tick", {"n": 1})


def test_those_count_that_have_subscribed_by_then(scene):
    scene.put("t", clocks.Every(60), Topic("tick"))
    scene.wind(60)
    scene.app.topics.unsubscribe("tick", "a")
    scene.app.topics.subscribe("tick", "d")
    scene.app.topics.declare_all()
    scene.wind(60)
    handlers = [row[0] for row in scene.sql("select handler from tickwork.task order by id")]
    assert handlers == ["a", "b", "c", "b", "c", "d"]


def test_a_reminder_is_delivered_once_over_each_channel(scene):
    """S4-16, S4-23: on an object, with a comment: one delivery per channel; mail fails, web succeeds, only mail is retried."""
    app, tried = scene.app, []

    @app.handler("remind.web")
    def web(subject: str, comment: str) -> None:
        tried.append(("web", subject, comment))

    @app.handler("remind.mail", backoff=Backoff(first=60_000_000, jitter=0.0))
    def mail(task, subject: str, comment: str) -> None:
        tried.append(("mail", subject, comment))
        if task.attempt == 1:
            raise ConnectionError("the server is down")

    app.topics.subscribe("reminder", web, mail)
    app.topics.declare_all()
    said = {"subject": "page/7", "comment": "read the sources"}
    key = scene.put(
        "reminder/7", clocks.Once(START + timedelta(hours=1)), Topic.of("reminder", said), object="page/7"
    ).key
    scene.wind(3599)
    run_due(app)
    assert (key, tried) == ("reminder/7", [])
    scene.wind(1)
    run_due(app)
    scene.wind(60)
    run_due(app)
    assert tried == [(channel, "page/7", "read the sources") for channel in ("mail", "web", "mail")]
    assert app.counts().archive == {"done": 2}


def test_by_hand(scene):
    scene.put("t", clocks.Never(), Topic("tick"))
    scene.work()
    for _ in range(2):
        scene.app.triggers.fire("t", planned=START)
        scene.work()
    assert len(scene.tasks("t")) == 3, "a planned time that has had its outcome puts nothing more"
    assert [row[0] for row in scene.ledger("t")] == ["by hand"]


def fires(store) -> None:
    """The body: a daemon fires topics and plain triggers."""
    store.watch = ManualWatch(START + timedelta(seconds=125))
    TriggerDaemon(store, batch=3).run_due(store.watch.now())


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_each_occurrence_has_its_three_tasks_once(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        scene = Scene(url)
        scene.app.topics.subscribe("tick", "a", "b", "c")
        scene.app.topics.declare_all()
        for n in range(4):
            scene.put(f"t{n}", clocks.Every(60), Topic("tick"))
            scene.put(f"p{n}", clocks.Every(60))
        scene.close()
        return url

    def check(url: str, n: int) -> None:
        scene = Scene(url)
        scene.wind(125)
        for number in range(4):
            assert len(scene.fired(f"t{number}")) == len(scene.fired(f"p{number}")) == 2, n
            assert (len(scene.tasks(f"t{number}")), len(scene.tasks(f"p{number}"))) == (6, 2), n
        scene.close()

    died = walk(fires, prepare, check)
    assert died > 15
    tell(f"walk of topics on {store_name}: died before each of {died} statements")
