"""Runs the long checks of this folder: ``python -m tests.verify [--minutes M] [--seed S] [--jobs N] [NAME ...]``.

With ``--jobs`` so many run beside each other, each in a process of its own; what one says is shown when it has ended.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from tests.support.verification import Run, account


def main() -> int:
    known = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(prog="make verify", description="Run long checks and write down how they ended.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which checks (default: all): {', '.join(known)}")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long each one goes on (default 1)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's random choices (default: a new seed)")
    parser.add_argument(
        "--cases", type=int, default=0, help="go on until so many were counted (default: the time decides)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many run beside each other (default 1)")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(known)):
        parser.error(f"no check named {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    seed = random.randrange(2**32) if given.seed is None else given.seed
    names, run = given.names or known, _run if given.jobs < 2 else _run_apart
    with ThreadPoolExecutor(max(1, given.jobs)) as hands:
        held = list(hands.map(lambda name: run(name, given.minutes, seed, given.cases), names))
    failed = [name for name, good in zip(names, held, strict=True) if not good]
    print(f"verify: {len(names) - len(failed)} held, {len(failed)} failed {' '.join(failed)}".rstrip())
    return 1 if failed else 0


def _run_apart(name: str, minutes: float, seed: int, cases: int) -> bool:
    numbers = {"--minutes": minutes, "--seed": seed, "--cases": cases}
    command = [sys.executable, "-m", "tests.verify", name, *(str(word) for pair in numbers.items() for word in pair)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(ended.stdout, end="", flush=True)
    return ended.returncode == 0


def _run(name: str, minutes: float, seed: int, cases: int) -> bool:
    print(f"verify {name}: {minutes:g} min, seed {seed}", flush=True)
    run, result = Run(minutes * 60, seed, cases), "held"
    try:
        import_module(f"tests.verify.{name}").verify(run)
    except Exception as error:
        traceback.print_exc()
        result = f"FAILED: {type(error).__name__}: {error}"
    print(account(name, run, result), end="", flush=True)
    return result == "held"


if __name__ == "__main__":
    sys.exit(main())
