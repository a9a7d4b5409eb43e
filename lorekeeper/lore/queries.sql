-- name: create_worlds
-- Worlds, one or many, each with its event, seen by the key that makes them.
WITH made AS (
    INSERT INTO world (id, name, description, metadata, content_hash, created_by, created_at, updated_at)
    SELECT id, name, description, metadata, content_hash, %(actor)s, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, name text, description text, metadata jsonb, content_hash text)
    RETURNING id, name
), granted AS (
    INSERT INTO api_key_world (key_id, world_id)
    SELECT %(grant_to)s, made.id FROM made WHERE %(grant_to)s::text IS NOT NULL
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT made.id, 'world.created', made.id, %(actor)s, %(request_id)s, jsonb_build_object('name', made.name), %(now)s
FROM made

-- name: get_world
-- One world, which is in itself.
SELECT id, id AS world_id, name, description, metadata, version, edit, '"' || edit || '"' AS etag, content_hash,
       created_by, created_at, updated_at
FROM world WHERE id = %(id)s AND deleted_at IS NULL

-- name: list_worlds
-- Worlds, newest first.
SELECT id, name, description, metadata, version, edit, '"' || edit || '"' AS etag, content_hash, created_by,
       created_at, updated_at
FROM world
WHERE deleted_at IS NULL
  AND name = %(name)s                     -- when name
  AND id = ANY(%(visible_worlds)s)        -- when visible_worlds
  AND id < %(after)s                      -- when after
ORDER BY id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s

-- name: find_references
-- What lives, and in which world, of all that a request points at; `part_of` is a chunk's source and a claim's version
-- group. `held`: it can neither be deleted nor edited to point elsewhere until the transaction ends. `locked`: nobody
-- else can even begin to point at it. Whoever locks several kinds takes them in this order, so that none waits in a ring.
WITH worlds AS (
    SELECT id, name, edit FROM world WHERE id = ANY(%(world_ids)s) AND deleted_at IS NULL ORDER BY id
    FOR KEY SHARE  -- when held
    FOR UPDATE     -- when locked
), entities AS (
    SELECT id, world_id, name, edit FROM entity WHERE id = ANY(%(entity_ids)s) AND deleted_at IS NULL ORDER BY id
    FOR KEY SHARE  -- when held
    FOR UPDATE     -- when locked
), sources AS (
    SELECT id, world_id, title, edit FROM source WHERE id = ANY(%(source_ids)s) AND deleted_at IS NULL ORDER BY id
    FOR KEY SHARE  -- when held
    FOR UPDATE     -- when locked
), chunks AS (
    SELECT id, world_id, source_id, edit FROM source_chunk
    WHERE id = ANY(%(source_chunk_ids)s) AND deleted_at IS NULL ORDER BY id
    FOR KEY SHARE  -- when held
    FOR UPDATE     -- when locked
), claims AS (
    SELECT id, world_id, version_group_id, edit FROM claim
    WHERE id = ANY(%(claim_ids)s) AND deleted_at IS NULL ORDER BY id
    FOR KEY SHARE  -- when held
    FOR UPDATE     -- when locked
)
SELECT 'world' AS kind, id, id AS world_id, name, NULL::uuid AS part_of, edit FROM worlds
UNION ALL SELECT 'entity', id, world_id, name, NULL, edit FROM entities
UNION ALL SELECT 'source', id, world_id, title, NULL, edit FROM sources
UNION ALL SELECT 'source_chunk', id, world_id, NULL, source_id, edit FROM chunks
UNION ALL SELECT 'claim', id, world_id, NULL, version_group_id, edit FROM claims

-- name: create_entities
-- Entities, one or many, each with its event.
WITH made AS (
    INSERT INTO entity (id, world_id, type, name, aliases, summary, description, tags, metadata, content_hash,
                        created_by, created_at, updated_at)
    SELECT id, world_id, type, name, aliases, summary, description, tags, metadata, content_hash,
           %(actor)s, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, type text, name text, aliases text[],
                                             summary text, description text, tags text[], metadata jsonb,
                                             content_hash text)
    RETURNING id, world_id, name
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'entity.created', id, %(actor)s, %(request_id)s, jsonb_build_object('name', name), %(now)s
FROM made

-- name: get_entity
-- One entity.
SELECT id, world_id, type, name, aliases, summary, description, tags, metadata, version, edit, '"' || edit || '"' AS etag,
       content_hash, created_by, created_at, updated_at
FROM entity WHERE id = %(id)s AND deleted_at IS NULL

-- name: list_entities
-- Entities, newest first.
SELECT page.* FROM unnest(%(each_world)s::uuid[]) AS seen (world_id) CROSS JOIN LATERAL (  -- when each_world
SELECT id, world_id, type, name, aliases, summary, description, tags, metadata, version, edit, '"' || edit || '"' AS etag,
       content_hash, created_by, created_at, updated_at
FROM entity
JOIN (SELECT world_id AS tagged_world, tag AS tagged_as, lore_id AS tagged_id  -- when tag
      FROM lore_tag WHERE kind = 'entity') AS tagged ON tagged_id = entity.id  -- when tag
WHERE deleted_at IS NULL
  AND tagged_as = ANY(ARRAY[%(tag)s])             -- when tag
  AND tags @> %(tags)s::text[]                   -- when tags
  AND tagged_world = ANY(ARRAY[%(world_id)s::uuid])  -- when tag and world_id
  AND tagged_world = ANY(ARRAY[seen.world_id])   -- when tag and each_world
  AND tagged_id < %(after)s                      -- when tag and after
  AND world_id = ANY(ARRAY[%(world_id)s::uuid])  -- when world_id
  AND type = ANY(ARRAY[%(type)s])                -- when type
  AND name = ANY(ARRAY[%(name)s])                -- when name
  AND world_id = ANY(%(visible_worlds)s)         -- when visible_worlds
  AND world_id = ANY(ARRAY[seen.world_id])       -- when each_world
  AND id < %(after)s                             -- when after
ORDER BY world_id DESC, id DESC             -- when ordered and each_world unless tag
ORDER BY tagged_world DESC, tagged_as DESC, tagged_id DESC  -- when ordered and each_world and tag
LIMIT %(limit)s::bigint + %(skip)s::bigint  -- when each_world
) AS page                                   -- when each_world
ORDER BY tagged_world DESC, tagged_as DESC, tagged_id DESC  -- when ordered and along_tag and world_id
ORDER BY tagged_as DESC, tagged_id DESC     -- when ordered and along_tag unless world_id
ORDER BY name DESC, id DESC                 -- when ordered and along_name
ORDER BY world_id DESC, id DESC             -- when ordered and along_world_id
ORDER BY type DESC, id DESC                 -- when ordered and along_type
ORDER BY id DESC                            -- when ordered unless along
LIMIT %(limit)s OFFSET %(skip)s

-- name: create_sources
-- Sources, one or many, with their authors in order, each with its event.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, type text, title text,
                                                      author_ids uuid[], origin text, metadata jsonb,
                                                      content_hash text)
), made AS (
    INSERT INTO source (id, world_id, type, title, origin, metadata, content_hash, created_by, created_at, updated_at)
    SELECT id, world_id, type, title, origin, metadata, content_hash, %(actor)s, %(now)s, %(now)s FROM given
    RETURNING id, world_id, title
), authored AS (
    INSERT INTO source_author (world_id, source_id, position, entity_id)
    SELECT given.world_id, given.id, author.position - 1, author.entity_id
    FROM given, unnest(given.author_ids) WITH ORDINALITY AS author (entity_id, position)
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'source.created', id, %(actor)s, %(request_id)s, jsonb_build_object('title', title), %(now)s
FROM made

-- name: get_source
-- One source.
SELECT * FROM source_reading WHERE id = %(id)s AND deleted_at IS NULL

-- name: lock_source
-- Holds a source still while its chunks change. Its world is held first: who deletes a world has that and asks for the
-- source next.
WITH held AS (
    SELECT id FROM world WHERE id = (SELECT world_id FROM source WHERE id = %(id)s) AND deleted_at IS NULL
    FOR KEY SHARE
)
SELECT source.id, source.world_id FROM held JOIN source ON source.world_id = held.id
WHERE source.id = %(id)s AND source.deleted_at IS NULL
FOR NO KEY UPDATE OF source

-- name: next_chunk_index
-- The index behind a source's last chunk. A statement of its own, so that it sees what was committed while lock_source
-- waited.
SELECT coalesce(max(chunk_index) + 1, 0) AS next_index
FROM source_chunk WHERE source_id = %(id)s AND deleted_at IS NULL

-- name: list_sources
-- Sources, newest first.
SELECT page.* FROM unnest(%(each_world)s::uuid[]) AS seen (world_id) CROSS JOIN LATERAL (  -- when each_world
SELECT * FROM source_reading
WHERE deleted_at IS NULL
  AND world_id = ANY(ARRAY[%(world_id)s::uuid])  -- when world_id
  AND type = ANY(ARRAY[%(type)s])                -- when type
  AND title = ANY(ARRAY[%(title)s])              -- when title
  AND world_id = ANY(%(visible_worlds)s)         -- when visible_worlds
  AND world_id = ANY(ARRAY[seen.world_id])       -- when each_world
  AND id < %(after)s                             -- when after
ORDER BY world_id DESC, id DESC             -- when ordered and each_world
LIMIT %(limit)s::bigint + %(skip)s::bigint  -- when each_world
) AS page                                   -- when each_world
ORDER BY title DESC, id DESC                -- when ordered and along_title
ORDER BY world_id DESC, id DESC             -- when ordered and along_world_id
ORDER BY type DESC, id DESC                 -- when ordered and along_type
ORDER BY id DESC                            -- when ordered unless along
LIMIT %(limit)s OFFSET %(skip)s

-- name: create_source_chunks
-- Chunks, any number, with one event a source that says how many came.
WITH made AS (
    INSERT INTO source_chunk (id, world_id, source_id, chunk_index, content, char_start, char_end, metadata,
                              content_hash, created_by, created_at, updated_at)
    SELECT id, world_id, source_id, chunk_index, content, char_start, char_end, metadata, content_hash,
           %(actor)s, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, source_id uuid, chunk_index integer,
                                             content text, char_start integer, char_end integer, metadata jsonb,
                                             content_hash text)
    RETURNING world_id, source_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'source.chunks_added', source_id, %(actor)s, %(request_id)s,
       jsonb_build_object('chunks', count(*)), %(now)s
FROM made GROUP BY world_id, source_id

-- name: get_source_chunk
-- One chunk.
SELECT id, world_id, source_id, chunk_index, content, char_start, char_end, metadata, version, edit,
       '"' || edit || '"' AS etag, content_hash, created_by, created_at, updated_at
FROM source_chunk WHERE id = %(id)s AND deleted_at IS NULL

-- name: list_source_chunks
-- The chunks of a source, in the order of its text; the cursor is the last chunk of the page before.
SELECT id, world_id, source_id, chunk_index, content, char_start, char_end, metadata, version, edit,
       '"' || edit || '"' AS etag, content_hash, created_by, created_at, updated_at
FROM source_chunk
WHERE source_id = %(source_id)s AND deleted_at IS NULL
  AND chunk_index > (SELECT chunk_index FROM source_chunk WHERE id = %(after)s AND source_id = %(source_id)s)  -- when after
ORDER BY chunk_index  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s

-- name: create_claims
-- Claims, one or many, each with its event.
WITH made AS (
    INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state,
                       confidence, asserted_by_entity_id, source_id, source_chunk_id, version_group_id,
                       supersedes_claim_id, valid_from_label, valid_from_sort, valid_to_label, valid_to_sort, tags,
                       content_hash, created_by, created_at, updated_at)
    SELECT id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, confidence,
           asserted_by_entity_id, source_id, source_chunk_id, version_group_id, supersedes_claim_id,
           valid_from ->> 'label', (valid_from ->> 'sort')::float, valid_to ->> 'label', (valid_to ->> 'sort')::float,
           tags, content_hash, %(actor)s, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, subject_entity_id uuid, predicate text,
                                             object_entity_id uuid, object_value text, canon_state text,
                                             confidence double precision, asserted_by_entity_id uuid, source_id uuid,
                                             source_chunk_id uuid, version_group_id uuid, supersedes_claim_id uuid,
                                             valid_from jsonb, valid_to jsonb, tags text[], content_hash text)
    RETURNING id, world_id, predicate
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'claim.created', id, %(actor)s, %(request_id)s, jsonb_build_object('predicate', predicate), %(now)s
FROM made

