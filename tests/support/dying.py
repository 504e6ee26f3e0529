"""Processes that kill themselves: a walk is repeated with a real SIGKILL before its n-th statement, for every n.

``begin`` and ``commit`` count as statements, so a walk dies before and after each commit too. A transaction that only
reads is one point and not several: from its first statement to its end nothing is written, locked or done elsewhere, so whoever
comes after a death finds the same. A body is a function
``body(store, *arguments)`` of an importable module, with arguments that JSON can carry. Each run is a process of its
own, forked from one that has imported the module, holds no connection and has no threads: so a death costs what the
body does, and not what its imports cost.

A server notices a death a moment later, and until then a session of the dead holds what it had locked. Whoever comes
to rescue skips that, and is right to: so a death is over only when the server has no session of the process any more.

Run as ``python -m tests.support.dying MODULE`` this is the process that is forked from.
"""

from __future__ import annotations

import atexit
import faulthandler
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.support.processes import Child
from tests.support.shelf import give_back
from tickwork.store.dialect import Dialect, Transaction
from tickwork.store.open import open_store
from tickwork.watch import Instant

#: Seconds until a body that neither dies nor ends is taken for hung, and its stack is written.
DEADLINE = 120
ANSWER = "the process ended with"
#: Said by a process before it kills itself: the ports at its end of its connections.
PORTS = "connected from the ports"
SESSIONS = "select pid, state, query from pg_stat_activity where client_port = any(%s) and datname = current_database()"

#: The processes that are forked from, by the module that they have imported, and the thread that asks them.
_PARENTS: dict[tuple[str, int], Child] = {}


def dies(url: str, body: Callable[..., None], n: int, *arguments: Any) -> bool:
    """Run *body* in a process that dies before its *n*-th statement; return whether it came so far."""
    name = body.__module__, threading.get_ident()
    parent = _PARENTS.get(name)
    if parent is None:
        parent = _PARENTS[name] = Child(["-m", "tests.support.dying", body.__module__])
        atexit.register(parent.close)
    said = len(parent.said)
    parent.tell(json.dumps([url, body.__qualname__, n, arguments]))
    code = int(parent.line(ANSWER, 2 * DEADLINE).rpartition(" ")[2])
    words = parent.said[said:]
    assert code in (0, -signal.SIGKILL), f"{body.__qualname__} failed by itself at {n}:\n{words}"
    if url.startswith("postgresql"):
        wait_for_sessions(url, {int(port) for line in words.splitlines() if PORTS in line for port in line.split()[4:]})
    return code == -signal.SIGKILL


def wait_for_sessions(url: str, ports: set[int]) -> None:
    """Return when the server has no session any more that came from one of these ports."""
    if not ports:
        return
    ends_at, turn = time.monotonic() + DEADLINE, threading.Event()
    with psycopg.connect(url, autocommit=True) as connection:
        while left := connection.execute(SESSIONS, (list(ports),)).fetchall():
            assert time.monotonic() < ends_at, f"sessions of a dead process go on: {left}"
            turn.wait(0.005)


def walk(
    body: Callable[..., None],
    prepare: Callable[[], str],
    check: Callable[[str, int], None],
    *arguments: Any,
    first: int = 1,
) -> int:
    """Kill *body* before its 1st, 2nd, 3rd ... statement until a run ends alive; check each; return how many died.

    *prepare* makes a fresh database and returns its URL; *check* gets it after the death, with n. What comes before the
    statement number *first* is another walk's.
    """
    n = first - 1
    while True:
        n += 1
        url = prepare()
        died = dies(url, body, n, *arguments)
        check(url, n)
        give_back(url)
        if not died:
            return n - first


def serve(module: str) -> None:
    """Fork a process for each line of standard input, and say how it ended."""
    loaded = importlib.import_module(module)
    for line in sys.stdin:
        url, name, n, arguments = json.loads(line)
        open_store(url).close()  # reads the book of statements, and connects nowhere
        pid = os.fork()
        if not pid:
            _run(url, getattr(loaded, name), n, arguments)
        print(ANSWER, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(url: str, body: Callable[..., None], n: int, arguments: list[Any]) -> None:
    """Be the process that dies, or ends."""
    sys.stdin.close()
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    code = 1
    try:
        store = open_store(url)
        left = n

        def count(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                print(PORTS, *_ports(), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        tell_points(store.dialect, count)
        body(store, *arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def tell_points(dialect: Dialect, tell: Callable[[str], None]) -> None:
    """Call *tell* before each statement at which a death may leave something else than a death before the last one."""
    here, begin = threading.local(), dialect.begin

    @contextmanager
    def noted(role: str, now: Instant | None = None, **how: bool) -> Iterator[Transaction]:
        outer, here.reading, here.told = getattr(here, "reading", False), how.get("reading", False), False
        try:
            with begin(role, now, **how) as transaction:
                yield transaction
        finally:
            here.reading = outer

    def statement(name: str) -> None:
        if not getattr(here, "reading", False) or not here.told:
            here.told = True
            tell(name)

    setattr(dialect, "begin", noted)  # noqa: B010  a method of this one alone
    dialect.on_statement = statement


def _ports() -> list[int]:
    """The ports at this end of this process's connections."""
    ports = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # no socket, or closed since
            end = socket.socket(fileno=os.dup(int(entry.name)))
            with end:
                if end.family in (socket.AF_INET, socket.AF_INET6):
                    ports.append(end.getsockname()[1])
    return ports


if __name__ == "__main__":
    serve(sys.argv[1])
