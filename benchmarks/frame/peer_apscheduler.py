"""APScheduler 3 with its SQLAlchemy store: ``peer_apscheduler.py URL fire SIZE``; interval jobs, all due at once.

It stores the next time and runs the job in its own pool: no task that another process could run, no ledger.
"""

import datetime as dt
import json
import resource
import sys
import threading
import time
from importlib.metadata import version

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

SIZE, OVER = int(sys.argv[3]), threading.Event()
handled = 0


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(word: str, **values: object) -> None:
    print(word, json.dumps(values), flush=True)


def noop() -> None:
    global handled  # noqa: PLW0603  (a stored job finds its function by name, and nothing else)
    handled += 1
    if handled >= SIZE:
        OVER.set()


def main(url: str) -> None:
    store = SQLAlchemyJobStore(url=url.replace("postgresql://", "postgresql+psycopg://"))
    scheduler = BackgroundScheduler(
        jobstores={"default": store}, executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None, "coalesce": True}, timezone=dt.timezone.utc,
    )  # fmt: skip
    scheduler.start(paused=True)
    due = dt.datetime.now(dt.timezone.utc)
    for _ in range(SIZE):
        scheduler.add_job(noop, "interval", hours=1, next_run_time=due)
    say("ready")
    sys.stdin.readline()
    used = cpu()
    scheduler.resume()
    OVER.wait()
    say(
        "done", items=handled, ended=time.monotonic(), cpu=cpu() - used, version=f"apscheduler {version('APScheduler')}"
    )
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    sys.modules["peer_apscheduler"] = sys.modules["__main__"]  # so that the stored reference finds this noop
    noop.__module__ = "peer_apscheduler"
    main(sys.argv[1])
