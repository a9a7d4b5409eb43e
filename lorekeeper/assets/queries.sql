-- name: create_upload
-- Writes down a presigned upload before it is handed out. Says whether its world exists, and whether the key was free.
WITH made AS (
    INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, size_bytes, checksum,
                        part_size_bytes, created_by, created_at, expires_at)
    SELECT %(id)s, world.id, %(asset_type)s, %(storage_key)s, %(filename)s, %(content_type)s, %(size_bytes)s,
           %(checksum)s, %(part_size_bytes)s, %(actor)s, %(now)s, %(expires_at)s
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

-- name: get_upload
-- One upload.
SELECT id, world_id, storage_key, content_type, size_bytes, part_size_bytes, multipart_id, assembled_at, state, expires_at
FROM upload WHERE id = %(id)s

-- name: get_upload_and_asset
-- What was handed out under a storage key, and which asset was made of it.
SELECT row_to_json(upload) AS upload, (SELECT id FROM asset WHERE storage_key = %(storage_key)s) AS asset_id
FROM upload WHERE storage_key = %(storage_key)s

-- name: note_checksum
-- Keeps what was read off an assembled file, so that a large one is read once, however often its completion is tried.
UPDATE upload SET found_checksum = %(checksum)s
WHERE storage_key = %(storage_key)s AND assembled_at IS NOT NULL AND found_checksum IS NULL

-- name: begin_multipart_upload
-- Notes the store's own name for a multipart upload that it has just begun. No row: it was given up meanwhile.
UPDATE upload SET multipart_id = %(multipart_id)s
WHERE id = %(id)s AND state = 'PENDING' AND multipart_id IS NULL
RETURNING id

-- name: issue_parts
-- Notes that URLs for parts are handed out, so that the upload is not taken for abandoned as long as they are good.
-- No row: no part is taken any more.
WITH issued AS (
    UPDATE upload SET expires_at = greatest(expires_at, %(expires_at)s)
    WHERE id = %(id)s AND state = 'PENDING' AND multipart_id IS NOT NULL AND assembled_at IS NULL
    RETURNING id, world_id, storage_key, size_bytes, part_size_bytes, multipart_id
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT world_id, 'upload.parts_issued', id, %(actor)s, %(request_id)s,
           jsonb_build_object('expires_at', %(expires_at)s::timestamptz), %(now)s
    FROM issued
)
SELECT * FROM issued

-- name: assemble_upload
-- Notes that the store has put the parts together. No row: it was noted before, or the upload was given up meanwhile. An
-- asset may be made of it already: where the server died before it could note this, the file was there all the same.
WITH whole AS (
    UPDATE upload SET assembled_at = %(now)s
    WHERE id = %(id)s AND state <> 'ABANDONED' AND assembled_at IS NULL
    RETURNING id, world_id, storage_key, content_type, size_bytes, assembled_at
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT world_id, 'upload.assembled', id, %(actor)s, %(request_id)s,
           jsonb_build_object('storage_key', storage_key, 'size_bytes', size_bytes), %(now)s
    FROM whole
)
SELECT * FROM whole

-- name: abandon_upload
-- Gives an upload up that no asset was made of. No row: it is not PENDING (any more).
WITH left_behind AS (
    UPDATE upload SET state = 'ABANDONED'
    WHERE id = %(id)s AND state = 'PENDING'
    RETURNING id, world_id, storage_key
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'upload.abandoned', id, %(actor)s, %(request_id)s, jsonb_build_object('state', 'PENDING'),
           jsonb_build_object('state', 'ABANDONED', 'storage_key', storage_key), %(now)s
    FROM left_behind
)
SELECT * FROM left_behind

-- name: abandon_uploads
-- Gives up the uploads that nobody came for: some of those whose URLs expired before a moment, the oldest first. One that
-- an asset is being made of at this moment is locked, and passed over.
WITH due AS MATERIALIZED (
    SELECT id FROM upload
    WHERE state = 'PENDING' AND expires_at < %(before)s
    ORDER BY expires_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), left_behind AS (
    UPDATE upload SET state = 'ABANDONED'
    FROM due WHERE upload.id = due.id
    RETURNING upload.id, upload.world_id, upload.storage_key
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'upload.abandoned', id, %(actor)s, %(request_id)s, jsonb_build_object('state', 'PENDING'),
           jsonb_build_object('state', 'ABANDONED', 'storage_key', storage_key), %(now)s
    FROM left_behind
)
SELECT count(*) AS uploads FROM left_behind

