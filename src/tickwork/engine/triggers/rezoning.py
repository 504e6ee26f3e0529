"""New zone data: triggers of zones whose clocks changed are planned again, and only those.

Events remember the version of the zone data by which they were planned, and the store keeps a fingerprint of each
zone. A daemon whose own data are newer compares: most releases touch a few zones. It walks the planned events once, a
batch per turn, and re-plans those whose clock follows a changed zone, under the same locks as planning. Only when the
walk is through does it write its own version down, so a daemon that dies on the way leaves the work to the next.
A daemon whose data are older than the store's changes nothing and says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import msgspec

from tickwork.clocks.codec import decode_json
from tickwork.clocks.zone import tzdata_version
from tickwork.clocks.zonechange import changed_zones, fingerprints
from tickwork.engine.triggers.planning import plan_or_set_aside
from tickwork.errors import InvalidClock
from tickwork.store import events
from tickwork.store.dialect import Transaction
from tickwork.store.store import Store
from tickwork.watch import HOUR, SECOND, Instant, show_instant

log = logging.getLogger("tickwork.planning")

BATCH = 1_000
#: How often the versions are compared: hosts are upgraded while others run.
COMPARE_EVERY = HOUR
#: The stretch in which a zone's clocks are compared: 2020 to 2050.
FROM_AT, UNTIL_AT = 1_577_836_800 * SECOND, 2_524_608_000 * SECOND


class ZoneData(msgspec.Struct, frozen=True):
    """What the store remembers about the zone data of its events."""

    version: str
    zones: dict[str, str]

    @classmethod
    def own(cls) -> ZoneData:
        """The zone data of this process."""
        return cls(tzdata_version(), fingerprints(FROM_AT, UNTIL_AT))


@dataclass
class Rezoning:
    """A loop beside the daemon's: compares the zone data now and then, and re-plans what changed, a batch per turn."""

    store: Store
    batch: int = BATCH
    replanned: int = 0
    name: str = "zone-data"
    _changed: frozenset[str] | None = None
    _held: int = 0
    _after: int = 0
    _version: str = field(default_factory=tzdata_version)

    def turn(self, now: Instant) -> Instant | None:
        """Compare, or go on with a walk; return *now* while a walk is under way."""
        if self._changed is None and not self._differs():
            return now + COMPARE_EVERY
        return self._walk_on(now)

    def _walk_on(self, now: Instant) -> Instant:
        with self.store.begin("daemon") as transaction:
            rows = transaction.all("zoned_events", after=self._after, version=self._version, n=self.batch)
            self._replan(transaction, [row[0] for row in rows if self._follows(row[1], row[2])], now)
        if len(rows) == self.batch:
            self._after = rows[-1][0]
            return now
        self._after = 0
        if self._held:  # what somebody held is walked again, before the version is written down
            self._held = 0
            return now + SECOND
        log.info("zone data %s: %d triggers moved", self._version, self.replanned)
        self._changed = None
        self._write()
        return now + COMPARE_EVERY

    def _differs(self) -> bool:
        """Whether our zone data are newer than those by which events were planned."""
        with self.store.read() as transaction:
            row = transaction.one("zone_data")
        kept = None if row is None else msgspec.json.decode(row[0], type=ZoneData)
        if kept is None:
            self._write()
            return False
        if kept.version > self._version:
            log.warning(
                "this process has zone data %s, events were planned by %s: upgrade the tzdata package here, "
                "or clocks in zones that changed will disagree between hosts",
                self._version,
                kept.version,
            )
        if kept.version >= self._version:
            return False
        self._changed = changed_zones(kept.zones, FROM_AT, UNTIL_AT)
        log.info("zone data %s is newer than %s: %d zones changed", self._version, kept.version, len(self._changed))
        return True

    def _follows(self, kind: str, params: str) -> bool:
        try:
            return bool(decode_json(kind, params).zones() & (self._changed or frozenset()))
        except InvalidClock:
            return False  # planning has set it aside; there is nothing to re-plan

    def _replan(self, transaction: Transaction, ids: list[int], now: Instant) -> None:
        if not ids:
            return
        orders = events.lock_orders(transaction, ids)
        standing = events.lock_events(transaction, list(orders)) if orders else {}
        planned = []
        for trigger_id, event in standing.items():
            order = orders[trigger_id]
            if (event.version, event.generation) != (order.version, order.generation) or event.set_aside_at is not None:
                continue  # its letter is on the way, or a person must decide
            new = plan_or_set_aside(order, event, self._version, now)
            planned.append(new)
            if new.next_at != event.next_at:
                self.replanned += 1
                was = "never" if event.next_at is None else show_instant(event.next_at)
                log.info(
                    "zone data changed: %s moves from %s to %s",
                    order.key,
                    was,
                    "never" if new.next_at is None else show_instant(new.next_at),
                )
        events.save(transaction, planned, now)
        self._held += len(ids) - len(standing)

    def _write(self) -> None:
        value = msgspec.json.encode(ZoneData.own()).decode()
        with self.store.begin("daemon") as transaction:
            transaction.run("save_zone_data", value=value)
