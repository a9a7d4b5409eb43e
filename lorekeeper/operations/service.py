"""Reading the state of the whole for health and metrics."""

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
        jobs = await count_jobs_by_status(runtime.database)
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
