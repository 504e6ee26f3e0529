"""The half minute itself: who does what when, and what is told meanwhile."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tickwork.api.agenda import Entry, agenda
from tickwork.api.app import Tickwork
from tickwork.api.demonstration.account import Account, read_account, read_progress
from tickwork.api.demonstration.crew import Crew
from tickwork.api.demonstration.shop import BATCH, Shop
from tickwork.api.importing import import_crontab
from tickwork.watch import SECOND, SystemWatch

LOOK_EVERY = 0.1
DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Script:
    """How much of everything, and how long; times in seconds."""

    orders: int = 4_000
    edits: int = 600
    kills: tuple[str, ...] = ("daemon",) * 3 + ("worker",) * 4
    """Who is killed; the order is drawn by chance."""
    span: float = 10.0
    """The stretch in which the orders fall due."""
    lead: float = 2.0
    """From the first write to the first order."""
    writing: float = 6.0
    """A slow machine writes fewer orders: the show goes on after so long."""
    longest: float = 24.0
    """What is not done then is lost."""


@dataclass(frozen=True, slots=True)
class Scene:
    """How things stand just now."""

    seconds: float
    saying: str
    written: int = 0
    fired: int = 0
    done: int = 0
    moved: int = 0
    cancelled: int = 0
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """What the show comes to."""

    account: Account
    agenda: list[Entry]
    said: str
    """What the processes wrote, for when something is wrong."""


Tell = Callable[[Scene], None]


def demonstrate(
    folder: Path, seed: int, tell: Tell, *, script: Script = Script(), daemon: Sequence[str] | None = None
) -> Ending:
    """Run the show in an empty folder and return its account; chance is drawn from *seed*."""
    url = f"sqlite:///{folder / 'demo.db'}"
    crew = Crew(url, folder / "crew.log", daemon)
    with closing(Tickwork(url)) as app:
        app.migrate()
        import_crontab(app, sample(), "sample.crontab")
        with closing(sqlite3.connect(folder / "demo.db", timeout=30, isolation_level=None)) as connection:
            shop = Shop(app, connection, random.Random(seed))
            crew.start()
            try:
                _Show(script, shop, crew, connection, tell).play()
            finally:
                crew.stop()
            return Ending(
                read_account(connection, crew.kills),
                agenda(app.triggers.list("crontab/", limit=1_000), SystemWatch().now(), DAY),
                crew.said(),
            )


def sample() -> bytes:
    """Return the crontab that the show imports."""
    return files("tickwork.api.demonstration").joinpath("sample.crontab").read_bytes()


class _Show:
    """One run: a loop that writes, edits and kills by the clock."""

    def __init__(self, script: Script, shop: Shop, crew: Crew, connection: sqlite3.Connection, tell: Tell) -> None:
        self.script = script
        self.shop, self.crew, self.connection, self._tell = shop, crew, connection, tell
        self.began = time.monotonic()
        self.saying = ""
        self.fired = self.done = 0
        self.told_at = -1.0

    def play(self) -> None:
        shop, script = self.shop, self.script
        shop.open()
        shop.first_at = SystemWatch().now() + round(script.lead * SECOND)
        shop.last_at = shop.first_at + round(script.span * SECOND)
        self.say(
            f"writing {script.orders:,} triggers, due within {script.span:g} seconds, in the application's own transactions"
        )
        while shop.written < script.orders and self.seconds < script.writing:
            shop.write(min(BATCH, script.orders - shop.written))
            self.look()
        self.say("firing; the application moves and cancels meanwhile")
        self.while_it_fires()
        shop.close()
        self.say("waiting until all of it is done")
        while self.seconds < script.longest and self.look(force=True):
            time.sleep(LOOK_EVERY)

    def while_it_fires(self) -> None:
        """Edit evenly until the last order is due, and kill now and then."""
        shop, script, edits = self.shop, self.script, 0
        doomed = shop.chance.sample(script.kills, len(script.kills))
        began_at = SystemWatch().now()
        while (now := SystemWatch().now()) < shop.last_at:
            share = (now - began_at) / max(1, shop.last_at - began_at)
            if edits < script.edits * share:
                shop.edit()
                edits += 1
            elif self.crew.kills < len(doomed) * share - 0.5:
                role = doomed[self.crew.kills]
                self.crew.kill(role, shop.chance)
                self.say(f"kill -9 of a {role}")
            else:
                time.sleep(0.005)
            self.look()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def say(self, saying: str) -> None:
        self.saying = saying
        self.look(force=True)

    def look(self, *, force: bool = False) -> int:
        """Tell how things stand, now and then; return how much is open."""
        seconds = self.seconds
        if not force and seconds - self.told_at < LOOK_EVERY:
            return 1
        self.told_at = seconds
        now = max(SystemWatch().now(), self.shop.last_at) if self.saying.startswith("waiting") else SystemWatch().now()
        self.fired, self.done, unfinished = read_progress(self.connection, now)
        shop = self.shop
        self._tell(
            Scene(
                seconds,
                self.saying,
                shop.written,
                self.fired,
                self.done,
                shop.moved,
                shop.cancelled,
                self.crew.kills,
            )
        )
        return unfinished
