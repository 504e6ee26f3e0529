"""WSGI middleware: now and then a bounded slice of work after a response, where no daemon and no cron is allowed.

The slice runs when the server closes the response, so it has been handed over whole. What goes wrong in it is logged
and never reaches the application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tickwork.api.app import Tickwork

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Opportunity:
    """Wraps a WSGI application: ``application = Opportunity(application, app)``.

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

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self.application(environ, start_response)
        return _Closing(answer, lambda: self.tickwork.opportunity(*self.slice))


class _Closing:
    """A response that does something once it is closed, after it has closed what it wraps."""

    def __init__(self, answer: Iterable[bytes], then: Callable[[], object]) -> None:
        self._answer, self._then = answer, then

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            self._then()
