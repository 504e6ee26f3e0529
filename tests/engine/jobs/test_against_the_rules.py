"""Random histories of deploy, change, run, fail, crash, downtime and clock steps: the same log as the plain rules give.

One to three controllers, which are killed, hear late or nothing, and begin anew; after every step each one's map equals
one that is made afresh.
"""

from __future__ import annotations

import random

import pytest

from tests.engine.jobs import rules
from tests.engine.jobs.yard import Yard, instant
from tickwork.clocks import Cron, Every
from tickwork.engine.jobs.controller import JobController
from tickwork.model.job_run import Ended, JobRun
from tickwork.watch import SECOND

NAMES = ("a", "b", "c", "d")
CLOCKS = (Every(7), Every(60), Every(300), Every(3600), Cron("*/5 * * * *"), Cron("30 2 * * *"), None)


def plain(clock):
    """Hand a clock to the rules in whole seconds: the arithmetic of intervals is their own."""
    if clock is None:
        return None
    if isinstance(clock, Every):
        period = clock.period // SECOND
        return lambda after, created: created + ((after - created) // period + 1) * period
    return lambda after, created: clock.next_at(after * SECOND, 0) // SECOND


class History:
    """Does the same things to tickwork and to the rules."""

    def __init__(self, store, seed, controllers):
        self.chance = random.Random(seed)
        self.yard = Yard(store)
        self.rules: dict[str, rules.Job] = {}
        self.runs: dict[str, JobRun] = {}
        self.controllers = [self.yard.another() for _ in range(controllers)]

    @property
    def now(self):
        return self.yard.watch.now() // SECOND

    def deploy(self):
        name, clock, skip = self.chance.choice(NAMES), self.chance.choice(CLOCKS), self.chance.random() < 0.2
        put = self.yard.declare(name, clock, misfire="skip" if skip else "fire")
        if put.did == "created":
            job = self.rules[name] = rules.Job(self.now, plain(clock), skip)
            job.say("configured", self.now)
            if clock is None:
                job.start(self.now)
        elif put.did == "changed":
            self.rules[name].configure(self.now, plain(clock))
            self.rules[name].skip = skip

    def start(self):
        if name := self.any():
            self.yard.start(name)
            self.rules[name].start(self.now)

    def stop(self):
        if name := self.any():
            self.yard.stop(name)
            self.rules[name].stop(self.now)

    def delete(self):
        name = self.any()
        if name and self.rules[name].delete():
            self.yard.delete(name)
            del self.rules[name]

    def run(self):
        for run in self.yard.take(2):
            self.runs[run.name] = run
            self.rules[run.name].begin(self.now)

    def end(self):
        if self.runs:
            name = self.chance.choice(sorted(self.runs))
            how = self.chance.choice(["completed", "completed", "error", "error", "fatal"])
            self.yard.work.settle(self.runs.pop(name), Ended(how))
            self.rules[name].end(self.now, how)

    def wait(self):
        self.yard.later(self.chance.choice([1, 2, 3, 7, 29, 61, 300, 3_601]))

    def down(self):
        """Nobody controls for a while; what remains begins from the log."""
        self.yard.later(self.chance.choice([100, 10_000, 300_000]))
        self.controllers = [self.yard.another() for _ in self.controllers]

    def crash(self):
        """One controller dies in the middle of its turn, before some statement; another takes its place."""
        self.wait()
        for job in sorted(self.rules):  # what the dying one does not finish, the others do at the same moment
            self.rules[job].look(self.now)
        place = self.chance.randrange(len(self.controllers))
        left = self.chance.randint(1, 12)

        def die(_):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        self.yard.store.dialect.on_statement = die
        try:
            self.controllers[place].hear("")
            self.controllers[place].turn(self.yard.watch.now())
        except KeyboardInterrupt:
            pass
        finally:
            self.yard.store.dialect.on_statement = None
        self.controllers[place] = self.yard.another()

    def step_back(self):
        """The clock is set back by a moment."""
        self.yard.later(-self.chance.choice([1, 2]))
        if any(job.skip for job in self.rules.values()):  # what was skipped stands in no log: it may be on time again
            self.controllers = [self.yard.another() for _ in self.controllers]

    def any(self):
        return self.chance.choice(sorted(self.rules)) if self.rules else None

    def settle(self):
        """Let every controller look; the rules look once."""
        for job in sorted(self.rules):
            self.rules[job].look(self.now)
        self.chance.shuffle(self.controllers)
        for controller in self.controllers:
            for run in self.runs.values():
                self.yard.heartbeat(run)
            controller.hear("")
            controller.run_due(self.yard.watch.now())

    def check(self):
        fresh: JobController = self.yard.another()
        fresh.boot(self.yard.watch.now())
        for controller in self.controllers:
            controller.hear("")
            controller.run_due(self.yard.watch.now())
            assert dict(controller.timers) == dict(fresh.timers)
            assert dict(controller.retries) == dict(fresh.retries)
            assert controller.timers.live == len(controller.timers)
        for name, job in self.rules.items():
            assert self.told(name) == job.log, name

    def told(self, name):
        told = []
        for event in self.yard.log(name):
            cause = event.entry.told.get("cause")
            line = [event.kind, event.at // SECOND]
            if event.kind == "scheduled":
                line.append(cause["by"])
                if cause["by"] == "trigger":
                    line.append(cause["nominal_at"] // SECOND)
            if event.kind == "fatal" and cause is not None:
                line.append("abandoned")
            told.append(tuple(line))
        return told


STEPS = {
    "wait": 10, "run": 8, "end": 8, "deploy": 4, "start": 3, "stop": 1, "delete": 1, "down": 1, "crash": 2, "step_back": 1,
}  # fmt: skip


def live_through(store, seed, controllers, steps):
    history = History(store, seed, controllers)
    history.deploy()
    for _ in range(steps):
        step = history.chance.choices(list(STEPS), list(STEPS.values()))[0]
        getattr(history, step)()
        history.settle()
        history.check()
    return history


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("seed", range(20))
def test_the_log_is_what_the_rules_say(store, seed):
    """S3-48, S3-49, S3-51, S3-71, T-077, T-088: the same log as the reference, whatever happened."""
    live_through(store, seed, 1 + seed % 3, 80)


@pytest.mark.stores("postgresql-18")
@pytest.mark.parametrize("seed", [101, 102])
def test_the_log_is_what_the_rules_say_on_postgresql(store, seed):
    """S3-48, S3-51, S3-71."""
    live_through(store, seed, 1 + seed % 3, 50)


def test_the_rules_import_nothing_of_tickwork():
    from pathlib import Path

    assert "tickwork." not in Path(rules.__file__).read_text().replace("of tickwork is", "")
    assert instant("00:00:00") % SECOND == 0