-- name: list_uploads_to_remove
-- What the store may still hold though no asset needs it, in the order of ids. While a URL to put it there is good, it
-- would not be the last time.
SELECT id, storage_key, part_size_bytes IS NOT NULL AS in_parts
FROM upload
WHERE state IN ('ABANDONED', 'RELEASED') AND removed_at IS NULL AND expires_at <= %(now)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s

-- name: note_removed
-- The store holds nothing of these any more, and no URL is good that could put something there again.
WITH removed AS (
    UPDATE upload SET removed_at = %(now)s
    WHERE id = ANY(%(ids)s) AND state IN ('ABANDONED', 'RELEASED') AND removed_at IS NULL AND expires_at <= %(now)s
    RETURNING id, world_id, storage_key
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'upload.removed', id, %(actor)s, %(request_id)s, jsonb_build_object('storage_key', storage_key), %(now)s
FROM removed

-- name: get_asset
-- One asset.
SELECT id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes, checksum, metadata,
       created_by, created_at, deleted_at
FROM asset WHERE id = %(id)s

-- name: get_asset_to_download
-- One asset with the name that its file was uploaded under.
SELECT asset.*, upload.filename
FROM asset JOIN upload ON upload.storage_key = asset.storage_key
WHERE asset.id = %(id)s

-- name: create_asset
-- An asset of an upload that none was made of: both and the event in one statement. No row: the upload is not PENDING
-- (any more), or was handed out for another world or type, or its world is deleted.
WITH living AS MATERIALIZED (  -- held before the upload, in the order of a world's deletion
    SELECT id FROM world WHERE id = %(world_id)s AND deleted_at IS NULL FOR KEY SHARE
), used AS (
    UPDATE upload SET state = 'USED'
    FROM living
    WHERE upload.storage_key = %(storage_key)s AND upload.world_id = living.id AND upload.asset_type = %(type)s
      AND upload.state = 'PENDING'
    RETURNING upload.world_id, upload.asset_type, upload.storage_key
), made AS (
    INSERT INTO asset (id, world_id, type, format, storage_key, content_type, duration_seconds, size_bytes, checksum,
                       metadata, created_by, created_at)
    SELECT %(id)s, used.world_id, used.asset_type, %(format)s, used.storage_key, %(content_type)s, %(duration_seconds)s,
           %(size_bytes)s, %(checksum)s, %(metadata)s, %(actor)s, %(now)s
    FROM used
    RETURNING asset.*
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT world_id, 'asset.created', id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', status, 'storage_key', storage_key, 'checksum', checksum), %(now)s
    FROM made
)
SELECT * FROM made

-- name: lock_asset
-- Holds an asset, so that no job can be made of it until the transaction is over.
SELECT id FROM asset WHERE id = %(id)s FOR UPDATE

-- name: delete_asset
-- Asset, the job that made it, upload and event in one statement, unless a job that is not over needs the file: then
-- nothing changes, and the row tells how many do. The asset is locked already (lock_asset).
WITH needing AS (  -- what a live job refers to is not made yet
    SELECT job.id
    FROM asset_derivation_asset AS link
    JOIN asset_derivation AS derivation ON derivation.id = link.derivation_id
    JOIN asset_job AS job ON job.id = derivation.asset_job_id
    WHERE link.asset_id = %(id)s AND link.made_asset_id IS NULL AND job.status IN ('QUEUED', 'RUNNING')
), gone AS (
    UPDATE asset SET status = 'DELETED', deleted_at = %(now)s
    WHERE id = %(id)s AND status <> 'DELETED' AND NOT EXISTS (SELECT FROM needing)
    RETURNING id, world_id, storage_key
), freed AS (  -- the same inputs may be asked for again
    UPDATE asset_job AS job SET asset_deleted_at = %(now)s
    FROM asset_derivation AS derivation, gone
    WHERE derivation.asset_id = gone.id AND job.id = derivation.asset_job_id
), released AS (
    UPDATE upload SET state = 'RELEASED'
    FROM gone WHERE upload.storage_key = gone.storage_key AND upload.state = 'USED'
    RETURNING upload.id, upload.storage_key, upload.part_size_bytes
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'asset.deleted', id, %(actor)s, %(request_id)s, jsonb_build_object('status', 'READY'),
           jsonb_build_object('status', 'DELETED', 'storage_key', storage_key), %(now)s
    FROM gone
)
SELECT (SELECT count(*) FROM needing) AS needed_by,
       ARRAY(SELECT id FROM needing ORDER BY id LIMIT 10) AS some_jobs,
       released.id AS upload_id, released.storage_key, released.part_size_bytes IS NOT NULL AS in_parts
FROM (SELECT) AS always LEFT JOIN released ON true

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
