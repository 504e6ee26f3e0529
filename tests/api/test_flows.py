"""Follow-ups whole: chains, fan-out, fan-in, what failures decide, and the awakening of what put itself off; every store."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tickwork import Decline, Gathered, GiveUp, Group, PutTask, Snooze
from tickwork.engine.tasks.rescue import Rescue
from tickwork.errors import InvalidInput
from tickwork.model.flow import DEPTH
from tickwork.store import claims
from tickwork.store.claims import Subscription, Wish
from tickwork.testing import TimeTravel
from tickwork.watch import DAY, SECOND


@pytest.fixture
def ran():
    return []


@pytest.fixture
def flows(app, watch, ran):
    """An application with handlers of every kind of end, each of which notes that it ran."""

    @app.handler("note", keep_result=True)
    def note(task, number: int = 0):
        ran.append((number, task.gathered))
        return number

    @app.handler("ends", attempts=2)
    def ends(task, how: str, number: int = 0):
        match how:
            case "gives up":
                raise GiveUp("no")
            case "declines":
                raise Decline("no longer")
            case "retries" if task.attempt == 1:
                raise ValueError("the first time")
            case "fails":
                raise ValueError("every time")
            case "snoozes" if task.late_for < timedelta(seconds=60):
                raise Snooze(60)

    app.note, app.ends = note, ends
    app.travel = TimeTravel(app, watch.now())
    return app


def outcomes(app) -> dict[int, str]:
    return {row.id: row.outcome for row in app.tasks.list_archived(limit=10_000)}


def left(app, table: str) -> int:
    with app.store.read() as transaction:
        text = app.store.dialect.turn(f"select count(*) from tickwork.{table}")
        return transaction.connection.execute(text).fetchone()[0]


def test_a_chain_runs_in_order(flows, ran):
    last = flows.put(
        flows.note.task(number=1).then(flows.note.task(number=2)).then(flows.note.task(number=3), delay=60)
    )
    waiting = flows.tasks.list()
    assert (last.did, [row.state for row in waiting]) == ("put", ["ready", "waiting", "waiting"])
    flows.travel.run_due()
    assert [number for number, _ in ran] == [1, 2]
    flows.travel.by(60)
    assert [number for number, _ in ran] == [1, 2, 3]
    assert flows.tasks.get(last.id).outcome == "done"
    assert ran[-1][1].ended == {"done": 1}
    assert (left(flows, "task_group"), left(flows, "group_letter")) == (0, 0)


def test_fan_in_runs_when_all_are_over_and_reads_what_they_left(flows, ran):
    put = flows.put(Group(flows.note.task(number=n) for n in range(30)).then(flows.note.task(number=99)))
    flows.travel.run_due()
    assert sorted(number for number, _ in ran) == [*range(30), 99]
    number, gathered = ran[-1]
    assert (number, gathered.total, gathered.failed, str(gathered)) == (99, 30, 0, "30 done")
    first = flows.tasks.results(gathered, limit=10)
    rest = flows.tasks.results(gathered.group, after=first[-1].id)
    assert [each.value for each in first + rest] == list(range(30))
    assert flows.tasks.get(put.id).gathered == f'{{"group":{gathered.group},"ended":{{"done":30}}}}'


@pytest.mark.parametrize(
    ("on_failure", "runs", "others"),
    [
        ("run", True, "done"),
        ("give up", False, "done"),
        ("stop", False, "cancelled"),
        ("stop and run", True, "cancelled"),
    ],
)
def test_failures_decide_by_policy(flows, ran, on_failure, runs, others):
    lines = [flows.ends.task(how="gives up"), *[(flows.note.task(number=n), {"delay": 600}) for n in range(3)]]
    last = flows.put(Group(lines).then(flows.note.task(number=99), on_failure=on_failure))
    flows.travel.run_due()
    flows.travel.by(600)
    ended = Counter({"gave up": 1}) + Counter({others: 3}) + Counter(["done" if runs else "cancelled"])
    assert Counter(outcomes(flows).values()) == ended
    row = flows.tasks.get(last.id)
    if runs:
        assert ran[-1][1].ended == {"gave up": 1, others: 3}
    else:
        assert row.reason == f"what it waited for did not go well: 3 {others}, 1 gave up"
        assert flows.tasks.retry(last.id).did == "retried", "a person may run it all the same"
        flows.travel.run_due()
        assert ran[-1][1].ended == {"gave up": 1, others: 3}
    assert left(flows, "task_group") == 0


def test_what_counts_as_gone_well(flows, ran):
    """Declined is no longer relevant, which is no failure; a member that retries or snoozes is not over."""
    lines = [flows.ends.task(how=how) for how in ("declines", "retries", "snoozes", "well")]
    flows.put(Group(lines).then(flows.note.task(number=99)))
    flows.travel.run_due()
    assert ran == []
    flows.travel.by(3600)
    assert ran == [(99, Gathered(ran[0][1].group, {"declined": 1, "done": 3}))]


@pytest.mark.parametrize(
    "how", ["fails", "expires", "is lost", "is cancelled", "is cancelled in bulk", "is cancelled by object"]
)
def test_every_end_is_counted(flows, ran, how):
    """However a member ends (its attempts used up, expired, lost, cancelled by anyone), what waits goes on, once."""
    special = {"expires": {"delay": 60, "expires_at": flows.travel.now + timedelta(seconds=30)}}.get(how, {"delay": 60})
    line = (flows.ends.task(how="fails" if how == "fails" else "well"), {**special, "object": "page/7", "attempts": 1})
    last = flows.put(Group([line, flows.note.task(number=1)]).then(flows.note.task(number=99), on_failure="run"))
    flows.travel.run_due()
    (member,) = list(flows.tasks.list(object="page/7"))
    if how == "is cancelled":
        flows.tasks.cancel(member.id)
    elif how == "is cancelled in bulk":
        flows.tasks.where(handler="ends").cancel()
    elif how == "is cancelled by object":
        flows.tasks.cancel_object("page/7")
    elif how == "is lost":
        flows.travel.watch.wind(60)
        with flows.store.begin("worker") as transaction:
            claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 1, 1))
        rescue = Rescue(flows.store)
        rescue.turn(flows.travel.watch.now())
        flows.travel.watch.wind(31)
        rescue.turn(flows.travel.watch.now())
    flows.travel.by(600)
    word = {"fails": "gave up", "expires": "expired", "is lost": "lost"}.get(how, "cancelled")
    assert flows.tasks.get(member.id).outcome == word
    assert [number for number, _ in ran] == [1, 99]
    assert ran[-1][1].ended == {word: 1, "done": 1}
    assert flows.tasks.get(last.id).outcome == "done"


def test_flows_nest(flows, ran):
    """A member may be a flow: the group waits for its last step, and a step that is cancelled counts as that."""
    inner = Group([flows.note.task(number=1), flows.note.task(number=2)]).then(flows.note.task(number=10))
    broken = flows.ends.task(how="gives up").then(flows.note.task(number=20))
    flows.put(Group([inner, broken, flows.note.task(number=3)]).then(flows.note.task(number=99), on_failure="run"))
    flows.travel.run_due()
    assert sorted(number for number, _ in ran) == [1, 2, 3, 10, 99]
    assert ran[-1][1].ended == {"done": 2, "cancelled": 1}


def test_an_empty_group_is_over_at_once(flows, ran):
    flows.put(Group([]).then(flows.note.task(number=99)))
    flows.travel.run_due()
    assert [(number, gathered.total) for number, gathered in ran] == [(99, 0)]


def test_a_key_keeps_a_second_flow_away(flows, ran):
    """The key is the last task's, which is there from the beginning: nothing of a second flow is put."""

    def flow():
        return Group(flows.note.task(number=n) for n in range(3)).then(flows.note.task(number=99))

    first, second = (flows.put(flow(), key="report/7") for _ in range(2))
    assert (first.did, second.did, second.id) == ("put", "exists", first.id)
    assert (len(flows.tasks.list()), left(flows, "task_group")) == (4, 1)
    flows.travel.run_due()
    assert flows.put(flow(), key="report/7").did == "put"


