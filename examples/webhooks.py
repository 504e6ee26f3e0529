"""Webhooks from a history table: nothing is queued, so a receiver that is down costs one probe per five minutes.

Two receivers, one of them down, and a real server on loopback. The cursor remembers one place per receiver; the rows
are SQLAlchemy models of the application's own. Nothing sleeps: the watch is wound by hand.

    $ python examples/webhooks.py
    40 requests for 2 receivers, one of them down
    after the first round: up got 20, down was probed 1 time, 0 tasks in the queue
    an hour later: down was probed 13 times
    it is repaired: down got 20, in order: True
    disabled, and 5 more requests: down got 20, and nothing waits anywhere: 0 tasks
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tickwork import Cursor, Tickwork
from tickwork.watch import ManualWatch


class Model(DeclarativeBase):
    pass


class Hook(Model):
    __tablename__ = "hook"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    enabled: Mapped[bool]


class Call(Model):
    __tablename__ = "hook_call"
    id: Mapped[int] = mapped_column(primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hook.id"), index=True)
    body: Mapped[str]


class Server(HTTPServer):
    """Takes what it is sent, and answers 500 for receivers that are down."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.down = {"/down"}
        self.got: dict[str, list[str]] = {"/up": [], "/down": []}
        self.probes = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Receiver(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        down = self.path in self.server.down
        self.server.probes += down
        if not down:
            self.server.got[self.path].append(body)
        self.send_response(500 if down else 204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def main() -> None:
    logging.getLogger("tickwork").setLevel(logging.ERROR)  # what fails here is meant to
    server = Server()
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'shop.db'}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        Model.metadata.create_all(engine)
        watch = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
        with Tickwork(address, watch=watch) as app:
            app.migrate()
            tale(app, engine, server, watch)
        engine.dispose()
    server.shutdown()


def tale(app: Tickwork, engine: Any, server: Server, watch: ManualWatch) -> None:
    paths = {1: "/up", 2: "/down"}

    def deliver(row: dict[str, Any]) -> None:
        url = f"http://127.0.0.1:{server.server_port}{paths[row['hook_id']]}"
        urlopen(Request(url, row["body"].encode()), timeout=15).close()  # raises for 500: the place stays where it is

    app.generators.add(
        Cursor(
            "webhooks",
            "hook_call",
            deliver,
            key="hook_id",
            receivers="select id as receiver from hook where enabled",
        )
    )
    with Session(engine) as session, session.begin():
        session.add_all([Hook(id=1, path="/up", enabled=True), Hook(id=2, path="/down", enabled=True)])
        session.flush()
        session.add_all(Call(hook_id=hook, body=f"{number:02}") for number in range(20) for hook in paths)
    print("40 requests for 2 receivers, one of them down")
    app.generators.run_due()
    queued = app.counts().tasks
    up = len(server.got["/up"])
    print(
        f"after the first round: up got {up}, down was probed {server.probes} time, {sum(queued.values())} tasks in the queue"
    )
    for _ in range(60):
        watch.wind(timedelta(minutes=1))
        app.generators.run_due()
    print(f"an hour later: down was probed {server.probes} times")
    server.down.clear()
    watch.wind(timedelta(minutes=5))
    app.generators.run_due()
    got = server.got["/down"]
    print(f"it is repaired: down got {len(got)}, in order: {got == sorted(got)}")
    with Session(engine) as session, session.begin():
        hook = session.get_one(Hook, 2)
        hook.enabled = False
        session.add_all(Call(hook_id=2, body=f"{number}") for number in range(20, 25))
    app.generators.run_due()
    left = sum(app.counts().tasks.values())
    print(f"disabled, and 5 more requests: down got {len(got)}, and nothing waits anywhere: {left} tasks")


if __name__ == "__main__":
    main()
