"""Five kinds of work that is worked out when there is a free hand, in a Django project: no queue of it exists anywhere.

Webhooks from a history table; builds that fail after what their plan allows; a watchlist whose entries expire; coverage
added up in chunks; and a table of the application's own that is collected. The models are Django's, and so is the
transaction in which a build fails: what it writes and the end of that piece of work are one commit.

    $ python examples/django_models.py
    webhooks: up got 20, down was probed once, 0 tasks in the queue; repaired, it got 20 in order
    build time-outs: 0 failed under 2 h; the plan says 10 min: 40 failed, each once; 0 triggers written
    watchlist: 252 pages seen; a day later 2, and 252 rows are there; purged, 2 are left
    coverage: one chunk, 500 reports; worked off: 3000 reports of 1000 files, exact
    collection: 75 drafts of 100 were thrown away; collected, 25 are left
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import django
from django.conf import settings
from django.db import connection, connections, models, transaction
from django.db.models import Count, F, Sum

from tickwork import Aggregate, Cursor, ExpiryRule, Generator, Offer, OwnTransaction, Tickwork, Work
from tickwork.watch import ManualWatch, from_instant


def database(address: str) -> dict[str, Any]:
    """Return an address as Django's settings say it; on SQLite its transactions begin as writers."""
    if address.startswith("sqlite:"):
        name, options = address.removeprefix("sqlite:///"), {"transaction_mode": "IMMEDIATE"}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": options}
    parts = urlsplit(address)
    where = {"NAME": parts.path[1:], "USER": parts.username, "PASSWORD": parts.password}
    return {"ENGINE": "django.db.backends.postgresql", **where, "HOST": parts.hostname, "PORT": parts.port}


FOLDER = tempfile.TemporaryDirectory()
ADDRESS = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(FOLDER.name) / 'project.db'}"
settings.configure(
    DATABASES={"default": database(ADDRESS)}, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField"
)
django.setup()

# ----------------------------------------------------------------------------------------------------------- models.py


class Model(models.Model):
    class Meta:
        abstract = True
        app_label = "project"


class Hook(Model):
    path = models.CharField(max_length=50)
    enabled = models.BooleanField(default=True)


class Call(Model):
    hook = models.ForeignKey(Hook, models.CASCADE)
    body = models.TextField()


class Plan(Model):
    allows = models.DurationField(null=True)  # null: as long as it takes


class Build(Model):
    plan = models.ForeignKey(Plan, models.CASCADE)
    status = models.CharField(max_length=10, default="running")
    started_at = models.DateTimeField()
    failures = models.IntegerField(default=0)


class Watched(Model):
    page = models.CharField(max_length=50)
    expires_at = models.DateTimeField(null=True, db_index=True)  # null: for ever


class Report(Model):
    file = models.CharField(max_length=50)
    lines = models.IntegerField()


class Covered(Model):
    file = models.CharField(max_length=50, primary_key=True)
    reports = models.IntegerField()
    lines = models.IntegerField()


class Draft(Model):
    discarded = models.BooleanField()


MODELS = (Hook, Call, Plan, Build, Watched, Report, Covered, Draft)

# ---------------------------------------------------------------------------------------------------------- tickwork.py

watch = ManualWatch(datetime(2026, 1, 1, 10, tzinfo=timezone.utc))  # wound by hand; in production there is none
app = Tickwork(ADDRESS, watch=watch)


def now() -> datetime:
    return from_instant(watch.now())


def deliver(row: dict[str, Any]) -> None:
    """Tell a receiver of one call; raises for what is no 2xx, and the place stays where it is."""
    path = Hook.objects.values_list("path", flat=True).get(pk=row["hook_id"])
    urlopen(Request(f"http://127.0.0.1:{server.server_port}{path}", row["body"].encode()), timeout=15).close()


class BuildTimeouts(Generator):
    """Fails builds that run for longer than their plan allows; no date is written down, so a new limit holds at once."""

    def overdue(self) -> models.QuerySet[Build]:
        return Build.objects.filter(status="running", started_at__lte=now() - F("plan__allows"))

    def offers(self, limit: int, now: int) -> Iterable[Offer]:
        found = self.overdue().order_by("started_at").values_list("pk", flat=True)[:limit]
        return [Offer(str(pk), self.range.best) for pk in found]

    def run(self, work: Work) -> None:
        with transaction.atomic():  # the end of the work, and its effect, once the work is held
            app.on("default").generators.end(work)
            still = self.overdue().filter(pk=work.identifier).values_list("pk", flat=True)
            Build.objects.filter(pk__in=list(still)).update(status="failed", failures=F("failures") + 1)


RULE = ExpiryRule("project_watched")


def add(rows: list[dict[str, Any]], own: OwnTransaction) -> None:
    """Add a chunk of reports; the sums and the place up to which they reach are one commit."""
    own.execute(
        "insert into project_covered (file, reports, lines)"
        f" select file, count(*), sum(lines) from project_report where id between {rows[0]['id']} and {rows[-1]['id']}"
        " group by file on conflict (file) do update"
        " set reports = project_covered.reports + excluded.reports, lines = project_covered.lines + excluded.lines"
    )