def test_a_member_whose_key_is_taken_is_not_waited_for(flows, ran):
    flows.put(flows.note.task(number=1), key="page/1", delay=3600)
    flows.put(
        Group([(flows.note.task(number=1), {"key": "page/1", "delay": 3600}), flows.note.task(number=2)]).then(
            flows.note.task(number=99)
        )
    )
    flows.travel.run_due()
    assert [(number, gathered and gathered.total) for number, gathered in ran] == [(2, None), (99, 1)]


def test_what_waits_is_not_freed_by_other_verbs(flows, ran):
    """Verbs that change times leave alone what waits for others; cancel, priority and object work on it."""
    member = (flows.note.task(number=1), {"delay": 600, "key": "first"})
    last = flows.put(Group([member]).then(flows.note.task(number=99), key="last", object="page/7"))
    tasks = flows.tasks
    tasks.free("last"), tasks.edit("last", delay=0), tasks.awaken("last"), tasks.where(key="last").delay(delay=0)
    assert flows.put(flows.note.task(number=98), key="last").did == "exists"
    assert flows.put(flows.note.task(number=98), key="last", existing="debounce", delay=5).did == "exists"
    flows.put(flows.note.task(number=97), key="last", existing="replace")
    tasks.put_many([(flows.note.task(number=96), {"key": "last"})])
    assert flows.run_tasks("last")[0].state == "waiting", "not even by hand"
    flows.travel.run_due()
    assert ran == []
    flows.travel.by(600)
    assert [number for number, _ in ran] == [1, 97], "its payload was replaced, its place was not"
    assert flows.tasks.get(last.id).object is None


