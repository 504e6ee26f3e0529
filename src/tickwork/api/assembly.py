"""Puts the parts together: the only place that knows the store, every wing of the engine, and how they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tickwork.api.by_hand import Hand
from tickwork.api.desk import Desk, Perform
from tickwork.api.job_part import JobPart
from tickwork.api.loop_part import LoopPart
from tickwork.api.process import Part, Process
from tickwork.api.settings import Settings
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.jobs import Jobs
from tickwork.engine.generators.source import sources_of
from tickwork.engine.presence import Presence
from tickwork.engine.tasks import command
from tickwork.engine.tasks.bounded import BoundedWorker
from tickwork.engine.tasks.job_calls import JobCalls
from tickwork.engine.tasks.post import LONGEST_ABSENCE, Post
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.engine.triggers.rezoning import Rezoning
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.source import Source
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import COMMAND
from tickwork.model.standing_order import span
from tickwork.store.claims import LEAST_URGENT, Subscription
from tickwork.store.dialect import Result, Verb
from tickwork.store.job_runs import JobRuns
from tickwork.store.open import open_store, sqlite_path
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import HOUR, SECOND, Instant, SystemWatch, Watch, to_duration


def store_of(settings: Settings, watch: Watch | None) -> Store:
    """Open the store that the settings name; it connects when it is first used."""
    store = open_store(
        settings.database,
        schema=settings.schema,
        pool_size=settings.pool_size,
        synchronous=settings.synchronous,
    )
    store.watch = watch
    return store


def own_desk(store: Store, settings: Settings, handlers: Registry, ready: Callable[[], None]) -> Desk:
    """Return the desk that performs each verb in a transaction of the library's own."""

    def perform(make: Callable[[], Verb[Result]], /) -> Result:
        ready()
        return store.perform("application", make)

    def look(make: Callable[[], Verb[Result]], /) -> Result:
        ready()
        with store.read() as transaction:
            return transaction.perform(make())

    return desk(store, settings, handlers, perform, look)


def desk(
    store: Store, settings: Settings, handlers: Registry, perform: Perform, look: Perform, *, lent: bool = False
) -> Desk:
    """Return a desk behind which somebody else performs."""
    scope = Scope.of(store.dialect, settings.namespace, wake=settings.wake == "notify")

    def now() -> Instant:
        return (store.watch or SystemWatch()).now()

    return Desk(scope, handlers, now, perform, look, settings.payload_limit, lent)


def worker_of(
    store: Store,
    settings: Settings,
    handlers: Registry,
    *,
    generators: Sequence[Generator] = (),
    jobs: bool = False,
    queues: Sequence[str] = (),
    concurrency: int = Appetite.concurrency,
    batch: int = Appetite.batch,
    lease: timedelta | float | None = None,
    allow_commands: bool = False,
    at_once: bool = False,
    priority_at_most: int | None = None,
    ageing: timedelta | float | None = None,
    replica_lag: timedelta | float | None = None,
    reserve: int = 0,
) -> Worker:
    """Return a worker for the namespace of the settings; *at_once* needs no threads (tests).

    It draws from the queue, from *generators*, and (*jobs*) from the jobs that are scheduled.
    """
    appetite = appetite_of(concurrency, reserve, lease, batch, replica_lag)
    subscription = Subscription(
        (settings.namespace,),
        _queues(queues),
        LEAST_URGENT if priority_at_most is None else limits.priority(priority_at_most),
        0 if ageing is None else span(ageing, "ageing"),
    )
    if allow_commands and COMMAND not in handlers:
        command.allow_commands(handlers)
    others = others_of(store, settings, handlers, generators, jobs=jobs)
    return Worker(store, handlers, subscription, appetite, sources=others, at_once=at_once)


def appetite_of(
    concurrency: int,
    reserve: int = 0,
    lease: timedelta | float | None = None,
    batch: int = Appetite.batch,
    replica_lag: timedelta | float | None = None,
) -> Appetite:
    """Check how much a worker takes; raises InvalidInput."""
    hands = limits.number(concurrency, "concurrency", 1, 10_000)
    return Appetite(
        hands,
        limits.number(batch, "batch", 1, 10_000),
        Appetite.lease if lease is None else lease_of(lease),
        None if replica_lag is None else span(replica_lag, "replica_lag"),
        limits.number(reserve, "reserve", 0, hands - 1),
    )


def others_of(
    store: Store, settings: Settings, handlers: Registry, generators: Sequence[Generator], *, jobs: bool
) -> list[Source]:
    """Return the sources of a worker beside the queue."""
    found = sources_of(store, settings.namespace, generators)
    if jobs:
        rows = JobRuns(store, namespaces=(settings.namespace,))
        found.append(Jobs(rows, JobCalls(handlers), settings.namespace))
    return found


def bounded_worker_of(
    store: Store,
    settings: Settings,
    handlers: Registry,
    generators: Sequence[Generator],
    *,
    limit: int | None,
    queues: Sequence[str],
    concurrency: int,
    lease: timedelta | float | None,
    allow_commands: bool,
) -> BoundedWorker:
    """Return a worker for a while, for the namespace of the settings."""
    appetite = appetite_of(concurrency, lease=lease)
    subscription = Subscription((settings.namespace,), _queues(queues))
    if allow_commands and COMMAND not in handlers:
        command.allow_commands(handlers)
    others = others_of(store, settings, handlers, generators, jobs=True)
    return BoundedWorker(store, handlers, subscription, appetite, limit, sources=others)


def _queues(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(limits.text(name, "queues", limits.NAME_LENGTH) for name in limits.several(names, "queues"))


def lease_of(length: timedelta | float) -> int:
    """Check how long a claim is to last: shorter ones would run out between two heartbeats of a busy machine."""
    duration = to_duration(length, "lease")
    if not SECOND <= duration <= HOUR:
        raise InvalidInput("lease", length, "a duration from a second to an hour")
    return duration


def post_of(settings: Settings, worker: Worker, asked_every: Iterable[int]) -> Post:
    """Return what a worker process serves, for whoever stands in for it, and how often its generators must be asked."""
    served, address, absence = worker.queue.subscription, settings.database, LONGEST_ABSENCE
    if urlsplit(address).scheme == "sqlite":
        path, _ = sqlite_path(address)
        query = urlsplit(address).query
        address = f"sqlite:///{Path(path).absolute()}" + (f"?{query}" if query else "")
        absence = 0 if path == ":memory:" else absence  # nobody else can see it
    return Post(
        address,
        settings.schema,
        served.namespaces,
        served.queues,
        served.priority_at_most,
        worker.queue.registry.known,
        min([absence, *asked_every]),
    )


def process_of(
    store: Store, *, daemon: bool, worker: Worker | None, parts: Sequence[Part] = (), post: Post | None = None
) -> Process:
    """Return what runs beside each other in this process."""
    if daemon:
        presence = Presence(store, "daemon")
        parts = (
            *parts,
            JobPart(store),
            LoopPart(store, Rezoning(store)),
            LoopPart(store, presence, ended=presence.leave),
        )
    return Process(store, TriggerDaemon(store) if daemon else None, worker, parts, post)


def hand_of(store: Store, settings: Settings, handlers: Registry, generators: Sequence[Generator]) -> Hand:
    """Return daemon, controller of jobs and worker to be turned by hand, by the store's watch."""
    return Hand(store, worker_of(store, settings, handlers, generators=generators, jobs=True, at_once=True))
