"""A database with a million jobs and the asset of each, to look at plans in: filled in bulk, in well under a minute.

While they are filled, the large tables have no index, key, check or trigger, and no table is in the log; afterwards
all is as the schema has it, but for the log. What is searched is made by the triggers on the lore, as ever. Ids are
those of `nth`, so that a test can name any row.
"""

from datetime import UTC, datetime
from uuid import UUID

import psycopg

ROWS = 1_000_000
LORE_ROWS = 30_000
TOMBSTONES = 15_000  # the newest lore of all: no list may walk through it
OLD = 300  # what the rare values of every column are on: the oldest rows
START = 1_790_000_000

WORLD, ENTITY, SOURCE, CHUNK, CLAIM, JOB, ASSET, DERIVATION = range(1, 9)
RARE, OFTEN, NEVER = 7, 8, 9_999_999
"""Pieces of lore by what was made from them: the oldest assets alone, every second one, none."""
LONG = LORE_ROWS // 2 + 1  # the source with half of all chunks


def nth(kind: int, n: int) -> UUID:
    """An id as the statements below make it, too."""
    return UUID(f"{(START + n) * 1000:012x}7{kind:03x}8000{n:012x}")


def moment(n: int) -> datetime:
    """When the nth row was made."""
    return datetime.fromtimestamp(START + n, UTC)


BIG, SMALL = nth(WORLD, 1), [nth(WORLD, 5), nth(WORLD, 6)]
"""The world with four in five of all rows, and two of nineteen that share the rest."""

HELPERS = f"""
CREATE FUNCTION nth(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(({START} + n) * 1000), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
            || '8000' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION world_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT nth({WORLD}, CASE WHEN n % 5 < 4 THEN 1 ELSE 2 + n / 5 % 19 END) $$;
CREATE VIEW lore_rows AS
    SELECT n, n < {OLD} AS old, world_of(n) AS world_id, repeat('a', 64) AS content_hash, 'somebody' AS created_by,
           now() AS created_at, now() AS updated_at, CASE WHEN n > {LORE_ROWS} THEN now() END AS deleted_at
    FROM generate_series(1, {LORE_ROWS + TOMBSTONES}) AS n;
CREATE UNLOGGED TABLE job_rows AS
    SELECT n, n < {OLD} AS old, n > {ROWS} * 0.9 AS waiting, world_of(n) AS world_id,
           to_timestamp({START} + n) AS created_at, nth({JOB}, n) AS job_id, nth({ASSET}, n) AS asset_id,
           nth({DERIVATION}, n) AS derivation_id,
           CASE WHEN n < {OLD} THEN 'MAP' WHEN n % 7 = 0 THEN 'VIDEO' ELSE 'IMAGE' END AS type,
           CASE WHEN n < {OLD} THEN 'key:rare' WHEN n % 2 = 0 THEN 'key:often' ELSE 'key:' || n % 100 END AS caller
    FROM generate_series(1::bigint, {ROWS}) AS n;
"""
LORE = f"""
INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)
SELECT nth({WORLD}, n), 'World ' || n, content_hash, created_by, created_at, updated_at FROM lore_rows WHERE n <= 200;
INSERT INTO entity (id, world_id, type, name, tags, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({ENTITY}, n), world_id, CASE WHEN old THEN 'VEHICLE' WHEN n % 3 = 0 THEN 'PERSON' ELSE 'LOCATION' END,
       CASE WHEN old THEN 'Rare' WHEN n % 300 = 0 THEN 'Often' ELSE 'Name ' || n END,
       ARRAY[CASE WHEN old THEN 'rare' ELSE 'often' END],
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO source (id, world_id, type, title, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({SOURCE}, n), world_id, CASE WHEN old THEN 'SONG' ELSE 'BOOK' END,
       CASE WHEN old THEN 'Rare' WHEN n % 300 = 0 THEN 'Often' ELSE 'Name ' || n END,
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO source_author (world_id, source_id, position, entity_id)
SELECT world_id, nth({SOURCE}, n), 0, nth({ENTITY}, n) FROM lore_rows WHERE deleted_at IS NULL;
INSERT INTO source_chunk (id, world_id, source_id, chunk_index, content, content_hash, created_by, created_at,
                          updated_at, deleted_at)
SELECT nth({CHUNK}, n), nth({WORLD}, 1), nth({SOURCE}, CASE WHEN n % 2 = 0 THEN {LONG} ELSE n END), n, 'A text.',
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, confidence,
                   source_id, version_group_id, tags, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({CLAIM}, n), world_id, nth({ENTITY}, pick), CASE WHEN old THEN 'rare' ELSE 'often' END,
       CASE WHEN old OR n % 3 = 0 THEN nth({ENTITY}, pick) END, CASE WHEN NOT (old OR n % 3 = 0) THEN 'A value.' END,
       CASE WHEN old THEN 'ARCHIVED' ELSE 'STRICT' END, 1, nth({SOURCE}, pick), nth({CLAIM}, n),
       ARRAY[CASE WHEN old THEN 'rare' ELSE 'often' END], content_hash, created_by, created_at, updated_at, deleted_at
FROM lore_rows, LATERAL (SELECT CASE WHEN old THEN {RARE} WHEN n % 2 = 0 THEN {OFTEN} ELSE n END AS pick) AS picked;
"""
JOBS = """
INSERT INTO asset_job (id, world_id, asset_type, provider, status, requested_by, input_hash, prompt_spec, available_at,
                       created_at, started_at, finished_at)
SELECT job_id, world_id, type, CASE WHEN old THEN 'rare' WHEN n % 2 = 0 THEN 'often' ELSE 'other' END,
       CASE WHEN old THEN 'FAILED' WHEN waiting THEN 'QUEUED' ELSE 'SUCCEEDED' END, caller,
       lpad(to_hex(n), 64, '0'), '{}', created_at, created_at, created_at, CASE WHEN NOT waiting THEN created_at END
FROM job_rows;
"""
ASSETS = """
INSERT INTO asset (id, world_id, type, format, status, storage_key, content_type, size_bytes, checksum, created_by,
                   created_at, deleted_at)
SELECT asset_id, world_id, type, 'png', CASE WHEN old THEN 'DELETED' ELSE 'READY' END, 'key/' || n, 'image/png',
       1, repeat('a', 64), caller, created_at, CASE WHEN old THEN created_at END
FROM job_rows;
"""
DERIVATIONS = f"""
INSERT INTO asset_derivation (id, world_id, origin, asset_job_id, asset_id, source_id, prompt_spec, input_hash,
                              content_basis, lore_snapshot, created_at)
SELECT derivation_id, world_id, 'JOB', job_id, CASE WHEN NOT waiting THEN asset_id END,
       nth({SOURCE}, CASE WHEN old THEN {RARE} WHEN n % 2 = 0 THEN {OFTEN} ELSE 100 + n % 100 END), '{{}}',
       repeat('a', 64), repeat('a', 64), '{{}}', created_at
FROM job_rows;
"""
LINK = """
INSERT INTO asset_derivation_{kind} (world_id, derivation_id, {kind}_id, made_asset_id)
SELECT world_id, derivation_id, nth({number}, CASE WHEN old THEN {rare} WHEN n % 2 = 0 THEN {often}
                                              ELSE 100 + n % 100 END),
       CASE WHEN NOT waiting THEN asset_id END
FROM job_rows WHERE old OR n % 2 = 0 OR n % 7 = 0;
"""
LINKED = {"claim": CLAIM, "entity": ENTITY, "source_chunk": CHUNK}
LINKS = [LINK.format(kind=kind, number=number, often=OFTEN, rare=RARE) for kind, number in LINKED.items()]

