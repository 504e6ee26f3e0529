"""pgqueuer (asyncpg, uvloop) as its own documentation sets it up: ``peer_pgqueuer.py URL drain|put|bulk SIZE [BATCH]``."""

import asyncio
import json
import resource
import sys
import time
from importlib.metadata import version

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(word: str, **values: object) -> None:
    print(word, json.dumps(values), flush=True)


def started() -> tuple[float, float]:
    say("ready")
    sys.stdin.readline()
    return cpu(), time.monotonic()


async def main(url: str, what: str, size: int, batch: int) -> None:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    label = f"pgqueuer {version('pgqueuer')}"
    if what == "drain":
        await queries.enqueue(["noop"] * size, [None] * size, [0] * size)
        await connection.execute("vacuum analyze")
        await drain(url, connection, size, batch, f"{label}, batches of {batch}")
        return
    used, _ = started()
    if what == "put":
        for _ in range(size):
            await queries.enqueue("noop", None)
    else:
        for _ in range(0, size, batch):
            await queries.enqueue(["noop"] * batch, [None] * batch, [0] * batch)
    say("done", items=size, ended=time.monotonic(), cpu=cpu() - used, version=label)


async def drain(url: str, watcher: asyncpg.Connection, size: int, batch: int, label: str) -> None:
    worker = PgQueuer(AsyncpgDriver(await asyncpg.connect(url)))
    handled = 0

    @worker.entrypoint("noop")
    async def noop(job: object) -> None:
        nonlocal handled
        handled += 1

    used, _ = started()
    running = asyncio.ensure_future(worker.run(batch_size=batch))
    while handled < size or await watcher.fetchval("select exists (select 1 from pgqueuer)"):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    say("done", items=handled, ended=time.monotonic(), cpu=cpu() - used, version=label)
    worker.shutdown.set()
    running.cancel()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 100))
