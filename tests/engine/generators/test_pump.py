"""Workers draw from generators: by rank, one claim per piece of work, each generator inside its own error boundary."""

import msgspec
import pytest

from tests.engine.generators.field import Given, once
from tickwork.errors import LeaseLost
from tickwork.model.generator import Again, Offer, Over, Park, Rest
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.watch import SECOND


def forever(name, priority=2000, **more):
    return Given(name, [Offer("only", priority, 0)], priority, **more)


def test_g1_who_could_give_nothing_better_is_not_asked(field):
    """G1, with real claims."""
    a, b, c = forever("a", 1500), forever("b", 2000), forever("c", 4000)
    a.range = a.range._replace(best=1000, worst=2000)
    pump = field.pump(a, b, c)
    pump.turn(field.watch.now())
    assert a.ran == ["only"]
    assert dict(pump.drawing.asked) == {"a": 1}


def test_g2_equals_take_turns(field):
    """G2: fair alternation, C is not asked."""
    a, b, c = forever("a"), forever("b"), forever("c", 4000)
    a.range = a.range._replace(best=1000)
    pump = field.pump(a, b, c)
    for _ in range(6):
        pump.turn(field.watch.now())
    assert (len(a.ran), len(b.ran), c.ran) == (3, 3, [])
    assert "c" not in pump.drawing.asked


def test_g5_one_that_raises_is_left_alone(field, caplog):
    """G5: logged, backed off, others served, the worker lives; everybody leaves it alone, and it comes back."""
    broken = True

    def offers(limit, now):
        if broken:
            raise OSError("no such table")
        return once("x", priority=1000)(limit, now)

    bad, good = Given("bad", offers, 1000), forever("good")
    pump = field.pump(bad, good)
    for _ in range(5):
        pump.turn(field.watch.now())
    assert len(good.ran) == 5
    assert pump.drawing.asked["bad"] == 1
    assert "no such table" in caplog.text
    error, failures = field.sql("select error, failures from tickwork.generator where name = 'bad' and key = ''")[0]
    assert msgspec.json.decode(error)["message"] == "no such table"
    assert failures == 1
    other = field.pump(bad)
    other.turn(field.watch.now())
    assert "bad" not in other.drawing.asked, "another worker leaves it alone, too"
    field.later(1.1)
    pump.turn(field.watch.now())
    assert pump.drawing.asked["bad"] == 2
    broken = False
    field.later(2.1)
    pump.turn(field.watch.now())
    assert bad.ran == ["x"]
    assert field.one("select failures from tickwork.generator where name = 'bad' and key = ''") == 0


def test_g7_one_claim_for_the_same_key(field):
    """G7: the same key offered to two workers: one lease only."""
    first, second = forever("a"), forever("a")
    one, two = field.pump(first, at_once=False), field.pump(second, at_once=False)
    one.turn(field.watch.now())
    two.turn(field.watch.now())
    assert len(one.running) == 1
    assert not two.running
    assert field.one("select count(*) from tickwork.lease") == 1
    (work,) = one.running.values()
    one.call(work)
    assert field.one("select count(*) from tickwork.lease") == 0
    assert field.keys("a") == [], "nothing to remember: nothing is left"


def test_two_workers_claim_at_once(field):
    """G7, where both have been offered it before either has claimed it."""
    one, two = field.pump(forever("a"), at_once=False), field.pump(forever("a"), at_once=False)
    now = field.watch.now()
    wishes = [pump.worker.pump.plan.wishes(1, now, []) for pump in (one, two)]
    for pump, wish in zip((one, two), wishes, strict=True):
        pump.worker.pump._exchange_all([], wish, now)
    assert sorted(len(pump.running) for pump in (one, two)) == [0, 1]


def test_a_dead_workers_work_is_offered_again(field):
    """Its lease has been ended by whoever watched it; what the dead one did is refused, and the loss counts."""
    generator = forever("a", attempts=3)
    pump = field.pump(generator, at_once=False)
    pump.turn(field.watch.now())
    (lost,) = pump.running.values()
    field.sql("delete from tickwork.lease")
    other = field.pump(generator)
    other.turn(field.watch.now())
    assert generator.ran == ["only"]
    with pytest.raises(LeaseLost), lost.transaction():
        raise AssertionError("it must not come so far")
    pump.finish(lost)
    assert not pump.running


def test_work_whose_workers_die_is_parked(field):
    generator = forever("a", attempts=3)
    for _ in range(3):
        field.pump(generator, at_once=False).turn(field.watch.now())
        assert field.one("select count(*) from tickwork.lease") == 1
        field.sql("delete from tickwork.lease")
    field.pump(generator).turn(field.watch.now())
    assert generator.ran == []
    assert field.sql("select reason from tickwork.parked") == [("its worker was lost in 3 runs",)]
    assert field.keys("a") == []


