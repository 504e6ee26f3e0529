"""Leases that ran out: who is given back, who is charged, and that no live worker is ever robbed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.shop import NOON, Shop
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.units import Job
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.heartbeat import Heartbeat
from tickwork.model.lease import LENGTH, LOST_ALLOWED
from tickwork.model.work import Claimed
from tickwork.store import claims, workers
from tickwork.store.claims import Subscription, Wish
from tickwork.watch import SECOND

HOUR = 3600 * SECOND


class Dead:
    """An executor of a worker that dies: it takes jobs and never runs them, or begins some of them first."""

    queued = 0

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, jobs) -> None:
        self.jobs += jobs

    def take_back(self) -> list[Job]:
        return []

    def cancel(self, token: int) -> None:
        pass

    def close(self) -> None:
        pass


def claim(shop: Shop, *, size: int = 1, starts: int = 1, length: int = LENGTH, token: int = 7) -> list[Claimed]:
    """Claim as a worker does that dies afterwards."""
    with shop.store.begin("worker") as transaction:
        return claims.claim(transaction, Subscription(), Wish(token, 1, length, size, starts))


def rescued(shop: Shop, rescue: Rescue, seconds: float) -> dict[int, Any]:
    """Let a rescuer look, and look again after so many seconds."""
    rescue.turn(shop.watch.now())
    shop.wind(seconds)
    rescue.turn(shop.watch.now())
    return shop.tasks


def test_q6_expired_leases_in_due_order(shop: Shop) -> None:
    """Q6: two ended leases of equal priority: the task that was due earlier is first."""
    ran: list[int] = []
    later = shop.put("note", delay=10)
    earlier = shop.put("note", delay=5)
    shop.wind(10)
    assert [each.id for each in claim(shop, token=11)] == [earlier]
    assert [each.id for each in claim(shop, token=12)] == [later]
    rescued(shop, Rescue(shop.store), 30)
    shop.worker({"note": lambda task: ran.append(task.id)}).run_due()
    assert ran == [earlier, later]


def test_t104_a_worker_dies(shop: Shop) -> None:
    """T-104: lease 3600 and no heartbeat: at 12:59:59 nobody else has it, at 13:00:00 attempt 2; the late finish is rejected."""
    attempts: list[int] = []
    task = shop.put("note")
    dead = shop.worker({"note": lambda: None}, Appetite(lease=HOUR))
    dead.pump.hands.executors = (Dead(), Dead())
    dead.pump.turn(shop.watch.now())
    other, rescue = shop.worker({"note": lambda task: attempts.append(task.attempt)}), Rescue(shop.store)
    rescue.turn(shop.watch.now())
    shop.wind(3599)
    rescue.turn(shop.watch.now())
    other.run_due()
    assert attempts == []
    shop.wind(1)
    rescue.turn(shop.watch.now())
    other.run_due()
    assert attempts == [2]
    (job,) = dead.pump.hands.executors[0].jobs
    dead.runs.run(job)
    settled = shop.archive[task]
    dead.run_due()
    assert shop.archive[task] == settled
    assert (settled.outcome, settled.attempt, settled.lost) == ("done", 2, 1)


def test_k15_a_worker_that_starts_leaves_the_leases_of_others_alone(shop: Shop) -> None:
    """K15: another host runs a leased task; a worker starts here, registers, looks round and works: the lease is untouched."""
    mine = shop.put("held")
    other = shop.worker({"held": lambda: None})
    other.pump.hands.executors = (Dead(), Dead())
    other.pump.turn(shop.watch.now())
    leases, held = shop.leases, shop.tasks[mine]
    shop.put("note")
    starting = shop.worker({"note": lambda: None, "held": lambda: None})
    starting.heartbeat.turn(shop.watch.now())
    starting.rescue.turn(shop.watch.now())
    assert starting.run_due() == 1
    starting.stop(0)
    assert (shop.leases, shop.tasks) == (leases, {mine: held})


def test_x17_the_late_finisher_is_told_and_its_result_discarded(shop: Shop, caplog) -> None:
    """X17: the lease ends, B completes, then A completes: the archive has B's result; no transaction stays open."""
    task = shop.put("note")
    a = shop.worker({})
    a.queue.registry.add("note", lambda: "A", keep_result=True)
    a.pump.hands.executors = (Dead(), Dead())
    a.pump.turn(shop.watch.now())
    rescued(shop, Rescue(shop.store), 30)
    b = shop.worker({})
    b.queue.registry.add("note", lambda: "B", keep_result=True)
    b.run_due()
    a.runs.run(a.pump.hands.executors[0].jobs[0])
    a.run_due()
    assert shop.archive[task].result == "B"
    assert "came to nothing" in caplog.text


