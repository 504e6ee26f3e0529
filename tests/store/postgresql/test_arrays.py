"""Whole arrays in the server's binary form: what is read back is what was sent, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwork.errors import StatementRefused
from tickwork.store.open import open_store
from tickwork.store.postgresql.arrays import Integers, Texts, Truths

pytestmark = pytest.mark.stores("postgresql")
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
BACK = "select %s::text[], %s::bigint[], %s::bool[]"


@pytest.fixture
def back(database):
    """Send three arrays, and return what the server makes of them."""
    store = open_store(database)

    def send(texts, integers, truths):
        with store.begin("worker", reading=True) as transaction:
            values = (Texts(texts), Integers(integers), Truths(truths))
            return transaction.connection.cursor(binary=True).execute(BACK, values).fetchone()

    yield send
    store.close()


def test_what_is_sent_comes_back(back):
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.none() | TEXT)
        | st.builds(lambda text, times: [text] * times, st.none() | TEXT, st.integers(0, 50)),
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
        st.lists(st.none() | st.booleans()),
    )
    def check(texts, integers, truths):
        assert back(texts, integers, truths) == (texts, integers, truths)

    check()


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800"])
def test_a_text_that_no_column_holds_is_refused(database, bad):
    store = open_store(database)
    for values in ([bad], ["fine", bad], [bad] * 3):
        with pytest.raises(StatementRefused), store.begin("worker", reading=True) as transaction:
            transaction.all("named_keys", namespace="", name="bulk", keys=values)
    store.close()
