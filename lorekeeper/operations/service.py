"""Reading the state of the whole for health and metrics."""

import asyncio
import time
from weakref import WeakKeyDictionary

import psycopg
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from lorekeeper.access.context import Runtime
from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.jobs.repository import count_jobs_by_status, lease_ages
from lorekeeper.kit.database import Database
from lorekeeper.kit.queries import Queries
from lorekeeper.kit.telemetry import Metrics

QUERIES = Queries(__package__)

SLOW_SECONDS = 0.2
"""A count of jobs that took longer is kept for `KEPT_TIMES` as long: the metrics need no key, and with millions of jobs
each look would walk an index that long."""
KEPT_TIMES = 50


class _JobCounts:
    """Jobs by state, counted by one request at a time and never for more than a fiftieth of the time."""

    def __init__(self) -> None:
        self._counting = asyncio.Lock()
        self._jobs: dict[str, int] = {}
        self._good_until = 0.0

    async def read(self, database: Database) -> dict[str, int]:
        async with self._counting:
            began = time.monotonic()
            if began >= self._good_until:
                self._jobs = await count_jobs_by_status(database)
                took = time.monotonic() - began
                self._good_until = began + took * KEPT_TIMES if took > SLOW_SECONDS else 0.0
            return self._jobs


_counts: WeakKeyDictionary[Database, _JobCounts] = WeakKeyDictionary()


async def schema_revision(database: Database) -> str | None:
    """The revision the database is at; None before the first migration."""
    try:
        row = await database.one(QUERIES.schema_revision)
    except psycopg.errors.UndefinedTable:
        return None
    return row["revision"] if row else None


async def exposition(runtime: Runtime, metrics: Metrics) -> bytes:
    """The process's own metrics, and those that are read from the database at this moment.

    A database that does not answer takes its own figures away and `lorekeeper_database_up` to 0, not the others.
    """
    moment = CollectorRegistry()
    up = Gauge("lorekeeper_database_up", "Whether the database answers.", registry=moment)
    try:
        jobs = await _counts.setdefault(runtime.database, _JobCounts()).read(runtime.database)
        leases = await lease_ages(runtime.database, runtime.clock.now())
    except LoreKeeperError:
        up.set(0)
    else:
        up.set(1)
        by_status = Gauge("lorekeeper_jobs", "Jobs by state.", ["status"], registry=moment)
        for status in AssetJobStatusEnum:
            by_status.labels(status.value).set(jobs.get(status.value, 0))
        Gauge("lorekeeper_leases_held", "Jobs under a lease.", registry=moment).set(leases["held"])
        Gauge("lorekeeper_leases_expired", "Leases that ran out, not yet taken over.", registry=moment).set(
            leases["expired"]
        )
        Gauge("lorekeeper_lease_oldest_age_seconds", "Age of the oldest lease.", registry=moment).set(
            leases["oldest_seconds"]
        )
    pool = Gauge("lorekeeper_database_pool", "The connection pool's own counters.", ["counter"], registry=moment)
    for name, value in runtime.database.stats().items():
        pool.labels(name).set(value)
    return generate_latest(metrics.registry) + generate_latest(moment)
