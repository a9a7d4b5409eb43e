-- name: find_jobs_to_complete
-- What completions are judged by: the jobs, and for each the upload that its file is said to be in, as it was handed out.
SELECT job.*, (
           SELECT row_to_json(part) FROM (
               SELECT upload.id, upload.world_id, upload.asset_type, upload.storage_key, upload.content_type,
                      upload.size_bytes, upload.checksum, upload.bound, upload.part_size_bytes, upload.assembled_at,
                      upload.found_checksum, upload.state
               FROM upload WHERE upload.storage_key = asked.storage_key
           ) AS part
       ) AS upload
FROM unnest(%(ids)s::uuid[], %(storage_keys)s::text[]) AS asked (id, storage_key)
CROSS JOIN LATERAL (
    SELECT id, world_id, asset_type, provider, status, lease_token, lease_expires_at
    FROM asset_job WHERE id = asked.id
    OFFSET 0  -- each job is looked up: joined freely, all jobs might be walked beside the few
) AS job

-- name: complete_asset_jobs
-- Jobs, assets, derivations, links, uploads and events in one statement: for each job all of a completion or nothing of it.
-- Where the job was to be cancelled, or nobody needs it any more, a late result is made in the asset's place. A job
-- without a row is not RUNNING under this lease (any more); or the upload is not PENDING (any more), or is another
-- item's, too, that came before it. Worlds, uploads and jobs are locked in this order, each kind in that of its ids: the
-- order of a world's deletion, and the same in all batches.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[], %(upload_ids)s::uuid[], %(asset_ids)s::uuid[],
                         %(formats)s::text[], %(content_types)s::text[], %(durations)s::float8[], %(sizes)s::bigint[],
                         %(checksums)s::text[], %(metadata)s::jsonb[]) WITH ORDINALITY
        AS item (id, lease_token, upload_id, asset_id, format, content_type, duration_seconds, size_bytes, checksum,
                 metadata, place)
), living AS MATERIALIZED (
    SELECT id FROM world WHERE id = ANY(%(world_ids)s) ORDER BY id FOR KEY SHARE
), pending AS MATERIALIZED (  -- so that they are neither used by another asset nor given up meanwhile
    SELECT upload.id, upload.storage_key
    FROM (SELECT DISTINCT upload_id FROM asked
          WHERE (SELECT count(*) FROM living) > 0  -- counted before the first upload is locked: all worlds come first
          ORDER BY upload_id) AS wanted
    CROSS JOIN LATERAL (
        SELECT id, world_id, storage_key, state FROM upload WHERE id = wanted.upload_id
        -- The state is looked at out there: planned when next to none was PENDING, all that are were read for each.
        OFFSET 0 FOR UPDATE
    ) AS upload
    WHERE upload.state = 'PENDING' AND upload.world_id IN (SELECT id FROM living)
), held AS MATERIALIZED (
    SELECT wanted.*, job.status, job.late
    FROM (SELECT asked.*, pending.storage_key FROM asked JOIN pending ON pending.id = asked.upload_id
          ORDER BY asked.id) AS wanted
    CROSS JOIN LATERAL (
        SELECT status, CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                            WHEN finish_by <= %(now)s THEN 'finish_by_passed' END AS late
        FROM asset_job
        WHERE id = wanted.id AND status = 'RUNNING' AND lease_token IS NOT DISTINCT FROM wanted.lease_token
          AND (lease_expires_at IS NULL OR lease_expires_at > %(now)s)
        FOR UPDATE
    ) AS job
), handed_in AS MATERIALIZED (  -- a file is of one job
    SELECT DISTINCT ON (upload_id) * FROM held ORDER BY upload_id, place
), done AS (
    UPDATE asset_job AS job
    SET status = CASE WHEN file.late IS NULL THEN 'SUCCEEDED' ELSE 'CANCELLED' END,
        finished_at = greatest(%(now)s, job.started_at), lease_token = NULL, lease_expires_at = NULL,
        error_code = nullif(file.late, 'cancelled'), error_message = NULL
    FROM handed_in AS file
    WHERE job.id = file.id AND file.status = 'RUNNING'  -- as all are: it tells the planner that they are few
    RETURNING job.*, file.late, file.upload_id, file.asset_id, file.storage_key, file.format, file.content_type,
              file.duration_seconds, file.size_bytes, file.checksum, file.metadata
), used AS (
    UPDATE upload SET state = CASE WHEN done.late IS NULL THEN 'USED' ELSE 'QUARANTINED' END
    FROM done WHERE upload.id = done.upload_id
), made AS (
    INSERT INTO asset (id, world_id, type, format, status, storage_key, content_type, duration_seconds, size_bytes,
                       checksum, metadata, created_by, created_at)
    SELECT asset_id, world_id, asset_type, format, 'READY', storage_key, content_type, duration_seconds, size_bytes,
           checksum, metadata, %(actor)s, %(now)s
    FROM done WHERE late IS NULL
), kept AS (
    INSERT INTO late_result (asset_job_id, world_id, asset_type, storage_key, format, content_type, duration_seconds,
                             size_bytes, checksum, metadata, reason, worker_id, received_at, keep_until)
    SELECT id, world_id, asset_type, storage_key, format, content_type, duration_seconds, size_bytes, checksum, metadata,
           late, worker_id, %(now)s, %(keep_until)s
    FROM done WHERE late IS NOT NULL
    RETURNING late_result.*
), derived AS (
    UPDATE asset_derivation AS derivation SET asset_id = done.asset_id
    FROM done WHERE derivation.asset_job_id = done.id AND done.late IS NULL
    RETURNING derivation.id, derivation.asset_id
), claims AS (
    UPDATE asset_derivation_claim AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), entities AS (
    UPDATE asset_derivation_entity AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), chunks AS (
    UPDATE asset_derivation_source_chunk AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), assets AS (
    UPDATE asset_derivation_asset AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, CASE WHEN late IS NULL THEN 'asset_job.completed' ELSE 'asset_job.late_result' END, id, %(actor)s,
           %(request_id)s, jsonb_build_object('status', 'RUNNING'),
           CASE WHEN late IS NULL
                THEN jsonb_build_object('status', status, 'attempt', attempt, 'asset_id', asset_id)
                ELSE jsonb_build_object('status', status, 'attempt', attempt, 'reason', late) END, %(now)s
    FROM done
)
SELECT done.id, row_to_json(wire) AS job
FROM done CROSS JOIN LATERAL (SELECT  -- AssetJobFullResponse as it is on the wire: it is handed on as it stands here
       done.id, done.world_id, done.asset_type, done.provider, done.model_id, done.status, done.priority,
       done.requested_by, done.input_hash, done.prompt_spec, done.prompt_schema_id, done.error_code, done.error_message,
       done.idempotency_key, done.attempt, done.max_attempts,
       to_char(done.available_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS available_at,
       done.lease_expires_at, done.worker_id, done.progress, done.provider_job_id,
       to_char(done.cancel_requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS cancel_requested_at,
       to_char(done.start_by AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start_by,
       to_char(done.finish_by AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS finish_by,
       to_char(done.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
       to_char(done.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS started_at,
       to_char(done.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS finished_at,
       (SELECT row_to_json(part) FROM (
           SELECT derivation.id, derivation.world_id, derivation.origin, derivation.asset_job_id,
                  CASE WHEN done.late IS NULL THEN done.asset_id END AS asset_id,
                  derivation.source_id, derivation.prompt_spec, derivation.input_hash, derivation.content_basis,
                  derivation."references", derivation.lore_snapshot,
                  to_char(derivation.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
           FROM asset_derivation_reading AS derivation WHERE derivation.asset_job_id = done.id
       ) AS part) AS derivation,
       (SELECT row_to_json(part) FROM (
           -- Not read back from `made`, which would be gone through for each.
           SELECT done.asset_id AS id, done.world_id, done.asset_type AS type, done.format, 'READY' AS status,
                  done.storage_key, done.content_type, done.duration_seconds, done.size_bytes, done.checksum,
                  done.metadata, %(actor)s::text AS created_by,
                  to_char(%(now)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at, NULL AS deleted_at
           WHERE done.late IS NULL
       ) AS part) AS asset,
       (SELECT row_to_json(part) FROM (
           SELECT kept.asset_job_id AS job_id, kept.reason, kept.storage_key, kept.format, kept.content_type,
                  kept.duration_seconds, kept.size_bytes, kept.checksum, kept.metadata, kept.worker_id,
                  to_char(kept.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS received_at,
                  to_char(kept.keep_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS keep_until,
                  true AS kept
           FROM kept WHERE kept.asset_job_id = done.id
       ) AS part) AS late_result
) AS wire

-- name: get_late_result_to_download
-- The late result of a job, with the name that its file was uploaded under; the job alone where it has none.
SELECT job.id, job.world_id, late.*, upload.filename
FROM asset_job AS job
LEFT JOIN late_result_reading AS late ON late.job_id = job.id
LEFT JOIN upload ON upload.storage_key = late.storage_key
WHERE job.id = %(id)s
