"""Random recurrence rules that RFC 5545 allows, with a DTSTART and a zone: the same seed makes the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tickwork.clocks.zone import Zone, zone_names

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "America/Nuuk",
    "Pacific/Chatham",
)
#: So many hours before a move of the clocks rules by the hour and faster begin.
NEAR = {"HOURLY": 100, "MINUTELY": 12, "SECONDLY": 2}


@dataclass(frozen=True)
class Case:
    """A rule to try."""

    rule: str
    start: datetime
    zone: str
    gap: str
    fold: str


def random_case(random: Random) -> Case:
    """One rule of any frequency; those by the day and slower come oftener."""
    freq = random.choice(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"] * 2 + ["HOURLY", "MINUTELY", "SECONDLY"])
    anywhere = random.random() < 0.25
    first, years = (1900, 600) if anywhere else (2009, 13)
    start = datetime(first, 1, 1) + timedelta(seconds=random.randrange(years * 365 * 86_400))
    zone = random.choice(zone_names() if anywhere else ZONES)
    if freq in NEAR and random.random() < 0.6:
        start = _before_a_move(random, Zone.get(zone), start, NEAR[freq])
    elif random.random() < 0.6:
        start = start.replace(hour=random.choice([0, 1, 2, 3, 23]), minute=random.choice([0, 30]), second=0)
    parts = {"FREQ": freq}
    if random.random() < 0.4:
        parts["INTERVAL"] = str(random.choice([2, 2, 3, 4, 5, 7, 13, 25]))
    chance = lambda p: random.random() < p
    some = lambda values, most: ",".join(str(n) for n in random.sample(values, random.randint(1, most)))
    if chance(0.3):
        parts["BYMONTH"] = some(range(1, 13), 4)
    if freq == "YEARLY" and chance(0.25):
        parts["BYWEEKNO"] = some([*range(1, 54), *range(-53, 0)], 4)
    if freq in ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY") and chance(0.2):
        parts["BYYEARDAY"] = some([*range(1, 367), *range(-366, 0)], 40)
    if freq != "WEEKLY" and chance(0.3):
        parts["BYMONTHDAY"] = some([*range(1, 32), *range(-31, 0)], 6)
    if chance(0.35):
        numbered = freq in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts and chance(0.6)
        most = 5 if freq == "MONTHLY" or "BYMONTH" in parts else 53
        names = random.sample(DAYS, random.randint(1, 4))
        ordinal = lambda: random.choice(["", str(random.randint(1, most)), str(-random.randint(1, most))])
        parts["BYDAY"] = ",".join(f"{ordinal() if numbered else ''}{name}" for name in names)
    if chance(0.25):
        parts["BYHOUR"] = some(range(24), 3)
    if chance(0.2):
        parts["BYMINUTE"] = some(range(60), 3)
    if chance(0.1):
        parts["BYSECOND"] = some(range(60), 2)
    if chance(0.2) and any(name.startswith("BY") for name in parts):
        parts["BYSETPOS"] = some([1, 2, 3, -1, -2, -3, 7], 2)
    if chance(0.2):
        parts["COUNT"] = str(random.randint(1, 60))
    elif chance(0.15):
        parts["UNTIL"] = f"{start + timedelta(days=random.randint(1, 900)):%Y%m%dT%H%M%S}{random.choice(['', 'Z'])}"
    if chance(0.2):
        parts["WKST"] = random.choice(DAYS)
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    return Case(rule, start, zone, random.choice(["shift", "skip"]), random.choice(["first", "last", "both"]))


def _before_a_move(random: Random, zone: Zone, start: datetime, hours: int) -> datetime:
    """Return a start a little before the next move of the zone's clocks, where they are moved within twenty years."""
    low = int((start - datetime(1970, 1, 1)).total_seconds())
    moves = zone.transitions(low, low + 20 * 366 * 86_400)
    if not moves:
        return start
    at, before, _ = moves[0]
    return datetime(1970, 1, 1) + timedelta(seconds=at + before - random.randrange(60 * hours) * 60)
