"""What a session of each role is given when it is opened.

Limits, so that whoever is frozen lets go of what others wait for; and the planner's settings, so that the due query stays
the nested loop over its index, and what names its rows goes by their keys, whatever the statistics say.
"""

from __future__ import annotations

#: What every session of a daemon is given.
DAEMON_SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "30s",
    "lock_timeout": "1s",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "application_name": "tickwork-daemon",
}
#: A frozen controller releases its batch, too; and it waits for nobody.
CONTROLLER_SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "30s",
    "lock_timeout": "1s",
    "jit": "off",
    "application_name": "tickwork-controller",
}
#: A worker's statements touch what they name by its key, however small the tables seem to the planner. So one plan is as
#: good for one task as for a thousand, and is kept: to plan each anew cost more than to run it (a claim of one: 2.1 ms for 1.1).
WORKER_SESSION = {
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
#: A handler's own statements are planned as its application is used to; a frozen worker lets go of its task.
HANDLER_SESSION = {"idle_in_transaction_session_timeout": "60s", "application_name": "tickwork-handler"}
#: A statement that is its own transaction is not told its isolation by a begin.
APPLICATION_SESSION = {"default_transaction_isolation": "read committed"}
SESSIONS = {
    "application": APPLICATION_SESSION,
    "daemon": DAEMON_SESSION,
    "controller": CONTROLLER_SESSION,
    "worker": WORKER_SESSION,
    "handler": HANDLER_SESSION,
}


def kind_of(role: str) -> str:
    """Return which kind of session serves a role."""
    return role if role in SESSIONS else "application"
