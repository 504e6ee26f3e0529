"""Trees of flows for tests: a leaf is how it ends, a branch is (members, how the last step ends, what failures do)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tickwork import Decline, GiveUp, Group, PutTask, Snooze
from tickwork.model.flow import WELL

#: How a task ends, and what it does before.
FATES = ("done", "gave up", "declined", "retries", "snoozes")
#: What failures do, as far as it does not depend on who is faster.
STEADY = ("run", "give up")


def flow_of(tree: Any) -> Any:
    """Return what a put takes."""
    if isinstance(tree, str):
        return PutTask.of("leaf", {"fate": tree})
    members, last, on_failure = tree
    return Group(map(flow_of, members)).then(flow_of(last), on_failure=on_failure)


def leaf(task: Any, fate: str) -> None:
    """The handler of every task of a tree."""
    if fate == "gave up":
        raise GiveUp("no")
    if fate == "declined":
        raise Decline("no")
    if fate == "retries" and task.attempt == 1 + task.lost:
        raise ValueError("once")
    if fate == "snoozes" and task.late_for.total_seconds() < 5:
        raise Snooze(5)


def expected(tree: Any, all_of_them: Counter[str]) -> str:
    """How a flow ends, by the rules alone; counts how each of its tasks ends."""
    if isinstance(tree, str):
        ended = {"retries": "done", "snoozes": "done"}.get(tree, tree)
    else:
        members, last, on_failure = tree
        failed = [each for each in [expected(member, all_of_them) for member in members] if each not in WELL]
        if not failed or on_failure == "run":
            return expected(last, all_of_them)
        ended = "cancelled"
    all_of_them[ended] += 1
    return ended


def random_tree(chance: random.Random, depth: int) -> Any:
    """Grow a branch."""
    members = [
        random_tree(chance, depth - 1) if depth and chance.random() < 0.4 else chance.choice(FATES)
        for _ in range(chance.randint(0, 4))
    ]
    return members, chance.choice(FATES), chance.choice(STEADY)
