"""Commands whose help teaches: a paragraph of a docstring that begins with ``$`` is examples and keeps its lines."""

from __future__ import annotations

import inspect

import click


class Command(click.Command):
    """A command that shows its examples as they are typed."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.help = kept(self.help or "")
        super().format_help_text(ctx, formatter)


class Group(click.Group):
    """A group of such commands; its own help teaches too."""

    command_class = Command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.help = kept(self.help or "")
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(command.help or "")) for name, command in found if command])


def first_sentence(text: str) -> str:
    r"""Return the first sentence of a help text.

    >>> first_sentence("Cancel triggers: by key\n    or object. The rows stay.")
    'Cancel triggers: by key or object.'
    """
    paragraph = " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.rstrip()


def kept(text: str) -> str:
    r"""Mark the examples so that click does not fill them into lines of prose.

    >>> kept("Write.\n\n$ tickwork a\n$ tickwork b")
    'Write.\n\n\x08\n$ tickwork a\n$ tickwork b'
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith("$ ") else each for each in paragraphs)


def examples(command: click.Command) -> list[str]:
    """Return the examples in a command's help, without their prompts."""
    lines = inspect.cleandoc(command.help or "").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
