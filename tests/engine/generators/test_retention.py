"""Collection at the lowest priority: state that survives restarts, slices in turn, errors apart, rows that expire."""

import random
from datetime import timedelta

import pytest

from tests.engine.generators.field import START, Given
from tests.support.scene import Scene
from tickwork import PutTask, Tickwork, clocks
from tickwork.engine.generators.collection import Collection, Collector, Retention
from tickwork.engine.generators.expiry import Expiry, purge
from tickwork.engine.generators.retention import collectors
from tickwork.errors import ConfigurationError
from tickwork.model.expiry import ExpiryRule
from tickwork.model.generator import Offer
from tickwork.store.open import open_store
from tickwork.watch import DAY, HOUR, MINUTE, ManualWatch


def test_g8_a_restart_sweeps_nothing_again(field):
    """G8: interval 4 h, the process restarts every 3 min for 12 h: each collector is swept at most 4 times."""
    sweeps = dict.fromkeys("abcde", 0)

    def counting(name):
        def collect(work, now, limit):
            sweeps[name] += 1
            return 0

        return Collector(name, collect)

    for _ in range(12 * 20 + 1):
        field.run_due(Collection("gc", [counting(name) for name in sweeps]))
        field.later(timedelta(minutes=3))
    assert all(1 <= count <= 4 for count in sweeps.values()), sweeps


