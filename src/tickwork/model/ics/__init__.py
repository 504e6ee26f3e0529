"""Calendar files (.ics): events become clocks, reminders and keys that stay the same when the file is read again."""

from tickwork.model.ics.event import IcsAlarm, IcsEvent, IcsProblem, IcsReading
from tickwork.model.ics.reading import read_ics

__all__ = ["IcsAlarm", "IcsEvent", "IcsProblem", "IcsReading", "read_ics"]
