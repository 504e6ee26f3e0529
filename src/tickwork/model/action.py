"""An action is what a firing does: put a task for a handler, or log a line. Data, never code.

Nothing of the user's runs inside the daemon: an action is copied into the trigger's row, and the firing copies it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from tickwork.errors import InvalidPayload
from tickwork.model import limits

if TYPE_CHECKING:
    from tickwork.model.flow import Then

#: The handler that runs a command; it is off unless a worker was started with it.
COMMAND = "tickwork.command"
ATTEMPTS, COMMAND_ATTEMPTS = 20, 4


class PutTask(msgspec.Struct, frozen=True):
    """Put a task: the handler's name and its payload, the text of a JSON object.

    ``handler.task(**payload)`` makes one that is checked against the handler's signature; this is the plain form.
    """

    handler: str
    payload: str = "{}"
    payload_version: int = 1
    kind: ClassVar[str] = "task"

    def __post_init__(self) -> None:
        limits.text(self.handler, "handler", limits.NAME_LENGTH)
        limits.payload(self.payload, self.handler)
        limits.number(self.payload_version, "payload_version", 1, 1_000_000)

    @classmethod
    def of(cls, handler: str, payload: Mapping[str, Any] | None = None) -> PutTask:
        """Make the action from a mapping of plain values.

        >>> PutTask.of("meeting.remind", {"meeting_id": 7})
        PutTask(handler='meeting.remind', payload='{"meeting_id":7}', payload_version=1)
        """
        try:
            return cls(handler, msgspec.json.encode(dict(payload or {})).decode())
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidPayload):
                raise
            raise InvalidPayload(f"payload of {handler}", payload, f"values that JSON can hold ({error})") from None

    def then(self, action: PutTask, **terms: Any) -> Then:
        """Return a flow: this task, and *action* when it is over; see :meth:`tickwork.model.flow.Group.then`.

        >>> PutTask("page.fetch").then(PutTask("page.parse")).then(PutTask("page.index"), delay=60).action.handler
        'page.index'
        """
        from tickwork.model.flow import Group

        return Group((self,)).then(action, **terms)


class Log(msgspec.Struct, frozen=True):
    """Log a line when the trigger fires; no task is put."""

    message: str
    kind: ClassVar[str] = "log"
    handler: ClassVar[str] = "tickwork.log"
    payload_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        limits.text(self.message, "message", 10_000)

    @property
    def payload(self) -> str:
        return msgspec.json.encode({"message": self.message}).decode()


class Topic(msgspec.Struct, frozen=True):
    """Put a task for each handler that has subscribed to a topic at that time; none, where none has.

    The topic's name stands where a handler's name stands otherwise; the payload is the text of a JSON object.
    """

    topic: str
    payload: str = "{}"
    kind: ClassVar[str] = "topic"
    payload_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        limits.text(self.topic, "topic", limits.NAME_LENGTH)
        limits.payload(self.payload, self.topic)

    @property
    def handler(self) -> str:
        return self.topic

    @classmethod
    def of(cls, topic: str, payload: Mapping[str, Any] | None = None) -> Topic:
        """Make the action from a mapping of plain values.

        >>> Topic.of("page.saved", {"page": 7})
        Topic(topic='page.saved', payload='{"page":7}')
        """
        return cls(topic, PutTask.of(topic, payload).payload)


Action = PutTask | Topic | Log


def attempts_of(action: Action) -> int:
    """How many runs an action's task is allowed, where nobody says."""
    return COMMAND_ATTEMPTS if action.handler == COMMAND else ATTEMPTS
