"""Was any job lost, doubled or written by a worker that no longer held it? Judged from the event log and the tables.

It asks nothing of the run that filled the database, so it can be used on any LoreKeeper database; reads alone are made,
all of one moment. From the folder `tests`:

    python -m robustness.audit --data-dir lore-data     # a running server's folder, or one at rest
    python -m robustness.audit                          # the database and the store that DATABASE_URL and S3_* name

It ends with status 1 where something is wrong.
"""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import botocore.session
import psycopg
from botocore.config import Config
from psycopg.rows import dict_row

from lorekeeper.app import Backing
from lorekeeper.cli.backing import NO_STORE, embedded_or_named, named_store, running_server
from lorekeeper.places import LOCAL_FILE
from lorekeeper.settings import Settings
from lorekeeper.storage.store import StoreAddress
from robustness.history import History
from robustness.rules import RULES

Row = dict[str, Any]

JOBS = """
SELECT job.id::text AS id, job.status, job.attempt, job.max_attempts, job.worker_id,
       job.lease_token IS NOT NULL AS leased,
       derivation.asset_id::text AS asset_id, derivation.id IS NOT NULL AS derived
FROM asset_job AS job LEFT JOIN asset_derivation AS derivation ON derivation.asset_job_id = job.id
{only}
ORDER BY job.id::text COLLATE "C"
"""
EVENTS = """
SELECT id, subject_id, kind, before, after FROM event
WHERE kind LIKE 'asset\\_job.%%' {only}
ORDER BY subject_id COLLATE "C", id
"""
READY = "SELECT storage_key, size_bytes FROM asset WHERE status = 'READY'"


@dataclass
class Report:
    """What was looked at, and what was found wrong: a sentence each, with what it is about."""

    jobs: Counter[str] = field(default_factory=Counter)
    """By status."""
    tries: Counter[int] = field(default_factory=Counter)
    """How many jobs took so many tries; a released try is none."""
    takeovers: int = 0
    """Leases that ran out, and whose jobs were queued again."""
    releases: int = 0
    events: int = 0
    ready_assets: int = 0
    objects: int | None = None
    """In the store; None where it was not looked into."""
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        store = "the store was not looked into" if self.objects is None else f"{self.objects} objects in the store"
        lines = [
            f"jobs      {sum(self.jobs.values())}: {_told(self.jobs)}",
            f"tries     {_told(self.tries)} (tries: jobs)",
            f"leases    {self.takeovers} ran out and were queued again, {self.releases} released",
            f"events    {self.events} of jobs",
            f"assets    {self.ready_assets} ready, {store}",
            f"wrong     {len(self.wrong)}",
        ]
        return "\n".join(lines + [f"  {what}" for what in self.wrong[:50]])


