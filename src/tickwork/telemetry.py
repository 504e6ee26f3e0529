"""How the library speaks of what it does: through the standard :mod:`logging`, as text or as JSON lines.

Nothing is configured on import; an application's own logging just sees these loggers:

=========================  ==========================================================================================
``tickwork.planning``      DEBUG: ``planned``, with when next; WARNING: set aside, and why
``tickwork.firing``        DEBUG: each row of the ledger: ``fired``, ``skipped``, ``coalesced``; WARNING: set aside
``tickwork.loop.NAME``     DEBUG: ``sleeps until``, ``woken by``; WARNING: an error that is waited out
``tickwork.nap.NAME``      DEBUG: sleeps that end in vain, for somebody who asks for everything (``-vv``)
``tickwork.worker``        WARNING: failed attempts, lost leases, old work; DEBUG: each claim, each end
``tickwork.rescue``        WARNING: what was taken back from a process that has gone
``tickwork.jobs``          jobs: fired, run, ended
``tickwork.tick``          INFO: why a tick ended
``tickwork.action``        INFO: the lines of log actions
=========================  ==========================================================================================

A line of JSON has always ``at`` (RFC 3339 with Z and microseconds), ``level``, ``logger`` and ``message``. Where they are
known it has ``trigger`` (key), ``task`` (id), ``handler``, ``outcome``, ``planned_at``, ``next_at``, ``until_at``,
``slots``, ``seconds``, ``reason`` and, for an error, ``error`` with its traceback. Instants are texts like ``at``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec

from tickwork.watch import show_instant

#: What a record may carry besides its message (``extra=``), and its line of JSON with it.
FIELDS = (
    "trigger", "task", "handler", "outcome", "planned_at", "next_at", "until_at", "slots", "seconds", "reason",
)  # fmt: skip
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Loops whose sleeping is of no interest to a person who asks what was decided.
QUIET_LOOPS = ("tickwork.loop.heartbeat", "tickwork.loop.rescue", "tickwork.loop.presence", "tickwork.loop.zone-data")


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON.

    >>> record = logging.makeLogRecord(
    ...     {
    ...         "created": 0.5,
    ...         "levelname": "INFO",
    ...         "name": "tickwork.tick",
    ...         "msg": "%d done",
    ...         "args": (3,),
    ...         "reason": "limit",
    ...     }
    ... )
    >>> JsonLines().format(record)
    '{"at":"1970-01-01T00:00:00.500000Z","level":"INFO","logger":"tickwork.tick","message":"3 done","reason":"limit"}'
    """

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": show_instant(round(record.created * 1_000_000)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for field in FIELDS:
            value = getattr(record, field, None)
            if value is not None:
                said[field] = show_instant(value) if field.endswith("_at") else value
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said, enc_hook=str).decode()


@contextmanager
def speaking(stream: TextIO, verbose: int = 0, style: str = "text") -> Iterator[None]:
    """Write the log to *stream* inside the block: warnings; with *verbose* 1 each decision, with 2 everything.

    *style* is ``text`` or ``json``. For the command; an application configures logging as it always does.

    >>> import io
    >>> with speaking(out := io.StringIO(), verbose=1, style="json"):
    ...     logging.getLogger("tickwork.tick").info("2 tasks done")
    >>> msgspec.json.decode(out.getvalue())["message"]
    '2 tasks done'
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if style == "json" else logging.Formatter(TEXT))
    levels = {
        "": {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG),
        "tickwork": logging.DEBUG if verbose else logging.WARNING,
        "tickwork.action": logging.INFO,  # a line that a person ordered is always written
        "tickwork.nap": logging.DEBUG if verbose > 1 else logging.INFO,
        **dict.fromkeys(QUIET_LOOPS, logging.DEBUG if verbose > 1 else logging.INFO),
    }
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
