"""A trigger daemon and two workers as real processes: started, killed with SIGKILL, started again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

WORKERS = 2
#: A killed worker's tasks come back when its lease has been seen to stand still for so long.
LEASE = "1500ms"
STOP_SECONDS = 5.0


@dataclass(slots=True)
class Member:
    """One process with its role."""

    role: str
    command: Sequence[str]
    process: subprocess.Popen[bytes]


@dataclass(slots=True)
class Crew:
    """The processes on one database."""

    url: str
    log: Path
    daemon: Sequence[str] | None = None
    """Another command in the daemon's place."""
    members: list[Member] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        """Start everybody."""
        tickwork = (sys.executable, "-m", "tickwork")
        self._start("daemon", self.daemon or (*tickwork, "daemon"))
        hand = (
            *tickwork,
            "worker",
            "--app",
            "tickwork.api.demonstration.app:app",
            "--allow-commands",
            "--lease",
            LEASE,
        )
        for _ in range(WORKERS):
            self._start("worker", hand)

    def kill(self, role: str, chance: random.Random) -> None:
        """Kill one of that role with SIGKILL, as a power cut would, and start another in its place."""
        member = chance.choice([each for each in self.members if each.role == role])
        member.process.kill()
        member.process.wait()
        self.members.remove(member)
        self._start(member.role, member.command)
        self.kills += 1

    def stop(self) -> None:
        """Ask everybody to end, and end who does not."""
        for member in self.members:
            member.process.terminate()
        for member in self.members:
            try:
                member.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()
        self.members.clear()

    def said(self) -> str:
        """Return the end of what the processes wrote."""
        return self.log.read_text("utf-8", "replace")[-2_000:] if self.log.exists() else ""

    def _start(self, role: str, command: Sequence[str]) -> None:
        said: IO[bytes]
        with self.log.open("ab") as said:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, "TICKWORK_DATABASE": self.url, "PYTHONPATH": _path()},
            )
        self.members.append(Member(role, command, process))


def _path() -> str:
    """Return a path on which the children find this very package, however it was found here."""
    here = str(Path(__file__).parents[3])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