def collect(own: OwnTransaction, now: int, limit: int) -> int:
    """Remove a slice of what was thrown away."""
    slice_ = f"select id from project_draft where discarded order by id limit {limit}"
    return int(own.execute(f"delete from project_draft where id in ({slice_})").rowcount)


app.generators.add(
    Cursor(
        "webhooks",
        "project_call",
        deliver,
        key="hook_id",
        receivers="select id as receiver from project_hook where enabled",
    )
)
app.generators.add(BuildTimeouts("build-timeout", priority=2000))
app.generators.expire(RULE)
app.generators.add(Aggregate("coverage", "project_report", add, chunk=500))
app.generators.collect("drafts", collect, batch=10)

# ------------------------------------------------------------------------------------------------------------ the tale


class Receiver(BaseHTTPRequestHandler):
    down, probes = {"/down"}, 0
    got: ClassVar[dict[str, list[str]]] = {"/up": [], "/down": []}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path in self.down:
            Receiver.probes += 1
        else:
            self.got[self.path].append(body)
        self.send_response(500 if self.path in self.down else 204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def webhooks() -> None:
    hooks = [Hook.objects.create(path=path) for path in ("/up", "/down")]
    Call.objects.bulk_create(Call(hook=hook, body=f"{n:02}") for n in range(20) for hook in hooks)
    app.generators.run_due()
    queued, up, probes = sum(app.counts().tasks.values()), len(Receiver.got["/up"]), Receiver.probes
    Receiver.down.clear()
    watch.wind(timedelta(minutes=5))
    app.generators.run_due()
    got = Receiver.got["/down"]
    said = f"up got {up}, down was probed {'once' if probes == 1 else probes}, {queued} tasks in the queue"
    print(f"webhooks: {said}; repaired, it got {len(got)} {'in order' if got == sorted(got) else 'OUT OF ORDER'}")


def build_timeouts() -> None:
    plan, unlimited = Plan.objects.create(allows=timedelta(hours=2)), Plan.objects.create(allows=None)
    builds = [Build(plan=plan, started_at=now() - timedelta(minutes=n)) for n in range(50)]
    Build.objects.bulk_create([*builds, Build(plan=unlimited, started_at=now() - timedelta(days=9))])
    app.generators.run_due()
    before = Build.objects.filter(status="failed").count()
    Plan.objects.filter(pk=plan.pk).update(allows=timedelta(minutes=10))
    watch.wind(10)
    app.generators.run_due()
    failed = Build.objects.filter(status="failed").aggregate(count=Count("pk"), times=Sum("failures"))
    once = "each once" if failed["count"] == failed["times"] else "NOT ONCE"
    said = f"{before} failed under 2 h; the plan says 10 min: {failed['count']} failed, {once}"
    print(f"build time-outs: {said}; {sum(app.counts().triggers.values())} triggers written")


def watchlist() -> None:
    day = [Watched(page=f"Page {n}", expires_at=now() + timedelta(days=1)) for n in range(250)]
    Watched.objects.bulk_create(
        [*day, Watched(page="Main"), Watched(page="News", expires_at=now() + timedelta(days=2))]
    )
    seen = Watched.objects.filter(RULE.visible_q(now())).count()
    watch.wind(timedelta(days=1))
    later, rows = Watched.objects.filter(RULE.visible_q(now())).count(), Watched.objects.count()
    app.generators.purge(RULE)
    print(
        f"watchlist: {seen} pages seen; a day later {later}, and {rows} rows are there; purged, {Watched.objects.count()} are left"
    )


def coverage() -> None:
    Report.objects.bulk_create(Report(file=f"{n}.py", lines=n * build % 86) for build in (1, 2, 3) for n in range(1000))
    app.generators.run_due(limit=1)
    chunk = Covered.objects.aggregate(reports=Sum("reports"))["reports"]
    app.generators.run_due()
    sums = Covered.objects.aggregate(files=Count("file"), reports=Sum("reports"), lines=Sum("lines"))
    exact = "exact" if sums["lines"] == Report.objects.aggregate(lines=Sum("lines"))["lines"] else "WRONG"
    said = f"worked off: {sums['reports']} reports of {sums['files']} files, {exact}"
    print(f"coverage: one chunk, {chunk} reports; {said}")


def collection() -> None:
    Draft.objects.bulk_create(Draft(discarded=n % 4 > 0) for n in range(100))
    thrown = Draft.objects.filter(discarded=True).count()
    watch.wind(timedelta(hours=24))
    app.generators.run_due()
    print(f"collection: {thrown} drafts of 100 were thrown away; collected, {Draft.objects.count()} are left")


if __name__ == "__main__":
    logging.getLogger("tickwork").setLevel(logging.ERROR)  # what fails here is meant to
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app.migrate()
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    for topic in (webhooks, build_timeouts, watchlist, coverage, collection):
        topic()
    app.close()
    connections.close_all()
    server.shutdown()
    FOLDER.cleanup()
