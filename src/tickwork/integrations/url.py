"""A URL that does one tick, for hosts without cron: a service elsewhere, or a monitor, calls it every minute.

Guarded by a token, compared in constant time; without the right one it answers 403 and does nothing. Two calls never
work at once: the second one is answered ``busy`` with status 409. One answers when the round is over, so its time
stays below what the web server allows a request. Give the token in the header ``Authorization: Bearer TOKEN``; where the
caller cannot set a header, ``?token=TOKEN`` does, and then stands in the server's log.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from tickwork.api.app import Tickwork
from tickwork.errors import ConfigurationError, TickworkError
from tickwork.integrations.asgi import Receive, Scope, Send
from tickwork.watch import SECOND

log = logging.getLogger("tickwork.url")

#: A shorter token could be guessed.
SHORTEST_TOKEN = 16


class TickURL:
    """What both faces do: check the token, do one tick, answer in JSON.

    Args:
        app: whose work is done.
        token: the secret, 16 characters at least.
        seconds: begin nothing new after so many seconds.
        limit: run at most so many tasks.

    Raises:
        ConfigurationError: a token that could be guessed.
    """

    def __init__(self, app: Tickwork, token: str, *, seconds: float = 20, limit: int | None = None) -> None:
        if not isinstance(token, str) or len(token) < SHORTEST_TOKEN:
            raise ConfigurationError("token", "…", f"a secret text of at least {SHORTEST_TOKEN} characters")
        self.app, self._token, self.seconds, self.limit = app, token.encode(), seconds, limit

    def answer(self, method: str, authorization: str, query: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Return the status and the body for one request."""
        if not self._allowed(authorization, query):
            return HTTPStatus.FORBIDDEN, {"error": "the token is missing or wrong"}
        if method not in ("GET", "POST"):
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "GET or POST"}
        try:
            done = self.app.tick(self.seconds, limit=self.limit, grace=5)
        except TickworkError as error:
            log.warning("a tick by URL failed: %s", error)
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
        status = {"busy": HTTPStatus.CONFLICT, "read-only": HTTPStatus.SERVICE_UNAVAILABLE}.get(
            done.reason, HTTPStatus.OK
        )
        return status, {
            "reason": done.reason,
            "fired": done.fired,
            "tasks": done.tasks,
            "done": done.done,
            "jobs": done.jobs,
            "took_for": done.took_for / SECOND,
        }

    def _allowed(self, authorization: str, query: str) -> bool:
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer":
            given = parse_qs(query).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self._token)


class TickASGI(TickURL):
    """The URL as an ASGI application, to be mounted at a path: ``Mount("/tick", TickASGI(app, token))``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"TickASGI answers http, not {scope['type']}")
        headers = {name.lower(): value for name, value in scope["headers"]}
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        status, body = await asyncio.to_thread(self.answer, scope["method"], authorization, query)
        fields = [(name.encode(), value.encode()) for name, value in _FIELDS]
        await send({"type": "http.response.start", "status": int(status), "headers": fields})
        await send({"type": "http.response.body", "body": _json(body)})


class TickWSGI(TickURL):
    """The URL as a WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, body = self.answer(
            environ["REQUEST_METHOD"], environ.get("HTTP_AUTHORIZATION", ""), environ.get("QUERY_STRING", "")
        )
        start_response(f"{int(status)} {status.phrase}", [*_FIELDS])
        return [_json(body)]


_FIELDS = (("content-type", "application/json"), ("cache-control", "no-store"))


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
