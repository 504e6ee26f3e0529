"""Several worker processes under one supervisor: what ``tickwork worker --processes`` runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tickwork.engine.tasks.supervisor import Regime, Supervisor
from tickwork.errors import InvalidInput
from tickwork.watch import to_duration


def supervise(
    command: Sequence[str],
    processes: tuple[int, int] = (1, 1),
    *,
    recycle_after: timedelta | float | None = None,
    memory_limit: int | None = None,
    reload: Path | None = None,
) -> int:
    """Keep copies of *command* running until a signal ends it; return the exit code.

    Args:
        command: a worker's command line, ``[sys.executable, "-m", "tickwork", "worker", ...]``.
        processes: at least and at most so many; between them the work decides.
        recycle_after: a process that is older is replaced, and finishes what runs.
        memory_limit: so is one that takes more, in megabytes.
        reload: in development, a folder: when a Python file in it changes, the processes are replaced.

    Raises:
        InvalidInput: a bound that cannot be.
    """
    age = None if recycle_after is None else to_duration(recycle_after, "recycle_after")
    if age is not None and age <= 0:
        raise InvalidInput("recycle_after", recycle_after, "a duration of more than 0")
    memory = None if memory_limit is None else memory_limit * 1_000_000
    return Supervisor(command, Regime(*processes, age, memory, reload)).run()
