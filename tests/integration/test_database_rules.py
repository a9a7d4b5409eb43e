"""What the database itself refuses, whoever asks: worlds never mix, provenance never changes, nothing is doubled."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import File, claimed_job, finished_job, issued, new_job, running_job
from factories.lore import Made, World
from harness.catalog import ForeignKey, foreign_keys, tables_of_a_world
from harness.wire import Api
from psycopg import sql
from psycopg.errors import (
    CheckViolation,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityConstraintViolation,
    UniqueViolation,
)
from psycopg.types.json import Jsonb

Database = psycopg.Connection[Made]
NO_REFERENCE = {
    "lore_revision.lore_id",  # of lore of any kind, deleted ones too
    # What triggers alone write, after the lore itself, which has the keys.
    "lore_search.lore_id",
    "lore_search.world_id",
    "lore_tag.lore_id",
    "lore_tag.world_id",
    "entity_name.entity_id",
    "entity_name.world_id",
    "claim.version_group_id",  # names a group, not a row
    "asset_job.provider_job_id",
    "upload.multipart_id",
    "asset_job.worker_id",
    "event.subject_id",
    "event.request_id",
    "upload.id",
}


def full_world(api: Api) -> World:
    """A row in every table that belongs to a world, with every reference set."""
    world = World.made(api)
    author, other = world.entity(), world.entity()
    source = world.source(author_ids=[author["id"]], chunks=[{"content": "c"}])
    (chunk,) = world.chunks_of(source)
    claim = world.claim(
        object_entity_id=other["id"],
        asserted_by_entity_id=author["id"],
        source_chunk_id=chunk["id"],
        supersedes_claim_id=world.claim()["id"],
    )
    references = {
        "claim_ids": [claim["id"]],
        "entity_ids": [author["id"]],
        "source_chunk_ids": [chunk["id"]],
        "source_id": source["id"],
        "asset_ids": [finished_job(world)["asset"]["id"]],
    }
    finished_job(world, references=references, idempotency_key=uuid4().hex)
    issued(world, File())
    world.api.put(f"/worlds/{world.id}/predicates/keeps", {"single_valued": False})
    return world


@pytest.fixture(scope="module")
def two_worlds(admin: Api) -> tuple[World, World]:
    return full_world(admin), full_world(admin)


class TestWorldsNeverMix:
    def test_by_any_foreign_key(self, two_worlds: tuple[World, World], database: Database) -> None:
        """Triggers and uniqueness are taken away, so that the foreign key alone is what refuses."""
        here, there = two_worlds
        within = [key for key in foreign_keys(database) if "world_id" in key.columns and key.target != "world"]
        assert len(within) > 20
        for key in within:
            with database.transaction(force_rollback=True):
                _only_foreign_keys(database, key.table)
                row = _row(database, key, here)
                target = _target(database, key, there)
                with pytest.raises(ForeignKeyViolation), database.transaction():
                    _update(database, key.table, row, target)

    def test_by_moving_a_row_to_another_world(self, two_worlds: tuple[World, World], database: Database) -> None:
        here, there = two_worlds
        for key in foreign_keys(database):
            if "world_id" not in key.columns or key.target == "world":
                continue
            with database.transaction(force_rollback=True):
                _only_foreign_keys(database, key.table)
                row = _row(database, key, here)
                with pytest.raises(ForeignKeyViolation), database.transaction():
                    _update(database, key.table, row, {"world_id": there.id})

    def test_because_every_key_between_their_tables_has_the_world_in_it(self, database: Database) -> None:
        worldly = tables_of_a_world(database)
        loose = [
            str(key)
            for key in foreign_keys(database)
            if key.table in worldly and key.target in worldly and "world_id" not in key.columns
        ]

        assert loose == []

    def test_because_every_column_that_points_somewhere_has_a_key(self, database: Database) -> None:
        keyed = {f"{key.table}.{column}" for key in foreign_keys(database) for column in key.columns}
        columns = database.execute(
            """SELECT table_name || '.' || column_name AS name
               FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name ~ '_id$'"""
        )
        pointing = {row["name"] for row in columns if row["name"].partition(".")[0] in tables_of_a_world(database)}

        # An event outlives what it tells of; its world is no reference.
        assert pointing - keyed - NO_REFERENCE == {"event.world_id", "asset_job.model_id"}

    def test_with_a_derivation_made_by_hand(self, world: World, other_world: World, database: Database) -> None:
        job, claim = new_job(world), other_world.claim()

        with pytest.raises(ForeignKeyViolation):
            database.execute(
                "INSERT INTO asset_derivation_claim (world_id, derivation_id, claim_id) VALUES (%s, %s, %s)",
                [world.id, job["derivation"]["id"], claim["id"]],
            )


def _only_foreign_keys(database: Database, table: str) -> None:
    """Inside a transaction that is undone: no triggers of ours, no uniqueness but what keys refer to."""
    database.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))
    names = database.execute(
        """SELECT conname::text FROM pg_constraint AS own
           WHERE conrelid = %(table)s::regclass AND contype IN ('p', 'u', 'c')
             AND NOT EXISTS (SELECT FROM pg_constraint AS other
                             WHERE other.contype = 'f' AND other.conindid = own.conindid AND own.conindid <> 0)""",
        {"table": table},
    ).fetchall()
    for name in names:
        database.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name["conname"]))
        )
    indexes = database.execute(
        """SELECT indexrelid::regclass::text AS name FROM pg_index
           WHERE indrelid = %s::regclass AND indisunique
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)""",
        [table],
    ).fetchall()
    for index in indexes:
        database.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index["name"])))


def _row(database: Database, key: ForeignKey, world: World) -> Made:
    """A row of this world in which the key is set."""
    given = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in key.columns)
    row = database.execute(
        sql.SQL("SELECT ctid, * FROM {} WHERE world_id = %s AND {} LIMIT 1").format(sql.Identifier(key.table), given),
        [world.id],
    ).fetchone()
    assert row is not None, f"{key} is set nowhere"
    return row


def _target(database: Database, key: ForeignKey, world: World) -> Made:
    """What the key's columns would be if it pointed into this world, its own world_id left as it is."""
    row = database.execute(
        sql.SQL("SELECT * FROM {} WHERE world_id = %s LIMIT 1").format(sql.Identifier(key.target)), [world.id]
    ).fetchone()
    assert row is not None
    pairs = zip(key.columns, key.target_columns, strict=True)
    return {column: row[target] for column, target in pairs if column != "world_id"}


