"""The garbage collector of a command that runs for long: its process is ours, so we may set what a library must not.

A turn makes some thousands of tuples that no cycle holds; looking at them each 700 objects costs a tenth of a firing. What was
imported is looked at no more, and what is young by the ten thousand. Where the application has set its collector itself
(while its module was imported), that stands.
"""

from __future__ import annotations

import gc

YOUNG = 50_000
_BEFORE = gc.get_threshold()


def collect_rarely() -> None:
    """Let the collector look less often; called when everything is imported, before the first turn."""
    if not gc.isenabled() or gc.get_threshold() != _BEFORE:
        return
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *_BEFORE[1:])
