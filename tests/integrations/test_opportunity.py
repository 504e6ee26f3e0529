"""Work after requests, and the URL that does a tick: bounded, alone, and never the caller's trouble."""

from __future__ import annotations

import asyncio
import json

import pytest

from tickwork import Tickwork
from tickwork.api import opportunity
from tickwork.errors import ConfigurationError, InvalidInput
from tickwork.integrations import asgi, wsgi
from tickwork.integrations.url import TickASGI, TickWSGI
from tickwork.store.alone import alone

TOKEN = "a token of some length"


@pytest.fixture
def app(database):
    with Tickwork(database) as app:
        app.ran = []

        @app.handler("note")
        def note(number: int):
            app.ran.append(number)

        @app.handler("break")
        def breaks(number: int):
            raise RuntimeError("the handler is broken")

        app.note, app.breaks = note, breaks
        yield app


def call_wsgi(application, **environ):
    said = []
    answer = application(
        {"REQUEST_METHOD": "GET", **environ}, lambda status, headers: said.append((status, dict(headers)))
    )
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return *said[0], body


def call_asgi(application, method="GET", headers=(), query=b""):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": list(headers), "query_string": query, "path": "/"}
    asyncio.run(application(scope, receive, send))
    return sent


def hello_wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


async def hello_asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_a_request_is_unaffected_by_a_handler_that_raises(app):
    """T-134, S4-50: hook at rate 1, the handler raises: the caller is unaffected, the task is retried."""
    put = app.put(app.breaks.task(number=1))
    status, _, body = call_wsgi(wsgi.Opportunity(hello_wsgi, app, probability=1, seconds=5))
    assert (status, body) == ("200 OK", b"hello")
    task = app.tasks.get(put.id)
    assert (task.state, task.attempt) == ("waiting", 1)
    assert "the handler is broken" in task.error


def test_a_slice_follows_the_response(app):
    """S4-50: ASGI and WSGI; the response is whole before the work begins."""
    app.put(app.note.task(number=1))
    sent = call_asgi(asgi.Opportunity(hello_asgi, app, probability=1, seconds=5))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    app.put(app.note.task(number=2))
    call_wsgi(wsgi.Opportunity(hello_wsgi, app, probability=1, seconds=5))
    assert app.ran == [1, 2]


def test_a_slice_is_bounded_and_taken_with_its_probability(app):
    """S4-50: a hook with rate 0.05 runs at most one bounded slice per call."""
    for number in range(8):
        app.put(app.note.task(number=number))
    assert opportunity.take(app, 0.05, 5, 5, chance=lambda: 0.05) is None
    assert app.ran == []
    done = opportunity.take(app, 0.05, 5, 5, chance=lambda: 0.049)
    assert (done.tasks, done.reason) == (5, "limit")
    assert len(app.ran) == 5
    assert opportunity.take(app, 1, 5, 5).tasks == 3
    assert opportunity.take(app, 1, 5, 5) is None  # nothing is due: one look, nothing written
    with pytest.raises(InvalidInput, match="probability: 2 is not allowed"):
        app.opportunity(probability=2)


@pytest.mark.stores("sqlite")
def test_a_slice_without_tables_is_logged_and_no_more(database_url, caplog):
    """S4-50, S4-53: the scheduler is absent; the caller does not notice."""
    with Tickwork(database_url) as app:
        status, _, body = call_wsgi(wsgi.Opportunity(hello_wsgi, app, probability=1))
    assert (status, body) == ("200 OK", b"hello")
    assert "the request is not affected" in caplog.text


@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_url_asks_for_its_token(app):
    """S4-50: hosts without cron call a URL."""
    app.put(app.note.task(number=1))
    web = TickWSGI(app, TOKEN)
    for environ in ({}, {"QUERY_STRING": "token=wrong"}, {"HTTP_AUTHORIZATION": "Bearer wrong"}):
        status, _, _ = call_wsgi(web, **environ)
        assert status == "403 Forbidden"
    assert app.ran == []
    status, headers, body = call_wsgi(web, HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert (status, headers["content-type"]) == ("200 OK", "application/json")
    assert json.loads(body)["done"] == 1
    assert call_wsgi(web, HTTP_AUTHORIZATION=f"Bearer {TOKEN}", REQUEST_METHOD="PUT")[0] == "405 Method Not Allowed"
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        TickWSGI(app, "short")


@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_url_never_works_twice_at_once(app):
    """S4-39: the second call is told that one is under way."""
    web = TickASGI(app, TOKEN)
    query = b"token=" + TOKEN.replace(" ", "+").encode()
    with alone(app.store, "tick default"):
        start, body = call_asgi(web, query=query)
        assert (start["status"], json.loads(body["body"])["reason"]) == (409, "busy")
    start, body = call_asgi(web, query=query)
    assert (start["status"], json.loads(body["body"])["reason"]) == (200, "none-ready")
    assert call_asgi(web)[0]["status"] == 403
