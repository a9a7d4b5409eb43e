-- name: take_snapshot
-- All that a job refers to, word for word, in one statement and so as of one moment; what contradicts its claims; the job
-- that the same key was answered with before; and what its prompt is judged by. The order is fixed by the lore itself,
-- because the order of the request's lists means nothing.
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
    ) AS piece) AS same_key,
    coalesce(  -- the operator's schema that the prompt is judged by; none: the built-in one
        (SELECT id FROM prompt_schema
         WHERE asset_type = %(asset_type)s AND provider = %(provider)s AND retired_at IS NULL),
        (SELECT id FROM prompt_schema
         WHERE asset_type = %(asset_type)s AND provider IS NULL AND retired_at IS NULL)
    ) AS prompt_schema_id

-- name: get_derivation
-- One derivation with what it points at.
SELECT * FROM asset_derivation_reading WHERE id = %(id)s

-- name: list_derivations_of_asset
-- The derivations of an asset, oldest first.
SELECT * FROM asset_derivation_reading WHERE asset_id = %(asset_id)s ORDER BY id

-- name: create_asset_derivation
-- What an asset that no job made was made from. Its links come after it.
INSERT INTO asset_derivation (id, world_id, origin, asset_job_id, asset_id, source_id, prompt_spec, input_hash,
                              content_basis, lore_snapshot, created_at)
VALUES (%(id)s, %(world_id)s, %(origin)s, %(asset_job_id)s, %(asset_id)s, %(source_id)s, %(prompt_spec)s, %(input_hash)s,
        %(content_basis)s, %(lore_snapshot)s, %(created_at)s)

-- name: add_derivation_claims
-- Says which claims a derivation is made from.
INSERT INTO asset_derivation_claim (world_id, derivation_id, claim_id, made_asset_id)
SELECT derivation.world_id, derivation.id, piece, derivation.asset_id
FROM asset_derivation AS derivation, unnest(%(ids)s::uuid[]) AS piece
WHERE derivation.id = %(derivation_id)s

-- name: add_derivation_entities
-- The same for entities.
INSERT INTO asset_derivation_entity (world_id, derivation_id, entity_id, made_asset_id)
SELECT derivation.world_id, derivation.id, piece, derivation.asset_id
FROM asset_derivation AS derivation, unnest(%(ids)s::uuid[]) AS piece
WHERE derivation.id = %(derivation_id)s

-- name: add_derivation_source_chunks
-- The same for source chunks.
INSERT INTO asset_derivation_source_chunk (world_id, derivation_id, source_chunk_id, made_asset_id)
SELECT derivation.world_id, derivation.id, piece, derivation.asset_id
FROM asset_derivation AS derivation, unnest(%(ids)s::uuid[]) AS piece
WHERE derivation.id = %(derivation_id)s

-- name: add_derivation_assets
-- The same for assets that are inputs.
INSERT INTO asset_derivation_asset (world_id, derivation_id, asset_id, made_asset_id)
SELECT derivation.world_id, derivation.id, piece, derivation.asset_id
FROM asset_derivation AS derivation, unnest(%(ids)s::uuid[]) AS piece
WHERE derivation.id = %(derivation_id)s

-- name: update_derivation_asset_id
-- Links a derivation, and all that it is made from, to the asset that came of it. No row: it has an asset already.
WITH derived AS (
    UPDATE asset_derivation SET asset_id = %(asset_id)s
    WHERE id = %(id)s AND asset_id IS NULL
    RETURNING id, asset_id
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
)
SELECT id FROM derived
