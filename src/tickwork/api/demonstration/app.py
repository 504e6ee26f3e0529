"""The application whose workers the demonstration runs: ``tickwork worker --app tickwork.api.demonstration.app:app``."""

from __future__ import annotations

import os
import time

from tickwork.api.app import Tickwork

WORK_SECONDS = 0.005

#: Whoever runs it names the database; importing the module alone needs none.
app = Tickwork(os.environ.get("TICKWORK_DATABASE") or "sqlite://")


@app.handler("demo.ring")
def ring(number: int) -> None:
    """Do the work of one order: a moment of it, so that a kill finds some under way."""
    time.sleep(WORK_SECONDS)