def test_cancel_a_whole_flow(flows, ran):
    inner = Group([(flows.note.task(number=1), {"delay": 60})]).then(flows.note.task(number=2))
    last = flows.put(Group([inner, (flows.note.task(number=3), {"delay": 60})]).then(flows.note.task(number=4)))
    assert flows.tasks.cancel(last.id, flow=True, reason="not wanted").did == "cancelled"
    assert Counter(outcomes(flows).values()) == {"cancelled": 4}
    flows.travel.by(600)
    assert (ran, left(flows, "task_group"), left(flows, "group_letter")) == ([], 0, 0)


def test_cancelling_what_waits_leaves_its_members(flows, ran):
    last = flows.put(Group([flows.note.task(number=1)]).then(flows.note.task(number=99)))
    assert flows.tasks.cancel(last.id).did == "cancelled"
    flows.travel.run_due()
    assert ([number for number, _ in ran], left(flows, "task_group")) == ([1], 0)


def test_an_end_before_its_time_and_a_delay_after_the_end(flows, ran):
    """``at`` and ``delay`` of what waits: not before then, and so long after the last end."""
    at = flows.travel.now + timedelta(hours=1)
    flows.put(flows.note.task(number=1).then(flows.note.task(number=2), at=at))
    flows.put(flows.note.task(number=3).then(flows.note.task(number=4), delay=120), delay=60)
    flows.travel.by(179)
    assert sorted(number for number, _ in ran) == [1, 3]
    flows.travel.by(1)
    assert sorted(number for number, _ in ran) == [1, 3, 4]
    flows.travel.to(at)
    assert ran[-1][0] == 2


def test_what_is_said_for_a_flow_is_said_for_its_tasks(flows):
    line = (flows.note.task(number=2), {"priority": 7})
    flows.put(
        Group([flows.note.task(number=1), line]).then(flows.note.task(number=3)), priority=5, object="a", tags=["t"]
    )
    rows = {row.payload: row for row in flows.tasks.list()}
    assert {payload: (row.priority, row.object, row.tags) for payload, row in rows.items()} == {
        '{"number":1}': (5, "a", '["t"]'),
        '{"number":2}': (7, "a", '["t"]'),
        '{"number":3}': (5, "a", '["t"]'),
    }


