"""Edits stay linear under five daemons, three workers, four applications and kills, for as long as you like."""

from __future__ import annotations

from tests.support import postgresql
from tests.support.stores import migrate
from tests.support.storm import run_storm
from tests.support.verification import Run


def verify(run: Run) -> None:
    with postgresql.bench_of_servers() as bench:
        server = postgresql.start("postgresql-18", bench)
        round_number = 0
        while run.goes_on():
            round_number += 1
            url = server.create()
            migrate(url)
            notes = bench / f"round-{round_number}"
            notes.mkdir()
            seed, seconds = run.random.randrange(2**20), min(run.left, 60)
            storm = run_storm(url, notes, seed, seconds, daemons=5, workers=3, edits=1_000)
            run.count("edits", storm.edits)
            run.count("firings", storm.firings)
            run.count("kills", storm.kills)
            assert not storm.replaced_order_fired, storm.replaced_order_fired[:3]
            assert not storm.doubled, storm.doubled[:3]
            assert not storm.lost, storm.lost[:3]
            assert not storm.daemon_waits, storm.daemon_waits[:3]
            server.drop(url)
