"""Random recurrence rules give what a slow reference and dateutil (where it is right) give."""

from __future__ import annotations

from random import Random

from tests.clocks.rrule_checks import agrees_with_dateutil, agrees_with_the_reference
from tests.clocks.rrule_random import random_case
from tests.support.verification import Run


def verify(run: Run) -> None:
    while run.goes_on():
        case = random_case(Random(run.random.randrange(2**48)))
        agrees_with_the_reference(case)
        run.count("rules against the reference")
        if agrees_with_dateutil(case):
            run.count("rules against dateutil")
