"""One worker draws from ranked sources: the queue, jobs and generators are asked, claimed and settled alike."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.worker.works import Works, counted
from tickwork.engine.generators.contract import check_asked
from tickwork.engine.generators.source import Generated
from tickwork.model.generator import Offer, Rest
from tickwork.store.open import open_store
from tickwork.watch import SECOND


def test_g1_while_the_queues_best_is_better_it_alone_is_drawn(works):
    """G1 with the queue: nobody is asked who could give nothing better."""
    rubbish = works.shelf("rubbish", Offer("x", 4000, 0), priority=4000)
    tasks = [works.task(priority=n) for n in (10, 20, 30)]
    worker = works.worker(rubbish, jobs=False, concurrency=2, batch=2)
    worker.pump.turn(works.watch.now())
    assert works.began == tasks[:2]
    assert dict(worker.pump.drawing.asked) == {}
    worker.run_due()
    assert works.began == [*tasks, "rubbish/x"]


def test_3_15_everything_in_one_order(works):
    """3.15: by priority, then by how long it waits, whatever gives it."""
    late = works.watch.now() - 5 * SECOND
    shelf = works.shelf("shelf", Offer("a", 1500, late), Offer("b", 2000, late), Offer("c", 3000, late))
    tasks = {n: works.task(priority=n) for n in (900, 2000, 4000)}
    jobs = {n: works.job(f"job{n}", priority=n) for n in (1000, 2500)}
    works.worker(shelf, concurrency=1).run_due()
    assert works.began == [
        tasks[900], jobs[1000], "shelf/a", "shelf/b", tasks[2000], jobs[2500], "shelf/c", tasks[4000],
    ]  # fmt: skip


priorities = st.integers(1, 4).map(lambda n: n * 100)
waits = st.integers(0, 3)


@pytest.mark.stores("sqlite", "postgresql-18")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tasks=st.lists(st.tuples(priorities, waits), max_size=6),
    jobs=st.lists(priorities, max_size=3),
    shelves=st.lists(st.lists(st.tuples(priorities, waits), max_size=4), max_size=2),
    hands=st.integers(1, 4),
)
def test_g4_the_queue_and_jobs_are_ranked_as_if_all_were_asked(bench, tasks, jobs, shelves, hands):
    """G4, 3.15: what begins is what ask-everyone-and-sort gives, over the queue, jobs and generators together."""
    store = open_store(bench.migrated())
    works = Works(store)
    now = works.watch.now()
    expected = []
    for priority, wait in tasks:
        name = works.task(priority=priority)
        works.field.sql(f"update tickwork.task set available_at = {now - wait * SECOND} where id = {name[6:]}")
        expected.append((priority, now - wait * SECOND, name))
    for number, priority in enumerate(jobs):
        expected.append((priority, now, works.job(f"j{number}", priority=priority)))
    made = []
    for number, offers in enumerate(shelves):
        given_ = [Offer(str(n), priority, now - wait * SECOND) for n, (priority, wait) in enumerate(offers)]
        made.append(works.shelf(f"s{number}", *given_))
        expected += [(each.priority, each.due_at, f"s{number}/{each.identifier}") for each in given_]
    works.worker(*made, concurrency=hands).run_due()
    ranks = {name: (priority, due) for priority, due, name in expected}
    assert sorted(works.began) == sorted(ranks)
    assert [ranks[name] for name in works.began] == sorted(ranks.values())
    store.close()


def test_g2_equals_take_turns_with_the_queue(works):
    """G2: of two with the same priority and the same time the source goes first that was served least recently."""
    now = works.watch.now()
    shelf = works.shelf("shelf", *(Offer(str(n), 2000, now) for n in range(3)))
    for _ in range(3):
        works.task(priority=2000, at=now)
    worker = works.worker(shelf, jobs=False, concurrency=1)
    worker.run_due()
    assert [name.split("/")[0] for name in works.began] == ["queue", "shelf"] * 3


@pytest.mark.stores("postgresql-18")
def test_the_hot_path_stays_what_it_is(works):
    """At most 0.06 statements per task in batches of 100, with everybody else there; who has rested is not asked again."""
    others = [works.shelf("shelf"), works.shelf("rubbish", *(Offer(str(n), 4000, 0) for n in range(3)), priority=4000)]
    worker = works.worker(*others, concurrency=100, batch=100)
    worker.run_due()
    for _ in range(1000):
        works.task()
    worker.pump.plan.rung = True

    def drain():
        while len(works.began) < 1003 or not worker.pump.empty:
            worker.pump.turn(works.watch.now())

    asked = dict(worker.pump.drawing.asked)
    said = counted(works.store, drain)
    assert len(said) / 1000 <= 0.06, said
    assert dict(worker.pump.drawing.asked) == asked


@pytest.mark.parametrize(("hands", "ahead"), [(4, 0), (4, 6), (1, 0)])
def test_what_begins_before_something_better_is_bounded(works, hands, ahead):
    """3.15: only what was claimed before something better became ready begins before it: the hands, and what is claimed ahead."""
    better = []

    def note(task):
        works.began.append(f"queue/{task.id}")
        if len(works.began) == 5:
            better.append(works.task(priority=10))
            better.append(works.job("urgent", priority=20))
            worker.pump.wake("jobs")  # as the wake-up does that names it

    works.registry._handlers.pop("note")
    works.registry.add("note", note)
    for _ in range(30):
        works.task(priority=2000)
    worker = works.worker(concurrency=hands)
    worker.pump.hands.ahead.size = worker.pump.hands.ahead.limit = ahead
    while len(works.began) < 25:
        worker.pump.turn(works.watch.now())
    worse = works.began.index(better[0]) - 5
    assert worse <= hands + ahead - 1, works.began
    assert works.began.index(better[1]) == works.began.index(better[0]) + 1


def test_hands_are_reserved_for_what_is_urgent_tasks_too(works):
    """3.15: of three hands one waits for priority 1000 and better, whatever waits in the queue."""
    from tests.engine.generators.field import Held

    class Hold(Held):
        def submit(self, units):
            self.units.extend(units)
            for unit in units:
                unit.running.now[unit.claimed.id] = (unit.claimed, 0)

    for _ in range(5):
        works.task(priority=2000)
    worker = works.worker(concurrency=3, reserve=1)
    held = Hold()
    worker.pump.hands.executors = (held, held)
    for _ in range(3):
        worker.pump.turn(works.watch.now())
    assert [unit.priority for unit in held.units] == [2000, 2000]
    works.task(priority=1000)
    works.task(priority=900)
    worker.pump.plan.rung = True
    for _ in range(3):
        worker.pump.turn(works.watch.now())
    assert [unit.priority for unit in held.units] == [2000, 2000, 900]


def test_the_queue_and_jobs_are_members_of_the_list(works):
    """The queue and jobs have rows like anybody: counted, paused, woken."""
    worker = works.worker()
    works.task()
    works.job("sweep")
    worker.run_due()
    found = dict(works.shop.ask("select name, done from tickwork.generator where key = ''"))
    assert found == {"queue": 1, "jobs": 1}
    works.field.sql("update tickwork.generator set paused_at = 1 where name = 'queue'")
    task = works.task()
    worker.run_due()
    assert task not in works.began
    works.field.sql("update tickwork.generator set paused_at = null where name = 'queue'")
    worker.run_due()
    assert works.began[-1] == task


def test_the_contract_holds_for_those_with_rows_of_their_own(works):
    """What the ranking relies on: the queue and jobs answer as any generator must."""
    tasks = [works.task(priority=n) for n in (30, 10, 20)]
    works.job("b", priority=7)
    works.job("a", priority=3)
    worker = works.worker()
    now = works.watch.now()
    found = {each.name: check_asked(each, now, 10) for each in worker.sources}
    assert [f"queue/{offer.identifier}" for offer in found["queue"]] == [tasks[1], tasks[2], tasks[0]]
    assert [offer.identifier for offer in found["jobs"]] == ["a", "b"]


def test_3_13_what_a_worker_does_is_named_by_the_pair(works, caplog):
    """3.13: one list of everything in hand, each piece named generator/identifier."""
    from tickwork.store import crew

    seen = []

    def look(work):
        with works.store.read() as transaction:
            (member,) = transaction.perform(crew.crew())
        seen.extend(each.work for each in member.works)
        return Rest(60 * SECOND)

    shelf = works.shelf("webhooks", Offer("7", 500, 0))
    shelf.do = look
    works.registry.add("long", lambda: look(None))
    task = works.shop.put("long", priority=600)
    works.worker(shelf, concurrency=2).run_due()
    assert "webhooks/7" in seen
    assert f"queue/{task}" in seen


def test_a_source_in_trouble_stops_no_other(works, caplog):
    """One whose claims fail is left alone for a second; the queue and the others go on."""
    shelf, bad = works.shelf("shelf", Offer("a", 100, 0)), works.shelf("bad", Offer("b", 50, 0))
    task = works.task(priority=2000)
    worker = works.worker(shelf, bad, concurrency=4)
    source = worker.pump.seats["bad"].source
    assert isinstance(source, Generated)

    def fails(transaction, wish):
        raise RuntimeError("no claim today")

    source.claim = fails
    worker.run_due()
    assert works.began == ["shelf/a", task]
    assert "no claim today" in caplog.text
    del source.claim
    works.watch.wind(2)
    worker.run_due()
    assert works.began[-1] == "bad/b"


def test_nobody_asks_about_priority_at_most(works):
    """What is less urgent than the worker was told is drawn from no source."""
    from dataclasses import replace

    shelf = works.shelf("shelf", Offer("a", 1500, 0), Offer("b", 500, 0))
    works.job("late", priority=2000)
    worker = works.worker(shelf)
    worker.pump.hands.appetite = replace(worker.pump.hands.appetite, worst=1000)
    worker.queue.subscription = worker.queue.subscription.down_to(1000)
    works.task(priority=2000)
    task = works.task(priority=800)
    worker.run_due()
    assert works.began == ["shelf/b", task]


def test_who_asked_in_vain_knows_that_nothing_is_left(works):
    """A limit that another worker fills gives nothing: that is looked at once more, and who then falls asleep is idle."""
    mine, theirs = (
        works.shelf("shelf", Offer("a", 4000, 0), Offer("b", 4000, 1), priority=4000, limit=1) for _ in "12"
    )
    other = works.field.pump(theirs, at_once=False)
    other.turn(works.watch.now())
    assert [work.identifier for work in other.running.values()] == ["a"]

    worker = works.worker(mine, jobs=False, concurrency=4)
    again_at = now = works.watch.now()
    while again_at is not None and again_at <= now:
        again_at = worker.pump.turn(now)
    assert works.began == []
    assert worker.pump.idle
