-- name: read_chunks
-- The living chunks of a source in their order, as far as two editions are compared by them.
SELECT id, edit, chunk_index, char_start, char_end, metadata, content_hash
FROM source_chunk WHERE source_id = %(source_id)s AND deleted_at IS NULL
ORDER BY chunk_index

-- name: read_contents
-- The texts of chunks that went or changed.
SELECT id, content FROM source_chunk WHERE id = ANY(%(ids)s)

-- name: lock_chunks
-- Holds a source's chunks still while its new edition is written, also against claims that begin to cite one.
SELECT id, edit FROM source_chunk WHERE source_id = %(source_id)s AND deleted_at IS NULL
ORDER BY id
FOR UPDATE

-- name: write_edition
-- A new edition: chunks that went become tombstones, those that changed or moved are written over, new ones come in. One
-- statement, at whose end no two chunks stand in one place; in between they may. With one event, which has the counts.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, is_new boolean, chunk_index integer, content text,
                                                      char_start integer, char_end integer, metadata jsonb,
                                                      content_hash text)
), gone AS (
    UPDATE source_chunk SET deleted_at = %(now)s WHERE id = ANY(%(removed_ids)s::uuid[])
), written AS (
    UPDATE source_chunk AS chunk
    SET chunk_index = given.chunk_index, char_start = given.char_start, char_end = given.char_end,
        metadata = given.metadata, content = coalesce(given.content, chunk.content),
        content_hash = coalesce(given.content_hash, chunk.content_hash),
        version = chunk.version + CASE WHEN given.content_hash IS NULL THEN 0 ELSE 1 END,
        updated_at = CASE WHEN given.content_hash IS NULL THEN chunk.updated_at
                          ELSE greatest(%(now)s, chunk.updated_at) END
    FROM given WHERE chunk.id = given.id AND NOT given.is_new
), added AS (
    INSERT INTO source_chunk (id, world_id, source_id, chunk_index, content, char_start, char_end, metadata,
                              content_hash, created_by, created_at, updated_at)
    SELECT given.id, source.world_id, source.id, given.chunk_index, given.content, given.char_start, given.char_end,
           given.metadata, given.content_hash, %(actor)s, %(now)s, %(now)s
    FROM given JOIN source ON source.id = %(source_id)s
    WHERE given.is_new
), touched AS (
    UPDATE source SET metadata = coalesce(%(metadata)s, metadata), edit = edit + 1 WHERE id = %(source_id)s
    RETURNING id, world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'source.new_edition', id, %(actor)s, %(request_id)s, %(event)s, %(now)s FROM touched

-- name: claims_citing
-- Living claims that cite one of these chunks, and how many there are.
SELECT id, count(*) OVER () AS total
FROM claim WHERE source_chunk_id = ANY(%(chunk_ids)s::uuid[]) AND deleted_at IS NULL
ORDER BY id LIMIT %(at_most)s
