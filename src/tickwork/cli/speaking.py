"""What a running command says on standard error: options ``-v`` and ``--log-format``, in one place for all of them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from tickwork import telemetry

JSON_LOG = "tickwork.json_log"


def speaking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how much it logs, and as what; they are obeyed before it begins."""

    @click.option(
        "-v", "--verbose", count=True, help="Say each decision: planned, fired, slept until, woken by; -vv: everything."
    )
    @click.option(
        "--log-format", type=click.Choice(["text", "json"]), default="text", help="Log as text or as lines of JSON."
    )
    @functools.wraps(command)
    def with_voice(*arguments: Any, verbose: int, log_format: str, **options: Any) -> Any:
        click.get_current_context().meta[JSON_LOG] = log_format == "json"
        with telemetry.speaking(sys.stderr, verbose, log_format):
            return command(*arguments, **options)

    return with_voice


def announce(what: str) -> None:
    """Tell a person that the command runs now, and how it is stopped; a program that reads JSON is told nothing."""
    if not click.get_current_context().meta.get(JSON_LOG):
        click.echo(f"tickwork: {what}; Ctrl-C lets what runs finish, a second one stops at once", err=True)
