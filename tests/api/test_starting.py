"""Starting by itself beside a web server: real servers, real signals, and a server that forks its workers."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.support.processes import child
from tests.support.shared import REPOSITORY
from tickwork import Tickwork

WEB = """
import contextlib, os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tickwork import Tickwork

app = Tickwork()

@app.handler("greet")
def greet(name: str):
    print("hello", name, flush=True)

async def put(request):
    app.put(greet.task(name=request.query_params["name"]))
    return PlainTextResponse("put")

@contextlib.asynccontextmanager
async def lifespan(web):
    async with app:
        yield

web = Starlette(routes=[Route("/", put)], lifespan=lifespan)
"""

FORKING = """
import os, sys
from tickwork import Tickwork

app = Tickwork()

@app.handler("greet")
def greet(name: str):
    print("hello", name, "from", "child" if os.getpid() != parent else "parent", flush=True)

parent = os.getpid()
if "--started" in sys.argv:
    app.start()
    app.counts()
child = os.fork()
if not child:
    app.start()
    app.put(greet.task(name="Ada"))
    sys.stdin.readline()
    app.stop()
    print("child stopped", len(app.alive()) > 0, flush=True)
    os._exit(0)
app.start()
_, status = os.waitpid(child, 0)
app.put(greet.task(name="Bob"))
sys.stdin.readline()
app.close()
print("parent stopped", status, flush=True)
"""


def python_path(*folders: Path) -> str:
    return os.pathsep.join(map(str, [*folders, REPOSITORY / "src", REPOSITORY]))


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_beside_a_web_server(database, tmp_path):
    """``async with app:`` in the lifespan of uvicorn: tasks run in its process, and a SIGTERM ends all of it."""
    (tmp_path / "site_.py").write_text(WEB)
    env = {"TICKWORK_DATABASE": database, "PYTHONPATH": python_path(tmp_path)}
    with child("-m", "uvicorn", "site_:web", "--port", "0", env=env) as server:
        address = server.line("running on").partition("http://")[2].split()[0]
        with urllib.request.urlopen(f"http://{address}/?name=Ada") as answer:
            assert answer.read() == b"put"
        assert server.line("hello") == "hello Ada"
        server.send(signal.SIGTERM)
        assert server.wait() in {0, -signal.SIGTERM}, server.said
    with Tickwork(database) as app:
        assert [task.outcome for task in app.tasks.list_archived()] == ["done"]
        assert app.alive() == []  # signed off


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_server_that_forks(database):
    """A child that was forked starts anew, on connections of its own, and its stop leaves the parent's work alone.

    On PostgreSQL that holds even where the parent was at work when it forked. SQLite itself forbids it: a fork amid
    another thread's transaction copies the belief that the file is locked, and nobody will ever unlock it there.
    """
    started = ["--started"] if database.startswith("postgresql") else []
    with child("-c", FORKING, *started, env={"TICKWORK_DATABASE": database}) as server:
        assert server.line("hello Ada")
        server.tell("stop the child")
        server.line("child stopped True")
        assert server.line("hello Bob") == "hello Bob from parent"
        server.tell("stop the parent")
        assert server.line("parent stopped") == "parent stopped 0"
        assert server.wait() == 0, server.said
    with Tickwork(database) as app:
        assert {task.outcome for task in app.tasks.list_archived()} == {"done"}