def test_a_retried_member_is_no_member_any_more(flows, ran):
    """It was counted when it ended; a retry runs it alone, and what has waited does not run again."""
    flows.put(Group([flows.ends.task(how="gives up")]).then(flows.note.task(number=99), on_failure="run"))
    flows.travel.run_due()
    (failed,) = [row for row in flows.tasks.list_archived() if row.outcome == "gave up"]
    assert flows.tasks.retry(failed.id).did == "retried"
    flows.travel.run_due()
    assert [number for number, _ in ran] == [99]
    (done,) = [row for row in flows.tasks.list_archived() if row.handler == "note"]
    flows.tasks.retry(done.id, repeat=True)
    flows.travel.run_due()
    assert ran[0][1] == ran[1][1], "it is told the same when it is repeated"


# --------------------------------------------------------------------------------------------------------- follow-ups


def test_follow_ups_inherit_priority_and_their_handlers_attempts(flows):
    @flows.handler("parent")
    def parent(task):
        task.put(flows.ends.task(how="well"))
        task.put(flows.note.task(), priority=9, attempts=3)
        task.put(Group([flows.note.task()]).then(flows.ends.task(how="well")), delay=60)

    put = flows.put(parent.task(), priority=7)
    with flows.store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 0, 0))
    flows.travel.run_due()
    rows = [*flows.tasks.list(), *flows.tasks.list_archived()]
    assert sorted((row.handler, row.priority, row.attempts) for row in rows if row.parent_id == put.id) == [
        ("ends", 7, 2),
        ("ends", 7, 2),
        ("note", 7, 20),
        ("note", 9, 3),
    ]


def test_a_fan_out_is_put_with_the_completion_in_few_statements(flows, ran):
    """A thousand children are a statement, whatever their number; a task without follow-ups costs what it did."""

    @flows.handler("parent")
    def parent(task, children: int):
        task.put(Group(flows.note.task(number=n) for n in range(children)).then(flows.note.task(number=-1)))

    counted = []
    for children in (10, 1_000):
        flows.put(parent.task(children=children))
        said: list[str] = []
        flows.store.dialect.on_statement = said.append
        flows.run_tasks(flows.tasks.list(handler="parent")[0].id)
        flows.store.dialect.on_statement = None
        counted.append(Counter(said)["put_tasks"])
        assert (Counter(said)["make_groups"], Counter(said)["fill_groups"]) == (1, 1)
    assert counted == [2, 2]


def test_children_that_put_children_of_the_same_group(flows, ran):
    """With ``join`` a member's follow-ups are members, too, and theirs: what waits runs when the last of the tree is over."""

    @flows.handler("walk")
    def walk(task, depth: int):
        ran.append(depth)
        if depth:
            task.put(walk.task(depth=depth - 1), join=True)
            task.put(walk.task(depth=depth - 1).then(flows.note.task(number=depth)), join=True)

    flows.put(Group([walk.task(depth=3)]).then(flows.note.task(number=99)))
    flows.travel.run_due()
    walked = [each for each in ran if isinstance(each, int)]
    assert Counter(walked) == {3: 1, 2: 2, 1: 4, 0: 8}
    assert ran[-1][0] == 99
    assert ran[-1][1].ended == {"done": 7}, (
        "of a chain its last step is the member; what its first puts joins the chain"
    )


def test_plain_follow_ups_of_members_are_not_waited_for(flows, ran):
    @flows.handler("walk")
    def walk(task):
        task.put(flows.note.task(number=1), delay=60)

    flows.put(walk.task().then(flows.note.task(number=99)))
    flows.travel.run_due()
    assert [number for number, _ in ran] == [99]


