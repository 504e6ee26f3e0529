"""The command starts quickly, and its help teaches: every command has examples, and every example is understood."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from tests.support.commands import check_understood
from tests.support.processes import run as run_child
from tickwork import __version__
from tickwork.cli.main import run, tickwork
from tickwork.cli.teaching import examples

#: What `--version` and `--help` must not load.
HEAVY = {"rich", "psycopg", "sqlite3", "msgspec", "asyncio", "tickwork.store.store", "tickwork.clocks"}


def commands(
    group: click.Group = tickwork, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())
EXAMPLES = sorted({example for command in (tickwork, *COMMANDS.values()) for example in examples(command)})


def test_the_version_is_told() -> None:
    """What it costs is measured by `make bench NAME=start`; what it loads is below."""
    assert run_child("-m", "tickwork", "--version") == (0, f"tickwork {__version__}\n")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_nothing_heavy_is_loaded_to_say_what_there_is(arguments: list[str]) -> None:
    code, said = run_child(
        "-c",
        f"""
import contextlib, io, json, sys
from tickwork.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    assert run({arguments!r}) == 0
print(json.dumps(sorted(sys.modules)))
""",
    )
    assert code == 0, said
    assert HEAVY & set(json.loads(said)) == set()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == 0
    said = capsys.readouterr().out
    assert examples(COMMANDS[path])
    for example in examples(COMMANDS[path]):
        assert f"  $ {example}\n" in said  # on one line, as it is typed


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example: str) -> None:
    _, _, said = example.rpartition("| ")
    try:
        check_understood(said.partition(" && ")[0].partition(" > ")[0])
    except click.BadParameter as error:
        assert "does not exist" in str(error)  # a file of the example's


def test_the_first_page_lists_every_command_without_opening_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for path in COMMANDS:
        assert f"  {path[0]} " in said


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_what_the_first_page_says_and_what_the_command_says_agree(path: tuple[str, ...]) -> None:
    assert (COMMANDS[path].help or "").strip()
    assert all(parameter.help for parameter in COMMANDS[path].params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("arguments", [["nonsense"], ["trigger", "nonsense"], ["trigger", "put"], ["--nonsense"]])
def test_what_is_not_a_command_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err