def test_x18_a_task_with_a_heartbeat_is_never_stolen(shop: Shop) -> None:
    """X18: a run of ten leases' length keeps its lease, and is known to be running."""
    rescue, stolen = Rescue(shop.store), []

    def note() -> None:
        for _ in range(60):
            heartbeat.turn(shop.watch.now())
            stolen.extend(task for task in shop.tasks.values() if task.state != "running")
            rescue.turn(shop.watch.now())
            shop.wind(5)

    task = shop.put("note")
    worker = shop.worker({"note": note})
    heartbeat = Heartbeat(worker.pump)
    worker.run_due()
    assert (stolen, rescue.rescued, shop.archive[task].lost) == ([], 0, 0)


def test_a_stepped_clock_rescues_nobody(shop: Shop) -> None:
    """The database's clock jumps a day ahead; the rescuer's own clock says that five seconds have passed."""
    task, rescue = shop.put("note"), Rescue(shop.store)
    claim(shop)
    rescue.turn(0)
    shop.wind(86_400)
    rescue.turn(5 * SECOND)
    assert shop.tasks[task].state == "running"
    shop.wind(-2 * 86_400)
    rescue.turn(30 * SECOND)
    assert shop.tasks[task].state == "waiting"


def test_a_batch_that_dies_charges_only_what_ran(shop: Shop) -> None:
    """Of four, one began at once and three had not: one run is charged; the others are suspects at most, and uncounted."""
    ids = [shop.put("note") for _ in range(4)]
    assert [each.marked for each in claim(shop, size=4, starts=1)] == [True, False, False, False]
    tasks = rescued(shop, Rescue(shop.store), 30)
    assert [(tasks[task].attempt, tasks[task].lost) for task in ids] == [(1, 1), (0, 1), (0, 1), (0, 1)]
    assert [outcome for _, outcome, _ in shop.attempts(ids[0])] == ["lost"]


def test_a_suspect_is_claimed_alone_and_its_start_written_down(shop: Shop) -> None:
    """A task that has lost a lease is claimed alone; so it never charges others for what it does to its worker."""
    suspect = shop.put("note", at=NOON - SECOND)
    claim(shop)
    rescued(shop, Rescue(shop.store), 30)
    fresh = [shop.put("note") for _ in range(3)]
    assert [each.id for each in claim(shop, size=10, starts=10, token=8)] == [suspect]
    assert [each.id for each in claim(shop, size=10, starts=10, token=9)] == fresh


def test_a_suspect_that_had_not_begun_is_not_charged_again(shop: Shop) -> None:
    task, rescue = shop.put("note"), Rescue(shop.store)
    for token in range(10, 20):
        claim(shop, starts=0, token=token)
        tasks = rescued(shop, rescue, 30)
        assert (tasks[task].attempt, tasks[task].lost) == (0, 1)


def test_more_than_five_lost_leases_are_enough(shop: Shop) -> None:
    """A task that ends its worker each time is archived as lost at the sixth, and nothing else is harmed."""
    task, rescue = shop.put("note"), Rescue(shop.store)
    for time in range(LOST_ALLOWED + 1):
        assert task in shop.tasks
        claim(shop, token=20 + time)
        rescued(shop, rescue, 30)
    row = shop.archive[task]
    assert (row.outcome, row.lost, row.attempt, row.reason) == ("lost", 6, 6, "its worker was lost 6 times")
    assert (shop.tasks, shop.leases) == ({}, [])


def test_t106_one_attempt_is_one_run(shop: Shop) -> None:
    """T-106: attempts 1, the process dies while the handler runs: not run again; outcome lost."""
    task = shop.put("note", attempts=1)
    claim(shop)
    rescued(shop, Rescue(shop.store), 30)
    row = shop.archive[task]
    assert (row.outcome, row.attempt, row.lost) == ("lost", 1, 1)
    assert shop.tasks == {}


