"""The child's side of the process executor: runs one handler at a time for its worker, and is killed when it must stop.

It is started fresh (spawned, never forked), imports the module in which the handler stands, and keeps it for the next
task. It ends when its worker does, however that ends. It speaks through one pipe: a :class:`Call` comes in, words about
progress and one :class:`Ended` go out.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.payload import Payload
from tickwork.engine.tasks.results import kept_of
from tickwork.model.job_run import JobRun
from tickwork.model.work import Claimed, Signs, Task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class Shown(NamedTuple):
    """What a handler is shown if it asks: a task, or a run of a job."""

    kind: Literal["task", "job"]
    fields: tuple[Any, ...]


class Call(NamedTuple):
    """One run that a child is asked for. The payload is today's version, as JSON."""

    module: str
    name: str
    handler: str
    shown: Shown
    payload: str
    keep_result: bool


class Ended(NamedTuple):
    """How it ended: what was kept of its result and what it put, or what it raised."""

    result: str | None = None
    reason: str | None = None
    follow_ups: tuple[dict[str, Any], ...] = ()
    error: bytes | None = None
    trace: str = ""


class Progressed(NamedTuple):
    """A word about progress on its way."""

    share: float
    note: str | None


class Asked(NamedTuple):
    """Somebody asked to stop what runs."""


class RemoteTraceback(Exception):
    """Where in the child it was raised; the cause of the error that the worker sees."""

    def __init__(self, trace: str) -> None:
        self.trace = trace
        super().__init__(trace)

    def __str__(self) -> str:
        return f"in the child:\n{self.trace}"


class Unpicklable(Exception):
    """A handler raised something that cannot leave its process; its type and message are here."""


class _ChildSigns(Signs):
    """Sends words about progress home, and hears that what runs should stop."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        super().__init__()
        self.send = send
        self.asked = threading.Event()

    def note(self, claimed: Claimed, share: float, note: str | None) -> None:
        self.send(Progressed(share, note))

    def is_lost(self, claimed: Claimed) -> bool:
        return self.asked.is_set()


class _Words(list[tuple[float, "str | None"]]):
    """Sends a job's words about progress home."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        super().__init__()
        self._send = send

    def __setitem__(self, place: Any, words: Any) -> None:
        for share, note in words:
            self._send(Progressed(share, note))


def serve(connection: Connection) -> None:
    """Run what is asked for until the worker has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the worker, which lets us finish, or kills us
    guard = threading.Lock()

    def send(word: Any) -> None:
        with guard:
            connection.send(word)

    signs = _ChildSigns(send)
    calls: SimpleQueue[Call] = SimpleQueue()
    threading.Thread(target=_hear, args=(connection, calls, signs), daemon=True).start()
    while True:
        send(_ended(calls.get(), signs))


def find(module: str, name: str) -> Any:
    """Return the function that stands in a module under a name; a handler's decorator is looked through."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found.function if isinstance(found, Handler) else found


def _hear(connection: Connection, calls: SimpleQueue[Call], signs: _ChildSigns) -> None:
    try:
        while True:
            word = connection.recv()
            if isinstance(word, Asked):
                signs.asked.set()
            else:
                signs.asked.clear()
                calls.put(word)
    except (EOFError, OSError):
        os._exit(0)  # the worker has gone, whatever runs here


def _ended(call: Call, signs: _ChildSigns) -> Ended:
    try:
        function = find(call.module, call.name)
        payload = Payload(function, call.handler)
        arguments = payload.decode(call.payload)
        shown = _shown(call.shown, signs)
        result = function(*((shown,) if payload.takes_task else ()), **arguments)
        kept, reason = kept_of(result) if call.keep_result and result is not None else (None, None)
        return Ended(kept, reason, tuple(shown.follow_ups) if isinstance(shown, Task) else ())
    except BaseException as error:
        return Ended(error=_pickled(error), trace="".join(traceback.format_exception(error)))


def _shown(shown: Shown, signs: _ChildSigns) -> Task | JobRun:
    if shown.kind == "task":
        return Task(Claimed._make(shown.fields), signs)
    return JobRun.of(shown.fields, signs.asked, _Words(signs.send))


def _pickled(error: BaseException) -> bytes:
    """Return an error that can be raised elsewhere; one that cannot travel is described."""
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)  # noqa: S301 - can it be read again?
    except Exception:
        return pickle.dumps(Unpicklable(f"{type(error).__qualname__}: {error}"))
    return pickled
