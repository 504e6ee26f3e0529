"""A worker with limits is killed before every statement of its life, and one that rescues: places balance, all is run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.support import postgresql
from tests.support.stores import migrate
from tests.support.verification import Run
from tests.walks.test_limit_kills import BODIES, died_and_held


def verify(run: Run) -> None:
    """All statements on both stores, as far as the time goes."""
    folder = Path(tempfile.mkdtemp())
    fresh = iter(range(1_000_000))

    def file() -> str:
        url = f"sqlite:///{folder}/{next(fresh)}.db"
        migrate(url)
        return url

    try:
        with postgresql.bench_of_servers() as bench:
            server = postgresql.start("postgresql-18", bench)

            def database() -> str:
                url = server.create()
                migrate(url)
                return url

            open_ends = [(body, make) for body in BODIES for make in (file, database)]
            n = dict.fromkeys(range(len(open_ends)), 0)
            while n and run.goes_on():
                for number in list(n):
                    n[number] += 1
                    body, make = open_ends[number]
                    if not died_and_held(body, make, n[number]):
                        del n[number]
                        run.count("walks to the end")
                    run.count("kills")
    finally:
        shutil.rmtree(folder)
