"""The application whose workers the demonstration runs: ``tickwork worker --app tickwork.api.demonstration.app:app``."""

from __future__ import annotations

from tickwork.api.app import Tickwork

app = Tickwork()


@app.handler("demo.ring")
def ring(number: int) -> None:
    """Do the work of one order: nothing at all, so that what is seen is the scheduling."""
