"""Whether the command line understands what a text tells a person to type."""

from __future__ import annotations

import shlex

import click

from tickwork.cli.main import tickwork


def check_understood(line: str) -> None:
    """Raise click.UsageError unless ``tickwork ...`` is a command with arguments as it takes them; nothing is run."""
    words = shlex.split(line)
    assert words.pop(0) == "tickwork", line
    command: click.Command = tickwork
    context = click.Context(tickwork)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert name is not None
        assert found is not None
        context, command = click.Context(found, parent=context, info_name=name), found
    command.make_context(context.info_name, list(words))
