"""A worker whose claim or settling is refused: nothing is lost, nobody else's work is taken up, and nobody waits in vain."""

from __future__ import annotations

from tickwork.model.generator import Offer
from tickwork.model.lease import LENGTH, Tokens
from tickwork.store import claims, leases
from tickwork.store.claims import Subscription, Wish
from tickwork.store.store import Store


def test_tokens_made_at_one_instant_are_different():
    """Of a thousand numbers drawn one by one among four millions, two are the same in one case of nine."""
    tokens = Tokens()
    for instant in (2_000_000_000_000_000, 1_999_999_999_000_000, 2_000_000_000_001_000):
        made = [tokens.next(instant) for _ in range(100_000)]
        assert len(set(made)) == len(made) and made == sorted(made)


def test_work_under_a_token_that_another_has_drawn_is_not_taken_up(works):
    """The claim is refused as a whole; what stands under that token is the other's, and is run once, by it."""
    others = works.task()
    worker = works.worker()
    at = works.watch.now()
    taken = Tokens(lambda bits: 5).next(at)
    with works.store.begin("worker") as transaction:
        (held,) = claims.claim(transaction, Subscription(("default",)), Wish(taken, 7, LENGTH, 1, 1))
    mine = works.task()
    worker.pump.plan._tokens = Tokens(lambda bits: 5)
    refused = 0
    while not worker.pump.idle or not works.began:
        try:
            worker.pump.turn(worker.steady.now())
        except Exception as error:
            refused += 1
            assert refused == 1, error
    worker.pump.settle_all(worker.steady.now())
    assert refused == 1
    assert works.began == [mine]
    with works.store.read() as transaction:
        assert [each.id for each in claims.held_under(transaction, taken)] == [held.id]
    assert others == f"queue/{held.id}"


def rename(store: Store, old: str, new: str) -> None:
    with store.begin("installer", handing=True) as transaction:
        text = store.dialect.turn(f"alter table tickwork.{old} rename to {{}}")
        transaction.connection.execute(text.format(new if "tickwork." in text else f"tickwork_{new}"))


def test_what_cannot_be_settled_is_kept_for_the_next_time(works):
    """Time stands still and the table of leases is away when the run ends: the loop comes back, and nothing is forgotten."""
    shelf = works.shelf("shelf", Offer("a", 2000))
    run = shelf.do

    def break_and_run(work):
        rename(works.store, "lease", "lost_lease")
        run(work)

    shelf.do = break_and_run
    worker = works.worker(shelf, jobs=False)
    assert worker.run_due() == 1
    assert works.began == ["shelf/a"]
    assert worker.pump.unsettled == 1
    rename(works.store, "lost_lease", "lease")
    worker.run_due()
    assert works.began == ["shelf/a"]
    assert worker.pump.empty
    assert works.field.one("select count(*) from tickwork.lease") == 0


def test_a_refused_claim_holds_up_nothing_that_ends_later(works):
    """Another worker has the token that is drawn first. Time stands still: what is drawn next is settled all the same."""
    worker = works.worker(works.shelf("shelf", Offer("a", 2000)), jobs=False)
    taken = Tokens(lambda bits: 5).next(works.watch.now())
    with works.store.begin("worker") as transaction:
        assert leases.grant_unless_held(transaction, taken, worker_id=7, length=LENGTH)
    worker.pump.plan._tokens = Tokens(lambda bits: 5)
    worker.pump.turn(worker.steady.now())
    assert works.began == []
    worker.pump.plan.ask_all()
    for _ in range(2):  # one draws and runs, one settles
        worker.pump.turn(worker.steady.now())
    assert works.began == ["shelf/a"]
    assert worker.pump.unsettled == 0
    assert works.field.sql("select token from tickwork.lease") == [(taken,)]