def test_empty_collectors_rest_longer(field):
    times = []
    collection = Collection("gc", [Collector("a", lambda work, now, limit: times.append(now) or 0, interval=HOUR)])
    start = field.watch.now()
    for _ in range(60):
        field.run_due(collection)
        field.later(timedelta(hours=1))
    assert [(at - start) // HOUR for at in times] == [0, 1, 3, 7, 15, 31, 55], "doubling, up to a day"


def test_g10_one_of_five_raises(field):
    """G10: the four others run; it is retried with back-off."""
    runs = {name: [] for name in "abcde"}

    def noting(name):
        def collect(work, now, limit):
            runs[name].append((now - start) // MINUTE)
            if name == "c":
                raise OSError
            return 0

        return Collector(name, collect)

    start = field.watch.now()
    pump = field.pump(Collection("gc", [noting(name) for name in runs]))
    for _ in range(16):
        pump.run_due(field.watch.now)
        field.later(60)
    assert runs == {"a": [0], "b": [0], "c": [0, 1, 3, 7, 15], "d": [0], "e": [0]}


def test_slices_go_round(field):
    left = {"a": 25, "b": 5, "c": 15}
    order = []

    def taking(name):
        def collect(work, now, limit):
            order.append(name)
            taken = min(limit, left[name])
            left[name] -= taken
            return taken

        return Collector(name, collect, slice=10)

    collection = Collection("gc", [taking(name) for name in left])
    pump = field.pump(collection)
    for _ in range(6):
        pump.turn(field.watch.now())
        field.later(0.001)
    assert order == ["a", "b", "c", "a", "c", "a"]
    assert left == {"a": 0, "b": 0, "c": 0}


def test_g11_null_keeps_for_ever_and_zero_is_refused():
    """G11: the same for all."""
    for name in (
        "archive",
        "failed",
        "attempts",
        "ledger",
        "triggers",
        "finished",
        "versions",
        "workers",
        "requests",
        "generators",
    ):
        assert name not in {each.name for each in collectors({name: None})}
        for wrong in (0, -1, timedelta(0)):
            with pytest.raises(ConfigurationError) as refused:
                collectors({name: wrong})
            assert refused.value.field == f"kept {name}"
    with pytest.raises(ConfigurationError):
        collectors({"everything": 1})


def test_people_go_before_rubbish(field):
    """Collection never delays people: it has the lowest priority that ships."""
    people = Given("people", [Offer("x", 2000, 0)])
    swept = []
    pump = field.pump(people, Retention([Collector("a", lambda *_: swept.append(1) or 0)]))
    for _ in range(20):
        pump.turn(field.watch.now())
    assert (len(people.ran), swept) == (20, [])


def test_what_tickwork_collects(field):
    """Archive by outcome, ledger, cancelled triggers with their trail (and a letter for the daemon), processes, orphans."""
    old, new = field.watch.now() - 200 * DAY, field.watch.now()
    archive = "insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version,"
    archive += " outcome, attempts, attempt, lost, snoozes, asked_at, created_at, finished_at) values"
    for number, (outcome, at) in enumerate(
        [("done", old), ("done", new), ("gave up", new - 30 * DAY), ("lost", old)], 1
    ):
        values = f"({number}, 'default', 'q', 1, 'h', 'task', '{{}}', 1, '{outcome}', 1, 1, 0, 0, {old}, {old}, {at})"
        field.sql(f"{archive} {values}")
        field.sql(
            f"insert into tickwork.attempt (task_id, attempt, outcome, ended_at) values ({number}, 1, 'failed', {old})"
        )
    field.sql(f"insert into tickwork.attempt (task_id, attempt, outcome, ended_at) values (99, 1, 'failed', {old})")
    field.sql(
        "insert into tickwork.firing (trigger_id, generation, planned_at, outcome, version, fired_at)"
        f" values (1, 1, 1, 'fired', 1, {old}), (1, 1, 2, 'fired', 1, {new})"
    )
    trigger = "insert into tickwork.trigger (id, namespace, key, state, clock_kind, clock_params, since_at, handler,"
    trigger += " created_at, changed_at) values"
    override = " overriding system value values" if field.store.dialect.locks_rows else " values"
    trigger = trigger.replace(" values", override)
    for number, (state, at) in enumerate([("cancelled", old), ("cancelled", new), ("active", old)], 1):
        field.sql(f"{trigger} ({number}, 'default', 'k{number}', '{state}', 'never', '{{}}', 0, 'h', 0, {at})")
        for version in (1, 2):
            field.sql(
                "insert into tickwork.trigger_version (trigger_id, version, generation, state, clock_kind,"
                f" clock_params, since_at, policies, at) values ({number}, {version}, 1, 'active', 'never', '{{}}', 0, '{{}}', {at})"
            )
    field.sql(f"insert into tickwork.worker (kind, host, pid, started_at, seen_at) values ('worker', 'h', 1, 0, {old})")
    field.sql("insert into tickwork.handler (worker_id, name) values (77, 'gone')")
    field.run_due(Retention(collectors()))
    assert field.sql("select id from tickwork.archive order by id") == [(2,), (3,)]
    assert field.sql("select task_id from tickwork.attempt order by 1") == [(2,), (3,)]
    assert field.sql("select planned_at from tickwork.firing") == [(2,)]
    assert field.sql("select key from tickwork.trigger order by 1") == [("k2",), ("k3",)]
    kept = field.sql("select trigger_id, version from tickwork.trigger_version order by 1, 2")
    assert kept == [(2, 1), (2, 2), (3, 2)], "the newest version stays, for audit recomputes from it"
    assert field.sql("select trigger_id from tickwork.trigger_change") == [(1,)]
    assert field.sql("select count(*) from tickwork.worker where host = 'h'") == [(0,)]
    assert field.sql("select count(*) from tickwork.handler") == [(0,)]


def test_triggers_that_have_fired_for_the_last_time(database):
    """4.20: they have a retention, too, and nothing of them stays behind but the ledger; nobody's guess how long."""
    scene = Scene(database)
    for number in range(3):
        scene.put(f"once/{number}", clocks.Once(scene.now + timedelta(seconds=1)))
    scene.put("twice", clocks.Every(60), max_firings=2)
    scene.put("later", clocks.Once(scene.now + timedelta(days=50)))
    scene.put("paused", clocks.Once(scene.now + timedelta(seconds=1)))
    scene.put("never", clocks.Never())
    scene.app.triggers.pause("paused")
    scene.work()
    for _ in range(2):
        scene.wind(60)
    scene.wind(timedelta(days=20))
    scene.app.triggers.edit("once/2", priority=7)
    scene.wind(timedelta(days=20))
    assert scene.app.retention.run("finished") == {"finished": 0}, "unless somebody says so, they are kept"
    scene.app.retention.set("finished", timedelta(days=30))
    assert scene.app.retention.run("finished") == {"finished": 3}
    left = ["later", "never", "once/2", "paused"]
    assert scene.sql("select key from tickwork.trigger order by 1") == [(key,) for key in left]
    scene.work()
    assert scene.sql("select count(*) from tickwork.event") == [(4,)], "no orphan: the daemon was told"
    assert scene.sql(
        "select count(*) from tickwork.trigger_version v where v.trigger_id not in (select id from tickwork.trigger)"
    ) == [(0,)]
    assert scene.sql("select count(*) from tickwork.firing") == [(5,)], "the ledger has its own time"
    scene.wind(timedelta(days=20))
    assert scene.app.retention.run("finished") == {"finished": 1}  # the one that was edited; "later" is fresh
    scene.close()


def test_the_archive_is_collected_by_when_a_task_ended(database):
    """4.21: never by when it was put: a task that waited for a year is not gone the day after."""
    with Tickwork(database, watch=ManualWatch(START)) as app:
        task = app.put(PutTask("nobody", "{}"), delay=timedelta(days=365), unchecked=True)
        app.store.watch.wind(timedelta(days=365))
        app.tasks.cancel(task.id)
        app.store.watch.wind(timedelta(days=13))
        assert app.retention.run("archive") == {"archive": 0}
        app.store.watch.wind(timedelta(days=2))
        assert app.retention.run("archive") == {"archive": 1}


# ---------------------------------------------------------------------------------------------------------- expiry

RULE = ExpiryRule("watch_item", kind="microseconds")


def items(field, *expires):
    field.sql("create table watch_item (id integer primary key, expires_at bigint)")
    rows = ", ".join(f"({number}, {'null' if at is None else at})" for number, at in enumerate(expires, 1))
    field.sql(f"insert into watch_item values {rows}")


def visible(field):
    now = field.watch.now()
    return [row[0] for row in field.sql(f"select id from watch_item where {RULE.visible().replace(':now', str(now))}")]


def test_t113_a_read_hides_what_is_past_its_time(field):
    """T-113, S4-11: at 11:59:59.999999 it is there, at 12:00:00 it is gone, with purging switched off."""
    items(field, field.watch.now() + 1, None)
    assert visible(field) == [1, 2]
    field.later(0.000001)
    assert visible(field) == [2]
    assert field.one("select count(*) from watch_item") == 2


def test_t114_a_purge_goes_in_slices(field):
    """T-114, S4-12: 250 expired, batch 100: three runs of 100, 100, 50, and no fourth."""
    items(field, *[field.watch.now()] * 250, None, field.watch.now() + 1)
    expiry = Expiry()
    expiry.add_rule(RULE)
    runs = []
    pump = field.pump(expiry)
    before = field.one("select count(*) from watch_item")
    while pump.turn(field.watch.now()) == field.watch.now():
        after = field.one("select count(*) from watch_item")
        runs.append(before - after)
        before = after
    assert runs == [100, 100, 50]
    assert before == 2
    assert pump.run_due(field.watch.now) == 0


@pytest.mark.stores("postgresql")
def test_t115_a_row_that_is_extended_meanwhile_survives(field, database):
    """T-115, S4-13: the condition is checked in the removal itself; a row that an application has open is passed over."""
    items(field, 1, 1)
    application = open_store(database)
    with application.begin("worker", handing=True) as transaction:
        transaction.connection.execute("update watch_item set expires_at = null where id = 1")
        assert purge(field.store, RULE, field.watch.now(), 100) == 1
    application.close()
    assert purge(field.store, RULE, field.watch.now(), 100) == 0
    assert field.sql("select id from watch_item") == [(1,)]


def test_t115_the_removal_asks_again(field):
    """T-115, S4-13: whatever was picked, only what is past its time is removed."""
    removal = RULE.removal
    picked, asked_again = removal.split(") and ", 1)
    assert "select id" in picked
    assert asked_again == RULE.expired


def test_t116_chance_on_write(field):
    """T-116, S4-14: rate 0 never, 1 always, 0.1 over 10,000 writes within three sigma."""
    chance = random.Random(7).random
    assert sum(RULE.purges_now(0, chance) for _ in range(10_000)) == 0
    assert sum(RULE.purges_now(1, chance) for _ in range(10_000)) == 10_000
    assert 910 <= sum(RULE.purges_now(0.1, chance) for _ in range(10_000)) <= 1_090
