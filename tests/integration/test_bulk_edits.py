"""A whole world written on a connection that has edited single pieces: what a trigger reads has one plan for both."""

import psycopg
import pytest
from factories.lore import World

MANY = 10_000
SECONDS = 5
"""Ten times what it takes; as a nested loop over all rows it takes longer."""

MAKE = {
    "entity": """
        INSERT INTO entity (id, world_id, type, name, content_hash, created_by, created_at, updated_at)
        SELECT gen_random_uuid(), %(world)s, 'PERSON', 'Name ' || n, repeat('a', 64), 'somebody', now(), now()
        FROM generate_series(1, %(many)s) AS n""",
    "claim": """
        INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_value, canon_state, confidence,
                           version_group_id, content_hash, created_by, created_at, updated_at)
        SELECT gen_random_uuid(), %(world)s, %(entity)s, 'saw', 'Thing ' || n, 'DRAFT', 1, gen_random_uuid(),
               repeat('a', 64), 'somebody', now(), now()
        FROM generate_series(1, %(many)s) AS n""",
    "source_chunk": """
        INSERT INTO source_chunk (id, world_id, source_id, chunk_index, content, content_hash, created_by, created_at,
                                  updated_at)
        SELECT gen_random_uuid(), %(world)s, %(source)s, n, 'A text.', repeat('a', 64), 'somebody', now(), now()
        FROM generate_series(1, %(many)s) AS n""",
}
EDIT = {"entity": "summary", "claim": "object_value", "source_chunk": "content"}


@pytest.mark.parametrize("table", MAKE)
def test_takes_no_longer_for_the_edits_before_it(world: World, database_url: str, table: str) -> None:
    ids = {"world": world.id, "entity": world.entity()["id"], "source": world.source()["id"], "many": MANY}
    with psycopg.connect(database_url) as connection:
        connection.execute(MAKE[table], ids)
        of_world = f"FROM {table} WHERE world_id = %s AND deleted_at IS NULL"
        (piece,) = connection.execute(f"SELECT id {of_world} LIMIT 1", [world.id]).fetchone() or ()
        for number in range(3):
            connection.execute(
                f"UPDATE {table} SET {EDIT[table]} = %s, version = version + 1, content_hash = %s WHERE id = %s",
                [f"Edit {number}", f"{number}" * 64, piece],
            )
        connection.execute(f"SET statement_timeout = '{SECONDS}s'")
        done = connection.execute(f"UPDATE {table} SET deleted_at = now() WHERE world_id = %s", [world.id])

        assert done.rowcount >= MANY
        left = "SELECT count(*) FROM lore_search WHERE world_id = %s AND kind = %s"
        assert connection.execute(left, [world.id, table]).fetchone() == (0,)
        connection.rollback()
