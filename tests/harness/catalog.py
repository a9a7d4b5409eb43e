"""A database's own account of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

_PARTS: dict[str, str] = {
    "columns": """
        SELECT table_name || '.' || column_name,
               concat_ws(' ', ordinal_position, data_type, udt_name, is_nullable, column_default, is_identity,
                         identity_generation, collation_name)
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0""",
    "indexes": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'""",
    "triggers": """
        SELECT tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "views": """
        SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'""",
    "sequences": """
        SELECT sequencename, concat_ws(' ', data_type, start_value, increment_by, cycle)
        FROM pg_sequences WHERE schemaname = 'public'""",
    "extensions": """
        SELECT extname, '' FROM pg_extension""",
    "text search": """
        SELECT cfgname || '.' || maptokentype,
               string_agg(dictname || ' ' || coalesce(dictinitoption, ''), ' ' ORDER BY mapseqno)
        FROM pg_ts_config JOIN pg_ts_config_map ON mapcfg = pg_ts_config.oid JOIN pg_ts_dict ON mapdict = pg_ts_dict.oid
        WHERE cfgnamespace = 'public'::regnamespace GROUP BY 1""",
}


def describe(url: str) -> dict[str, dict[str, str]]:
    """Every part of the schema by its name, with its definition; but for Alembic's own table."""
    with psycopg.connect(url) as connection:
        return {
            part: {
                name: definition
                for name, definition in connection.execute(query).fetchall()
                if not name.startswith("alembic_version")
            }
            for part, query in _PARTS.items()
        }


@dataclass(frozen=True)
class ForeignKey:
    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}.{'+'.join(self.columns)}"


def foreign_keys(connection: Connection) -> list[ForeignKey]:
    rows: Sequence[Any] = connection.execute(
        """
        SELECT conname::text AS name, conrelid::regclass::text AS source, confrelid::regclass::text AS target,
               ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (n, place)
                     JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY place) AS columns,
               ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (n, place)
                     JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY place) AS target_columns
        FROM pg_constraint
        WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0
        ORDER BY 2, 1"""
    ).fetchall()
    return [
        ForeignKey(row["name"], row["source"], tuple(row["columns"]), row["target"], tuple(row["target_columns"]))
        for row in rows
    ]


def tables_of_a_world(connection: Connection) -> set[str]:
    rows = connection.execute(
        """SELECT table_name
           FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
           WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'world_id'"""
    )
    return {row["table_name"] for row in rows}