def _update(database: Database, table: str, row: Made, values: Made) -> None:
    setting = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    done = database.execute(
        sql.SQL("UPDATE {} SET {} WHERE ctid = %(row_at)s::tid").format(sql.Identifier(table), setting),
        {**values, "row_at": row["ctid"]},
    )
    assert done.rowcount == 1


class TestProvenanceNeverChanges:
    @pytest.mark.parametrize(
        "change",
        [
            "prompt_spec = '{}'",
            "input_hash = repeat('0', 64)",
            "content_basis = repeat('0', 64)",
            "lore_snapshot = lore_snapshot || '{\"v\": 2}'",
            "lore_snapshot = '{}'",
            "source_id = NULL",
            "asset_job_id = NULL",
            "asset_id = NULL",
            "created_at = now()",
            "id = gen_random_uuid()",
        ],
    )
    def test_of_a_finished_job(self, two_worlds: tuple[World, World], database: Database, change: str) -> None:
        world, _ = two_worlds

        with pytest.raises(IntegrityConstraintViolation, match="a derivation never changes"):
            database.execute(
                f"UPDATE asset_derivation SET {change} WHERE world_id = %s AND source_id IS NOT NULL", [world.id]
            )

    @pytest.mark.parametrize("state", ["QUEUED", "RUNNING", "FAILED"])
    def test_and_has_an_asset_only_once_the_job_has_succeeded(
        self, world: World, database: Database, state: str
    ) -> None:
        asset = finished_job(world)["asset"]
        job = new_job(world) if state == "QUEUED" else running_job(world)
        if state == "FAILED":
            world.api.post(f"/assets/asset-jobs/{job['id']}/fail", {"error_code": "e"})

        with pytest.raises(IntegrityConstraintViolation, match="only a job that SUCCEEDED"):
            database.execute(
                "UPDATE asset_derivation SET asset_id = %s WHERE asset_job_id = %s", [asset["id"], job["id"]]
            )

    @pytest.mark.parametrize("table", ["event", "lore_revision"])
    def test_and_what_is_append_only_stays(self, world: World, database: Database, table: str) -> None:
        entity = world.entity()
        database.execute("UPDATE entity SET version = 2, updated_at = now() WHERE id = %s", [entity["id"]])

        with pytest.raises(IntegrityConstraintViolation, match="append-only"):
            database.execute(f"UPDATE {table} SET kind = 'world' WHERE world_id = %s", [world.id])

    @pytest.mark.parametrize(
        "change",
        [
            "checksum = repeat('0', 64)",
            "size_bytes = size_bytes + 1",
            "content_type = 'text/html'",
            "storage_key = storage_key || 'x'",
            "type = 'MAP'",
        ],
    )
    def test_of_the_file_behind_an_asset(self, world: World, database: Database, change: str) -> None:
        asset = finished_job(world)["asset"]

        with pytest.raises(IntegrityConstraintViolation, match="what an asset is never changes"):
            database.execute(f"UPDATE asset SET {change} WHERE id = %s", [asset["id"]])

    def test_and_a_deleted_asset_does_not_come_back(self, world: World, database: Database) -> None:
        asset = finished_job(world)["asset"]
        database.execute("UPDATE asset SET status = 'DELETED', deleted_at = now() WHERE id = %s", [asset["id"]])

        with pytest.raises(IntegrityConstraintViolation):
            database.execute("UPDATE asset SET status = 'READY' WHERE id = %s", [asset["id"]])

    @pytest.mark.parametrize(
        "change",
        [
            "prompt_spec = '{}'",
            "input_hash = repeat('0', 64)",
            "provider = 'x'",
            "model_id = 'x'",
            "asset_type = 'MAP'",
            "requested_by = 'x'",
            "created_at = now()",
        ],
    )
    def test_of_what_a_job_asks_for(self, world: World, database: Database, change: str) -> None:
        job = new_job(world)

        with pytest.raises(IntegrityConstraintViolation, match="what a job asks for never changes"):
            database.execute(f"UPDATE asset_job SET {change} WHERE id = %s", [job["id"]])

    def test_and_referenced_lore_cannot_be_deleted_by_hand(self, world: World, database: Database) -> None:
        references = world.one_of_each()
        new_job(world, references=references)

        for table, ids in (
            ("claim", references["claim_ids"]),
            ("entity", references["entity_ids"]),
            ("source_chunk", references["source_chunk_ids"]),
            ("source", [references["source_id"]]),
        ):
            with pytest.raises(ForeignKeyViolation):
                database.execute(f"DELETE FROM {table} WHERE id = ANY(%s::uuid[])", [ids])


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