@pytest.mark.parametrize("ends", [ValueError("no"), GiveUp("no"), Decline("no")])
def test_a_parent_that_fails_leaves_no_flow(flows, ran, ends):
    """X14 for flows: all or none."""

    @flows.handler("parent", attempts=1)
    def parent(task):
        task.put(Group([flows.note.task()]).then(flows.note.task()))
        raise ends

    flows.put(parent.task())
    flows.travel.run_due()
    assert (ran, left(flows, "task"), left(flows, "task_group")) == ([], 0, 0)


def test_what_cannot_be_is_refused_and_nothing_written(flows):
    note = flows.note.task()
    deep = note
    for _ in range(DEPTH + 1):
        deep = deep.then(note)
    for wrong in (
        lambda: flows.put(Group([note])),
        lambda: flows.put(Group([note, "nonsense"]).then(note)),
        lambda: flows.put(Group([(note, 7)]).then(note)),
        lambda: flows.put(Group([Group([note])]).then(note)),
        lambda: flows.put(note.then(note), existing="replace", key="k"),
        lambda: flows.put(note.then(note), priority=0),
        lambda: flows.put(note.then(note, delay=-1)),
        lambda: flows.put(deep),
        lambda: note.then("nonsense"),
        lambda: note.then(note, on_failure="shrug"),
        lambda: flows.tasks.put_many([note.then(note)]),
        lambda: flows.tasks.results(0),
        flows.tasks.awaken,
    ):
        with pytest.raises(InvalidInput):
            wrong()
    with pytest.raises(LookupError):
        flows.put(note.then(PutTask("nobody")))
    assert (left(flows, "task"), left(flows, "task_group")) == (0, 0)


# --------------------------------------------------------------------------------------------------------- awakening


@pytest.fixture
def gate(flows):
    """A handler that puts itself off for a day as long as its gate is shut."""
    flows.open, flows.looked, flows.first = False, [], lambda: None

    @flows.handler("gate")
    def gate(name: str = ""):
        flows.looked.append(name)
        if len(flows.looked) == 1:
            flows.first()
        if not flows.open:
            raise Snooze(timedelta(days=1))

    flows.gate = gate
    return flows


def test_x21_only_what_put_itself_off_is_awakened(gate):
    """X21: awaken yielded, failed-waiting, leased: only the yielded one becomes runnable; by id, by key, by object."""
    by_id = gate.put(gate.gate.task(name="id")).id
    gate.put(gate.gate.task(name="key"), key="gate/7")
    gate.put(gate.gate.task(name="object"), object="gate/8")
    failed = gate.put(gate.ends.task(how="fails")).id
    delayed = gate.put(gate.note.task(), delay=3600).id
    gate.travel.run_due()
    gate.open, gate.looked[:] = True, []
    assert gate.tasks.awaken(by_id, failed, delayed) == [by_id]
    assert len(gate.tasks.awaken("gate/7", object="gate/8")) == 2
    gate.travel.run_due()
    assert sorted(gate.looked) == ["id", "key", "object"]
    assert {gate.tasks.get(each).state for each in (failed, delayed)} == {"waiting"}


def test_one_that_runs_while_it_is_awakened_does_not_sleep(gate):
    """It looked before the gate opened, and puts itself off after that: nobody would wake it again."""
    task = gate.put(gate.gate.task(name="once")).id

    def opened_meanwhile() -> None:
        assert gate.tasks.awaken(task) == [], "it runs"
        gate.open = True
        raise Snooze(timedelta(days=1))

    gate.first = opened_meanwhile
    gate.travel.run_due()
    assert (gate.looked, gate.tasks.get(task).outcome) == (["once", "once"], "done")


def test_an_old_awakening_is_not_remembered(gate):
    """One that was awakened while it ran, and failed, sleeps when it puts itself off later."""
    task = gate.put(gate.gate.task()).id

    def fails() -> None:
        gate.tasks.awaken(task)
        raise ValueError("no")

    gate.first = fails
    gate.travel.by(3600)
    assert len(gate.looked) == 2
    assert gate.tasks.get(task).available_at > gate.travel.watch.now() + DAY - 3600 * SECOND - SECOND
