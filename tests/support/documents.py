"""Runs what a document tells a reader to do: its console blocks, with real processes, and compares what they say.

A block of ``python`` whose first line is ``# name.py`` is saved under that name. A block of ``console`` is commands
(``$``, continued by ``>``) with their output; ``...`` stands for anything, and blanks do not count. Output that ends in
``^C`` is that of a process that goes on: it is interrupted as soon as it has said the line before. ``cd`` and ``export``
last; nothing else does.
"""

from __future__ import annotations

import doctest
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DEADLINE = 120.0
INTERRUPT = "^C"


@dataclass(frozen=True)
class Command:
    """One command of a document, and what the document says that it says."""

    line: int
    text: str
    expected: str

    @property
    def goes_on(self) -> bool:
        return self.expected.rstrip().endswith(INTERRUPT)


@dataclass
class Reader:
    """Somebody who does what a document says, in a folder of his own."""

    folder: Path
    environment: dict[str, str]
    replaced: Mapping[str, str] = field(default_factory=dict)
    """What stands in the document for something of the reader's own, such as the address of his server."""
    skipped: frozenset[str] = frozenset()
    """Commands that somebody else has done before."""

    def follow(self, document: Path) -> int:
        """Do it all; return how many commands were run. Raises AssertionError at the first that says something else."""
        done = 0
        for block in blocks(document.read_text()):
            if isinstance(block, Command):
                if block.text not in self.skipped:
                    self.run(block)
                    done += 1
            else:
                name, source = block
                (self.folder / name).write_text(source)
        return done

    def run(self, command: Command) -> None:
        """Run one command and compare what it says."""
        text = command.text
        for word, mine in self.replaced.items():
            text = text.replace(word, mine)
        verb, *words = shlex.split(text.split("\n", 1)[0]) if "\n" not in text else [""]
        if verb == "cd":
            self.folder = self.folder / words[0]
        elif verb == "export":
            name, _, value = words[0].partition("=")
            self.environment[name] = value
        else:
            expected = command.expected
            said = self._until_interrupted(text, expected) if command.goes_on else self._to_its_end(text)
            expected = expected.replace(INTERRUPT + "\n", "")
            checker = doctest.OutputChecker()
            example = doctest.Example(text, expected)
            assert checker.check_output(expected, said, FLAGS), (
                f"line {command.line}: $ {text}\n{checker.output_difference(example, said, FLAGS)}"
            )

    def _start(self, text: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _to_its_end(self, text: str) -> str:
        with self._start(text) as process:
            try:
                said, _ = process.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                raise AssertionError(f"$ {text}\ndid not end within {DEADLINE} s; it said:\n{said.decode()}") from None
        return said.decode()

    def _until_interrupted(self, text: str, expected: str) -> str:
        awaited = expected.splitlines()[-2].encode()
        said, ends_at = b"", time.monotonic() + DEADLINE
        with self._start(f"exec {text}") as process, selectors.DefaultSelector() as selector:
            assert process.stdout is not None
            selector.register(process.stdout, selectors.EVENT_READ)
            interrupted = False
            while selector.select(max(0.0, ends_at - time.monotonic())):
                read = os.read(process.stdout.fileno(), 65_536)
                said += read
                if not read:
                    break
                if awaited in said and not interrupted:
                    interrupted = True
                    process.send_signal(signal.SIGINT)
            else:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"$ {text}\nnever said {awaited.decode()!r}; it said:\n{said.decode()}")
        return said.decode()


def blocks(text: str) -> Iterator[Command | tuple[str, str]]:
    """The files and the commands of a document, in order."""
    for found in re.finditer(r"^```(python|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        kind, body = found.groups()
        first = text.count("\n", 0, found.start()) + 2
        if kind == "python":
            named = re.match(r"# (\S+\.py)\n", body)
            if named:
                yield named[1], body
        else:
            yield from commands(body, first)


def commands(body: str, first: int = 1) -> Iterator[Command]:
    r"""The commands of one console block.

    >>> [(each.text, each.expected) for each in commands("$ echo a\n>   b\na b\n$ true\n")]
    [('echo a\n  b', 'a b\n'), ('true', '')]
    """
    line, text, expected = 0, "", ""
    for number, each in enumerate(body.splitlines(keepends=True), first):
        if each.startswith("$ "):
            if text:
                yield Command(line, text, expected)
            line, text, expected = number, each[2:].rstrip("\n"), ""
        elif each.startswith("> ") and not expected:
            text += "\n" + each[2:].rstrip("\n")
        else:
            expected += each
    if text:
        yield Command(line, text, expected)
