"""Topics as verbs: who has subscribed, and a task for each of them in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tickwork.model.topic import Subscription, TopicPut
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope


def subscribe(scope: Scope, subscriptions: Iterable[tuple[str, str, int]]) -> Verb[None]:
    """Let handlers have a task of each topic: (topic, handler, attempts). What stands already is left as it is."""
    for topic, handler, attempts in sorted(subscriptions):
        yield from ask("subscribe", namespace=scope.namespace, topic=topic, handler=handler, attempts=attempts)


def unsubscribe(scope: Scope, topic: str, handler: str) -> Verb[bool]:
    """Let a handler have no more of a topic; returns whether it had."""
    return bool((yield from ask("unsubscribe", namespace=scope.namespace, topic=topic, handler=handler)))


def listed(scope: Scope, topic: str | None) -> Verb[list[Subscription]]:
    """Return who has subscribed."""
    rows = yield from ask("list_subscriptions", namespace=scope.namespace, topic=topic)
    return [Subscription(*row) for row in rows]


def put(scope: Scope, topic: str, columns: Mapping[str, Any]) -> Verb[TopicPut]:
    """Put a task for each handler that has subscribed."""
    rows = yield from ask("put_topic", namespace=scope.namespace, channel=scope.channel, topic=topic, **columns)
    return TopicPut(topic, {row[1]: row[0] for row in sorted(rows)})
