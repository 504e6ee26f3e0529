"""One process of a supervised worker: started, heard, asked to end; and the process's own side of that.

Two pipes join them. On one the process says once a second how busy it is; the other is a lifeline: when its supervisor
has gone, however that went, the process finishes what runs, however long that takes, and ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tickwork.engine.tasks.post import Post
from tickwork.watch import Instant

log = logging.getLogger("tickwork.supervisor")

#: Where a supervised process finds its two pipes.
PIPES = "TICKWORK_SUPERVISED"
SAY_EVERY_SECONDS = 1.0
#: Says to a process that it is replaced or not needed: what runs there may take as long as it does.
LEAVE = signal.SIGUSR1
PAGE = os.sysconf("SC_PAGE_SIZE")


class Load(NamedTuple):
    """How busy a process is: what runs, in how many places, and whether there is more to do."""

    running: int
    places: int
    more: bool

    @property
    def full(self) -> bool:
        return self.running >= self.places and self.more

    @property
    def idle(self) -> bool:
        return not (self.running or self.more)


class Copy:
    """One process that a supervisor has started."""

    def __init__(self, command: Sequence[str], now: Instant) -> None:
        self.started_at, self.leaving = now, False
        self.load: Load | None = None
        self.post: Post | None = None
        self._heard, said = os.pipe()
        lifeline, self._lifeline = os.pipe()
        os.set_blocking(self._heard, False)
        try:
            self.process = subprocess.Popen(
                command, pass_fds=(said, lifeline), env={**os.environ, PIPES: f"{said},{lifeline}"}
            )
        finally:
            os.close(said)
            os.close(lifeline)
        self._text = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def memory(self) -> int:
        """How much it takes of this machine's memory, in bytes; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]) * PAGE
        except (OSError, IndexError):
            return 0

    def hear(self) -> None:
        """Take in what it has said since the last time."""
        with contextlib.suppress(BlockingIOError, OSError):
            while read := os.read(self._heard, 65_536):
                self._text += read
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self.post = Post.decode(line)
            else:
                running, places, more = map(int, line.split())
                self.load = Load(running, places, bool(more))

    def leave(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to finish what runs and end."""
        self.leaving = True
        self.send(number)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """It has ended: let go of the pipes."""
        os.close(self._heard)
        os.close(self._lifeline)


def supervised(load: Callable[[], Load], gone: Callable[[], None], post: Post | None = None) -> None:
    """In a supervised process: say what it serves and how busy it is, and call *gone* when the supervisor is; else nothing."""
    pipes = os.environ.pop(PIPES, None)
    if pipes is None:
        return
    said, lifeline = map(int, pipes.split(","))
    for pipe in (said, lifeline):
        os.set_inheritable(pipe, False)  # noqa: FBT003
    threading.Thread(target=_say, args=(said, load, post), name="tickwork-load", daemon=True).start()
    threading.Thread(target=_hold, args=(lifeline, gone), name="tickwork-lifeline", daemon=True).start()


def _say(pipe: int, load: Callable[[], Load], post: Post | None) -> None:
    pause = threading.Event()
    with contextlib.suppress(OSError), open(pipe, "wb", closefd=False) as said:
        if post is not None:
            said.write(post.encode() + b"\n")
        while True:
            said.write(b"%d %d %d\n" % load())
            said.flush()
            pause.wait(SAY_EVERY_SECONDS)


def _hold(pipe: int, gone: Callable[[], None]) -> None:
    if not os.read(pipe, 1):
        log.warning("the supervisor has gone: this worker finishes what runs and ends")
        gone()