def test_t106_one_attempt_that_had_not_begun_is_given_back(shop: Shop) -> None:
    """The last attempt is written down before it starts; one that was claimed and not begun loses nothing."""
    task = shop.put("note", attempts=1)
    (claimed,) = claim(shop, starts=0)
    assert claimed.must_be_marked
    tasks = rescued(shop, Rescue(shop.store), 30)
    assert (tasks[task].attempt, tasks[task].lost) == (0, 0)


MARKED = "select started_at is not null from tickwork.task order by id"


def test_the_last_attempt_is_written_down_before_the_handler_is_called(shop: Shop) -> None:
    """Claimed behind others, so its start is not in the row yet: it is when the handler is called."""
    seen: list[Any] = []
    shop.put("note", attempts=1)
    worker = shop.worker({"note": lambda: seen.extend(shop.ask(MARKED))})
    (claimed,) = claim(shop, starts=0)
    assert [bool(marked) for (marked,) in shop.ask(MARKED)] == [False]
    worker.runs.run(Job(claimed, worker.queue.registry["note"], worker.runs))
    assert [bool(marked) for (marked,) in seen] == [True]


def test_a_long_run_is_written_down_by_the_heartbeat(shop: Shop) -> None:
    """Of a quick one among many it is not known whether it ran; of one that has seen a heartbeat it is."""
    seen: list[Any] = []

    def note() -> None:
        seen.extend(shop.ask(MARKED))
        worker.heartbeat.turn(shop.watch.now())
        seen.extend(shop.ask(MARKED))

    shop.put("note")
    worker = shop.worker({"note": note})
    (claimed,) = claim(shop, starts=0)
    worker.runs.run(Job(claimed, worker.queue.registry["note"], worker.runs))
    assert [bool(marked) for (marked,) in seen] == [False, True]


def test_a_worker_whose_lease_is_lost_is_told_by_its_heartbeat(shop: Shop) -> None:
    seen: list[bool] = []

    def note(task) -> None:
        seen.append(task.cancelled)
        rescued(shop, Rescue(shop.store), 30)
        worker.heartbeat.turn(shop.watch.now())
        seen.append(task.cancelled)

    task = shop.put("note")
    worker = shop.worker({"note": note})
    worker.pump.plan.rung = True
    worker.pump.turn(shop.watch.now())
    assert (seen, worker.pump.lead.holdings.size) == ([False, True], 0)
    worker.pump.turn(shop.watch.now())
    assert (shop.tasks[task].state, shop.archive) == ("waiting", {})


def test_a_worker_that_is_gone_is_forgotten_with_its_handlers(shop: Shop) -> None:
    gone, rescue = shop.worker({"note": lambda: None}), Rescue(shop.store)
    gone.number()
    rescued(shop, rescue, 89)
    assert len(shop.ask("select * from tickwork.handler")) == 1
    shop.wind(1)
    rescue.turn(shop.watch.now())
    assert shop.ask("select * from tickwork.handler") == shop.ask("select * from tickwork.worker") == []


def test_a_live_worker_is_not_forgotten(shop: Shop) -> None:
    live, rescue = shop.worker({"note": lambda: None}), Rescue(shop.store)
    number = live.number()
    for _ in range(20):
        rescue.turn(shop.watch.now())
        shop.wind(10)
        live.heartbeat.turn(shop.watch.now())
    with shop.store.read() as transaction:
        assert [each for each, _ in workers.seen(transaction)] == [number]


def test_a_handler_may_have_a_longer_lease(shop: Shop) -> None:
    seen: list[Any] = []
    shop.put("note")
    worker = shop.worker({})
    worker.queue.registry.add("note", lambda: seen.extend(shop.leases), lease=120)
    worker.run_due()
    ((_, length, _, expires_at),) = seen
    assert (length, expires_at) == (120 * SECOND, NOON + 120 * SECOND)


@pytest.mark.stores("postgresql")
def test_a_lease_that_its_worker_holds_just_now_is_passed_over(shop: Shop) -> None:
    """Rescue never waits: the worker is dropping or renewing the lease while the rescuer looks."""
    task, rescue = shop.put("note"), Rescue(shop.store)
    claim(shop)
    rescue.turn(shop.watch.now())
    shop.wind(30)
    with shop.store.begin("worker") as transaction:
        transaction.all("renew_leases", tokens=[7])
        rescue.turn(shop.watch.now())
    assert shop.tasks[task].state == "running"
    rescue.turn(shop.watch.now())
    assert shop.tasks[task].state == "running"


