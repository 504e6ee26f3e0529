"""A million webhooks for a thousand receivers of which 300 are dead; ten thousand builds with two workers killed."""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import postgresql
from tests.support.stores import migrate
from tests.support.verification import Run
from tickwork import Cursor, Deadline, Tickwork

RECEIVERS, DEAD, EACH = 1_000, 300, 1_000
BUILDS = 10_000
_SPAWN = multiprocessing.get_context("spawn")


class Server(ThreadingHTTPServer):
    """Takes requests on loopback; the first 300 receivers are dead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.got: dict[int, list[int]] = defaultdict(list)
        self.probes: dict[int, int] = defaultdict(int)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Receiver(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver, number = map(int, self.path.strip("/").split("/"))
        dead = receiver <= DEAD
        if dead:
            self.server.probes[receiver] += 1
        else:
            self.server.got[receiver].append(number)
        self.send_response(503 if dead else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


class Poster:
    """Posts rows over one connection per thread."""

    def __init__(self, port: int) -> None:
        self.port, self.local = port, threading.local()

    def __call__(self, row: dict[str, Any]) -> None:
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        connection.request("POST", f"/{row['hook_id']}/{row['id']}")
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise ConnectionError(f"status {answer.status}")


def sql(app: Tickwork, text: str) -> list[Any]:
    with app.store.begin("installer", handing=True) as transaction:
        cursor = transaction.connection.execute(text)  # type: ignore[attr-defined]
        return list(cursor.fetchall()) if cursor.description else []


def missing_each(run: Run) -> int:
    """How many of its thousand requests a live receiver has not got yet: all in half an hour, the last few in a minute.

    The history has a million rows in any case, and the dead receivers' whole backlog stands in it.
    """
    return max(10, min(EACH, int(run.seconds * 0.6)))


def verify(run: Run) -> None:
    with postgresql.bench_of_servers() as bench:
        server = postgresql.start("postgresql-18", bench)
        for tale in (overdue_builds, webhooks):
            url = server.create()
            migrate(url)
            tale(url, run)
            server.drop(url)


# --------------------------------------------------------------------------------------------------------- webhooks


def webhooks(url: str, run: Run) -> None:
    """Every live receiver gets all of its requests in order; a dead one costs one probe; nothing is queued."""
    logging.getLogger("tickwork").setLevel(logging.ERROR)  # the dead are meant to fail
    server = Server()
    app = Tickwork(url)
    sql(app, "create table hook (id integer primary key, enabled boolean not null)")
    sql(app, "create table request (id bigint generated always as identity primary key, hook_id integer not null)")
    sql(app, f"insert into hook select n, true from generate_series(1, {RECEIVERS}) n")
    rows, missing = RECEIVERS * EACH, missing_each(run)
    sql(app, f"insert into request (hook_id) select 1 + n % {RECEIVERS} from generate_series(1, {rows}) n order by n")
    sql(app, "create index request_of_hook on request (hook_id, id)")
    place = rows - RECEIVERS * missing
    if place:  # up to here the living have got theirs, in an earlier run
        state = f"'{{\"position\":{place}}}', 1, 0 from hook where id > {DEAD}"
        columns = "(namespace, name, key, state, version, changed_at)"
        sql(app, f"insert into tickwork.generator {columns} select 'default', 'webhooks', id::text, {state}")
    sql(app, "analyze")
    receivers = "select id as receiver from hook where enabled"
    generator = Cursor(
        "webhooks",
        "request",
        Poster(server.server_port),
        key="hook_id",
        receivers=receivers,
        batch=1_000,
        save_every=100,
    )
    app.generators.add(generator)
    wanted = (RECEIVERS - DEAD) * missing
    queued = 0
    began = time.monotonic()
    with app.process(daemon=False):
        while sum(map(len, list(server.got.values()))) < wanted and time.monotonic() - began < 7_200:
            time.sleep(1)
            queued = max(queued, sql(app, "select count(*) from tickwork.task")[0][0])
        periods = int((time.monotonic() - began) // 300) + 1
        sql(app, "update hook set enabled = false")
    for receiver in range(DEAD + 1, RECEIVERS + 1):
        got = server.got[receiver]
        assert got == sorted(got) and len(got) == len(set(got)) == missing, receiver
    assert max(server.probes.values()) <= periods, (max(server.probes.values()), periods)
    assert len(server.probes) == DEAD
    assert queued == 0
    assert sql(app, "select count(*) from tickwork.lease")[0][0] == 0
    run.count("webhooks in the history", rows)
    run.count("webhooks delivered", wanted)
    run.count("webhook seconds", round(time.monotonic() - began))
    run.count("probes of dead receivers", sum(server.probes.values()))
    app.close()
    server.shutdown()


# ----------------------------------------------------------------------------------------------------------- builds

OVERDUE = """
select b.id as identifier from build b join plan p on p.id = b.plan_id
 where b.status = 'running' and b.started_at + p.seconds * 1000000 <= :now order by b.started_at, b.id
