"""The texts that start Tickwork by itself: systemd units for processes that stay, a timer or cron lines for a tick.

A file that was written here carries a line with a digest of itself, so it can be told from one that a person has
changed since: the first is replaced, the second is left alone.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Scope = Literal["user", "system"]
Kind = Literal["daemon", "worker", "run", "tick"]

MARK = "# Written by tickwork service; digest "
#: How long systemd waits for what runs when it stops a process: the grace of a worker and a little more.
STOP_SECONDS = 45


@dataclass(frozen=True)
class Site:
    """Where and as what the processes run: how the command is called, from which folder, as whom, told what."""

    program: Sequence[str]
    options: Sequence[str]
    folder: Path
    scope: Scope = "system"
    user: str | None = None
    environment_file: Path | None = None
    within: str = "50s"
    name: str = "tickwork"

    def command(self, *words: str) -> str:
        """Return the command line, quoted."""
        return shlex.join([*self.program, *words, *self.options])


def units(site: Site, kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the unit files that these kinds of process need, by name.

    >>> sorted(units(Site(["tickwork"], ["--app", "shop:app"], Path("/srv/shop")), ["worker", "tick"]))
    ['tickwork-tick.service', 'tickwork-tick.timer', 'tickwork-worker.service']
    """
    found = {}
    for kind in kinds:
        if kind == "tick":
            found[f"{site.name}-tick.service"] = _tick(site)
            found[f"{site.name}-tick.timer"] = _timer(site)
        else:
            found[f"{site.name}-{kind}.service"] = _staying(site, kind)
    return {name: marked(text) for name, text in found.items()}


def cron_lines(site: Site) -> str:
    """Return lines for a crontab: production each minute, staging each five and never the same machine time for long.

    A tick that overlaps the one before says so and leaves; it exits 75 then, which is no error.
    """
    log = f"{site.name}-tick.log"
    tick = site.command("tick", "--for", site.within)
    small = site.command("tick", "--for", "20s", "--limit", "100")
    environment = "" if site.environment_file is None else f"set -a; . {shlex.quote(str(site.environment_file))}; "
    folder = shlex.quote(str(site.folder))

    def line(when: str, command: str) -> str:
        asked = f"cd {folder} && {environment}{command} >> {log} 2>&1"
        return f"{when} {asked.replace('%', chr(92) + '%')}"  # a bare % ends a line of crontab

    return "\n".join(
        [
            "# production: each minute; nothing waits for longer than a minute, nothing overlaps",
            line("* * * * *", tick),
            "# staging: each five minutes, a little at a time",
            line("*/5 * * * *", small),
            "",
        ]
    )


def marked(text: str) -> str:
    """Put the line with the digest before a text."""
    return f"{MARK}{_digest(text)}\n{text}"


def untouched(text: str) -> bool:
    """Say whether a file stands as it was written here.

    >>> untouched(marked("[Unit]")), untouched(marked("[Unit]") + "Nice=5"), untouched("[Unit]")
    (True, False, False)
    """
    first, _, rest = text.partition("\n")
    return first == f"{MARK}{_digest(rest)}"


def folder_of(scope: Scope) -> Path:
    """Return the folder where systemd looks for a person's own units, or for those of the machine."""
    return Path.home() / ".config/systemd/user" if scope == "user" else Path("/etc/systemd/system")


def next_commands(site: Site, names: Sequence[str]) -> list[str]:
    """Return what to run once the files are in place."""
    systemctl = "systemctl --user" if site.scope == "user" else "sudo systemctl"
    started = [name for name in names if not (name.endswith("-tick.service"))]
    commands = [f"{systemctl} daemon-reload", f"{systemctl} enable --now {' '.join(started)}"]
    if site.scope == "user":
        commands.append("loginctl enable-linger  # so that they run while you are not logged in")
    return [*commands, f"{systemctl} status {' '.join(started)}"]


def _staying(site: Site, kind: Kind) -> str:
    what = {"daemon": "trigger daemon", "worker": "worker", "run": "trigger daemon and worker"}[kind]
    return f"""[Unit]
Description=Tickwork {what} ({site.folder.name})
After=network-online.target
Wants=network-online.target

[Service]
{_service(site)}ExecStart={_escaped(site.command(kind))}
Restart=always
RestartSec=2
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec={STOP_SECONDS}

[Install]
WantedBy={_target(site)}
"""


def _tick(site: Site) -> str:
    return f"""[Unit]
Description=One tick of Tickwork ({site.folder.name})

[Service]
Type=oneshot
{_service(site)}ExecStart={_escaped(site.command("tick", "--for", site.within))}
SuccessExitStatus=75
"""


def _timer(site: Site) -> str:
    return f"""[Unit]
Description=A tick of Tickwork each minute ({site.folder.name})

[Timer]
OnCalendar=minutely
AccuracySec=1s
Persistent=false
Unit={site.name}-tick.service

[Install]
WantedBy=timers.target
"""


def _service(site: Site) -> str:
    lines = [f"WorkingDirectory={_escaped(str(site.folder))}"]
    if site.user is not None and site.scope == "system":
        lines.append(f"User={site.user}")
    if site.environment_file is not None:
        lines.append(f"EnvironmentFile={_escaped(str(site.environment_file))}")
    return "\n".join(lines) + "\n"


def _target(site: Site) -> str:
    return "default.target" if site.scope == "user" else "multi-user.target"


def _escaped(text: str) -> str:
    """Write a text as systemd will read it: a percent sign begins a specifier there, a dollar sign a variable."""
    return text.replace("%", "%%").replace("$", "$$")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
