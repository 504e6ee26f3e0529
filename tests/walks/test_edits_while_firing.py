"""Edits are linear: two daemons fire while four applications edit the same triggers and backends are killed."""

import pytest

from tests.support.storm import run_storm


@pytest.mark.long
@pytest.mark.stores("postgresql-18")
def test_twenty_thousand_edits(database, tmp_path, tell):
    storm = run_storm(database, tmp_path, seed=7, seconds=5, edits=20_000)
    tell(
        f"edits while firing: {storm.edits:,} edits, {storm.firings:,} firings, {storm.kills} kills; {dict(storm.counts)}"
    )
    assert storm.replaced_order_fired == []
    assert storm.doubled == []
    assert storm.lost == []
    assert storm.daemon_waits == []
    assert storm.edits >= 20_000 and storm.firings > 100 and storm.kills > 0
