"""Random cron expressions agree with the slow reference: forwards and backwards, in zones, around moves of the clocks."""

from __future__ import annotations

import random

from tests.clocks.comparing import agrees, agrees_with_others
from tests.clocks.expressions import random_expression
from tests.support.verification import Run

#: What is compared at least, however short the time.
AT_LEAST = 2_000
SEVERAL = 100


def verify(run: Run) -> None:
    """``make verify NAME=cron CASES=100000`` compares 100,000 expressions, some ten minutes long."""
    compared = 0
    while run.goes_on() or compared < AT_LEAST:
        for _ in range(SEVERAL):
            agrees(random.Random(run.random.getrandbits(64)))
        compared += SEVERAL
        run.count("expressions", SEVERAL)
        for _ in range(SEVERAL // 20):  # croniter takes its time
            draw = random.Random(run.random.getrandbits(64))
            run.count("against cronsim and croniter", agrees_with_others(random_expression(draw, plain=True), draw))