"""


def fail(identifier: str, own: Any) -> None:
    own.execute(f"update build set status = 'failed', failures = failures + 1 where id = {int(identifier)}")


def worker(url: str) -> None:
    app = Tickwork(url)
    app.generators.add(Deadline("build-timeout", OVERDUE, fail, every=0.2))
    app.process(daemon=False, lease=2).run()


def overdue_builds(url: str, run: Run) -> None:
    """The plan's limit changes from 2 h to 10 min: all and only the overdue fail, once, with two workers killed."""
    builds = BUILDS if run.seconds >= 600 else BUILDS // 5
    app = Tickwork(url)
    sql(app, "create table plan (id integer primary key, seconds bigint)")
    sql(
        app,
        "create table build (id integer primary key, plan_id integer, status text, started_at bigint, failures integer)",
    )
    sql(app, "insert into plan values (1, 7200), (2, 7200), (3, null)")
    minutes = "(extract(epoch from clock_timestamp()) * 1000000)::bigint - 60000000::bigint * {}"
    for first, plan, age in ((0, 1, 60), (builds, 1, 0), (2 * builds, 2, 60), (3 * builds, 3, 600)):
        count = builds if first == 0 else 100
        sql(
            app,
            f"insert into build select {first} + n, {plan}, 'running', {minutes.format(age)}, 0"
            f" from generate_series(1, {count}) n",
        )
    sql(app, "create index build_running on build (started_at) where status = 'running'")
    sql(app, "analyze")
    workers = [_SPAWN.Process(target=worker, args=(url,)) for _ in range(4)]
    for each in workers:
        each.start()
    time.sleep(3)
    assert failed(app, builds) == (0, 0)
    began = time.monotonic()
    sql(app, "update plan set seconds = 600 where id = 1")
    killed = 0
    while failed(app, builds)[0] < builds and time.monotonic() - began < 1_800:
        time.sleep(0.2)
        if killed < 2 and failed(app, builds)[0] > (killed + 1) * builds // 4:
            os.kill(workers[killed].pid or 0, signal.SIGKILL)
            killed += 1
    seconds = time.monotonic() - began
    time.sleep(3)
    for each in workers[2:]:
        each.terminate()
    for each in workers:
        each.join(60)
    assert killed == 2
    assert failed(app, builds) == (builds, builds)
    young = f"plan_id <> 1 or started_at > {minutes.format(10)}"
    assert sql(app, f"select count(*) from build where status = 'failed' and ({young})")[0][0] == 0
    assert sql(app, "select count(*) from build where failures > 1")[0][0] == 0
    assert sql(app, "select count(*) from tickwork.trigger")[0][0] == 0
    assert sql(app, "select count(*) from tickwork.parked")[0][0] == 0
    run.count("builds failed once", builds)
    run.count("seconds for builds", round(seconds))
    app.close()


def failed(app: Tickwork, builds: int) -> tuple[int, int]:
    """How many of the *builds* that are overdue from the start have failed, and how often in all."""
    counted = "select count(*), coalesce(sum(failures), 0) from build where status = 'failed'"
    row = sql(app, f"{counted} and id <= {builds}")[0]
    return int(row[0]), int(row[1])
