"""What an error means at the command line: its exit code, and one line that says what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from tickwork.errors import (
    InvalidInput,
    NotFound,
    QueueFull,
    ReadOnlyStore,
    StoreUnavailable,
    TickworkError,
    TryAgain,
    UnknownHandler,
    shown,
)

#: A message that is longer than this is cut in its middle: its ends say what was wrong and what to do.
LONGEST_MESSAGE = 1_000
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
    if isinstance(error, (TryAgain, StoreUnavailable, ReadOnlyStore, QueueFull)):
        return BUSY
    return SOME_FAILED


def one_line(error: TickworkError) -> str:
    """Return the error's message without line ends, in the words of the command line."""
    said = brief(" ".join(str(error).split())) or type(error).__name__
    return said.replace("say unchecked=True", "say --unchecked")  # the library's errors speak Python


def brief(text: str) -> str:
    """Cut a message that somebody's 20,000 characters stand in.

    >>> brief("'" + "x" * 5_000 + "' is not a duration")[-20:]
    "x' is not a duration"
    """
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[: LONGEST_MESSAGE // 2]} … {text[-LONGEST_MESSAGE // 2 :]}"


def legible(arguments: Sequence[str]) -> None:
    """Refuse arguments that no database can store: bytes that are not UTF-8 (Python hands them in as surrogates), NUL."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"{shown(argument)} is not allowed; expected text in UTF-8") from None
        if "\0" in argument:
            raise click.UsageError(f"{shown(argument)} is not allowed; expected text without NUL")


def each(names: tuple[str, ...], verb: Callable[[str], object]) -> int:
    """Do a verb for each name; one that fails is told and does not stop the others. Return the exit code.

    Where all of them fail for the same reason that reason is the exit code; else 1 says that some failed.
    """
    codes = []
    for name in names:
        try:
            verb(name)
            codes.append(0)
        except TickworkError as error:
            click.echo(f"tickwork: {one_line(error)}", err=True)
            codes.append(exit_code(error))
    return codes[0] if len(set(codes)) == 1 else SOME_FAILED
