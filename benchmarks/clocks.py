"""How fast clocks answer, beside cronsim and croniter: one JSON row per benchmark.

Expressions are the real ones of ``../shared/data/crontabs`` (or ``TICKWORK_SHARED``), else a short list. Each row has
``asked``, ``against``, ``rate`` (our answers per second, the median over the expressions), ``ratio`` (ours over theirs: the
median of the expressions' ratios), ``worst`` (the lowest ratio) and ``worst_at``. ``--size`` answers are asked of each
expression; ours and theirs take turns on it, ``--runs`` times, and the best counts. Times are those of the processor, so
that a busy machine disturbs both little.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim, CronSimError
from frame.rows import Book, arguments

from tickwork.clocks import Cron, Daily, Every, Monthly, Weekly, decode, decode_json, encode_json
from tickwork.clocks.clock import Clock
from tickwork.clocks.cron import compiled_cron
from tickwork.clocks.cronfields import read_days, read_numbers, read_weekdays
from tickwork.errors import InvalidClock

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
AT = int(START.timestamp()) * 1_000_000
READERS = (read_numbers, read_days, read_weekdays)
SHORT = ["* * * * *", "*/5 * * * *", "0 9 * * 1-5", "30 2 1 * *", "0 0 29 2 *", "15 */6 * * *", "0 0 13 * 5"]


def expressions() -> list[str]:
    shared = os.environ.get("TICKWORK_SHARED", Path(__file__).resolve().parents[2] / "shared")
    file = Path(shared) / "data/crontabs/expressions.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else SHORT


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def ours_next(expression: str, zone: str, answers: int) -> Callable[[], None]:
    clock = Cron(expression, zone)

    def work() -> None:
        ask, at = clock.next_at, AT
        for _ in range(answers):
            at = ask(at, AT)  # type: ignore[assignment]

    return work


def cronsim_next(expression: str, zone: str, answers: int) -> Callable[[], None]:
    start = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START

    def work() -> None:
        cron = CronSim(expression, start)
        for _ in range(answers):
            next(cron)

    return work


def croniter_next(expression: str, zone: str, answers: int) -> Callable[[], None]:
    start = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START

    def work() -> None:
        cron = croniter(expression, start, ret_type=datetime)
        for _ in range(answers):
            cron.get_next()

    return work


def ours_fresh(expression: str, zone: str, answers: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(answers):
            for remembered in (compiled_cron, *READERS):
                remembered.cache_clear()
            Cron(expression, zone).next_at(AT, AT)

    return work


def cronsim_fresh(expression: str, zone: str, answers: int) -> Callable[[], None]:
    start = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START

    def work() -> None:
        for _ in range(answers):
            next(CronSim(expression, start))

    return work


Maker = Callable[[str, str, int], Callable[[], None]]


def compared(book: Book, name: str, zone: str, against: str, ours: Maker, theirs: Maker) -> None:
    """Measure every expression that both understand."""
    given = book.given
    rows: list[tuple[float, float, str]] = []
    for expression in expressions():
        if expression.startswith("@"):
            continue
        try:
            pair = ours(expression, zone, given.size), theirs(expression, zone, given.size)
            best = [min(seconds(pair[turn % 2]) for turn in range(which, 2 * given.runs, 2)) for which in (0, 1)]
        except (InvalidClock, CronSimError):
            continue
        rows.append((best[1] / best[0], given.size / best[0], expression))
    worst = min(rows)
    book.row(
        "none", f"{against} {version(against)}", asked=name, zone=zone, expressions=len(rows),
        rate=statistics.median(row[1] for row in rows), ratio=statistics.median(row[0] for row in rows),
        worst=worst[0], worst_at=worst[2], runs=given.runs,
    )  # fmt: skip


def alone(book: Book, name: str, work: Callable[[], object], answers: int) -> None:
    best = min(seconds(work) for _ in range(book.given.runs))
    book.row("none", None, asked=name, rate=answers / best, microseconds=best / answers * 1e6, runs=book.given.runs)


def asking(clock: Clock, answers: int) -> Callable[[], None]:
    def work() -> None:
        ask, at = clock.next_at, AT
        for _ in range(answers):
            at = ask(at, AT)  # type: ignore[assignment]

    return work


def main() -> None:
    given = arguments(__doc__, size=100, quick=10, runs=5, stores=["none"])
    book = Book("clocks", given)
    for zone in ("UTC", "America/New_York"):
        compared(book, "cron next", zone, "cronsim", ours_next, cronsim_next)
        compared(book, "cron next", zone, "croniter", ours_next, croniter_next)
        compared(book, "cron read and next", zone, "cronsim", ours_fresh, cronsim_fresh)
    many = given.size * 100
    berlin = "Europe/Berlin"
    for name, clock in (
        ("every", Every(60)),
        ("cron", Cron("*/5 * * * *", berlin)),
        ("daily", Daily("09:00", berlin)),
        ("weekly", Weekly("MON-FRI", "09:00", berlin)),
        ("monthly", Monthly(31, "09:00", berlin)),
    ):
        count = min(many, 1_000)  # some eighty years of a monthly one
        alone(book, f"{name} next", asking(clock, count), count)
    kind, text = encode_json(Cron("*/5 * * * *", berlin))
    params = dict(Cron("*/5 * * * *", berlin).params())
    alone(book, "decode, seen lately", lambda: [decode_json(kind, text) for _ in range(many)], many)
    alone(book, "decode", lambda: [decode(kind, params) for _ in range(many)], many)


if __name__ == "__main__":
    main()
