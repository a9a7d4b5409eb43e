-- name: create_upload
-- Writes down a presigned upload before it is handed out. Says whether its world exists, and whether the key was free.
WITH made AS (
    INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, size_bytes, checksum, created_by,
                        created_at, expires_at)
    SELECT %(id)s, world.id, %(asset_type)s, %(storage_key)s, %(filename)s, %(content_type)s, %(size_bytes)s,
           %(checksum)s, %(actor)s, %(now)s, %(expires_at)s
    FROM world WHERE world.id = %(world_id)s AND world.deleted_at IS NULL
    ON CONFLICT (storage_key) DO NOTHING
    RETURNING id, world_id, storage_key
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT world_id, 'upload.issued', id, %(actor)s, %(request_id)s, jsonb_build_object('storage_key', storage_key),
           %(now)s
    FROM made
)
SELECT EXISTS (SELECT FROM made) AS made,
       EXISTS (SELECT FROM world WHERE id = %(world_id)s AND deleted_at IS NULL) AS world_exists

-- name: get_asset
-- One asset.
SELECT id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes, checksum, metadata,
       created_by, created_at
FROM asset WHERE id = %(id)s

-- name: list_assets
-- Assets, newest first.
SELECT id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes, checksum, metadata,
       created_by, created_at
FROM asset
WHERE true
  AND world_id = %(world_id)s             -- when world_id
  AND type = %(type)s                     -- when type
  AND status = %(status)s                 -- when status
  AND created_by = %(created_by)s         -- when created_by
  AND id IN (SELECT made_asset_id FROM asset_derivation_claim WHERE claim_id = %(related_claim_id)s)     -- when related_claim_id
  AND id IN (SELECT made_asset_id FROM asset_derivation_entity WHERE entity_id = %(related_entity_id)s)  -- when related_entity_id
  AND id IN (SELECT made_asset_id FROM asset_derivation_source_chunk WHERE source_chunk_id = %(related_source_chunk_id)s)  -- when related_source_chunk_id
  AND id IN (SELECT asset_id FROM asset_derivation WHERE source_id = %(source_id)s)                      -- when source_id
  AND world_id = ANY(%(visible_worlds)s)  -- when visible_worlds
  AND id < %(after)s                      -- when after
ORDER BY id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s

