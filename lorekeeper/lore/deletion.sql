-- name: hold_worlds_of
-- Keeps the worlds of these pieces from being deleted, before the pieces themselves are locked: who deletes a world has
-- that first, and asks for what is in it next.
SELECT id FROM world
WHERE deleted_at IS NULL AND id IN (
    SELECT world_id FROM entity WHERE id = ANY(%(entity_ids)s)
    UNION ALL SELECT world_id FROM source WHERE id = ANY(%(source_ids)s)
    UNION ALL SELECT world_id FROM source_chunk WHERE id = ANY(%(source_chunk_ids)s)
    UNION ALL SELECT world_id FROM claim WHERE id = ANY(%(claim_ids)s)
)
ORDER BY id
FOR KEY SHARE

-- name: find_users
-- What lives and points at any of these pieces, by the field that does. Asked in a statement of its own, once the pieces
-- are locked: so it sees what was committed while the lock was waited for, and nothing can come after it.
SELECT field, id
FROM (
    SELECT field, id, row_number() OVER (PARTITION BY field ORDER BY id) AS place
    FROM (
        SELECT 'subject_entity_id' AS field, id FROM claim
        WHERE subject_entity_id = ANY(%(entity_ids)s) AND deleted_at IS NULL
        UNION ALL
        SELECT 'object_entity_id', id FROM claim WHERE object_entity_id = ANY(%(entity_ids)s) AND deleted_at IS NULL
        UNION ALL
        SELECT 'asserted_by_entity_id', id FROM claim
        WHERE asserted_by_entity_id = ANY(%(entity_ids)s) AND deleted_at IS NULL
        UNION ALL
        SELECT 'author_ids', source.id
        FROM source_author JOIN source ON source.id = source_author.source_id
        WHERE source_author.entity_id = ANY(%(entity_ids)s) AND source.deleted_at IS NULL
        UNION ALL
        SELECT 'source_id', id FROM claim WHERE source_id = ANY(%(source_ids)s) AND deleted_at IS NULL
        UNION ALL
        SELECT 'source_chunk_id', id FROM claim WHERE source_chunk_id = ANY(%(source_chunk_ids)s) AND deleted_at IS NULL
        UNION ALL
        SELECT 'supersedes_claim_id', id FROM claim
        WHERE supersedes_claim_id = ANY(%(claim_ids)s) AND deleted_at IS NULL
    ) AS used
) AS placed
WHERE true
  AND place <= %(at_most)s  -- when at_most
ORDER BY field, id

-- name: bury
-- Makes tombstones of pieces that are locked already; a source takes its chunks along, with one event for all of them.
WITH entities AS (
    UPDATE entity SET deleted_at = %(now)s WHERE id = ANY(%(entity_ids)s) AND deleted_at IS NULL
    RETURNING id, world_id, to_jsonb(entity) AS was
), sources AS (
    UPDATE source SET deleted_at = %(now)s WHERE id = ANY(%(source_ids)s) AND deleted_at IS NULL
    RETURNING id, world_id, to_jsonb(source) AS was
), along AS (
    UPDATE source_chunk SET deleted_at = %(now)s FROM sources
    WHERE source_chunk.source_id = sources.id AND source_chunk.deleted_at IS NULL
    RETURNING source_chunk.world_id, source_chunk.source_id
), chunks AS (
    UPDATE source_chunk SET deleted_at = %(now)s WHERE id = ANY(%(source_chunk_ids)s) AND deleted_at IS NULL
    RETURNING id, world_id, to_jsonb(source_chunk) AS was
), claims AS (
    UPDATE claim SET deleted_at = %(now)s WHERE id = ANY(%(claim_ids)s) AND deleted_at IS NULL
    RETURNING id, world_id, to_jsonb(claim) AS was
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, occurred_at)
    SELECT world_id, kind, id, %(actor)s, %(request_id)s, was - 'deleted_at' - 'edit', %(now)s
    FROM (
        SELECT 'entity.deleted' AS kind, * FROM entities
        UNION ALL SELECT 'source.deleted', * FROM sources
        UNION ALL SELECT 'source_chunk.deleted', * FROM chunks
        UNION ALL SELECT 'claim.deleted', * FROM claims
        UNION ALL SELECT 'source.chunks_deleted', source_id, world_id, jsonb_build_object('chunks', count(*))
                  FROM along GROUP BY source_id, world_id
    ) AS gone
)
SELECT count(*) AS source_chunks FROM along

