"""awa-pg (a core in Rust, handlers in Python), no deadline for its jobs, its fastest setting: ``peer_awa.py URL drain SIZE``."""

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version

import asyncpg
import awa

QUEUE, SLICE = "bench", 1_000
#: Completions lie in batches until their segment is pruned, and are counted from then on.
ENDED = """
select coalesce((select sum(pruned_completed_count) from awa.queue_terminal_rollups), 0)
     + coalesce((select sum(completed_count) from awa.receipt_completion_batches), 0)
     + (select count(*) from awa.done_entries where state = 'completed')
"""


@dataclass
class Noop:
    """A job without a word."""


def say(word: str, **values: object) -> None:
    print(word, json.dumps(values), flush=True)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def put(url: str, size: int) -> None:
    client = awa.Client(url)
    client.migrate()
    client.install_queue_storage()
    for done in range(0, size, SLICE):
        client.enqueue_many_copy([Noop()] * min(SLICE, size - done), queue=QUEUE)
    client.close()


async def drain(url: str, size: int) -> None:
    watcher = await asyncpg.connect(url)
    await watcher.execute("vacuum analyze")
    client, handled = awa.AsyncClient(url, max_connections=10), 0

    @client.task(Noop, queue=QUEUE)
    async def noop(job: object) -> None:
        nonlocal handled
        handled += 1

    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    used = cpu()
    await client.start([{"name": QUEUE, "max_workers": 1024, "deadline_duration_ms": 0}])
    while handled < size or await watcher.fetchval(ENDED) < size:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    label = f"awa-pg {version('awa-pg')}, 1,024 workers"
    say("done", items=handled, ended=time.monotonic(), cpu=cpu() - used, version=label)


if __name__ == "__main__":
    address, what, words = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what != "drain":
        raise SystemExit(f"awa-pg is measured in drain, not in {what}")
    put(address, words)
    asyncio.run(drain(address, words))
    sys.stdout.flush()
