"""Ranking: the same as "ask everyone and sort", at the price of asking few."""

from hypothesis import given
from hypothesis import strategies as st

from tickwork.model.generator import Offer, Range
from tickwork.model.ranking import Candidate, choose, taken

NOW = 1_000


class Shelf:
    """Generators with their offers, and who was asked."""

    def __init__(self, **offers):
        self.offers, self.asked = offers, []

    def __call__(self, name, limit):
        self.asked.append(name)
        return sorted(self.offers[name], key=lambda each: (each.priority, each.due_at, each.identifier))[:limit]


def test_g1_who_could_give_nothing_better_is_not_asked():
    """G1: A[1000-2000] offers 1500; B[2000] and C[4000] are not asked."""
    shelf = Shelf(a=[Offer("1", 1500, 0)], b=[Offer("2", 2000, 0)], c=[Offer("3", 4000, 0)])
    found = choose([Candidate("a", 1000, 0), Candidate("b", 2000, 0), Candidate("c", 4000, 0)], shelf, 1, NOW)
    assert [each.generator for each in found] == ["a"]
    assert shelf.asked == ["a"]


def test_g2_equals_take_turns():
    """G2: A and B offer 2000: they alternate; C is not asked."""
    shelf = Shelf(a=[Offer("1", 2000, 0)], b=[Offer("2", 2000, 0)], c=[Offer("3", 4000, 0)])
    turns, order = {"a": 0, "b": 0, "c": 0}, []
    for turn in range(1, 7):
        ranges = [Candidate("a", 1000, turns["a"]), Candidate("b", 2000, turns["b"]), Candidate("c", 4000, turns["c"])]
        (chosen,) = choose(ranges, shelf, 1, NOW)
        turns[chosen.generator] = turn
        order.append(chosen.generator)
    assert order == ["a", "b"] * 3
    assert "c" not in shelf.asked


priorities = st.integers(1, 12)


@st.composite
def shelves(draw):
    found = {}
    for name in draw(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)):
        within = Range.of(tuple(sorted((draw(priorities), draw(priorities)))))
        offers = [
            Offer(f"{name}{number}", draw(st.integers(within.best, within.worst)), draw(st.integers(0, 3)))
            for number in range(draw(st.integers(0, 5)))
        ]
        exact = draw(st.booleans()) and bool(offers)
        best = min(each.priority for each in offers) if exact else within.best
        found[name] = (Candidate(name, best, draw(st.integers(0, 3))), offers)
    return found


@given(shelves(), st.integers(1, 7))
def test_g4_the_choice_is_the_minimum_always(found, count):
    """G4: the choice is the global minimum of (priority, due, turn and name), whoever is asked."""
    shelf = Shelf(**{name: offers for name, (_, offers) in found.items()})
    chosen = choose([candidate for candidate, _ in found.values()], shelf, count, NOW)
    everyone = sorted(
        (offer.priority, offer.due_at, candidate.turn, name, offer.identifier)
        for name, (candidate, offers) in found.items()
        for offer in offers
    )
    assert [each[:5] for each in chosen] == everyone[:count]
    if len(chosen) == count:
        worst = chosen[-1].priority
        assert not [name for name in shelf.asked if found[name][0].best > worst], "asked in vain"


@given(st.lists(priorities), st.integers(0, 6), st.integers(0, 6))
def test_reserved_hands_wait_for_what_is_urgent(offered, free, usual):
    choices = choose([Candidate("a", 1, 0)], lambda *_: [Offer(str(n), p, 0) for n, p in enumerate(offered)], 99, NOW)
    chosen = [each.priority for each in taken(choices, free, usual, urgent=5)]
    assert len(chosen) <= free
    assert sum(p > 5 for p in chosen) <= usual
    assert chosen == sorted(chosen)
    urgent = sorted(p for p in offered if p <= 5)
    assert [p for p in chosen if p <= 5] == urgent[: len([p for p in chosen if p <= 5])]
    if len(chosen) < free:
        assert [p for p in chosen if p <= 5] == urgent
