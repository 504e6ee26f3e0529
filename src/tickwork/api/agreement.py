"""Settings on which every process of a database must agree: they stand in rows, written by whoever makes the tables.

A process that says otherwise refuses to start, and names the setting: two processes with different limits would each
refuse what the other accepts. What was agreed is changed on purpose, by ``tickwork db agree``, never in passing.
"""

from __future__ import annotations

import msgspec

from tickwork.api.settings import Settings
from tickwork.errors import ConfigurationError
from tickwork.store import settings as rows
from tickwork.store.store import Store


def shared(settings: Settings) -> dict[str, str]:
    """Return what this process says of each shared setting, as it is stored.

    >>> shared(Settings("sqlite://", namespaces=("billing", "default")))
    {'namespaces': '["billing","default"]', 'payload_limit': '1000000'}
    """
    said = {"namespaces": sorted(settings.namespaces), "payload_limit": settings.payload_limit}
    return {name: msgspec.json.encode(value).decode() for name, value in said.items()}


def agree(store: Store, settings: Settings, *, anew: bool = False) -> None:
    """Write down what nobody has written down before; *anew*: this process's word counts from now on."""
    mine = shared(settings)
    with store.begin("installer") as transaction:
        if anew:
            for name, value in mine.items():
                rows.write(transaction, name, value)
        else:
            rows.agree(transaction, mine)


def check(store: Store, settings: Settings) -> None:
    """Raise ConfigurationError, which names the setting, where this process differs from what was agreed."""
    with store.read() as transaction:
        agreed = rows.read(transaction)
    for name, mine in shared(settings).items():
        theirs = agreed.get(name, mine)
        if theirs != mine:
            raise ConfigurationError(
                name,
                msgspec.json.decode(mine),
                f"{theirs}, on which the processes of this database agreed; to change it for all of them, stop them "
                "and run `tickwork db agree` with the new setting",
            )
    if settings.namespaces and settings.namespace not in settings.namespaces:
        raise ConfigurationError("namespace", settings.namespace, f"one of {', '.join(settings.namespaces)}")
