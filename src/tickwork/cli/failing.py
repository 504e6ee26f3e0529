"""What an error means at the command line: its exit code, and one line that says what to do next."""

from __future__ import annotations

from tickwork.errors import (
    InvalidInput,
    NotFound,
    ReadOnlyStore,
    StoreUnavailable,
    TickworkError,
    TryAgain,
    UnknownHandler,
)

FINE, SOME_FAILED, USAGE, NOT_FOUND, BUSY = 0, 1, 2, 3, 75


def exit_code(error: TickworkError) -> int:
    """Return the exit code of an error.

    >>> exit_code(NotFound("no trigger 'x'")), exit_code(TryAgain("deadlock"))
    (3, 75)
    """
    if isinstance(error, InvalidInput):
        return USAGE
    if isinstance(error, (NotFound, UnknownHandler)):
        return NOT_FOUND
    if isinstance(error, (TryAgain, StoreUnavailable, ReadOnlyStore)):
        return BUSY
    return SOME_FAILED


def one_line(error: TickworkError) -> str:
    """Return the error's message without line ends."""
    return " ".join(str(error).split()) or type(error).__name__
