"""Several worker processes under one supervisor: what ``tickwork worker --processes`` runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tickwork.engine.tasks.supervisor import SHRINK_AFTER, Regime, Supervisor
from tickwork.errors import InvalidInput
from tickwork.watch import to_duration


def supervise(
    command: Sequence[str],
    processes: tuple[int, int] = (1, 1),
    *,
    recycle_after: timedelta | float | None = None,
    memory_limit: int | None = None,
    reload: Path | None = None,
    shrink_after: timedelta | float | None = None,
) -> int:
    """Keep copies of *command* running until a signal ends it; return the exit code.

    Args:
        command: a worker's command line, ``[sys.executable, "-m", "tickwork", "worker", ...]``.
        processes: at least and at most so many; between them the work decides. With at least 0 the pool hibernates: when
            nothing has run for a while the last process goes, and one is started when there is something to do.
        recycle_after: a process that is older is replaced, and finishes what runs.
        memory_limit: so is one that takes more, in megabytes.
        reload: in development, a folder: when a Python file in it changes, the processes are replaced.

        shrink_after: for how long fewer must have done before there is one fewer (a minute).

    Raises:
        InvalidInput: a bound that cannot be.
    """
    age = None if recycle_after is None else to_duration(recycle_after, "recycle_after")
    if age is not None and age <= 0:
        raise InvalidInput("recycle_after", recycle_after, "a duration of more than 0")
    memory = None if memory_limit is None else memory_limit * 1_000_000
    idle = SHRINK_AFTER if shrink_after is None else to_duration(shrink_after, "shrink_after")
    if idle < 0:
        raise InvalidInput("shrink_after", shrink_after, "a duration of 0 or more")
    return Supervisor(command, Regime(*processes, age, memory, reload, idle)).run()
