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

#: Orders, the stretch in which they fall due, edits and kills while they do.
ORDERS, EDITS, KILLS = 4_000, 600, 9
SPAN = 10 * SECOND
#: From the first write to the first order.
LEAD = 2 * SECOND
#: How long the show may last, in seconds; what is not done then is lost.
LONGEST = 24.0
LOOK_EVERY = 0.1
DAY = 24 * 60 * 60


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


def demonstrate(folder: Path, seed: int, tell: Tell, *, daemon: Sequence[str] | None = None) -> Ending:
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
                _Show(shop, crew, connection, tell).play()
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

    def __init__(self, shop: Shop, crew: Crew, connection: sqlite3.Connection, tell: Tell) -> None:
        self.shop, self.crew, self.connection, self._tell = shop, crew, connection, tell
        self.began = time.monotonic()
        self.saying = ""
        self.fired = self.done = 0
        self.told_at = -1.0

    def play(self) -> None:
        shop = self.shop
        shop.open()
        shop.first_at = SystemWatch().now() + LEAD
        shop.last_at = shop.first_at + SPAN
        self.say(f"writing {ORDERS:,} triggers, due within ten seconds, in the application's own transactions")
        while shop.written < ORDERS:
            shop.write(min(BATCH, ORDERS - shop.written))
            self.look()
        self.say("firing; the application moves and cancels meanwhile")
        self.while_it_fires()
        shop.close()
        self.say("waiting until all of it is done")
        while time.monotonic() - self.began < LONGEST and self.look(force=True):
            time.sleep(LOOK_EVERY)

    def while_it_fires(self) -> None:
        """Edit evenly over the span, and kill now and then."""
        shop, edits, kills = self.shop, 0, 0
        while (gone := SystemWatch().now() - shop.first_at) < SPAN:
            share = max(0.0, gone / SPAN)
            if edits < EDITS * share:
                shop.edit()
                edits += 1
            elif kills < KILLS * share - 0.5:
                role = self.crew.kill(shop.chance.randrange(1_000))
                kills += 1
                self.say(f"kill -9 of a {role}")
            else:
                time.sleep(0.005)
            self.look()

    def say(self, saying: str) -> None:
        self.saying = saying
        self.look(force=True)

    def look(self, *, force: bool = False) -> int:
        """Tell how things stand, now and then; return how much is open."""
        seconds = time.monotonic() - self.began
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
