"""Two applications, as processes, do the same bulk work at once: nothing doubled, nothing lost, nobody deadlocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.support.processes import child
from tickwork import PutTask, Tickwork, clocks

AT = datetime(2040, 1, 1, tzinfo=timezone.utc)

APPLICATION = """
import sys, time
from datetime import timedelta
from tickwork import Group, PutTask, Tickwork, Topic
from tickwork.model.unique import Root
from tickwork.store import statistics
from tickwork.watch import HOUR

app = Tickwork(sys.argv[1])
work = PutTask("work")
app.counts()
print("up")
sys.stdin.readline()
keyed = [(work, {"key": f"k{n % 500}", "scope": "waiting", "delay": n % 7}) for n in range(1500)]
print("put", app.tasks.put_many(keyed, unchecked=True).put)
sys.stdin.readline()
print("shifted", app.triggers.where(prefix="t").shift(timedelta(hours=1)).did["moved"])
sys.stdin.readline()
print("cancelled", app.tasks.where(handler="work").cancel().did.get("cancelled", 0))
sys.stdin.readline()
over = app.tasks.where(handler="work", outcome="cancelled")
print("retried", over.retry().did.get("retried", 0))
sys.stdin.readline()
print("again", app.tasks.where(handler="work").cancel().did.get("cancelled", 0))
sys.stdin.readline()
statistics.roll(app.store, time.time_ns() // 1000 + HOUR, 1_000)
print("rolled", 0)
sys.stdin.readline()
print("removed", app.retention.run("archive")["archive"])
sys.stdin.readline()
done = app.objects.cancel("o")
print("ended", sum(put.did == "cancelled" for put in (*done.triggers, *done.tasks)))
sys.stdin.readline()
app.topics.subscribe("tick", "a", "b", "c")
print("spread", len(app.topics.put("tick").tasks))
sys.stdin.readline()
print("newest", int(app.tasks.register_root(Root("s", int(sys.argv[2])))))
sys.stdin.readline()
print("bulk", app.bulk.put("rows", [work] * 100, once="rows", unchecked=True).id)
sys.stdin.readline()
flow = Group([(work, {"delay": 60})] * 50).then(work)
print("flow", app.put(flow, key="report", unchecked=True).did == "put")
sys.stdin.readline()
print("flow-cancelled", app.tasks.cancel("report", flow=True).did == "cancelled")
"""


def test_two_applications_do_the_same_at_once(database):
    with Tickwork(database) as app:
        once = clocks.Once(AT)
        app.triggers.put_many(((f"t{n}", once, PutTask("work"), {"object": "o"}) for n in range(300)), unchecked=True)
        with child("-c", APPLICATION, database, "1") as one, child("-c", APPLICATION, database, "2") as other:

            def both(word: str) -> list[int]:
                for process in (one, other):
                    process.tell("go")
                said = [process.line(word).split()[1] for process in (one, other)]
                return [int(each) if each.isdigit() else int(each == "True") for each in said]

            for process in (one, other):
                process.line("up")
            assert sum(both("put")) == 500
            assert both("shifted") == [300, 300]
            assert sum(both("cancelled")) == 500
            assert sum(both("retried")) == 500
            assert sum(both("again")) == 500
            both("rolled")
            (figures,) = app.figures("work", until=AT)
            assert figures.counts == {"cancelled": 500}
            app.retention.set("cancelled", keep_most=100)
            assert sum(both("removed")) == 400
            assert sum(both("ended")) == 300
            assert both("spread") == [3, 3]
            assert both("newest")[1] == 1
            assert len(set(both("bulk"))) == 1
            assert sum(both("flow")) == 1
            assert len(app.tasks.list(limit=1_000)) == 3 * 2 + 100 + 51
            assert sum(both("flow-cancelled")) == 1
        assert len(app.tasks.list_archived(limit=1_000)) == 100 + 51
        found = app.triggers.list("t", limit=1_000)
        assert {(trigger.version, trigger.state) for trigger in found} == {(4, "cancelled")}
        assert {trigger.clock for trigger in found} == {clocks.Once(AT + timedelta(hours=2))}
        assert len(app.topics.list()) == 3
        assert app.tasks.where(container=app.bulk.list()[0].container).count() == 100
