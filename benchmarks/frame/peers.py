"""Other schedulers and queues beside ours: each runs in the environment ``.venv-bench``, on the same store, in turns.

Their packages are no part of ours: ``benchmarks/README.md`` says how the environment is made. A peer that is not
installed gives no row and says so. A peer's program stands in ``benchmarks/frame/peer_NAME.py`` and speaks in lines: it
prepares and writes ``ready``, reads ``go``, works, and writes ``done`` with what it did as JSON. One that is written for
Node is ``peer_NAME.js``, and finds its packages beside the environment of the others.
"""

from __future__ import annotations

import json
import os
import shutil
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
#: The package that a peer of Node's needs.
PACKAGES = {"graphile": "graphile-worker"}


def python() -> Path | None:
    """The Python of the peers' environment, or None."""
    folder = Path(os.environ.get("TICKWORK_BENCH_VENV", REPOSITORY / ".venv-bench"))
    found = folder / "bin" / "python"
    return found if found.exists() else None


def command(name: str) -> list[str] | None:
    """What starts a peer's program; None where what it needs is not installed, which is said."""
    missing, script = "", HERE / f"peer_{name}.js"
    if (interpreter := python()) is None:
        missing = "there is no .venv-bench (benchmarks/README.md says how to make it)"
    elif not script.exists():
        return [str(interpreter), str(HERE / f"peer_{name}.py")]
    elif (node := shutil.which("node")) is None:
        missing = "it needs node, which is not installed"
    elif not (folder_of(interpreter) / "node_modules" / PACKAGES[name]).is_dir():
        missing = f"there is no {PACKAGES[name]} in .venv-bench (make peers, with npm)"
    else:
        return [node, str(script)]
    print(f"{name}: not run, {missing}", file=sys.stderr)
    return None


def folder_of(interpreter: Path) -> Path:
    """The folder of the environment whose Python this is."""
    return interpreter.parent.parent


def program(name: str, url: str, words: tuple[str, ...]) -> Iterator[Done | None]:
    """Speak with a peer's program as if its work were done here."""
    begun, interpreter = command(name), python()
    assert begun is not None
    assert interpreter is not None
    around = {**os.environ, "NODE_PATH": str(folder_of(interpreter) / "node_modules")}
    process = subprocess.Popen(
        [*begun, url, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=around
    )
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
    if command(name) is None:
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