def test_work_that_fails_for_good_is_parked_until_it_is_released(field):
    def run(work):
        raise ValueError(f"run {work.attempt}")

    generator = Given("a", [Offer("x", 2000, 0, source="v1")], run=run, attempts=2)
    pump = field.pump(generator)
    for _ in range(4):
        pump.run_due(field.watch.now)
        field.later(3600)
    assert generator.ran == ["x", "x"]
    reason, attempts = field.sql("select reason, attempts from tickwork.parked")[0]
    assert (reason, attempts) == ("its run failed 2 times: ValueError('run 2')", 2)
    generator.given = [Offer("x", 2000, 0, source="v2")]
    pump.run_due(field.watch.now)
    assert generator.ran == ["x"] * 3, "its source has changed: it is made anew"
    assert field.one("select count(*) from tickwork.parked") == 0


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (GiveUp("no use"), (1, 0, None)),
        (Decline(), (0, 0, None)),
        (Snooze(60), (0, 1, 60)),
        (RetryAfter(90), (0, 1, 90)),
        (SystemExit(1), (0, 1, None)),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else "",
)
def test_what_a_run_may_say(field, error, state):
    def run(work):
        raise error

    generator = Given("a", [Offer("x", 2000, 0)], run=run)
    field.pump(generator).turn(field.watch.now())
    parked, kept, seconds = state
    assert field.one("select count(*) from tickwork.parked") == parked
    rows = field.sql("select next_wake_at from tickwork.generator where key = 'x'")
    assert len(rows) == kept
    if seconds is not None:
        assert rows == [(field.watch.now() + seconds * SECOND,)]


def test_a_generator_may_decide_otherwise(field):
    class Stubborn(Given):
        def on_outcome(self, claim, verdict):
            return Again(5 * SECOND) if isinstance(verdict, Park) else verdict

    def run(work):
        raise GiveUp("no")

    generator = Stubborn("a", [Offer("x", 2000, 0)], run=run)
    field.pump(generator).turn(field.watch.now())
    assert field.one("select count(*) from tickwork.parked") == 0
    assert field.one("select failures from tickwork.generator where key = 'x'") == 1


def test_state_and_effects_are_one_commit(field):
    field.sql("create table effect (n integer)")

    def run(work):
        with work.transaction() as own:
            own.execute("insert into effect values (1)")
            work.remember({"seen": work.state.get("seen", 0) + 1})
        with work.transaction() as own:
            own.execute("insert into effect values (2)")
            work.remember({"seen": 99})
            raise ValueError

    field.pump(Given("a", [Offer("x", 2000, 0)], run=run)).turn(field.watch.now())
    assert field.sql("select n from effect") == [(1,)]
    assert [row[:3] for row in field.keys("a")] == [("x", '{"seen":1}', 1)]


def test_a_limit_holds_over_all_workers(field):
    def offers(limit, now):
        return [Offer(str(n), 2000, 0) for n in range(9)]

    pumps = [field.pump(Given("a", offers, limit=3), hands=2, at_once=False) for _ in range(3)]
    for pump in pumps:
        pump.turn(field.watch.now())
    assert sorted(len(pump.running) for pump in pumps) == [0, 1, 2]


def test_hands_are_reserved_for_real_time(field):
    usual = Given("usual", lambda *_: [Offer(str(n), 2000, 0) for n in range(9)])
    urgent = Given("urgent", [], 900)
    pump = field.pump(usual, urgent, hands=3, reserved=1, at_once=False)
    pump.turn(field.watch.now())
    assert len(pump.running) == 2
    urgent.given = [Offer("now", 900, 0)]
    pump.drawing.rested()
    pump.turn(field.watch.now())
    assert [work.name for work in pump.running.values()][-1] == "urgent/now"


def test_an_offer_outside_the_declared_range_is_refused(field, caplog):
    liar = Given("liar", [Offer("x", 10, 0)], 2000)
    field.pump(liar).turn(field.watch.now())
    assert liar.ran == []
    assert "10 is not allowed; expected 2000 to 2000" in caplog.text


def test_many_that_cannot_be_had_hide_none_that_can(field):
    """The first offers are parked, in other hands or waiting: it is asked for more, until there is enough."""
    generator = Given("a", lambda limit, now: [Offer(f"{n:03}", 2000, 0) for n in range(200)])
    field.run_due(
        Given("a", lambda *_: [Offer(f"{n:03}", 2000, 0) for n in range(150)], run=lambda _: Rest(3600 * SECOND))
    )
    field.pump(generator).turn(field.watch.now())
    assert generator.ran == ["150"]


def test_nothing_to_do_writes_nothing(field):
    pump = field.pump(Given("a", []), Given("b", [], 1000))
    said = []
    field.store.dialect.on_statement = said.append
    pump.turn(field.watch.now())
    pump.turn(field.watch.now())
    field.store.dialect.on_statement = None
    writes = [name for name in said if name not in {"begin", "commit"} and field.store.dialect.book[name].writes]
    assert writes == []


def test_a_claim_is_renewed_while_its_run_goes_on(field):
    pump = field.pump(forever("a"), at_once=False)
    pump.turn(field.watch.now())
    heartbeat = pump.worker.heartbeat
    heartbeat.turn(field.watch.now())
    field.later(10)
    heartbeat.turn(field.watch.now())
    assert field.one("select renewals from tickwork.lease") == 2
    field.sql("delete from tickwork.lease")
    field.later(10)
    heartbeat.turn(field.watch.now())
    (work,) = pump.running.values()
    assert work.stopping.is_set(), "somebody else will have it: it is told to stop"


def test_a_state_that_is_kept_stays_when_the_work_is_over(field):
    given = iter([Rest(60 * SECOND, {"n": 1}), Over(), Over({"n": 3})])
    pump = field.pump(Given("a", [Offer("x", 2000, 0)], run=lambda _: next(given)))
    states = []
    for _ in range(3):
        pump.turn(field.watch.now())
        states.append(field.keys("a")[0][1])
        field.later(61)
    assert states == ['{"n":1}', '{"n":1}', '{"n":3}']
