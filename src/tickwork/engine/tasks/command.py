"""The built-in handler ``tickwork.command``: runs a command, as cron would, where the worker allows it.

Two forms: ``command``, a line that the shell runs, and ``argv``, a list that is run as it stands. What a crontab says
with ``%`` arrives as ``input``, its environment lines as ``environment``, laid over the worker's own. An exit status
other than 0 is a failure; the end of the output is kept with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import TickworkError
from tickwork.model.action import COMMAND, COMMAND_ATTEMPTS
from tickwork.signals import GiveUp

#: How much of a command's output is kept, in characters from its end.
TAIL = 4_000


class CommandFailed(TickworkError):
    """A command ended with an exit status other than 0, or was ended by a signal; the message has its last output."""


def run_command(
    command: str | None = None,
    argv: list[str] | None = None,
    input: str | None = None,  # noqa: A002 - the payload's field is called what it is
    environment: dict[str, str] | None = None,
    directory: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a shell line or an argument list; return the end of what it wrote.

    *timeout* is in seconds. The shell is the environment's ``SHELL``, else ``/bin/sh``. Raises CommandFailed.

    >>> run_command(command="tr a-z A-Z; exit 0", input="hello")
    'HELLO'
    >>> run_command(argv=["sh", "-c", "echo no; exit 3"])
    Traceback (most recent call last):
    tickwork.engine.tasks.command.CommandFailed: exit status 3; its last output: no
    """
    environment = environment or {}
    if command is not None and argv is None:
        argv = [environment.get("SHELL", "/bin/sh"), "-c", command]
    elif command is not None or not argv:
        raise GiveUp(f"{COMMAND} needs either command or argv")
    return _run(argv, input, {**os.environ, **environment}, directory, timeout)


def allow_commands(registry: Registry) -> Handler:
    """Let workers of this registry run commands."""
    return registry.add(COMMAND, run_command, attempts=COMMAND_ATTEMPTS)


def _run(
    argv: list[str], given: str | None, environment: Mapping[str, str], directory: str | None, timeout: float | None
) -> str:
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=directory,
            start_new_session=True,  # a signal to the worker is not one to its commands; a time-out ends all of them
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{argv[0]} cannot be started: {error}") from error
    try:
        output, _ = process.communicate((given or "").encode(), timeout)
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
