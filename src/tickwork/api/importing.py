"""A crontab becomes triggers, in one transaction: all of its lines, or none.

The key of a line's trigger is ``crontab/FILE/HASH``, a hash of the line's text, so importing again, or after lines have
moved, doubles nothing; identical lines are told apart by their order (cron runs each of them, and so do we). The
triggers of a file share the container ``crontab:FILE``: pruning cancels those whose line has vanished. It is withheld
while any line is wrong, since a line that was spoilt would otherwise take its job along.

A run is what cron's is: one attempt, overlapping allowed. What fell due while nobody ran is made up for once
(``misfire="latest"``), unless another policy is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwork.api.imported import Contents, Imported, Progress, Wanted, bring, checked_name
from tickwork.model.action import COMMAND, PutTask
from tickwork.model.crontab import CrontabJob, Layout, layout_of, read_crontab
from tickwork.model.policies import Misfire
from tickwork.model.standing_order import Terms, TriggerPut

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

__all__ = ["Imported", "Layout", "Progress", "TriggerPut", "import_crontab", "layout_of"]


def import_crontab(
    app: Tickwork,
    data: bytes,
    name: str,
    *,
    layout: Layout = "user",
    zone: str | None = None,
    user: str | None = None,
    skip_reboot: bool = False,
    keep_going: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    misfire: Misfire = "latest",
    attempts: int = 1,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Import a crontab under the *name* of its file; see :func:`tickwork.model.crontab.read_crontab` for how it is read.

    Where a line is wrong nothing is imported, and the answer's ``faults`` say why; with *keep_going* the other lines
    are. *user*: whose jobs may stand in the layout ``system`` (None: anybody's). *prune* cancels what the file had
    before and has no longer. *dry_run* answers what would be done, and undoes it.
    """
    checked_name(name)
    crontab = read_crontab(data, layout, zone=zone or "UTC", user=user, skip_reboot=skip_reboot)
    container = f"crontab:{name}"
    terms: Terms = {"misfire": misfire, "attempts": attempts, "container": container}
    wanted = tuple(_wanted(name, job, terms) for job in crontab.jobs)
    contents = Contents(name, layout, container, "crontab", wanted, crontab.faults, crontab.left_out)
    return bring(app, contents, keep_going=keep_going, prune=prune, dry_run=dry_run, progress=progress)


def _wanted(name: str, job: CrontabJob, terms: Terms) -> Wanted:
    tags = ["crontab"] if job.user is None else ["crontab", f"user:{job.user}"]
    return Wanted(job.line, job.text, key_of(name, job), job.clock, action_of(job), {**terms, "tags": tags})


def key_of(name: str, job: CrontabJob) -> str:
    """Return the key of a line's trigger."""
    return f"crontab/{name}/{job.name}"


def action_of(job: CrontabJob) -> PutTask:
    """Return the action that runs a job as cron does: by the file's SHELL, in its HOME, with its environment."""
    shell = job.environment.get("SHELL") or "/bin/sh"
    payload: dict[str, object] = {"argv": [shell, "-c", job.command]}
    if job.input is not None:
        payload["input"] = job.input
    if job.environment:
        payload["environment"] = dict(job.environment)
    if home := job.environment.get("HOME"):
        payload["directory"] = home
    return PutTask.of(COMMAND, payload)
