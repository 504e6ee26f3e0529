"""How fast clocks answer, beside cronsim and croniter: one JSON row per benchmark.

``python benchmarks/clocks.py [--answers N] [--repeat N]``. Expressions are the real ones of ``../shared/data/crontabs``
(or ``TICKWORK_SHARED``), else a short list. Each row has ``benchmark``, ``against``, ``rate`` (our answers per second,
the median over the expressions), ``ratio`` (ours over theirs: the median of the expressions' ratios), ``worst`` (the
lowest ratio) and ``worst_at``. Ours and theirs take turns on each expression, and the best of the repeats counts, so
that a busy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim, CronSimError

from tickwork.clocks import Cron, Daily, Every, Monthly, decode, decode_json, encode_json
from tickwork.clocks.clock import Clock
from tickwork.clocks.cron import compiled_cron
from tickwork.errors import InvalidClock

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
AT = int(START.timestamp()) * 1_000_000
SHORT = ["* * * * *", "*/5 * * * *", "0 9 * * 1-5", "30 2 1 * *", "0 0 29 2 *", "15 */6 * * *", "0 0 13 * 5"]


def expressions() -> list[str]:
    shared = os.environ.get("TICKWORK_SHARED", Path(__file__).resolve().parents[2] / "shared")
    file = Path(shared) / "data/crontabs/expressions.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else SHORT


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
            compiled_cron.cache_clear()
            Cron(expression, zone).next_at(AT, AT)

    return work


def cronsim_fresh(expression: str, zone: str, answers: int) -> Callable[[], None]:
    start = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START

    def work() -> None:
        for _ in range(answers):
            next(CronSim(expression, start))

    return work


Maker = Callable[[str, str, int], Callable[[], None]]


def compared(
    name: str, zone: str, against: str, ours: Maker, theirs: Maker, given: argparse.Namespace
) -> dict[str, object]:
    """Measure every expression that both understand."""
    rows: list[tuple[float, float, str]] = []
    for expression in expressions():
        if expression.startswith("@"):
            continue
        try:
            pair = ours(expression, zone, given.answers), theirs(expression, zone, given.answers)
            best = [min(seconds(pair[turn % 2]) for turn in range(which, 2 * given.repeat, 2)) for which in (0, 1)]
        except (InvalidClock, CronSimError):
            continue
        rows.append((best[1] / best[0], given.answers / best[0], expression))
    worst = min(rows)
    return {
        "benchmark": name,
        "zone": zone,
        "against": f"{against} {version(against)}",
        "expressions": len(rows),
        "rate": round(statistics.median(row[1] for row in rows)),
        "ratio": round(statistics.median(row[0] for row in rows), 2),
        "worst": round(worst[0], 2),
        "worst_at": worst[2],
    }


def alone(name: str, work: Callable[[], object], answers: int, repeat: int) -> dict[str, object]:
    best = min(seconds(work) for _ in range(repeat))
    return {"benchmark": name, "against": None, "rate": round(answers / best), "ratio": None}


def asking(clock: Clock, answers: int) -> Callable[[], None]:
    def work() -> None:
        ask, at = clock.next_at, AT
        for _ in range(answers):
            at = ask(at, AT)  # type: ignore[assignment]

    return work


def rows(given: argparse.Namespace) -> Iterator[dict[str, object]]:
    for zone in ("UTC", "America/New_York"):
        yield compared("cron next", zone, "cronsim", ours_next, cronsim_next, given)
        yield compared("cron next", zone, "croniter", ours_next, croniter_next, given)
        yield compared("cron read and next", zone, "cronsim", ours_fresh, cronsim_fresh, given)
    many = given.answers * 500
    for clock in (Every(60), Daily("09:00", "Europe/Berlin"), Monthly(31, "09:00", "Europe/Berlin")):
        count = many // 50 if clock.kind == "monthly" else many
        yield alone(f"{clock.kind} next", asking(clock, count), count, given.repeat)
    kind, text = encode_json(Cron("*/5 * * * *", "Europe/Berlin"))
    params = dict(Cron("*/5 * * * *", "Europe/Berlin").params())
    yield alone("decode, seen lately", lambda: [decode_json(kind, text) for _ in range(many)], many, given.repeat)
    yield alone("decode", lambda: [decode(kind, params) for _ in range(many)], many, given.repeat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100, help="answers asked of each expression (default 100)")
    parser.add_argument("--repeat", type=int, default=5, help="repeats, of which the best counts (default 5)")
    given = parser.parse_args()
    for row in rows(given):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
