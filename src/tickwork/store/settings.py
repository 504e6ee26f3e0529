"""The table of settings: what every process must agree on, and notes that one short process leaves for the next."""

from __future__ import annotations

from collections.abc import Mapping

from tickwork.store.dialect import Transaction


def read(transaction: Transaction) -> dict[str, str]:
    """Return every setting, as JSON texts by name."""
    return dict(transaction.all("read_settings"))


def agree(transaction: Transaction, settings: Mapping[str, str]) -> None:
    """Write settings down that nobody has written down before; those that stand are left as they are."""
    for name in sorted(settings):
        transaction.run("agree_on_setting", name=name, value=settings[name])


def note(transaction: Transaction, name: str) -> str | None:
    """Return one setting, or None."""
    row = transaction.one("read_setting", name=name)
    return None if row is None else row[0]


def write(transaction: Transaction, name: str, value: str) -> None:
    """Write one setting, whatever stood there."""
    transaction.run("write_setting", name=name, value=value)
