"""Every benchmark runs, beside its reference, and prints rows with the fields that a reader looks for; no timings here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import run
from tests.support.shared import REPOSITORY

FOLDER = REPOSITORY / "benchmarks"
SIZES = {
    "fire": ["--size", "60", "--daemons", "1,2", "--clocks", "mix"],
    "plan": ["--size", "60"],
    "drain": ["--size", "60"],
    "put": ["--size", "10"],
    "latency": ["--size", "2", "--ways", "stream,task,now"],
    "growth": ["--size", "20", "--waiting", "10,100"],
    "idle": ["--seconds", "0.2", "--waiting", "20"],
    "pinned": ["--seconds", "1", "--rate", "20"],
    "memory": ["--size", "20", "--waiting", "20"],
    "start": ["--size", "1", "--waiting", "20"],
}
#: Those of other rooms, with their own ways; that they are there is what is shown of them here.
OTHERS = {"clocks", "jobs", "recurrence"}


def test_the_benchmarks_are_those_that_the_readme_lists() -> None:
    there = {file.stem for file in FOLDER.glob("*.py")}
    assert there == SIZES.keys() | OTHERS
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in there if f"`{name}`" not in readme] == []


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
@pytest.mark.parametrize("name", SIZES)
def test_a_benchmark_prints_rows(name: str, bench: Any, tmp_path: Path) -> None:
    rows, account, plot = tmp_path / "rows.jsonl", tmp_path / "verified.md", tmp_path / "plot.svg"
    words = [
        "--quick",
        "--runs",
        "1",
        "--store",
        bench.name,
        *(["--server", bench.server.url] if bench.server else []),
        "--json",
        str(rows),
        "--account",
        str(account),
        "--svg",
        str(plot),
    ]
    code, said = run(str(FOLDER / f"{name}.py"), *SIZES[name], *words, deadline=240)
    assert code == 0, said
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert found
    for row in found:
        assert {"benchmark", "store", "against", "rate", "ratio"} <= row.keys()
        assert row["benchmark"] == name
        assert row["against"] is None or row["ratio"] is not None, "a reference without a ratio"
    lines = [line for line in account.read_text().splitlines() if f"| bench {name} --quick |" in line]
    assert len(lines) == len(found), "a figure without its line in the account"
    if plot.exists():
        assert plot.read_text().startswith("<svg ")


def test_laps_of_different_minutes_give_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    from frame.lap import Lap  # type: ignore[import-not-found]
    from frame.rows import NotComparable, ratio  # type: ignore[import-not-found]

    early, late = (Lap(100, 2.0, began, 1.0, None, None, None, None, []) for began in (0.0, 100.0))
    assert ratio(early, late) == 1.0
    with pytest.raises(NotComparable, match="no ratio"):
        ratio(early, Lap(100, 2.0, 600.0, 1.0, None, None, None, None, []))
