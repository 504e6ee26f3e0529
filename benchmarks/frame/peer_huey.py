"""huey on SQLite with one worker thread, synchronous FULL: ``peer_huey.py sqlite:///FILE drain|put SIZE``.

It removes a task before it runs it, so it is at most once; nothing is recorded of a task that went well.
"""

import json
import resource
import sys
import threading
import time
from importlib.metadata import version

from huey import SqliteHuey


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(word: str, **values: object) -> None:
    print(word, json.dumps(values), flush=True)


def main(url: str, what: str, size: int) -> None:
    huey = SqliteHuey("bench", filename=url.removeprefix("sqlite:///"), fsync=True, utc=True)
    handled, over = 0, threading.Event()

    @huey.task()
    def noop() -> None:
        nonlocal handled
        handled += 1
        if handled >= size:
            over.set()

    if what == "drain":
        for _ in range(size):
            noop()
    consumer = huey.create_consumer(workers=1, worker_type="thread", periodic=False, initial_delay=0.01, max_delay=0.1)
    say("ready")
    sys.stdin.readline()
    used = cpu()
    if what == "put":
        for _ in range(size):
            noop()
    else:
        consumer.start()
        over.wait()
    say("done", items=size, ended=time.monotonic(), cpu=cpu() - used, version=f"huey {version('huey')}")
    if what == "drain":
        consumer.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
