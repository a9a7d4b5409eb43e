"""What the database itself refuses of a row: a version lost, a double, a job that does not hold together."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import claimed_job, finished_job, new_job
from factories.lore import Made, World
from psycopg.errors import (
    CheckViolation,
    ExclusionViolation,
    ForeignKeyViolation,
    UniqueViolation,
)
from psycopg.types.json import Jsonb

Database = psycopg.Connection[Made]
MAKE: dict[str, Callable[[World], Made]] = {
    "world": lambda world: world.api.get(f"/worlds/{world.id}"),
    "entity": World.entity,
    "source": World.source,
    "source_chunk": World.chunk,
    "claim": World.claim,
}


class TestLoreIsVersioned:
    @pytest.mark.parametrize("table", MAKE)
    def test_an_edit_keeps_what_was(self, world: World, database: Database, table: str) -> None:
        made = MAKE[table](world)
        reading = f"{table}_reading" if table in {"source", "claim"} else table
        before = database.execute(
            f"SELECT to_jsonb(reading) AS row FROM {reading} AS reading WHERE id = %s", [made["id"]]
        ).fetchone()
        for version in (2, 3):
            database.execute(
                f"UPDATE {table} SET version = %s, content_hash = repeat(%s, 64), updated_at = now() WHERE id = %s",
                [version, str(version), made["id"]],
            )

        first, second = database.execute(
            "SELECT * FROM lore_revision WHERE lore_id = %s ORDER BY version", [made["id"]]
        ).fetchall()

        assert before is not None
        assert first["content"] == before["row"]
        assert (first["version"], first["kind"], str(first["world_id"])) == (1, table, world.id)
        assert first["content_hash"] == made["content_hash"]
        assert second["updated_at"] == first["replaced_at"]
        assert second["content_hash"] == "2" * 64

    @pytest.mark.parametrize("table", ["entity", "source", "source_chunk", "claim"])
    def test_a_deletion_keeps_what_was(self, world: World, database: Database, table: str) -> None:
        made = MAKE[table](world)
        database.execute(f"DELETE FROM {table} WHERE id = %s", [made["id"]])

        kept = database.execute("SELECT * FROM lore_revision WHERE lore_id = %s", [made["id"]]).fetchall()

        assert [(row["version"], row["content"]["id"]) for row in kept] == [(1, made["id"])]

    def test_an_edit_of_labels_is_no_new_version(self, world: World, database: Database) -> None:
        entity = world.entity()
        database.execute("UPDATE entity SET tags = '{x}', updated_at = now() WHERE id = %s", [entity["id"]])

        assert database.execute("SELECT FROM lore_revision WHERE lore_id = %s", [entity["id"]]).fetchall() == []

    @pytest.mark.parametrize("change", ["version = 3", "version = 0", "content_hash = repeat('1', 64)"])
    def test_a_version_follows_its_own_and_goes_with_the_content(
        self, world: World, database: Database, change: str
    ) -> None:
        entity = world.entity()

        with pytest.raises(psycopg.errors.IntegrityError):
            database.execute(f"UPDATE entity SET {change} WHERE id = %s", [entity["id"]])


class TestNothingIsDoubled:
    def test_no_second_live_job_of_the_same_inputs(self, world: World, database: Database) -> None:
        job = new_job(world)

        with pytest.raises(UniqueViolation, match="asset_job_once"):
            _copy(database, "asset_job", job["id"], id=str(uuid4()))

    def test_no_second_answer_to_the_same_idempotency_key(self, world: World, database: Database) -> None:
        key = uuid4().hex
        new_job(world, idempotency_key=key)

        with pytest.raises(UniqueViolation, match="idempotency_key_pkey"):
            database.execute("INSERT INTO idempotency_key SELECT * FROM idempotency_key WHERE key = %s", [key])

    def test_no_second_derivation_of_a_job(self, world: World, database: Database) -> None:
        derivation = new_job(world)["derivation"]

        with pytest.raises(UniqueViolation):
            _copy(database, "asset_derivation", derivation["id"], id=str(uuid4()))

    def test_no_second_asset_of_an_upload(self, world: World, database: Database) -> None:
        asset = finished_job(world)["asset"]

        with pytest.raises(UniqueViolation, match="storage_key"):
            _copy(database, "asset", asset["id"], id=str(uuid4()))

    def test_no_asset_of_a_key_that_was_not_handed_out(self, world: World, database: Database) -> None:
        asset = finished_job(world)["asset"]

        with pytest.raises(ForeignKeyViolation):
            _copy(database, "asset", asset["id"], id=str(uuid4()), storage_key=f"{world.id}/IMAGE/made-up")

    def test_no_two_chunks_in_one_place(self, world: World, database: Database) -> None:
        chunk = world.chunk()

        with pytest.raises(ExclusionViolation, match="source_chunk_in_order"):
            _copy(database, "source_chunk", chunk["id"], id=str(uuid4()))


class TestJobsHoldTogether:
    @pytest.mark.parametrize(
        "change",
        [
            "lease_token = gen_random_uuid()",
            "lease_token = gen_random_uuid(), lease_expires_at = now()",
            "finished_at = now()",
            "status = 'RUNNING'",
            "attempt = -1",
            "priority = NULL",
        ],
    )
    def test_a_waiting_one(self, world: World, database: Database, change: str) -> None:
        job = new_job(world)

        with pytest.raises((CheckViolation, psycopg.errors.NotNullViolation)):
            database.execute(f"UPDATE asset_job SET {change} WHERE id = %s", [job["id"]])

    def test_one_that_is_over_holds_no_lease(self, world: World, database: Database) -> None:
        job = claimed_job(world)

        with pytest.raises(CheckViolation):
            database.execute("UPDATE asset_job SET status = 'FAILED', finished_at = now() WHERE id = %s", [job["id"]])


def _copy(database: Database, table: str, row_id: str, **values: Any) -> None:
    """Insert a row that is like another one but for these values."""
    database.execute(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(old) || %s)).*"
        f" FROM {table} AS old WHERE id = %s",
        [Jsonb(values), row_id],
    )
