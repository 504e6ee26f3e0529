"""The built-in handler ``tickwork.command``: runs a command, as cron would, where the worker allows it.

Two forms: ``argv``, a list that is run as it stands, and ``line``, which the shell runs. Of a line, as in
crontab(5), the first unescaped ``%`` ends the command and begins its standard input, further ones are line ends, and
``\\%`` is a plain percent sign. An exit status other than 0 is a failure; the end of the output is kept with it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping

from tickwork.engine.tasks.registry import Handler, Registry
from tickwork.errors import TickworkError
from tickwork.model.action import COMMAND, COMMAND_ATTEMPTS
from tickwork.signals import GiveUp

#: How much of a command's output is kept, in characters from its end.
TAIL = 4_000


class CommandFailed(TickworkError):
    """A command ended with an exit status other than 0, or was ended by a signal; the message has its last output."""


def run_command(
    line: str | None = None,
    argv: list[str] | None = None,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    shell: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a shell line or an argument list; return the end of what it wrote.

    *env* is laid over the worker's environment; *timeout* is in seconds. Raises CommandFailed.

    >>> run_command(line="tr a-z A-Z; exit 0%hello%world")
    'HELLO\\nWORLD\\n'
    >>> run_command(argv=["sh", "-c", "echo no; exit 3"])
    Traceback (most recent call last):
    tickwork.engine.tasks.command.CommandFailed: exit status 3; its last output: no
    """
    if (line is None) == (argv is None) or argv == []:
        raise GiveUp(f"{COMMAND} needs either line or argv")
    if line is not None:
        command, given = split_line(line)
        arguments, stdin = [shell or (env or {}).get("SHELL") or "/bin/sh", "-c", command], given if given else stdin
    else:
        arguments = list(argv or ())
    return _run(arguments, stdin, {**os.environ, **(env or {})}, cwd, timeout)


def split_line(line: str) -> tuple[str, str | None]:
    r"""Cut a crontab's line into the command and its standard input.

    >>> split_line(r"date +\%F%to%stdin")
    ('date +%F', 'to\nstdin\n')
    >>> split_line("true")
    ('true', None)
    """
    command, *given = (part.replace(r"\%", "%") for part in re.split(r"(?<!\\)%", line))
    return command, "\n".join(given) + "\n" if given else None


def allow_commands(registry: Registry) -> Handler:
    """Let workers of this registry run commands."""
    return registry.add(COMMAND, run_command, attempts=COMMAND_ATTEMPTS)


def _run(arguments: list[str], stdin: str | None, env: Mapping[str, str], cwd: str | None, timeout: float | None) -> str:
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,  # a signal to the worker is not one to its commands; a time-out ends all of them
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{arguments[0]} cannot be started: {error}") from error
    try:
        output, _ = process.communicate((stdin or "").encode(), timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise CommandFailed(_told(f"it ran for longer than {timeout:g} s and was ended", output)) from None
    if process.returncode:
        raise CommandFailed(_told(_ending(process.returncode), output))
    return _tail(output)


def _ending(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _told(what: str, output: bytes) -> str:
    tail = _tail(output).strip()
    return f"{what}; its last output: {tail}" if tail else f"{what}, without a word"


def _tail(output: bytes) -> str:
    text = output.decode(errors="replace")
    return text if len(text) <= TAIL else "…" + text[-TAIL:]


