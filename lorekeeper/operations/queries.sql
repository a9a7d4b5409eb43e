-- name: schema_revision
-- How far the database is migrated.
SELECT version_num AS revision FROM alembic_version