@pytest.mark.stores("postgresql")
def test_a_heartbeat_waits_for_no_application(shop: Shop) -> None:
    """An application holds the rows of a running and of an unhandled task: the lease is renewed all the same."""

    def note() -> None:
        worker.heartbeat.turn(shop.watch.now())
        with shop.store.begin("application") as theirs:
            theirs.connection.execute(shop.store.dialect.turn("select 1 from tickwork.task for update"))  # type: ignore[attr-defined]
            shop.wind(10)
            worker.heartbeat.turn(shop.watch.now())
        renewals.extend(renewed for _, _, renewed, _ in shop.leases)

    renewals: list[int] = []
    shop.put("later")
    shop.worker({"other": lambda: None}).run_due()
    task = shop.put("note")
    worker = shop.worker({"note": note})
    worker.number()
    worker.queue.registry.add("later", lambda: None)
    worker.run_due()
    assert renewals == [2]
    assert shop.archive[task].outcome == "done"


def told(shop: Shop) -> list[Any]:
    rows = shop.ask("select handler, parent_id, object, payload from tickwork.task where handler = 'owner' order by id")
    return [(handler, parent, about, msgspec.json.decode(payload)) for handler, parent, about, payload in rows]


def owned() -> Registry:
    registry = Registry()
    registry.add("print", lambda: None, notice="owner")
    registry.add("plain", lambda: None)
    return registry


def test_an_owner_is_told_of_a_lost_task_by_a_rescuer_that_knows_nothing_of_it(shop: Shop) -> None:
    """S4-30: whoever ends the lease; and however long it stood: its worker is not forgotten before that."""
    shop.put("print", attempts=1, key="k", object="page/7")
    shop.put("plain", attempts=1)
    cancelled = shop.put("print", attempts=1)
    number = shop.worker(owned()).number()
    with shop.store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(7, number, HOUR, 3, 3))
    shop.put("print")  # waits behind, and is nobody's concern
    shop.cancel(cancelled)
    rescue = Rescue(shop.store)
    rescue.turn(shop.watch.now())
    shop.wind(3599)
    rescue.turn(shop.watch.now())
    assert told(shop) == []
    assert shop.ask("select count(*) from tickwork.worker") == [(1,)]
    shop.wind(1)
    rescue.turn(shop.watch.now())
    reason = "its worker was lost in attempt 1 of 1"
    payload = {"task_id": 1, "handler": "print", "reason": reason, "error": "LeaseLost: its worker has gone"}
    assert told(shop) == [("owner", 1, "page/7", {**payload, "key": "k", "object": "page/7"})]
    assert {task: row.outcome for task, row in shop.archive.items()} == {1: "lost", 2: "lost", 3: "cancelled"}
    rescue.turn(shop.watch.now())
    assert shop.ask("select count(*) from tickwork.worker") == [(0,)]
    assert len(told(shop)) == 1


def test_a_notice_is_whom_the_workers_own_program_said(shop: Shop) -> None:
    """Two programs know the handler: the word of the one that had the task counts; of a worker unknown, any word."""
    for owner in ("owner", None):
        registry = Registry()
        registry.add("print", lambda: None, notice=owner)
        number = shop.worker(registry).number()
        task = shop.put("print", attempts=1)
        with shop.store.begin("worker") as transaction:
            claims.claim(transaction, Subscription(), Wish(task, number, LENGTH, 1, 1))
    task = shop.put("print", attempts=1)
    claim(shop, token=99)
    with shop.store.begin("worker") as transaction:
        transaction.connection.execute(
            shop.store.dialect.turn("update tickwork.lease set worker_id = 4711 where token = 99")
        )  # type: ignore[attr-defined]
    rescued(shop, Rescue(shop.store), 30)
    assert [parent for _, parent, _, _ in told(shop)] == [1, task]


def test_an_owner_is_told_of_a_last_attempt_that_was_cut_off(shop: Shop) -> None:
    worker = shop.worker(owned())
    number = worker.number()
    task = shop.put("print", attempts=1)
    with shop.store.begin("worker") as transaction:
        (claimed,) = claims.claim(transaction, Subscription(), Wish(7, number, LENGTH, 1, 1))
    worker.runs.now[task] = (claimed, shop.watch.now())
    worker.queue.interrupt()
    worker.pump.turn(shop.watch.now())
    assert shop.archive[task].outcome == "lost"
    assert [parent for _, parent, _, _ in told(shop)] == [task]
