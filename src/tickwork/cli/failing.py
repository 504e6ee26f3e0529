"""What an error means at the command line: its exit code, and one line that says what to do next."""

from __future__ import annotations

from collections.abc import Callable

import click

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
    """Return the error's message without line ends, in the words of the command line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said.replace("say unchecked=True", "say --unchecked")  # the library's errors speak Python


def each(names: tuple[str, ...], verb: Callable[[str], object]) -> int:
    """Do a verb for each name; one that fails is told and does not stop the others. Return the exit code."""
    codes = []
    for name in names:
        try:
            verb(name)
            codes.append(0)
        except TickworkError as error:
            click.echo(f"tickwork: {one_line(error)}", err=True)
            codes.append(exit_code(error))
    if set(codes) == {NOT_FOUND}:
        return NOT_FOUND
    return SOME_FAILED if any(codes) else 0
