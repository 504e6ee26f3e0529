"""Other schedulers and queues beside ours: each runs in the environment ``.venv-bench``, on the same store, in turns.

Their packages are no part of ours: ``benchmarks/README.md`` says how the environment is made. A peer that is not
installed gives no row and says so. A peer's program stands in ``benchmarks/frame/peer_NAME.py`` and speaks in lines: it
prepares and writes ``ready``, reads ``go``, works, and writes ``done`` with what it did as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from frame import REPOSITORY
from frame.lap import Done, Lap, lap
from frame.places import Place
from frame.rows import Book, alternate

HERE = Path(__file__).parent


def python() -> Path | None:
    """The Python of the peers' environment, or None."""
    folder = Path(os.environ.get("TICKWORK_BENCH_VENV", REPOSITORY / ".venv-bench"))
    found = folder / "bin" / "python"
    return found if found.exists() else None


def program(name: str, url: str, words: tuple[str, ...]) -> Iterator[Done | None]:
    """Speak with a peer's program as if its work were done here."""
    process = subprocess.Popen(
        [str(python()), HERE / f"peer_{name}.py", url, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    _hear(process, "ready")
    yield None
    process.stdin.write("go\n")
    process.stdin.flush()
    said = json.loads(_hear(process, "done"))
    process.stdin.close()
    process.wait()  # its CPU is counted when it has been waited for; "ended" is when it was done
    yield Done(said.pop("items"), ended=said.pop("ended"), cpu=said.pop("cpu"), notes=said)


def beside(
    book: Book,
    place: Place,
    name: str,
    words: tuple[str, ...],
    ours: Callable[[], Lap],
    processes: int = 1,
    **fields: object,
) -> None:
    """Run a peer and ours in turns, and print the row."""
    if python() is None:
        print(f"{name}: not run, there is no .venv-bench (benchmarks/README.md says how to make it)", file=sys.stderr)
        return

    def theirs() -> Lap:
        url = place.empty()
        try:
            return lap(place, program, name, url, words, processes=processes)
        finally:
            place.drop(url)

    pairs = alternate(book.given.runs, ours, theirs)
    label = str(pairs.theirs[0].notes[0].get("version", name))
    extra = {f"ratio_to_{name}": pairs.ratio, "processes": processes, **fields}
    book.pairs(place.label, label, pairs, **extra)


def _hear(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        said, _, rest = line.strip().partition(" ")
        if said == word:
            return rest
    raise RuntimeError(f"a peer ended before it was {word} (exit code {process.wait()})")


def now() -> float:
    return time.monotonic()
