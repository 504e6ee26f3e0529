"""Batch handlers: one call for many tasks, an outcome for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from tests.support.shop import Shop
from tickwork import Batch
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.worker.appetite import Appetite
from tickwork.errors import ConfigurationError, InvalidInput, InvalidPayload
from tickwork.model.action import PutTask
from tickwork.model.lease import Standing
from tickwork.signals import GiveUp, Snooze
from tickwork.store import claims, leases
from tickwork.store.claims import Subscription, Wish
from tickwork.watch import SECOND


@dataclass
class Page:
    url: str
    weight: int = 1


class Struct(msgspec.Struct):
    url: str


class Model(pydantic.BaseModel):
    url: str


def registry(function: Any, batch: int = 10, **settings: Any) -> Registry:
    made = Registry()
    made.add("index", function, batch=batch, **settings)
    return made


def test_one_call_takes_up_to_n(shop: Shop) -> None:
    calls: list[list[str]] = []

    def index(batch: Batch[Page]) -> None:
        calls.append([item.payload.url for item in batch])
        for item in batch:
            item.done(item.payload.weight)

    made = registry(index, keep_result=True)
    ids = [shop.put(made["index"].task(url=f"/{n}")) for n in range(25)]
    assert shop.worker(made, Appetite(concurrency=1)).run_due() == 25
    assert calls == [[f"/{n}" for n in range(10)], [f"/{n}" for n in range(10, 20)], [f"/{n}" for n in range(20, 25)]]
    assert {task: (row.outcome, row.result) for task, row in shop.archive.items()} == dict.fromkeys(ids, ("done", 1))
    assert shop.leases == []


def test_each_has_an_outcome_of_its_own(shop: Shop) -> None:
    def index(batch: Batch) -> None:
        well, fails, snoozes, gives_up = batch
        fails.fail("not this one")
        snoozes.fail(Snooze(60))
        gives_up.fail(GiveUp("no use"))
        well.task.put(PutTask.of("next"))
        fails.task.put(PutTask.of("never"))

    ids = [shop.put("index") for _ in range(4)]
    shop.worker(registry(index)).run_due()
    archive = shop.archive
    assert {task: row.outcome for task, row in archive.items()} == {ids[0]: "done", ids[3]: "gave up"}
    assert {ids[1], ids[2]} < set(shop.tasks)
    assert shop.attempts(ids[1])[0][2]["message"] == "not this one"
    assert shop.tasks[ids[2]].attempt == 0
    assert shop.ask("select handler, parent_id from tickwork.task where handler <> 'index'") == [("next", ids[0])]


def test_what_is_raised_happens_to_those_of_which_nothing_was_said(shop: Shop) -> None:
    def index(batch: Batch) -> None:
        batch[0].done("first")
        batch[1].fail(GiveUp("second"))
        raise ValueError("all the others")

    ids = [shop.put("index") for _ in range(4)]
    shop.worker(registry(index, keep_result=True)).run_due()
    assert {task: row.outcome for task, row in shop.archive.items()} == {ids[0]: "done", ids[1]: "gave up"}
    assert shop.archive[ids[0]].result == "first"
    assert [shop.attempts(task)[0][2]["message"] for task in ids[2:]] == ["all the others"] * 2


def test_one_whose_payload_cannot_be_read_fails_alone(shop: Shop) -> None:
    def index(batch: Batch[Page]) -> None:
        assert [item.payload.url for item in batch] == ["/a", "/b"]

    made = registry(index)
    good = [shop.put(made["index"].task(url="/a"))]
    bad = shop.put(PutTask.of("index", {"weight": 7}))
    good.append(shop.put(made["index"].task(url="/b")))
    shop.worker(made).run_due()
    assert sorted(shop.archive) == good
    assert shop.tasks[bad].attempt == 1


def test_cancelled_and_expired_ones_are_left_out(shop: Shop) -> None:
    calls: list[list[int]] = []

    def index(batch: Batch) -> None:
        calls.append([item.task.id for item in batch])

    made = registry(index)
    ids = [shop.put("index"), shop.put("index", expires_at=shop.watch.now() + 5 * SECOND), shop.put("index")]
    shop.wind(10)
    shop.worker(made).run_due()
    assert calls == [[ids[0], ids[2]]]
    assert shop.archive[ids[1]].outcome == "expired"


def test_last_attempts_are_marked_in_one_statement(shop: Shop) -> None:
    """A batch of last attempts costs one mark, not one each; those whose lease was lost stay out of the call."""
    calls: list[list[int]] = []

    def index(batch: Batch) -> None:
        calls.append([item.task.id for item in batch])

    for _ in range(5):
        shop.put("index", attempts=1)
    said: list[str] = []
    shop.store.dialect.on_statement = said.append
    shop.worker(registry(index), Appetite(concurrency=1)).run_due()
    assert calls == [[1, 2, 3, 4, 5]]
    assert said.count("mark_started") == 1


def test_a_coroutine_function_takes_batches_too(shop: Shop) -> None:
    async def index(batch: Batch[Page]) -> None:
        for item in batch:
            item.done(item.payload.url)

    made = registry(index, keep_result=True)
    ids = [shop.put(made["index"].task(url=f"/{n}")) for n in range(3)]
    shop.worker(made).run_due()
    assert [shop.archive[task].result for task in ids] == ["/0", "/1", "/2"]


def test_a_lost_lease_discards_the_whole_batch(shop: Shop) -> None:
    """X17 for batches."""
    made = registry(lambda batch: None)
    for _ in range(3):
        shop.put("index")
    with shop.store.begin("worker") as transaction:
        claimed = claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 10, 3))
    with shop.store.begin("worker") as transaction:
        assert leases.rescue(transaction, Standing(7, 0, 1)) is not None
    assert len(claimed) == 3
    shop.wind(3600)
    assert shop.worker(made).run_due() == 3
    assert {(row.outcome, row.attempt, row.lost) for row in shop.archive.values()} == {("done", 2, 1)}


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("kind", [Page, Struct, Model], ids=["dataclass", "struct", "pydantic"])
def test_payloads_of_items_are_checked_when_they_are_put(kind: Any) -> None:
    def index(batch) -> None: ...

    index.__annotations__["batch"] = Batch[kind]
    handler = registry(index)["index"]
    assert handler.arguments(handler.task(url="/a").payload, 1)["payload"] == kind(url="/a")
    with pytest.raises(InvalidPayload, match="index"):
        handler.task(url=7)
    with pytest.raises(InvalidPayload, match="uri"):
        handler.task(url="/a", uri="/b")


@pytest.mark.stores("sqlite")
def test_what_cannot_be_a_batch_handler_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="one parameter"):
        registry(lambda task, page: None)
    with pytest.raises(InvalidInput, match="batch"):
        registry(lambda batch: None, batch=0)