-- name: lock_jobs_of_world
-- Holds the unfinished jobs of a world that is locked already, and names those that run.
WITH jobs AS (
    SELECT id, status FROM asset_job WHERE world_id = %(id)s AND status IN ('QUEUED', 'RUNNING') ORDER BY id
    FOR UPDATE
)
SELECT ARRAY(SELECT id FROM jobs WHERE status = 'RUNNING' ORDER BY id LIMIT 20) AS running,
       (SELECT count(*) FROM jobs) AS jobs

-- name: bury_world
-- Makes tombstones of a world that is locked already, and of all lore in it; ends its queued jobs, deletes its assets and
-- gives up its uploads, so that the sweep removes the files. What jobs, assets and derivations say stays.
WITH world_gone AS (
    UPDATE world SET deleted_at = %(now)s WHERE id = %(id)s AND deleted_at IS NULL
    RETURNING id, to_jsonb(world) AS was
), entities AS (
    UPDATE entity SET deleted_at = %(now)s WHERE world_id = %(id)s AND deleted_at IS NULL RETURNING id
), sources AS (
    UPDATE source SET deleted_at = %(now)s WHERE world_id = %(id)s AND deleted_at IS NULL RETURNING id
), chunks AS (
    UPDATE source_chunk SET deleted_at = %(now)s WHERE world_id = %(id)s AND deleted_at IS NULL RETURNING id
), claims AS (
    UPDATE claim SET deleted_at = %(now)s WHERE world_id = %(id)s AND deleted_at IS NULL RETURNING id
), jobs AS (
    UPDATE asset_job
    SET status = 'CANCELLED', cancel_requested_at = coalesce(cancel_requested_at, %(now)s),
        finished_at = greatest(%(now)s, started_at)
    WHERE world_id = %(id)s AND status = 'QUEUED'
    RETURNING id
), freed AS (  -- should the world come back, the same inputs may be asked for again
    UPDATE asset_job SET asset_deleted_at = %(now)s
    WHERE world_id = %(id)s AND status = 'SUCCEEDED' AND asset_deleted_at IS NULL
), assets AS (
    UPDATE asset SET status = 'DELETED', deleted_at = %(now)s
    FROM asset AS living
    WHERE asset.world_id = %(id)s AND asset.status <> 'DELETED' AND living.id = asset.id
    RETURNING asset.id, living.status AS was, asset.storage_key
), uploads AS (
    UPDATE upload SET state = CASE state WHEN 'USED' THEN 'RELEASED' ELSE 'ABANDONED' END
    WHERE world_id = %(id)s AND state IN ('PENDING', 'USED')
    RETURNING id, state, storage_key
), counted AS (
    SELECT (SELECT count(*) FROM entities) AS entities, (SELECT count(*) FROM sources) AS sources,
           (SELECT count(*) FROM chunks) AS source_chunks, (SELECT count(*) FROM claims) AS claims,
           (SELECT count(*) FROM jobs) AS jobs_cancelled, (SELECT count(*) FROM assets) AS assets,
           (SELECT count(*) FROM uploads) AS uploads
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT %(id)s, kind, subject_id, %(actor)s, %(request_id)s, before, after, %(now)s
    FROM (
        SELECT 'world.deleted' AS kind, world_gone.id AS subject_id, was - 'deleted_at' - 'edit' AS before,
               to_jsonb(counted) AS after
        FROM world_gone, counted
        UNION ALL
        SELECT 'asset_job.cancel_requested', id, NULL, jsonb_build_object('status', 'CANCELLED') FROM jobs
        UNION ALL
        SELECT 'asset.deleted', id, jsonb_build_object('status', was),
               jsonb_build_object('status', 'DELETED', 'storage_key', storage_key)
        FROM assets
        UNION ALL
        SELECT 'upload.abandoned', id, jsonb_build_object('state', 'PENDING'),
               jsonb_build_object('state', state, 'storage_key', storage_key)
        FROM uploads WHERE state = 'ABANDONED'
    ) AS told
)
SELECT counted.* FROM counted
