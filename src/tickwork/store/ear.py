"""An ear hears the wake-ups of other processes, in a thread that sleeps until there is something to hear.

What it hears are hints that save waiting, never more. It waits for two things at once: its database, and whoever asks it
to stop. So it need not wake up now and then to ask whether it should, and a process that rests stays asleep.
"""

from __future__ import annotations

import selectors
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Self

#: Where a system can wait for any number of files; the other way is Windows's.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Ear(ABC):
    """Hears the wake-ups of other processes; a hint that saves waiting, never more."""

    @abstractmethod
    def listen(self, heard: Callable[[str], None], halt: Halt) -> None:
        """Call *heard* with each hint (``trigger``, ``task``) until *halt* is asked for; returns or raises if the line breaks."""


class Halt:
    """Asks an ear to stop, from any thread; an ear waits for it beside its database, as long as the block lasts."""

    def __init__(self) -> None:
        self._asked, self._guard = threading.Event(), threading.Lock()
        self._pair: tuple[socket.socket, socket.socket] | None = None

    def __enter__(self) -> Self:
        with self._guard:
            self._pair = socket.socketpair()
        for end in self._pair:
            end.settimeout(0)
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            pair, self._pair = self._pair, None
        for end in pair or ():
            end.close()

    def ask(self) -> None:
        """Ask for it; who waits is woken."""
        self._asked.set()
        with self._guard, suppress(BlockingIOError):
            if self._pair is not None:
                self._pair[1].send(b".")

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is asked for."""
        self._asked.wait(seconds)

    def wait_for(self, line: int, seconds: float) -> bool:
        """Wait until something can be read on *line* (a file's number), at most so long, or until it is asked for.

        Returns whether something can be read.
        """
        assert self._pair is not None, "an ear waits within the block"
        here = self._pair[0]
        with _Selector() as selector:
            selector.register(line, selectors.EVENT_READ)
            selector.register(here, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(seconds)}
        if here in ready:  # a process that was forked off writes here, too: it stops nobody, and what it said is gone
            with suppress(BlockingIOError):
                here.recv(64)
        return line in ready
