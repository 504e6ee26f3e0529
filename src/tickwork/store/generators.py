"""The rows of generators: read, claimed under a token, remembered by compare and swap, ended, parked.

Whoever ends a piece of work, or changes what is remembered of it, must still have it under his token: the first
statement holds the row by it, and where there is none the claim was lost. These are verbs, so they run in a worker's
transaction and in an application's alike, and what is remembered commits together with the work that it describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tickwork.errors import LeaseLost, NotFound, TryAgain
from tickwork.model.generator import Again, Claim, Kept, Offer, Over, Park, Parked, Rest, Verdict, decoded, encoded
from tickwork.model.limits import text
from tickwork.store.dialect import Row, Transaction, Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Head:
    """A generator's own row."""

    namespace: str
    name: str
    kept: Kept


@dataclass(frozen=True, slots=True)
class Terms:
    """How the work of one generator is claimed: how many at once over all workers, how long a claim lasts unrenewed."""

    namespace: str
    name: str
    length: int
    limit: int | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a claim: the work that is ours, and what was parked because its workers died too often."""

    claims: list[Claim]
    parked: int = 0


def kept_of(row: Sequence[Any]) -> Kept:
    """Return a row as a value."""
    return Kept(row[0], decoded(row[1]), *row[2:15])


def heads(transaction: Transaction, namespaces: Sequence[str]) -> tuple[Instant, list[Head]]:
    """Return the time, and every generator's own row."""
    rows = transaction.all("generators_at_rest", namespaces=list(namespaces))
    found = [Head(row[17], row[2], kept_of((row[1], *row[3:17]))) for row in rows if row[2] is not None]
    return rows[0][0], found


def named(transaction: Transaction, namespace: str, name: str, keys: Iterable[str]) -> dict[str, Kept]:
    """Return what is remembered of these keys."""
    rows = transaction.all("named_keys", namespace=namespace, name=name, keys=sorted(keys))
    return {row[0]: kept_of(row) for row in rows}


def parked(transaction: Transaction, namespace: str, name: str, keys: Iterable[str]) -> dict[str, Parked]:
    """Return which of these pieces of work are parked."""
    rows = transaction.all("parked_of_keys", namespace=namespace, name=name, keys=sorted(keys))
    return {row[1]: Parked(*row) for row in rows}


def make(transaction: Transaction, namespace: str, name: str, about: str) -> None:
    """Give a generator its own row, or bring up to date what that says about it."""
    transaction.run("make_generator", namespace=namespace, name=name, about=about)


def take(
    transaction: Transaction, terms: Terms, offers: Mapping[str, Offer], worker_id: int, tokens: Sequence[int]
) -> Taken:
    """Claim offered work, each piece under a token of its own; what is held, had, waiting or parked is left out."""
    where = {"namespace": terms.namespace, "name": terms.name}
    room = len(offers)
    if terms.limit is not None:
        transaction.all("hold_generator", **where)
        row = transaction.one("work_in_hands", **where)
        room = min(room, terms.limit - (0 if row is None else row[0]))
    if room <= 0:
        return Taken([])
    keys = sorted(offers)
    transaction.run("make_keys", **where, keys=keys)
    aside = parked(transaction, terms.namespace, terms.name, keys)
    held = {row[0]: row for row in transaction.all("hold_keys", **where, keys=keys)}
    claims: list[Claim] = []
    spoiled = 0
    for key, offer in offers.items():
        row = held.get(key)
        if row is None or len(claims) >= room or not kept_of(row).may_be_had(row[16]):
            continue
        if key in aside:
            if aside[key].source == offer.source:
                continue
            transaction.all("release_parked", namespaces=[terms.namespace], name=terms.name, identifier=key)
        failures = row[11] + (row[15] is not None)  # a claim that nobody ended: its worker died with it
        claim = _claim(terms, offer, row, failures, tokens[len(claims)])
        if row[15] is not None and terms.attempts is not None and failures >= terms.attempts:
            _park_lost(transaction, claim, terms.namespace)
            spoiled += 1
            continue
        transaction.run("grant_lease", token=claim.token, worker_id=worker_id, length=terms.length)
        values = {"key": key, "token": claim.token, "priority": offer.priority, "failures": failures}
        transaction.run("take_key", **where, **values)
        claims.append(claim)
    left = sorted(set(keys) - {claim.identifier for claim in claims})
    if left:
        transaction.run("leave_keys", **where, keys=left)
    return Taken(claims, spoiled)


