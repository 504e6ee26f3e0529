"""Real child processes for tests: start them, read what they say, kill them; with a generous deadline instead of sleeps.

A child is waited for through its pipes: :meth:`Child.line` blocks until the child writes a line, and fails with
everything that the child said so far when it does not within the deadline. The deadline is there for the day on which
something hangs; no test relies on it passing.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tests.support.shared import REPOSITORY

#: Seconds until a child that says nothing is taken for hung. A busy machine is slow; a hung child is slower.
DEADLINE = 120.0


class Hung(AssertionError):
    """A child did not do what the test waited for; the message has all that it said."""


class Child:
    """A running process of the same Python, its standard output and errors in one stream."""

    def __init__(self, arguments: list[str], env: Mapping[str, str] | None = None) -> None:
        path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("src", "."))
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(env or {})},
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._said = b""
        self._read_up_to = 0
        self._open = True

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """Everything that the child has said and that has been read so far."""
        return self._said.decode(errors="replace")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def tell(self, line: str) -> None:
        """Write one line to the child's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def line(self, containing: str = "", deadline: float = DEADLINE) -> str:
        """Return the child's next line that contains *containing*; raises :class:`Hung` when it ends or stays silent."""
        ends_at = time.monotonic() + deadline
        while True:
            while (end := self._said.find(b"\n", self._read_up_to)) >= 0:
                found = self._said[self._read_up_to : end].decode(errors="replace")
                self._read_up_to = end + 1
                if containing in found:
                    return found
            if not self._read(ends_at):
                raise Hung(f"the child never said {containing!r}; it said:\n{self.said}")

    def wait(self, deadline: float = DEADLINE) -> int:
        """Return the child's exit code (negative: the signal that ended it) once it has ended by itself."""
        ends_at = time.monotonic() + deadline
        while self._read(ends_at):
            pass
        try:
            return self._process.wait(max(0.0, ends_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Hung(f"the child did not end within {deadline} s; it said:\n{self.said}") from None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> int:
        """End the child with SIGKILL, as a power cut would, and return its exit code."""
        self._process.kill()
        return self.wait()

    def close(self) -> None:
        if self.alive:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # what was told and never read
                pipe.close()

    def _read(self, ends_at: float) -> bool:
        """Read what is there, waiting for it until *ends_at*; False when there will be no more."""
        left = ends_at - time.monotonic()
        if not self._open or left <= 0:
            return False
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(left):
                return False
        read = os.read(self._process.stdout.fileno(), 65_536)
        self._said += read
        self._open = bool(read)
        return self._open


@contextmanager
def child(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Start ``python ARGUMENTS`` and see to it that it is gone afterwards.

    ``child("-c", source)`` runs source, ``child("-m", "tickwork", "daemon", ...)`` the command.
    """
    started = Child(list(arguments), env)
    try:
        yield started
    finally:
        started.close()


def run(*arguments: str, env: Mapping[str, str] | None = None, deadline: float = DEADLINE) -> tuple[int, str]:
    """Run ``python ARGUMENTS`` to its end; return its exit code and all that it said."""
    with child(*arguments, env=env) as started:
        return started.wait(deadline), started.said
