"""Who works: the processes with what they have in hand, and the kinds of work that rest just now."""

from __future__ import annotations

from tickwork.api.desk import Desk
from tickwork.model import limits
from tickwork.store import crew, pressure
from tickwork.store.crew import Member
from tickwork.store.pressure import Pressure


class Workers:
    """The processes of one database, whatever their namespace."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list(self) -> list[Member]:
        """Return every registered process with the work that it has in hand, each piece named ``generator/identifier``.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.workers.list()
        []
        >>> app.close()
        """
        return self._desk.look(crew.crew)

    def resting(self) -> list_of[Pressure]:
        """Return the kinds of work that rest, because a handler raised Backpressure, and until when."""
        return self._desk.look(pressure.pressures)

    def resume(self, kind: str) -> bool:
        """Let a kind of work run again before its time; False where it did not rest.

        What was put off already waits for the end of the rest, unless it is freed (``tickwork task free``).
        """
        desk, name = self._desk, limits.text(kind, "kind", limits.NAME_LENGTH)
        return desk.perform(lambda: pressure.lift(desk.scope, name))


list_of = list