def _claim(terms: Terms, offer: Offer, row: Row, failures: int, token: int) -> Claim:
    return Claim(
        terms.name,
        offer.identifier,
        offer.priority,
        token,
        claimed_at=row[16],
        payload=offer.payload,
        source=offer.source,
        state=decoded(row[1]),
        version=row[2],
        failures=failures,
    )


def _park_lost(transaction: Transaction, claim: Claim, namespace: str) -> None:
    values = {"namespace": namespace, "name": claim.generator, "key": claim.identifier}
    reason = f"its worker was lost in {claim.failures} runs"
    more = {"source": claim.source, "attempts": claim.failures, "reason": reason, "error": None}
    transaction.run("park_work", **values, **more)
    transaction.run("take_key", **values, token=claim.token, priority=claim.priority, failures=0)
    if not transaction.all("forget_work", **values, token=claim.token):
        transaction.all("end_work", **values, token=claim.token, state=None, after=None, done=0, failed=1, error=reason)


# -------------------------------------------------------------------------------------------------------------- verbs


def hold(scope: Scope, claim: Claim) -> Verb[None]:
    """Hold a piece of work by its token to the end of the transaction; raises LeaseLost."""
    if not scope.chains_writes:
        yield from ask("become_writer")
    rows = yield from ask("hold_work", **_which(scope, claim))
    if not rows:
        raise LeaseLost(f"{claim.name} was given up on meanwhile; what this run did is discarded")


def remember(scope: Scope, claim: Claim, state: dict[str, Any]) -> Verb[int]:
    """Replace what is remembered of a piece of work that is in our hands; return the new version. Raises LeaseLost."""
    rows = yield from ask("remember_state", **_which(scope, claim), state=encoded(state))
    if not rows:
        raise LeaseLost(f"{claim.name} was given up on meanwhile; what this run did is discarded")
    return int(rows[0][0])


def end(scope: Scope, claim: Claim, verdict: Verdict, *, lent: bool = False) -> Verb[None]:
    """Give a piece of work back as the verdict says, and end its claim; raises LeaseLost.

    In a *lent* transaction the claim itself, which is a worker's, is left for the worker to drop.
    """
    yield from hold(scope, claim)
    which = _which(scope, claim)
    state = verdict.state if isinstance(verdict, (Rest, Over)) else None
    after, error, failed = None, None, 0
    if isinstance(verdict, (Rest, Again)):
        after = verdict.after
    if isinstance(verdict, (Again, Park)):
        error, failed = verdict.error, 1
    if isinstance(verdict, Park):
        values = {"source": claim.source, "attempts": claim.attempt, "reason": verdict.reason, "error": error}
        yield from ask("park_work", **{name: each for name, each in which.items() if name != "token"}, **values)
    gone = [] if state or isinstance(verdict, (Rest, Again)) else (yield from ask("forget_work", **which))
    if not gone:
        text_ = None if state is None else encoded(state)
        yield from ask("end_work", **which, state=text_, after=after, done=1 - failed, failed=failed, error=error)
    if not lent:
        yield from ask("end_work_lease", token=claim.token)
    if not isinstance(verdict, (Again, Park)) and after == 0:
        yield from ask("wake_for_generators", channel=scope.channel)


def give_back(scope: Scope, claim: Claim) -> Verb[None]:
    """Give back a piece of work that had not begun, or was cut off: it is offered again as it was. Raises LeaseLost."""
    yield from hold(scope, claim)
    yield from ask("let_go_of_work", **_which(scope, claim))
    which = {"namespace": scope.namespace, "name": claim.generator}
    yield from ask("leave_keys", **which, keys=[claim.identifier])
    yield from ask("end_work_lease", token=claim.token)


