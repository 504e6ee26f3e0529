"""ASGI middleware: now and then a bounded slice of work after a response, where no daemon and no cron is allowed.

The response has been sent whole before the slice begins, and the slice runs in a thread, so nobody waits for it but the
server's connection. What goes wrong in it is logged and never reaches the application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tickwork.api.app import Tickwork

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Opportunity:
    """Wraps an ASGI application: ``web = Opportunity(web, app)``, or ``add_middleware(Opportunity, app=app)``.

    Args:
        application: what answers the requests.
        tickwork: the application whose work is done; *probability*, *seconds* and *limit* are those of ``Tickwork.opportunity``.
    """

    def __init__(
        self,
        application: Application,
        tickwork: Tickwork,
        probability: float = 0.05,
        seconds: float = 0.2,
        limit: int = 5,
    ) -> None:
        self.application, self.tickwork = application, tickwork
        self.slice = (probability, seconds, limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)
        if scope["type"] == "http":
            await asyncio.to_thread(self.tickwork.opportunity, *self.slice)
