"""A test run that is killed leaves no server behind, and a server that cannot start says why."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support import postgresql
from tests.support.processes import child

A_RUN = """
import fcntl, sys
from pathlib import Path
from tests.support import postgresql

bench = Path(sys.argv[1])
alive = (bench / "alive").open("w")
fcntl.flock(alive, fcntl.LOCK_EX)
print(postgresql.start("postgresql-18", bench).url)
sys.stdin.read()
"""


@pytest.fixture
def bench() -> Iterator[Path]:
    """A bench of its own. As root the server runs as another user, who may not walk into pytest's temporary folders."""
    with tempfile.TemporaryDirectory(prefix="tickwork-bench-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_a_killed_run_leaves_no_server(bench: Path) -> None:
    with child("-c", A_RUN, str(bench)) as a_run:
        url = a_run.line("postgresql://")
        psycopg.connect(url).close()
        a_run.kill()
    postgresql.wait_for_keepers(bench)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5)
    assert not (bench / "postgresql-18").exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_embedded", lambda: tmp_path / "no-such-installation" / "bin")
    (tmp_path / "alive").touch()
    with pytest.raises(postgresql.CannotStart, match=r"postgresql-18: .*No such file"):
        postgresql.start("postgresql-18", tmp_path)


def test_a_server_that_is_not_installed_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_system", lambda: ("postgresql-15", None))
    with pytest.raises(postgresql.CannotStart, match="postgresql-15: not installed; install Debian's postgresql-15"):
        postgresql.start("postgresql-15", tmp_path)
    assert "error" in json.loads((tmp_path / "postgresql-15.json").read_text())  # told to the other workers too
