-- name: create_upload
-- Writes down a presigned upload before it is handed out. Says whether its world exists, and whether the key was free.
WITH made AS (
    INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, size_bytes, checksum, created_by,
                        created_at, expires_at)
    SELECT %(id)s, world.id, %(asset_type)s, %(storage_key)s, %(filename)s, %(content_type)s, %(size_bytes)s,
           %(checksum)s, %(actor)s, %(now)s, %(expires_at)s
    FROM world WHERE world.id = %(world_id)s AND world.deleted_at IS NULL
    FOR KEY SHARE  -- it is not deleted before this is committed
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
       created_by, created_at, deleted_at
FROM asset WHERE id = %(id)s

-- name: list_assets
-- Assets, newest first.
SELECT page.* FROM unnest(%(each_world)s::uuid[]) AS seen (world_id) CROSS JOIN LATERAL (  -- when each_world
SELECT id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes, checksum, metadata,
       created_by, created_at, deleted_at
FROM asset
WHERE true
  AND world_id = ANY(ARRAY[%(world_id)s::uuid])  -- when world_id
  AND type = ANY(ARRAY[%(type)s])                -- when type
  AND status = ANY(ARRAY[%(status)s])            -- when status
  AND created_by = ANY(ARRAY[%(created_by)s])    -- when created_by
  AND world_id = ANY(%(visible_worlds)s)         -- when visible_worlds
  AND world_id = ANY(ARRAY[seen.world_id])       -- when each_world
  AND id < %(after)s                             -- when after
ORDER BY world_id DESC, id DESC             -- when ordered and each_world
LIMIT %(limit)s::bigint + %(skip)s::bigint  -- when each_world
) AS page                                   -- when each_world
ORDER BY created_by DESC, id DESC           -- when ordered and along_created_by
ORDER BY world_id DESC, id DESC             -- when ordered and along_world_id
ORDER BY status DESC, id DESC               -- when ordered and along_status
ORDER BY type DESC, id DESC                 -- when ordered and along_type
ORDER BY id DESC                            -- when ordered unless along
LIMIT %(limit)s OFFSET %(skip)s

-- name: list_derived_assets
-- The assets made from a piece of lore, newest first: one walk along the index of what points at it, however many there
-- are and however old. Several pieces: the assets that all of them went into. `worlds` are those that may be looked into.
SELECT asset.*
FROM (SELECT) AS made
NATURAL JOIN (SELECT DISTINCT made_asset_id AS made_id FROM asset_derivation_claim                             -- when related_claim_id
              WHERE claim_id = %(related_claim_id)s AND made_asset_id IS NOT NULL                              -- when related_claim_id
                AND made_asset_id < %(after)s                                                                  -- when related_claim_id and after
                AND EXISTS (SELECT FROM claim WHERE id = %(related_claim_id)s AND world_id = ANY(%(worlds)s))  -- when related_claim_id and worlds
              ORDER BY made_asset_id DESC) AS of_claim                                                         -- when related_claim_id
NATURAL JOIN (SELECT DISTINCT made_asset_id AS made_id FROM asset_derivation_entity                              -- when related_entity_id
              WHERE entity_id = %(related_entity_id)s AND made_asset_id IS NOT NULL                              -- when related_entity_id
                AND made_asset_id < %(after)s                                                                    -- when related_entity_id and after
                AND EXISTS (SELECT FROM entity WHERE id = %(related_entity_id)s AND world_id = ANY(%(worlds)s))  -- when related_entity_id and worlds
              ORDER BY made_asset_id DESC) AS of_entity                                                          -- when related_entity_id
NATURAL JOIN (SELECT DISTINCT made_asset_id AS made_id FROM asset_derivation_source_chunk                                    -- when related_source_chunk_id
              WHERE source_chunk_id = %(related_source_chunk_id)s AND made_asset_id IS NOT NULL                              -- when related_source_chunk_id
                AND made_asset_id < %(after)s                                                                                -- when related_source_chunk_id and after
                AND EXISTS (SELECT FROM source_chunk WHERE id = %(related_source_chunk_id)s AND world_id = ANY(%(worlds)s))  -- when related_source_chunk_id and worlds
              ORDER BY made_asset_id DESC) AS of_chunk                                                                       -- when related_source_chunk_id
NATURAL JOIN (SELECT DISTINCT asset_id AS made_id FROM asset_derivation                                  -- when source_id
              WHERE source_id = %(source_id)s AND asset_id IS NOT NULL                                   -- when source_id
                AND asset_id < %(after)s                                                                 -- when source_id and after
                AND EXISTS (SELECT FROM source WHERE id = %(source_id)s AND world_id = ANY(%(worlds)s))  -- when source_id and worlds
              ORDER BY asset_id DESC) AS of_source                                                       -- when source_id
CROSS JOIN LATERAL (  -- OFFSET 0: each asset is looked up; joined freely, all assets might be walked beside the few
    SELECT id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes, checksum,
           metadata, created_by, created_at, deleted_at
    FROM asset WHERE id = made_id OFFSET 0
) AS asset
WHERE true
  AND type = %(type)s              -- when type
  AND status = %(status)s          -- when status
  AND created_by = %(created_by)s  -- when created_by
  AND world_id = ANY(%(worlds)s)   -- when worlds
ORDER BY made_id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s
