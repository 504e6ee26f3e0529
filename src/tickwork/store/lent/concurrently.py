"""Lent connections whose methods are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tickwork.store.lent.lent import Lent, Loan, Steps, awaited

Result = TypeVar("Result")


class AsyncLent(Lent):
    """A connection whose verbs are awaited."""

    async def perform(self, steps: Callable[[Loan], Steps[Result]], ready: Callable[[], None]) -> Result:
        """Take the steps; what is checked on a connection of our own does not hold up the event loop."""
        await asyncio.to_thread(ready)
        return await awaited(steps(self))