-- name: get_claim
-- One claim, as it is read.
SELECT * FROM claim_reading WHERE id = %(id)s AND deleted_at IS NULL

-- name: list_claims
-- Claims, newest first.
SELECT page.* FROM unnest(%(each_world)s::uuid[]) AS seen (world_id) CROSS JOIN LATERAL (  -- when each_world
SELECT * FROM claim_reading
JOIN (SELECT world_id AS tagged_world, tag AS tagged_as, lore_id AS tagged_id  -- when tag
      FROM lore_tag WHERE kind = 'claim') AS tagged ON tagged_id = claim_reading.id  -- when tag
WHERE deleted_at IS NULL
  AND tagged_as = ANY(ARRAY[%(tag)s])             -- when tag
  AND tags @> %(tags)s::text[]                   -- when tags
  AND tagged_world = ANY(ARRAY[%(world_id)s::uuid])  -- when tag and world_id
  AND tagged_world = ANY(ARRAY[seen.world_id])   -- when tag and each_world
  AND tagged_id < %(after)s                      -- when tag and after
  AND world_id = ANY(ARRAY[%(world_id)s::uuid])                    -- when world_id
  AND canon_state = ANY(ARRAY[%(canon_state)s])                    -- when canon_state
  AND subject_entity_id = ANY(ARRAY[%(subject_entity_id)s::uuid])  -- when subject_entity_id
  AND object_entity_id = ANY(ARRAY[%(object_entity_id)s::uuid])    -- when object_entity_id
  AND source_id = ANY(ARRAY[%(source_id)s::uuid])                  -- when source_id
  AND version_group_id = ANY(ARRAY[%(version_group_id)s::uuid])    -- when version_group_id
  AND predicate = ANY(ARRAY[%(predicate)s])                        -- when predicate
  AND world_id = ANY(%(visible_worlds)s)                           -- when visible_worlds
  AND world_id = ANY(ARRAY[seen.world_id])                         -- when each_world
  AND id < %(after)s                                               -- when after
ORDER BY world_id DESC, id DESC             -- when ordered and each_world unless tag
ORDER BY tagged_world DESC, tagged_as DESC, tagged_id DESC  -- when ordered and each_world and tag
LIMIT %(limit)s::bigint + %(skip)s::bigint  -- when each_world
) AS page                                   -- when each_world
ORDER BY tagged_world DESC, tagged_as DESC, tagged_id DESC  -- when ordered and along_tag and world_id
ORDER BY tagged_as DESC, tagged_id DESC     -- when ordered and along_tag unless world_id
ORDER BY subject_entity_id DESC, id DESC    -- when ordered and along_subject_entity_id
ORDER BY object_entity_id DESC, id DESC     -- when ordered and along_object_entity_id
ORDER BY source_id DESC, id DESC            -- when ordered and along_source_id
ORDER BY version_group_id DESC, id DESC     -- when ordered and along_version_group_id
ORDER BY predicate DESC, id DESC            -- when ordered and along_predicate
ORDER BY world_id DESC, id DESC             -- when ordered and along_world_id
ORDER BY canon_state DESC, id DESC          -- when ordered and along_canon_state
ORDER BY id DESC                            -- when ordered unless along
LIMIT %(limit)s OFFSET %(skip)s

-- name: taken_ids
-- Which of a bundle's ids are in use already, tombstones included.
SELECT id FROM world WHERE id = ANY(%(ids)s)
UNION ALL SELECT id FROM entity WHERE id = ANY(%(ids)s)
UNION ALL SELECT id FROM source WHERE id = ANY(%(ids)s)
UNION ALL SELECT id FROM source_chunk WHERE id = ANY(%(ids)s)
UNION ALL SELECT id FROM claim WHERE id = ANY(%(ids)s)
