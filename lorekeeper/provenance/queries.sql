-- name: take_snapshot
-- All that a job refers to, word for word, in one statement and so as of one moment; what contradicts its claims; and the
-- job that the same key was answered with before. The order is fixed by the lore itself, because the order of the request's
-- lists means nothing.
SELECT
    (SELECT row_to_json(piece) FROM (
        SELECT id, name FROM world WHERE id = %(world_id)s AND deleted_at IS NULL
    ) AS piece) AS world,
    (SELECT row_to_json(piece) FROM (
        SELECT id, world_id, version, updated_at, content_hash, type, title, origin
        FROM source WHERE id = %(source_id)s AND deleted_at IS NULL
    ) AS piece) AS source,
    (SELECT json_agg(piece) FROM (
        SELECT id, world_id, version, updated_at, content_hash, type, name, aliases, summary, description
        FROM entity WHERE id = ANY(%(entity_ids)s) AND deleted_at IS NULL
        ORDER BY id
    ) AS piece) AS entities,
    (SELECT json_agg(piece) FROM (
        SELECT id, world_id, version, updated_at, content_hash, subject_entity_id, subject_name, predicate,
               object_entity_id, object_name, object_value, canon_state, confidence, asserted_by_entity_id,
               asserted_by_name, source_id, source_chunk_id, valid_from, valid_to
        FROM claim_reading WHERE id = ANY(%(claim_ids)s) AND deleted_at IS NULL
        ORDER BY id
    ) AS piece) AS claims,
    (SELECT json_agg(piece) FROM (
        SELECT chunk.id, chunk.world_id, chunk.version, chunk.updated_at, chunk.content_hash, chunk.source_id,
               source.title AS source_title, chunk.chunk_index, chunk.metadata ->> 'heading' AS heading,
               chunk.char_start, chunk.char_end, chunk.content
        FROM source_chunk AS chunk JOIN source ON source.id = chunk.source_id
        WHERE chunk.id = ANY(%(source_chunk_ids)s) AND chunk.deleted_at IS NULL
        ORDER BY chunk.source_id, chunk.chunk_index
    ) AS piece) AS source_chunks,
    (SELECT json_agg(piece) FROM (
        SELECT id, world_id, type, format, content_type, size_bytes, checksum, duration_seconds
        FROM asset WHERE id = ANY(%(asset_ids)s) AND status = 'READY'
        ORDER BY id
    ) AS piece) AS assets,
    CASE WHEN %(heeds_canon)s THEN contradictions_of(%(world_id)s, %(claim_ids)s, %(named_pairs)s + 1) END AS contradictions,
    (SELECT row_to_json(piece) FROM (
        SELECT job_id, fingerprint FROM idempotency_key WHERE requested_by = %(actor)s AND key = %(idempotency_key)s
    ) AS piece) AS same_key

-- name: get_derivation
-- One derivation with what it points at.
SELECT * FROM asset_derivation_reading WHERE id = %(id)s

-- name: list_derivations_of_asset
-- The derivations of an asset, oldest first.
SELECT * FROM asset_derivation_reading WHERE asset_id = %(asset_id)s ORDER BY id