def swap(scope: Scope, name: str, key: str, state: dict[str, Any], expected: int) -> Verb[int]:
    """Replace what is remembered of a key if it still has the version *expected* (0: nothing yet); return the new one.

    Raises TryAgain where somebody else was first.
    """
    which = {"namespace": scope.namespace, "name": name, "key": text(key, "key"), "state": encoded(state)}
    rows = [] if expected else (yield from ask("first_state", **which))
    if not rows:
        rows = yield from ask("swap_state", **which, expected=expected)
    if not rows:
        raise TryAgain(f"{name}/{key} has changed since version {expected} was read: read it again and begin anew")
    return int(rows[0][0])


def reading(scope: Scope, name: str, keys: Sequence[str]) -> Verb[list[Kept]]:
    """Return what is remembered of some keys."""
    rows = yield from ask("named_keys", namespace=scope.namespace, name=name, keys=list(keys))
    return [kept_of(row) for row in rows]


def listing(scope: Scope) -> Verb[list[Head]]:
    """Return every generator's own row, those of the whole database among them."""
    rows = yield from ask("generators_at_rest", namespaces=_namespaces(scope))
    return [Head(row[17], row[2], kept_of((row[1], *row[3:17]))) for row in rows if row[2] is not None]


def keys(namespace: str, name: str, after: str, n: int) -> Verb[list[Kept]]:
    """Return what is remembered of a generator's keys, in their order."""
    rows = yield from ask("keys_of_generator", namespace=namespace, name=name, after=after, n=n)
    return [kept_of(row) for row in rows]


def listing_parked(scope: Scope, name: str | None, n: int) -> Verb[list[Parked]]:
    """Return parked work, what has been parked longest first."""
    rows = yield from ask("list_parked", namespaces=_namespaces(scope), name=name, n=n)
    return [Parked(*row) for row in rows]


def pause(scope: Scope, name: str, key: str) -> Verb[None]:
    """Hand out nothing more of a generator (or of one key of it); raises NotFound."""
    yield from _told(scope, "pause_generator", name, key)


def resume(scope: Scope, name: str, key: str) -> Verb[None]:
    """Undo a pause; raises NotFound."""
    yield from _told(scope, "resume_generator", name, key)


def wake(scope: Scope, name: str, key: str = "") -> Verb[int]:
    """Have a generator (and one key of it) looked at now; return how many rows were told. Never waits for anybody."""
    if not scope.chains_writes:
        yield from ask("become_writer")
    rows = yield from ask("wake_generator", namespaces=_namespaces(scope), name=name, key=key)
    yield from ask("wake_for_generators", channel=scope.channel)
    return len(rows)


def release(scope: Scope, name: str, identifier: str | None) -> Verb[list[str]]:
    """Let parked work (None: all of a generator) be offered again; return what was released."""
    if not scope.chains_writes:
        yield from ask("become_writer")
    rows = yield from ask("release_parked", namespaces=_namespaces(scope), name=name, identifier=identifier)
    released = sorted(row[0] for row in rows)
    yield from ask("release_keys", namespaces=_namespaces(scope), name=name, keys=released)
    yield from wake(scope, name)
    return released


def _told(scope: Scope, statement: str, name: str, key: str) -> Verb[None]:
    if not scope.chains_writes:
        yield from ask("become_writer")
    rows = yield from ask(statement, namespaces=_namespaces(scope), name=name, key=key)
    if not rows:
        what = f"{name}/{key}" if key else name
        raise NotFound(f"there is no generator {what!r} in the namespace {scope.namespace!r}: tickwork generator list")
    yield from ask("wake_for_generators", channel=scope.channel)


def _which(scope: Scope, claim: Claim) -> dict[str, Any]:
    return {"namespace": scope.namespace, "name": claim.generator, "key": claim.identifier, "token": claim.token}


def _namespaces(scope: Scope) -> list[str]:
    """Those of an application, and those that look after the whole database."""
    return [scope.namespace, ""]


def count(transaction: Transaction, namespace: str, name: str, done: int, failed: int, served_at: Instant) -> None:
    """Add up how many runs of a generator ended well and how many failed."""
    values = {"done": done, "failed": failed, "served_at": served_at}
    transaction.run("count_work", namespace=namespace, name=name, **values)