def audit(
    database_url: str,
    store: StoreAddress | None = None,
    *,
    drained: bool = False,
    acknowledged: Iterable[str] = (),
    completed: Mapping[str, str] | None = None,
) -> Report:
    """Look at everything once.

    `drained`: no job may be unfinished. `acknowledged`: the jobs whose creation was answered. `completed`: by job, the
    asset that a completion was answered with.
    """
    with psycopg.connect(database_url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        report = examine(connection, drained=drained, acknowledged=acknowledged, completed=completed or {})
        ready = {row["storage_key"]: row["size_bytes"] for row in connection.execute(READY)}
    report.ready_assets = len(ready)
    if store is not None:
        _judge_store(store, ready, report)
    return report


def examine(
    connection: psycopg.Connection[Row],
    *,
    drained: bool = False,
    acknowledged: Iterable[str] = (),
    completed: Mapping[str, str] | None = None,
    only: list[str] | None = None,
) -> Report:
    """The database alone, as this connection's transaction sees it. `only` these jobs, and nothing between tables."""
    report, missing, answered = Report(), set(acknowledged), dict(completed or {})
    for job, history in _histories(connection, report, only):
        _judge(job, history, report, drained=drained)
        missing.discard(job["id"])
        if answered.pop(job["id"], job["asset_id"]) != job["asset_id"]:
            report.wrong.append(f"job {job['id']}: its completion was answered with another asset")
    report.wrong += [f"job {job_id}: its creation was answered, and it is not there" for job_id in sorted(missing)]
    report.wrong += [f"job {job_id}: its completion was answered, and it is not there" for job_id in sorted(answered)]
    for rule in RULES if only is None else ():
        report.wrong += [f"{row['subject']}: {rule.says}" for row in connection.execute(rule.query.encode())]
    return report


def _histories(
    connection: psycopg.Connection[Row], report: Report, only: list[str] | None
) -> Iterator[tuple[Row, History]]:
    """Every job with what the event log tells of it, walked side by side in one order."""
    some_jobs = "WHERE job.id = ANY(%(only)s::uuid[])" if only is not None else ""
    their_events = "AND subject_id = ANY(%(only)s::text[])" if only is not None else ""
    with connection.cursor("events") as events, connection.cursor("jobs") as jobs:
        events.execute(EVENTS.format(only=their_events).encode(), {"only": only})
        jobs.execute(JOBS.format(only=some_jobs).encode(), {"only": only})
        told = groupby(events, itemgetter("subject_id"))
        subject, its_events = next(told, (None, ()))
        for job in jobs:
            while subject is not None and subject < job["id"]:
                report.wrong.append(f"job {subject}: the event log tells of it, and it is not there")
                subject, its_events = next(told, (None, ()))
            history = History(job["max_attempts"])
            if subject == job["id"]:
                for event in its_events:
                    report.events += 1
                    history.add(event)
                subject, its_events = next(told, (None, ()))
            yield job, history
        while subject is not None:
            report.wrong.append(f"job {subject}: the event log tells of it, and it is not there")
            subject, its_events = next(told, (None, ()))


def _judge(job: Row, history: History, report: Report, *, drained: bool) -> None:
    wrong = list(history.wrong)
    if history.status != job["status"]:
        wrong.append(f"is {job['status']}, and by the event log {history.status}")
    if history.attempt != job["attempt"]:
        wrong.append(f"is at attempt {job['attempt']}, and by the event log at {history.attempt}")
    if history.worker_id is not None and job["worker_id"] not in {None, history.worker_id}:
        wrong.append(f"is {job['worker_id']}'s, and was handed to {history.worker_id} last")
    if history.asset_id != job["asset_id"]:
        wrong.append(f"has asset {job['asset_id']}, and by the event log {history.asset_id}")
    if (job["status"] == "SUCCEEDED") != (job["asset_id"] is not None):
        wrong.append(f"is {job['status']} with asset {job['asset_id']}")
    if not job["derived"]:
        wrong.append("has no derivation")
    if drained and job["status"] in {"QUEUED", "RUNNING"}:
        wrong.append(f"is {job['status']} still")
    if job["leased"] and job["status"] != "RUNNING":
        wrong.append(f"is {job['status']} under a lease")
    report.jobs[job["status"]] += 1
    report.tries[history.attempt] += 1
    report.takeovers += history.takeovers
    report.releases += history.releases
    report.wrong += [f"job {job['id']} {what}" for what in wrong]


def _judge_store(address: StoreAddress, ready: dict[str, int], report: Report) -> None:
    report.objects = 0
    sizes = dict(_objects(address))
    report.objects = len(sizes)
    for key, size in ready.items():
        if key not in sizes:
            report.wrong.append(f"{key}: a READY asset whose object is not in the store")
        elif sizes[key] != size:
            report.wrong.append(f"{key}: an asset of {size} bytes whose object has {sizes[key]}")


def _objects(address: StoreAddress) -> Iterator[tuple[str, int]]:
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=address.region,
        endpoint_url=address.endpoint_url,
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    with closing(client):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=address.bucket):
            yield from ((item["Key"], item["Size"]) for item in page.get("Contents", ()))


def _told(counts: Counter[Any]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in sorted(counts.items())) or "none"


def _backing(settings: Settings, stack: ExitStack) -> Backing:
    running = running_server(settings) if settings.database_url is None else None
    if running is None:
        return stack.enter_context(embedded_or_named(settings))[0]
    return Backing(running["database_url"], named_store(settings) or embedded_store(settings.data_dir))


def embedded_store(data_dir: Path) -> StoreAddress:
    """The store of the server that runs on this folder."""
    state = json.loads((data_dir / LOCAL_FILE).read_text())
    return StoreAddress(
        bucket="lorekeeper",
        region="us-east-1",
        access_key_id=state["secrets"]["s3_access_key_id"],
        secret_access_key=state["secrets"]["s3_secret_access_key"],
        endpoint_url=f"http://127.0.0.1:{state['ports']['seaweedfs_s3']}",
    )


def main() -> int:
    parser = ArgumentParser(prog="python -m robustness.audit", description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="of an embedded server")
    parser.add_argument("--drained", action="store_true", help="no job may be unfinished")
    parser.add_argument("--acknowledged", type=Path, help="a file of job ids, one a line, that must be there")
    asked = parser.parse_args()
    settings = Settings(**({"data_dir": asked.data_dir} if asked.data_dir else {}))
    acknowledged = asked.acknowledged.read_text().split() if asked.acknowledged else ()
    with ExitStack() as stack:
        backing = _backing(settings, stack)
        store = None if backing.store is NO_STORE else backing.store
        report = audit(backing.database_url, store, drained=asked.drained, acknowledged=acknowledged)
    print(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