LARGE = ["asset_job", "asset", "asset_derivation", *(f"asset_derivation_{kind}" for kind in LINKED)]
SETTINGS = {
    "maintenance_work_mem": "'512MB'",
    "synchronous_commit": "off",
    "max_parallel_maintenance_workers": 0,  # the other core has tests of its own to run
    "max_parallel_workers_per_gather": 0,
}


def fill(connection: psycopg.Connection) -> None:
    """Fill a migrated, empty database; the connection commits by itself."""
    for name, value in SETTINGS.items():
        connection.execute(f"SET {name} = {value}".encode())
    taken = [*_taken(connection, "f", _all_tables(connection)), *_taken(connection, "puc", LARGE)]
    for table, name, _ in taken:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", [LARGE]
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    for table in _all_tables(connection):
        connection.execute(f"ALTER TABLE {table} SET UNLOGGED".encode())
    for table in LARGE:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())

    for statement in (HELPERS, LORE, JOBS, ASSETS, DERIVATIONS, *LINKS, "DROP TABLE job_rows"):
        connection.execute(statement.encode())

    for table, name, definition in sorted(taken, key=lambda one: one[2].startswith("FOREIGN KEY")):
        unseen = " NOT VALID" if definition.startswith(("FOREIGN KEY", "CHECK")) else ""
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}{unseen}".encode())
    for _, definition in indexes:
        connection.execute(definition.encode())
    for table in LARGE:
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
    connection.execute("VACUUM ANALYZE")
    connection.execute("RESET ALL")


def _all_tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [str(row[0]) for row in rows]


def _taken(connection: psycopg.Connection, kinds: str, tables: list[str]) -> list[tuple[str, str, str]]:
    """Constraints of these kinds, as they are to be made again: table, name, definition."""
    return connection.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = ANY(%s) AND conrelid::regclass::text = ANY(%s)",
        [list(kinds), tables],
    ).fetchall()
