"""Two sides in turns, and the rows that come of it: JSON lines, an account in docs/verified.md, a ratio only where it is fair.

Ours and theirs alternate within a run, so a busy machine or a slow disk disturbs both alike, and a row's ratio is the
median of the pairs' ratios. A ratio is refused where the two laps of a pair did not run in the same minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frame import REPOSITORY
from frame.lap import Lap
from frame.places import known

#: Two laps of a pair may lie so far apart, in seconds.
SAME_MINUTES = 120.0
ACCOUNT = REPOSITORY / "docs" / "verified.md"


class NotComparable(Exception):
    """Two laps that did not run in the same minutes: no ratio is made of them."""


def ratio(ours: Lap, theirs: Lap) -> float:
    """Return our rate over theirs; raises NotComparable unless both ran in the same minutes."""
    apart = max(ours.began, theirs.began) - min(ours.ended, theirs.ended)
    if apart > SAME_MINUTES:
        raise NotComparable(f"the laps lie {apart:.0f} s apart; a disk drifts fivefold in an hour, so no ratio")
    return ours.rate / theirs.rate


@dataclass(frozen=True)
class Pairs:
    """Laps of ours and theirs, run in turns."""

    ours: list[Lap]
    theirs: list[Lap]

    @property
    def ratio(self) -> float:
        return statistics.median(ratio(one, other) for one, other in zip(self.ours, self.theirs, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """Their CPU per item over ours, client and server together: steadier than rates while others use the machine."""
        return statistics.median(
            _cpu_each(other) / _cpu_each(one) for one, other in zip(self.ours, self.theirs, strict=True)
        )

    @property
    def rate(self) -> float:
        return statistics.median(each.rate for each in self.ours)

    @property
    def floor_rate(self) -> float:
        return statistics.median(each.rate for each in self.theirs)


def _cpu_each(lap: Lap) -> float:
    return max(1e-9, lap.client_cpu + (lap.server_cpu or 0.0)) / max(1, lap.items)


def alternate(runs: int, ours: Callable[[], Lap], theirs: Callable[[], Lap]) -> Pairs:
    """Run both sides in turns, the first of a pair being now this one, now that one."""
    pairs = Pairs([], [])
    for turn in range(runs):
        sides = [(pairs.ours, ours), (pairs.theirs, theirs)]
        for laps, side in sides if turn % 2 == 0 else reversed(sides):
            laps.append(side())
    return pairs


def median_costs(laps: Sequence[Lap], prefix: str = "") -> dict[str, float]:
    """Return the medians of the laps' costs per item, those that are known."""
    found: dict[str, float] = {}
    for name in laps[0].costs():
        values = [value for each in laps if (value := each.costs()[name]) is not None]
        if values:
            found[prefix + name] = statistics.median(values)
    return found


class Book:
    """Takes rows: prints them, keeps them in a file, and writes a line of each to the account."""

    def __init__(self, benchmark: str, given: argparse.Namespace) -> None:
        self.benchmark, self.given = benchmark, given
        self.rows: list[dict[str, Any]] = []
        self._began = time.monotonic()

    def row(self, store: str, against: str | None, **fields: Any) -> dict[str, Any]:
        """Print one row; None is left out except where it says that there is no ratio."""
        load = round(os.getloadavg()[0], 1)
        row = {"benchmark": self.benchmark, "store": store, "against": against, "rate": None, "ratio": None, **fields}
        shown = {
            name: _short(value)
            for name, value in {**row, "load": load, "quick": self.given.quick}.items()
            if value is not None or name in ("against", "rate", "ratio")
        }
        self.rows.append(shown)
        line = json.dumps(shown)
        print(line, flush=True)
        if self.given.json:
            with Path(self.given.json).open("a") as file:
                file.write(line + "\n")
        self._account(shown)
        return shown

    def pairs(self, store: str, against: str, pairs: Pairs, **fields: Any) -> dict[str, Any]:
        """Print the row of two sides that ran in turns."""
        return self.row(
            store,
            against,
            rate=pairs.rate,
            ratio=pairs.ratio,
            floor_rate=pairs.floor_rate,
            cpu_ratio=pairs.cpu_ratio,
            runs=len(pairs.ours),
            size=pairs.ours[0].items,
            **median_costs(pairs.ours),
            **median_costs(pairs.theirs, "floor_"),
            **fields,
        )

    def _account(self, row: dict[str, Any]) -> None:
        if self.given.account is None:
            return
        from tests.support.verification import Run, account

        run = Run(0.0, self.given.seed)
        run.started = self._began
        run.count("laps", int(row.get("runs", 1)))
        said = {name: value for name, value in row.items() if name not in ("benchmark", "quick", "runs")}
        result = ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)
        account(
            f"bench {self.benchmark}{' --quick' if self.given.quick else ''}", run, result, Path(self.given.account)
        )


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return round(value) if abs(value) >= 1_000 else float(f"{value:.4g}")
    return value


def arguments(
    text: str | None, *, size: int, quick: int, runs: int = 5, stores: Iterable[str] | None = None, **more: Any
) -> argparse.Namespace:
    """Read the command line that all benchmarks share; *more* are further options with their defaults."""
    here = list(known() if stores is None else stores)
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter laps: a first impression in a minute")
    parser.add_argument("--size", type=int, help=f"items in a lap (default {size:,}; --quick {quick:,})")
    parser.add_argument(
        "--runs", type=int, help=f"pairs of laps, of which the medians count (default {runs}; --quick 3)"
    )
    parser.add_argument(
        "--store", default=",".join(here[:2]), help=f"which of {', '.join(here)} (default the first two)"
    )
    parser.add_argument("--server", help="a PostgreSQL server's address instead of a throw-away one of our own")
    parser.add_argument("--json", metavar="FILE", help="append the rows to FILE as well")
    parser.add_argument("--svg", metavar="FILE", help="draw the rows")
    parser.add_argument(
        "--account", default=str(ACCOUNT), help="where a line for every figure is written; '' for nowhere"
    )
    parser.add_argument("--seed", type=int, default=1, help="repeats random choices (default 1)")
    for name, default in more.items():
        kind = type(default) if default is not None else str
        option = f"--{name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=kind, default=default, help=f"(default {default})")
    given = parser.parse_args()
    given.size = given.size or (quick if given.quick else size)
    given.runs = given.runs or (min(3, runs) if given.quick else runs)
    given.account = given.account or None
    given.stores = [_called(name, here) for name in given.store.split(",")]
    return given


def _called(name: str, here: list[str]) -> str:
    for each in here:
        if name in (each, each.partition("-")[0]):
            return each
    raise SystemExit(f"--store {name}: there are {', '.join(here)}")


def numbers(text: str) -> list[int]:
    """Read ``10000,1000000`` or ``1e6``."""
    return [int(float(part)) for part in text.split(",")]
