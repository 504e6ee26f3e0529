"""Limits for operators: what stands, what is taken of it, and another word than the code's.

What is said here stands in the database and holds for all processes at once, whatever their code says.
"""

from __future__ import annotations

from dataclasses import dataclass

from tickwork.api.desk import Desk
from tickwork.errors import InvalidInput, NotFound
from tickwork.model import limits as checks
from tickwork.model.limit import EVERY_HANDLER, Limit
from tickwork.store import lanes
from tickwork.store.dialect import Verb
from tickwork.store.lanes import Lane
from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit, as all processes see it."""

    namespace: str
    """Where it holds; empty: in every namespace, in each by itself."""
    handler: str
    """Whose tasks; ``*``: all of the namespace together."""
    per: str
    """The field of the payload by which it counts; empty: all tasks of the handler together."""
    concurrency: int | None
    rate: str | None
    said: str
    """Who has said it: ``code`` or ``operator``."""
    said_by: str
    said_at: Instant


class Limits:
    """The limits of one database."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list(self) -> list[LimitRow]:
        """Return what stands, by handler."""

        def verb() -> Verb[list_of[LimitRow]]:
            return [
                LimitRow(*each[:4], each.rate, "operator" if each.operator else "code", each.said_by, each.said_at)
                for each in (yield from lanes.limits())
            ]

        return self._desk.look(verb)

    def lanes(self, *, limit: int = 100) -> list_of[Lane]:
        """Return what is taken just now: places and units, and how many wait, for each value that a limit counts by."""
        n = checks.number(limit, "limit", 1, 1_000_000)
        return self._desk.look(lambda: lanes.lanes(n))

    def set(
        self,
        handler: str,
        *,
        concurrency: int | None = None,
        rate: str | None = None,
        per: str = "",
        namespace: str = "",
        by: str = "",
    ) -> None:
        """Limit a handler from now on, whatever code says; for one namespace, or for each of them by itself.

        The handler ``*`` stands for all tasks of a namespace together. Raises InvalidInput.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.limits.set("mail.send", concurrency=3, per="customer")
        >>> app.limits.set("*", rate="100/s", namespace="tenant")
        >>> [(each.namespace, each.handler, each.per, each.concurrency, each.rate) for each in app.limits.list()]
        [('', 'mail.send', 'customer', 3, None), ('tenant', '*', '', None, '100/s')]
        >>> app.limits.remove("mail.send", per="customer")
        >>> app.close()
        """
        limit = Limit(concurrency, rate, per)
        name = checks.text(handler, "handler", checks.NAME_LENGTH)
        if name == EVERY_HANDLER and per:
            raise InvalidInput("per", per, "nothing: all tasks of a namespace have no field in common")
        space = namespace and checks.text(namespace, "namespace", checks.NAME_LENGTH)
        self._desk.perform(lambda: lanes.set_limit(space, name, limit, by))

    def remove(self, handler: str, *, per: str = "", namespace: str = "") -> None:
        """Lift a limit, an operator's or the code's, until somebody says one again. Raises NotFound."""
        if not self._desk.perform(lambda: lanes.remove_limit(namespace, handler, per)):
            raise NotFound(f"there is no limit of {handler!r}{per and f' per {per!r}'}; see limit list")


#: ``list`` is a verb in the class above, so the type goes by another name there.
list_of = list
