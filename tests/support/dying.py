"""Processes that kill themselves: a walk is repeated with a real SIGKILL before its n-th statement, for every n.

``begin`` and ``commit`` count as statements, so a walk dies before and after each commit too. A body is a function
``body(store)`` of an importable module; it runs in a process of its own, forked from a server that holds no connection.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

from tests.support.shelf import give_back

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tickwork.store.open", "tickwork.store.postgresql.dialect", "tickwork.store.sqlite.dialect"]
)

DEADLINE_SECONDS = 60


def _run(url: str, module: str, name: str, n: int, arguments: tuple[Any, ...]) -> None:
    from tickwork.store.open import open_store

    body: Callable[..., None] = getattr(importlib.import_module(module), name)
    store = open_store(url)
    left = n

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store.dialect.on_statement = count
    body(store, *arguments)


def dies(url: str, body: Callable[..., None], n: int, *arguments: Any) -> bool:
    """Run *body* in a process that dies before its *n*-th statement; return whether it came so far."""
    child = _CONTEXT.Process(target=_run, args=(url, body.__module__, body.__qualname__, n, arguments))
    child.start()
    child.join(DEADLINE_SECONDS)
    if child.exitcode is None:
        child.kill()
        raise AssertionError(f"{body.__qualname__} hung before its statement {n}")
    if child.exitcode == -signal.SIGKILL:
        return True
    assert child.exitcode == 0, f"{body.__qualname__} failed by itself, exit {child.exitcode}"
    return False


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
