"""`why` answers for triggers, tasks, jobs and generators' work, in each state they can be in, and only reads (T-136)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tests.support.commands import check_understood
from tests.support.scene import Scene
from tickwork import Backpressure, Group, clocks
from tickwork.engine.generators.generator import Generator
from tickwork.engine.presence import Presence
from tickwork.errors import InvalidInput, NotFound
from tickwork.model.action import PutTask
from tickwork.model.generator import Offer, Park, Rest
from tickwork.store import workers
from tickwork.store.claims import Subscription

HOUR = 3_600_000_000


class Place(Scene):
    """A scene in which processes come to be without being started."""

    def daemon_comes(self):
        Presence(self.store, "daemon").turn(self.watch.now())

    def worker_comes(self, *handlers, queues=()):
        with self.store.begin("worker") as transaction:
            served = Subscription(queues=queues).told
            number = workers.register(transaction, "worker", "here", 7, "", served)
            workers.register_handlers(transaction, number, dict.fromkeys(handlers, workers.Known()))
        return number

    def verdict(self, name):
        return self.app.why(name).verdict

    def stands(self, name, state, *words):
        """Hold a state and words of the verdict against what is said; return the whole."""
        why = self.app.why(name)
        assert why.state == state, why
        for step in why.do:  # what a person is told to type is understood
            if "tickwork " in step and not step.startswith("start one: tickwork run"):
                check_understood(f"tickwork {step.partition('tickwork ')[2]}")
        assert [word for word in words if word not in why.verdict] == [], why.verdict
        return why


@pytest.fixture
def place(database):
    place = Place(database)
    yield place
    place.close()


# ------------------------------------------------------------------------------------------------------------- triggers


def test_a_trigger_from_its_letter_to_its_firing(place):
    place.put("bell", clocks.Every(60))
    why = place.stands("bell", "unread", "no daemon has read that, and none is alive")
    assert (why.kind, why.next_at) == ("trigger", place.watch.now() + 60_000_000)
    assert why.do[0].startswith("start one: tickwork run")
    place.daemon_comes()
    place.stands("bell", "unread", "a daemon is alive")
    place.work()
    assert place.stands("bell", "waiting", "fires next at 2026-03-02T10:01:00Z, in 1 min").do == ()
    place.watch.wind(61)
    place.daemon_comes()
    why = place.stands("bell", "due", "occurrence of 2026-03-02T10:01:00Z", "fires in a moment")
    assert why.late_for == 1_000_000
    place.watch.wind(20)
    place.stands("bell", "due", "though a daemon is alive and nothing waits longer")
    place.watch.wind(60)  # no sign of life for more than a minute
    assert place.stands("bell", "due", "NO DAEMON IS ALIVE").do
    place.work()
    (second, first) = place.app.why("bell").lately
    assert (first.outcome, first.late_for, first.became) == ("fired", 81_000_000, "ready")
    assert second.late_for == 21_000_000
    why = place.app.why("bell")
    assert why.more == (f"its last task, {second.task}, is ready",)
    assert f"tickwork why task:{second.task}" in why.do


def test_a_trigger_that_is_out_of_force(place):
    put = place.put("bell/7 o'clock", clocks.Every(60))
    place.work()
    place.app.triggers.pause(put.id, by="ann")
    why = place.stands("bell/7 o'clock", "paused", "paused since 2026-03-02T10:00:00Z by ann")
    assert why.do == ("""tickwork trigger resume 'bell/7 o'"'"'clock' --missed skip""",)
    place.app.triggers.cancel(put.id)
    assert place.app.why(put.id).state == "cancelled"
    assert place.app.why(put.id).next_at is None


def test_a_trigger_that_never_fires_again(place):
    place.put("once", clocks.Once(place.now + timedelta(minutes=1)))
    place.put("twice", clocks.Every(60), max_firings=2)
    place.work()
    for _ in range(3):
        place.wind(60)
    assert "does not fire again after 2026-03-02T10:01:00Z" in place.verdict("once")
    assert "has fired 2 times, and max_firings allows no more" in place.verdict("twice")
    assert place.app.why("once").do[0] == "tickwork trigger rearm once"


def test_a_trigger_that_was_set_aside(place):
    place.put("often", clocks.Every(1))
    place.work()
    place.watch.wind(5_000)
    place.work()
    why = place.stands("often", "set aside", "more than 1,000 slots were missed")
    assert why.do == ("tickwork trigger resume often --missed latest",)
    assert why.next_at is None


def test_a_trigger_whose_firing_failed(place):
    place.put("bell", clocks.Every(60))
    place.work()
    place.watch.wind(61)
    again = place.watch.now() + 30_000_000
    place.sql(f"update tickwork.event set failures = 2, error = 'ValueError: no', due_at = {again}")
    place.stands("bell", "failing", "failed 2 times: ValueError: no", "tried again at 2026-03-02T10:01:31Z, in 30 s")
    place.watch.wind(30)
    why = place.stands("bell", "due", "NO DAEMON IS ALIVE")
    assert why.more == ("its firing failed 2 times before: ValueError: no",)


def test_why_a_slot_did_not_fire(place):
    """The last rows of the ledger, with outcome and reason: misfire, overlap, paused."""
    place.put("late", clocks.Every(60), misfire="skip")
    place.put("busy", clocks.Every(60), overlap="skip")
    place.put("row", clocks.Every(60), overlap="queue")
    place.work()
    place.wind(60)
    place.wind(60)
    assert "its last task still ran (overlap)" in place.app.why("busy").more[0]
    why = place.stands("row", "waiting", "waits until its last task", "overlap: queue")
    assert why.do[0].startswith("tickwork why task:")
    place.watch.wind(3_600)
    place.work()
    skipped = [row for row in place.app.why("late").lately if row.outcome == "skipped"]
    assert [(row.reason, row.task) for row in skipped] == [("misfire", None)]
    assert skipped[0].slots > 50


def test_a_trigger_behind_others(place):
    place.put("first", clocks.Once(place.now + timedelta(seconds=1)))
    place.put("second", clocks.Once(place.now + timedelta(seconds=31)))
    place.work()
    place.watch.wind(40)
    place.daemon_comes()
    place.stands("second", "due", "the daemons are behind, others wait since 2026-03-02T10:00:01Z")


@pytest.mark.stores("postgresql")
def test_a_trigger_whose_row_an_application_holds(place, database):
    """Where the database can tell, the session is named; asking neither locks nor waits."""
    import psycopg

    place.put("bell", clocks.Once(place.now + timedelta(seconds=1)))
    place.work()
    place.watch.wind(30)
    place.daemon_comes()
    with psycopg.connect(database, application_name="shop", autocommit=True) as connection:
        connection.execute("begin")
        place.app.on(connection).triggers.edit("bell", priority=7)
        pid = connection.info.backend_pid
        place.stands("bell", "due", f"an open transaction of shop (session {pid}) holds its row since")
        connection.execute("rollback")
    place.stands("bell", "due", "nothing waits longer")


# ---------------------------------------------------------------------------------------------------------------- tasks


def test_a_task_that_waits_or_is_ready(place):
    app = place.app
    later = app.put(PutTask("mail", "{}"), delay=3600, key="m/1", unchecked=True)
    task = app.put(PutTask("mail", "{}"), queue="mail", unchecked=True)
    assert "waits until 2026-03-02T11:00:00Z, in 1 h" in place.stands("task:m/1", "waiting").verdict
    assert app.why(f"task:{later.id}").next_at == place.watch.now() + HOUR
    name = f"task:{task.id}"
    place.stands(name, "ready", "NO WORKER IS ALIVE")
    place.worker_comes("other", queues=("bulk",))
    place.stands(name, "ready", "no worker that is alive serves the queue 'mail'")
    place.worker_comes("other")
    place.stands(name, "ready", "no worker that is alive knows the handler 'mail'")
    place.worker_comes("mail")
    place.stands(name, "ready", "it is the next of its queue")
    for _ in range(3):
        app.put(PutTask("mail", "{}"), queue="mail", priority=10, unchecked=True)
    app.put(PutTask("mail", "{}"), queue="mail", priority=9, delay=60, unchecked=True)
    assert place.stands(name, "ready", "3 ready tasks of the queue 'mail' go before it").facts["ahead"] == 3
    app.put(PutTask("mail", "{}"), queue="mail", expires_at=place.now + timedelta(seconds=1), unchecked=True)
    last = app.tasks.list(queue="mail")[-2].id
    place.watch.wind(5)
    place.worker_comes("mail")
    place.stands(f"task:{last}", "ready", "it expired at 2026-03-02T10:00:01Z")


def test_a_task_that_waits_for_others(place):
    last = place.app.put(Group([PutTask("mail"), PutTask("mail")]).then(PutTask("mail")), unchecked=True)
    why = place.stands(f"task:{last.id}", "waiting", "2 of 2 tasks of group 1 have not")
    assert why.next_at is None


@pytest.mark.stores("postgresql")
def test_a_task_whose_row_an_application_holds(place, database):
    import psycopg

    task = place.app.put(PutTask("mail", "{}"), unchecked=True)
    place.worker_comes("mail")
    with psycopg.connect(database, application_name="shop") as connection:
        place.app.on(connection).tasks.edit(task.id, priority=7)
        place.stands(f"task:{task.id}", "ready", "an open transaction of shop")
        connection.rollback()


def test_a_task_that_runs_fails_and_ends(place):
    seen = []

    @place.app.handler("pay")
    def pay(task):
        seen.append(place.app.why(f"task:{task.id}"))
        task.progress(0.5, "half")
        raise ValueError("no money")

    task = place.app.put(pay.task(), attempts=2)
    name = f"task:{task.id}"
    place.app.tick(within=5)
    (running,) = seen
    assert running.state == "running"
    assert "runs it" in running.verdict
    assert "attempt 1 of 2" in running.verdict
    assert running.facts["worker"].startswith("worker ")
    why = place.stands(name, "waiting", "attempt 1 of 2 failed (ValueError: no money)", "with 1 attempts left")
    assert [(each.attempt, each.outcome) for each in why.lately] == [(1, "failed")]
    assert why.more == ("no worker is alive just now",)
    place.watch.wind(60)
    place.app.tick(within=5)
    why = place.stands(name, "gave up", "ended as 'gave up'", "after 2 of 2 attempts", "no money")
    assert [each.attempt for each in why.lately] == [2, 1]
    assert why.do == (f"to run it again: tickwork task retry {task.id}",)


def test_a_task_whose_worker_vanished(place):
    task = place.app.put(PutTask("mail", "{}"), unchecked=True)
    number = place.worker_comes("mail")
    place.sql(f"insert into tickwork.lease (token, worker_id, length, expires_at) values (5, {number}, 9, 17)")
    place.sql("update tickwork.task set state = 'running', lease = 5, attempt = 1")
    place.stands(f"task:{task.id}", "running", f"worker {number} (here, pid 7)", "let its lease run out at 1970-01-01")
    place.sql("delete from tickwork.lease")
    place.stands(f"task:{task.id}", "running", "its worker's lease has ended")


def test_a_task_that_is_unhandled_snoozed_expired_or_cancelled(place):
    from tickwork import Snooze

    @place.app.handler("nap")
    def nap():
        raise Snooze(60)

    stray = place.app.put(PutTask("nobody", "{}"), unchecked=True)
    napping = place.app.put(nap.task())
    late = place.app.put(nap.task(), delay=10, expires_at=place.now + timedelta(seconds=11))
    place.app.tick(within=5)
    place.worker_comes("nap")
    why = place.stands(f"task:{stray.id}", "unhandled", "no worker knows its handler 'nobody' (known: nap)")
    assert why.do == ("start a worker whose code registers 'nobody': tickwork worker --app MODULE:ATTR",)
    place.stands(f"task:{napping.id}", "waiting", "put itself off (1 times) until")
    place.watch.wind(30)
    place.app.tick(within=5)
    place.stands(f"task:{late.id}", "expired", "it was not to be run later than 2026-03-02T10:00:11Z")
    place.app.tasks.cancel(napping.id, reason="not needed")
    place.stands(f"task:{napping.id}", "cancelled", "not needed")
    done = place.app.put(nap.task(), key="x")
    place.app.tasks.cancel("x")
    assert place.app.why("task:x").name == f"task:{done.id}"


def test_s4_60_a_task_whose_payload_nobody_reads(place):
    """S4-60: why, list and status say that it waits, for which version, and what to do; who can read it is there or not."""
    place.app.handler("mail", version=2)(lambda: None)
    older, newer = (place.app.put(PutTask("mail", "{}", version)) for version in (1, 3))
    place.app.tick(within=5)
    place.worker_comes("sms")
    place.stands(f"task:{older.id}", "unhandled", "no worker knows its handler 'mail' (known: sms)")
    with place.store.begin("worker") as transaction:
        number = workers.register(transaction, "worker", "here", 8, "", Subscription().told)
        workers.register_handlers(transaction, number, {"mail": workers.Known(None, None, 2, 2)})
    kept = "of 'mail' the workers that are alive read only version 2; it is kept, and no attempt is counted"
    for task, version, how in ((older, 1, "version=1, or with an upgrade="), (newer, 3, "version=3")):
        why = place.stands(f"task:{task.id}", "unhandled", f"its payload is of version {version}, and {kept}")
        assert why.facts["workers_that_know"] == 0
        code = f"start a worker whose code registers 'mail' with {how}"
        assert why.do == (f"{code}; or, if nobody needs it: tickwork task cancel {task.id}",)
    assert [row.id for row in place.app.tasks.list(state="unhandled")] == [older.id, newer.id]
    said = "2 tasks have a payload of a version that no worker reads: mail (from: application)"
    assert said in place.app.status().attention
    waiting = place.app.put(PutTask("mail", "{}", 1), delay=60)
    assert place.app.why(f"task:{waiting.id}").more[-1].startswith("its payload is of version 1")
    place.watch.wind(61)
    place.app.tick(within=0)  # somebody gives a sign of life
    with place.store.begin("worker") as transaction:
        workers.see(transaction, number)
    place.stands(f"task:{waiting.id}", "ready", "read only version 2")
    with place.store.begin("worker") as transaction:
        workers.register_handlers(transaction, number, {"mail": workers.Known(None, None, 1, 3)})
    place.stands(f"task:{older.id}", "unhandled", "a worker that can run 'mail' is there now and takes it up")
    place.app.tasks.cancel(older.id)
    place.stands(f"task:{older.id}", "cancelled", "without having been run")


def test_a_kind_of_work_that_rests(place):
    @place.app.handler("mail", kind="smtp")
    def mail():
        raise Backpressure("smtp", 300)

    task = place.app.put(mail.task())
    place.app.tick(within=5)
    why = place.stands(f"task:{task.id}", "waiting", "its kind of work, smtp, rests until")
    assert why.do[0] == "tickwork worker resume smtp"
    second = place.app.put(mail.task())
    place.worker_comes("mail")
    place.stands(f"task:{second.id}", "ready", "its kind of work, smtp, rests until")


# ----------------------------------------------------------------------------------------------------------------- jobs


def test_a_job_in_each_of_its_states(place):
    app, attempts = place.app, []

    @app.job("sweep", every="1h", retry={"strategy": "bounded", "max_attempts": 1})
    def sweep():
        attempts.append(app.why("job:sweep"))
        raise ValueError("no broom")

    app.jobs.declare_all()
    why = place.stands(
        "job:sweep", "completed", "fires next at 2026-03-02T11:00:00Z", "no controller is alive just now"
    )
    assert why.next_at == place.watch.now() + HOUR
    place.watch.wind(3_700)
    why = place.stands("job:sweep", "completed", "due since 2026-03-02T11:00:00Z", "NO CONTROLLER IS ALIVE")
    assert why.late_for == 100_000_000
    place.daemon_comes()
    place.stands("job:sweep", "completed", "a controller is alive and fires it in a moment")
    app.jobs.start("sweep")
    place.stands("job:sweep", "scheduled", "NO WORKER IS ALIVE")
    place.worker_comes("other")
    place.stands("job:sweep", "scheduled", "no worker that is alive knows its handler 'sweep'")
    place.worker_comes("sweep")
    place.stands("job:sweep", "scheduled", "takes it when it is free")
    app.tick(within=5)
    assert attempts[0].state == "running"
    assert "runs it since" in attempts[0].verdict
    why = place.stands("job:sweep", "error", "tried again at")
    assert "its last run failed: ValueError: no broom" in why.more
    assert (why.lately[0].status, why.lately[0].cause) == ("error", "start")
    app.jobs.stop("sweep")
    assert place.stands("job:sweep", "stopped", "it was stopped").do == ("to run it now: tickwork job start sweep",)


@pytest.mark.stores("postgresql")
def test_a_job_whose_row_an_application_holds(place, database):
    import psycopg

    place.app.jobs.declare("sweep", every="1h")
    place.watch.wind(3_601)
    place.daemon_comes()
    with psycopg.connect(database, application_name="shop") as connection:
        connection.execute("select 1 from tickwork.job for no key update")
        place.stands("job:sweep", "completed", "and an open transaction of shop")
        connection.rollback()
    place.stands("job:sweep", "completed", "a controller is alive and fires it in a moment")


def test_a_job_that_is_over_undeclared_or_gone(place):
    app = place.app
    app.jobs.declare("import", by="ann")
    app.jobs.declare("old", clocks.Once(place.now + timedelta(seconds=1)))
    assert place.app.why("job:import").state == "scheduled"
    place.sql("update tickwork.job set status = 'completed'")
    assert "it is one-shot and over" in place.verdict("job:import")
    place.watch.wind(7_200)
    place.sql("update tickwork.job set ended_at = " + str(place.watch.now()))
    assert "does not fire again" in place.verdict("job:old")
    app.jobs.delete("old", by="ann")
    assert "deleted at 2026-03-02T12:00:00Z by ann" in place.stands("job:old", "deleted").verdict
    app.jobs.declare("kept", every="1h", origin="code")
    app.handler("mine")(lambda: None)
    why = app.why("job:kept")
    assert "the code declares it no more; it goes on until somebody deletes it" in why.more
    assert "if it is not wanted: tickwork job delete kept" in why.do
    place.sql("""update tickwork.job set descriptor = '{"trigger":{"type":"hourly"}}' where name = 'kept'""")
    assert place.verdict("job:kept").startswith("its descriptor cannot be read")


# ----------------------------------------------------------------------------------------------------------- generators


class Letters(Generator):
    """Work whose end a test says."""

    def __init__(self, verdict, limit=None):
        super().__init__("letters", priority=2000, limit=limit, attempts=1)
        self.verdict, self.seen = verdict, None

    def offers(self, limit, now):
        return [Offer("7", 2000)]

    def run(self, work):
        self.seen = self.app.why("generator:letters/7"), self.app.why("generator:letters")
        return self.verdict


def letters(place, verdict, **more):
    generator = Letters(verdict, **more)
    generator.app = place.app
    place.app.generators.add(generator)
    return generator


def test_a_piece_of_work_from_nowhere_to_parked(place):
    generator = letters(place, Park("no such address", "550"), limit=1)
    assert place.stands("generator:letters/7", "unknown", "no worker has drawn from the generator").do
    place.app.generators.run_due()
    in_hand, whole = generator.seen
    assert (in_hand.state, whole.state) == ("in hand", "waiting")
    assert "has it in hand since 2026-03-02T10:00:00Z" in in_hand.verdict
    assert whole.facts["in_hands"] == 1
    place.worker_comes()
    why = place.stands("generator:letters/7", "parked", "after 1 attempts: no such address", "550")
    assert why.do == ("tickwork generator parked release letters/7",)
    place.stands("generator:letters/8", "not offered", "its generator does not offer it just now")
    place.app.generators.pause("letters")
    assert place.stands("generator:letters/8", "paused", "the generator is paused").do == (
        "tickwork generator resume letters",
    )
    place.stands("generator:letters", "paused", "nothing of it is handed out")
    place.stands("generator:letters/7", "parked", "no such address")


def test_a_piece_of_work_that_rests(place):
    letters(place, Rest(after=HOUR, state={"position": 1}))
    place.app.generators.run_due()
    place.stands("generator:letters", "waiting", "NO WORKER IS ALIVE to draw from it")
    place.worker_comes()
    why = place.stands("generator:letters/7", "resting", "not offered again before 2026-03-02T11:00:00Z")
    assert (why.next_at, why.do) == (
        place.watch.now() + HOUR,
        ("to offer it at once: tickwork generator wake letters/7",),
    )
    place.app.generators.pause("letters", "7")
    place.stands("generator:letters/7", "paused", "paused since")
    place.stands("generator:letters", "active", "nothing stands in its way")


def test_a_generator_that_raises(place):
    generator = letters(place, None)
    generator.offers = lambda limit, now: 1 / 0
    place.app.generators.run_due()
    place.worker_comes()
    place.stands("generator:letters", "in trouble", "raised when it was asked, 1 times in a row", "division by zero")


# ------------------------------------------------------------------------------------------------------------- all kinds


@pytest.mark.parametrize(
    "name", ["nobody", "task:5", "task:nobody", "job:nobody", "generator:nobody", "generator:nobody/5"]
)
def test_what_is_not_there(place, name):
    with pytest.raises(NotFound, match="there is no "):
        place.app.why(name)


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize(
    "name", ["", "job:", "a\0b", "x" * 501, None, 1.5, True, [], 0, -1, "task:" + "9" * 40, "generator:N"]
)
def test_what_is_no_name(place, name):
    with pytest.raises(InvalidInput):
        place.app.why(name)


def test_a_name_of_another_kind_is_pointed_at(place):
    place.app.jobs.declare("sweep", every="1h")
    place.app.put(PutTask("mail", "{}"), key="m/1", unchecked=True)
    place.put("task:5", clocks.Every(60))
    assert place.app.why("trigger:task:5").name == "task:5"
    with pytest.raises(NotFound, match="ask for job:sweep"):
        place.app.why("sweep")
    with pytest.raises(NotFound, match="ask for task:m/1"):
        place.app.why("m/1")


def test_asking_reads_a_few_rows_and_writes_nothing(place, tell):
    """T-147: however many tasks wait, better ones are counted by the index and no further than a thousand."""
    place.put("bell", clocks.Every(60))
    place.work()
    place.wind(90)
    place.app.jobs.declare("sweep", every="1h")
    letters(place, Rest(after=HOUR, state={"position": 1}))
    place.app.generators.run_due()
    place.sql(
        "insert into tickwork.task (namespace, handler, priority, available_at, asked_at, created_at)"
        " with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000)"
        f" select 'default', 'work', 5 + i % 3, case when i > 2000 then {2**60} else 1 end, 1, 1 from n"
    )
    place.worker_comes("work")
    task = place.app.tasks.list(trigger="bell")[0]
    why = place.stands(f"task:{task.id}", "ready", "at least 1,000 ready tasks")
    assert why.facts["ahead"] == 1_000
    most = {"bell": 6, f"task:{task.id}": 10, "job:sweep": 6, "generator:letters": 3, "generator:letters/7": 5}
    ran = Counter()
    for name, allowed in most.items():
        ran.clear()
        place.store.dialect.on_statement = lambda statement: ran.update([statement])
        place.app.why(name)
        place.store.dialect.on_statement = None
        asked = [statement for statement in ran.elements() if statement not in ("begin", "commit", "rollback")]
        assert [each for each in asked if place.store.dialect.book[each].writes] == []
        assert len(asked) <= allowed, asked
        tell(f"why on {place.store.dialect.name}: {name.partition(':')[0]} {len(asked)} statements")
