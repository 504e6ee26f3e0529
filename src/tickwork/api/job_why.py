"""Why a job does not run now, or what it does: one sentence for each thing that stands in its way."""

from __future__ import annotations

from tickwork.api.job_seen import JobSeen
from tickwork.watch import SECOND, show_instant

_AT_WORK = {
    "scheduled": "it is scheduled and waits for a worker that knows the handler {handler!r}",
    "running": "it runs since {started}",
    "stop requested": "somebody asked it to stop; its worker has not answered yet",
    "stopping": "its worker was told to stop it and has not finished",
    "stopped": "it was stopped; start it, or deploy it again, and it goes on",
    "unknown": "its status was written by a newer version of this program",
}


def why(job: JobSeen) -> list[str]:
    """Explain a job in plain sentences, the most important first."""
    said = []
    if job.invalid is not None:
        said.append(f"its descriptor cannot be read, so no timer exists: {job.invalid}")
    if job.status in _AT_WORK:
        started = "-" if job.started_at is None else show_instant(job.started_at)
        said.append(_AT_WORK[job.status].format(handler=job.handler, started=started))
    if job.error is not None and job.status in ("error", "fatal"):
        said.append(f"its last run failed: {job.error.get('code')}: {job.error.get('message')}")
    if job.next_at is not None:
        what = "it is tried again" if job.next == "retry" else "its clock fires"
        said.append(f"{what} at {show_instant(job.next_at)}")
    elif job.next is None and job.status in ("completed", "fatal"):
        said.append("it is one-shot and over: start it to run it again")
    elif job.next is None and job.status == "error":
        said.append("it is one-shot, and its retries are used up: start it to run it again")
    if job.late_for is not None and job.late_for > SECOND:
        said.append(f"its last fire began {job.late_for / SECOND:g} s after the planned time")
    if job.declared is False:
        said.append("the code declares it no more; it goes on until somebody deletes it")
    return said
