"""Commands: run as cron would, off unless allowed, their failures with the end of their output."""

from __future__ import annotations

import pytest

from tests.support.shop import Shop
from tickwork.engine.tasks.command import CommandFailed, allow_commands, run_command
from tickwork.engine.tasks.registry import Registry
from tickwork.model.action import COMMAND, PutTask
from tickwork.signals import GiveUp


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ({"command": "echo $NAME", "environment": {"NAME": "it's me"}}, "it's me\n"),
        ({"command": "cat", "input": "two\nlines\n"}, "two\nlines\n"),
        ({"command": "cat"}, ""),
        ({"argv": ["echo", "$NAME; %"]}, "$NAME; %\n"),
        ({"command": "pwd", "directory": "/"}, "/\n"),
        ({"command": "echo $0", "environment": {"SHELL": "/bin/bash"}}, "/bin/bash\n"),
        ({"command": "yes | head -c 100000"}, "…" + "y\n" * 2000),
    ],
)
def test_commands(payload: dict, output: str) -> None:
    assert run_command(**payload) == output


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"command": "echo so sorry >&2; exit 3"}, "exit status 3; its last output: so sorry"),
        ({"command": "kill -9 $$"}, "ended by SIGKILL, without a word"),
        ({"argv": ["/no/such/thing"]}, "/no/such/thing cannot be started"),
        (
            {"command": "echo begun; sleep 60 & sleep 60", "timeout": 0.2},
            "longer than 0.2 s and was ended; its last output: begun",
        ),
    ],
)
def test_failures(payload: dict, said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        run_command(**payload)


@pytest.mark.parametrize("payload", [{}, {"argv": []}, {"command": "true", "argv": ["true"]}])
def test_a_command_that_cannot_be_understood_is_not_tried_again(payload: dict) -> None:
    with pytest.raises(GiveUp, match="either command or argv"):
        run_command(**payload)


@pytest.mark.stores("sqlite")
def test_a_worker_runs_commands_only_where_it_is_allowed(shop: Shop) -> None:
    task = shop.put(PutTask.of(COMMAND, {"command": "exit 1"}), attempts=1)
    shop.worker({"other": lambda: None}).run_due()
    assert shop.tasks[task].state == "unhandled"
    registry = Registry()
    assert allow_commands(registry).attempts == 4
    shop.worker(registry).run_due()
    assert shop.archive[task].error["message"] == "exit status 1, without a word"
