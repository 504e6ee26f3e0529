"""The contract as a check: it passes those that ship, and says what is wrong with others."""

import pytest

from tests.engine.generators.field import Given
from tickwork.engine.generators.collection import Collector, Retention
from tickwork.engine.generators.contract import check_offers
from tickwork.engine.generators.cursor import Cursor
from tickwork.engine.generators.deadline import Deadline
from tickwork.engine.generators.polling import Polling
from tickwork.errors import InvalidInput
from tickwork.model.generator import Offer


def test_those_that_ship_keep_it(field):
    field.sql("create table item (id integer primary key)")
    field.sql("insert into item values (3), (1), (2)")
    shipped = [
        Cursor("cursor", "item", print),
        Cursor("each", "item", print, key="id"),
        Deadline("deadline", "select id as identifier from item order by id", print),
        Polling("polling", "select id as identifier from item", print),
        Retention([Collector("a", lambda *_: 0), Collector("b", lambda *_: 0)]),
    ]
    found = {each.name: check_offers(field.store, "default", each, field.watch.now(), 10) for each in shipped}
    names = {name: [offer.identifier for offer in offers] for name, offers in found.items()}
    three = ["1", "2", "3"]
    assert names == {"cursor": ["all"], "each": three, "deadline": three, "polling": three, "retention": ["a", "b"]}


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        ([Offer("a", 2000), Offer("a", 2000)], "the same work twice"),
        ([Offer("a", 2001), Offer("b", 2000)], "the best first"),
        ([Offer("a", 9)], "expected 2000 to 2001"),
        ([Offer("", 2000)], "identifier of given"),
    ],
)
@pytest.mark.stores("sqlite")
def test_what_breaks_it_is_said(field, offers, said):
    with pytest.raises((AssertionError, InvalidInput), match=said):
        check_offers(field.store, "default", Given("given", offers, (2000, 2001)), field.watch.now(), 10)


@pytest.mark.stores("sqlite")
def test_offering_must_not_give_away(field):
    left = [Offer("a", 2000), Offer("b", 2000)]
    with pytest.raises(AssertionError, match="gives work away"):
        check_offers(field.store, "default", Given("given", lambda *_: [left.pop()]), field.watch.now(), 1)
