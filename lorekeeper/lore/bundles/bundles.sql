-- name: find_owners
-- What has these ids by now, tombstones included.
SELECT id, 'world' AS kind, id AS world_id FROM world WHERE id = ANY(%(ids)s)
UNION ALL SELECT id, 'entity', world_id FROM entity WHERE id = ANY(%(ids)s)
UNION ALL SELECT id, 'source', world_id FROM source WHERE id = ANY(%(ids)s)
UNION ALL SELECT id, 'source_chunk', world_id FROM source_chunk WHERE id = ANY(%(ids)s)
UNION ALL SELECT id, 'claim', world_id FROM claim WHERE id = ANY(%(ids)s)

-- name: lock_world
-- One import into a world at a time, and none beside a change of what supersedes what.
SELECT id, id AS world_id, name, description, metadata, version, edit, content_hash, deleted_at
FROM world WHERE id = %(id)s AND deleted_at IS NULL
FOR NO KEY UPDATE

-- name: lock_sources
-- Holds the sources of a bundle still while their chunks change.
SELECT id FROM source WHERE world_id = %(world_id)s AND id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE

-- name: read_entities
-- Entities of a world, as far as an import compares them; in the JSON form that rows are written in.
SELECT id::text, type, name, aliases, summary, description, tags, metadata, version, edit, content_hash, deleted_at
FROM entity WHERE world_id = %(world_id)s AND id = ANY(%(ids)s)

-- name: read_sources
-- The same of sources.
SELECT id::text, type, title, author_ids::text[] AS author_ids, origin, metadata, version, edit, content_hash, deleted_at
FROM source_reading WHERE world_id = %(world_id)s AND id = ANY(%(ids)s)

-- name: read_chunks
-- The same of chunks, without their texts: those that are named, and all that live in these sources, in their order.
SELECT id::text, source_id::text, chunk_index, char_start, char_end, metadata, version, edit, content_hash, deleted_at
FROM source_chunk
WHERE world_id = %(world_id)s
  AND (id = ANY(%(ids)s) OR (source_id = ANY(%(source_ids)s) AND deleted_at IS NULL))
ORDER BY source_id, chunk_index, id

-- name: read_claims
-- The same of claims.
SELECT id::text, subject_entity_id::text, predicate, object_entity_id::text, object_value, canon_state, confidence,
       asserted_by_entity_id::text, source_id::text, source_chunk_id::text, version_group_id::text,
       supersedes_claim_id::text, valid_from, valid_to, tags, version, edit, content_hash, deleted_at
FROM claim_reading WHERE world_id = %(world_id)s AND id = ANY(%(ids)s)

-- name: update_worlds
-- A world's own fields, where nobody has edited it since it was read.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, edit integer, version integer, is_new_version boolean,
                                                      name text, description text, metadata jsonb, content_hash text,
                                                      event text, before jsonb, after jsonb)
), written AS (
    UPDATE world SET name = given.name, description = given.description, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash,
           updated_at = CASE WHEN given.is_new_version THEN greatest(%(now)s, world.updated_at) ELSE world.updated_at END
    FROM given WHERE world.id = given.id AND world.edit = given.edit
    RETURNING world.id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT given.id, given.event, given.id, %(actor)s, %(request_id)s, given.before, given.after, %(now)s
FROM written JOIN given USING (id)

-- name: update_entities
-- Entities that differ from the bundle's, each where nobody has edited it since it was read, with its event.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, edit integer, version integer,
                                                      is_new_version boolean, type text, name text, aliases text[],
                                                      summary text, description text, tags text[], metadata jsonb,
                                                      content_hash text, event text, before jsonb, after jsonb)
), written AS (
    UPDATE entity SET type = given.type, name = given.name, aliases = given.aliases, summary = given.summary,
           description = given.description, tags = given.tags, metadata = given.metadata, version = given.version,
           content_hash = given.content_hash, deleted_at = NULL,
           updated_at = CASE WHEN given.is_new_version THEN greatest(%(now)s, entity.updated_at)
                             ELSE entity.updated_at END
    FROM given WHERE entity.id = given.id AND entity.edit = given.edit
    RETURNING entity.id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT given.world_id, given.event, given.id, %(actor)s, %(request_id)s, given.before, given.after, %(now)s
FROM written JOIN given USING (id)

-- name: update_sources
-- The same of sources; their authors are written behind it.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, edit integer, version integer,
                                                      is_new_version boolean, type text, title text, origin text,
                                                      metadata jsonb, content_hash text, event text, before jsonb,
                                                      after jsonb)
), written AS (
    UPDATE source SET type = given.type, title = given.title, origin = given.origin, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash, deleted_at = NULL,
           updated_at = CASE WHEN given.is_new_version THEN greatest(%(now)s, source.updated_at)
                             ELSE source.updated_at END
    FROM given WHERE source.id = given.id AND source.edit = given.edit
    RETURNING source.id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT given.world_id, given.event, given.id, %(actor)s, %(request_id)s, given.before, given.after, %(now)s
FROM written JOIN given USING (id)

-- name: remove_authors
-- The authors of sources that have others now.
DELETE FROM source_author WHERE source_id = ANY(%(source_ids)s)

-- name: add_authors
-- The authors that they have.
INSERT INTO source_author (world_id, source_id, position, entity_id)
SELECT given.world_id, given.id, author.position - 1, author.entity_id
FROM jsonb_to_recordset(%(rows)s) AS given (id uuid, world_id uuid, author_ids uuid[]),
     unnest(given.author_ids) WITH ORDINALITY AS author (entity_id, position)

-- name: update_chunks
-- The same of chunks; where `content` is null it stays.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, edit integer, version integer, is_new_version boolean,
                                                      chunk_index integer, content text, char_start integer,
                                                      char_end integer, metadata jsonb, content_hash text, event text,
                                                      before jsonb, after jsonb)
), written AS (
    UPDATE source_chunk AS chunk
    SET chunk_index = given.chunk_index, content = coalesce(given.content, chunk.content),
        char_start = given.char_start, char_end = given.char_end, metadata = given.metadata, version = given.version,
        content_hash = given.content_hash, deleted_at = NULL,
        updated_at = CASE WHEN given.is_new_version THEN greatest(%(now)s, chunk.updated_at) ELSE chunk.updated_at END
    FROM given WHERE chunk.id = given.id AND chunk.edit = given.edit
    RETURNING chunk.id, chunk.world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT written.world_id, given.event, given.id, %(actor)s, %(request_id)s, given.before, given.after, %(now)s
FROM written JOIN given USING (id)

-- name: write_claims
-- Claims that are new and claims that differ, together: those that come back from the dead and those that supersede them
-- must be there at once. A claim stands behind the one that it supersedes.
WITH given AS MATERIALIZED (
    SELECT row.*, valid_from ->> 'label' AS from_label, (valid_from ->> 'sort')::float AS from_sort,
           valid_to ->> 'label' AS to_label, (valid_to ->> 'sort')::float AS to_sort
    FROM jsonb_to_recordset(%(rows)s) AS row (id uuid, world_id uuid, edit integer, version integer,
                                             is_new_version boolean, subject_entity_id uuid, predicate text,
                                             object_entity_id uuid, object_value text, canon_state text,
                                             confidence double precision, asserted_by_entity_id uuid, source_id uuid,
                                             source_chunk_id uuid, version_group_id uuid, supersedes_claim_id uuid,
                                             valid_from jsonb, valid_to jsonb, tags text[], content_hash text,
                                             event text, before jsonb, after jsonb)
), made AS (
    INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state,
                       confidence, asserted_by_entity_id, source_id, source_chunk_id, version_group_id,
                       supersedes_claim_id, valid_from_label, valid_from_sort, valid_to_label, valid_to_sort, tags,
                       content_hash, created_by, created_at, updated_at)
    SELECT id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, confidence,
           asserted_by_entity_id, source_id, source_chunk_id, version_group_id, supersedes_claim_id,
           from_label, from_sort, to_label, to_sort, tags, content_hash, %(actor)s, %(now)s, %(now)s
    FROM given WHERE edit IS NULL
    RETURNING id
), written AS (
    UPDATE claim SET subject_entity_id = given.subject_entity_id, predicate = given.predicate,
           object_entity_id = given.object_entity_id, object_value = given.object_value,
           canon_state = given.canon_state, confidence = given.confidence,
           asserted_by_entity_id = given.asserted_by_entity_id, source_id = given.source_id,
           source_chunk_id = given.source_chunk_id, version_group_id = given.version_group_id,
           supersedes_claim_id = given.supersedes_claim_id, valid_from_label = given.from_label,
           valid_from_sort = given.from_sort, valid_to_label = given.to_label, valid_to_sort = given.to_sort,
           tags = given.tags, version = given.version, content_hash = given.content_hash, deleted_at = NULL,
           updated_at = CASE WHEN given.is_new_version THEN greatest(%(now)s, claim.updated_at) ELSE claim.updated_at END
    FROM given WHERE claim.id = given.id AND claim.edit = given.edit
    RETURNING claim.id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT given.world_id, coalesce(given.event, 'claim.created'), given.id, %(actor)s, %(request_id)s, given.before,
       coalesce(given.after, jsonb_build_object('predicate', given.predicate)), %(now)s
FROM (SELECT id FROM made UNION ALL SELECT id FROM written) AS done JOIN given USING (id)

-- name: regroup_followers
-- Gives all that supersede these claims, over any number of steps, the version group that they have now.
WITH RECURSIVE chain (id, was, becomes) AS (
    SELECT claim.id, claim.version_group_id, given.version_group_id
    FROM jsonb_to_recordset(%(rows)s) AS given (id uuid, version_group_id uuid)
    JOIN claim ON claim.supersedes_claim_id = given.id
    UNION
    SELECT claim.id, claim.version_group_id, chain.becomes
    FROM claim JOIN chain ON claim.supersedes_claim_id = chain.id
), moved AS (
    UPDATE claim SET version_group_id = chain.becomes
    FROM chain WHERE claim.id = chain.id AND chain.was <> chain.becomes
    RETURNING claim.id, claim.world_id, chain.was, chain.becomes
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, 'claim.updated', id, %(actor)s, %(request_id)s, jsonb_build_object('version_group_id', was),
       jsonb_build_object('version_group_id', becomes), %(now)s
FROM moved

-- name: compare_predicates
-- What a world says of a bundle's predicates: as the bundle, otherwise, or nothing.
SELECT count(*) FILTER (WHERE rule.id IS NULL) AS created,
       count(*) FILTER (WHERE rule.single_valued <> given.single_valued) AS updated,
       count(*) FILTER (WHERE rule.single_valued = given.single_valued) AS unchanged
FROM jsonb_to_recordset(%(rows)s) AS given (predicate text, single_valued boolean)
LEFT JOIN predicate_rule AS rule ON rule.world_id = %(world_id)s AND rule.predicate = given.predicate

-- name: declare_predicates
-- What a bundle says of its predicates, each that is new or differs with its event.
WITH said AS (
    INSERT INTO predicate_rule (id, world_id, predicate, single_valued, created_by, created_at, updated_at)
    SELECT id, %(world_id)s, predicate, single_valued, %(actor)s, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS given (id uuid, predicate text, single_valued boolean)
    ON CONFLICT (world_id, predicate)
    DO UPDATE SET single_valued = excluded.single_valued, updated_at = excluded.updated_at
    WHERE predicate_rule.single_valued <> excluded.single_valued
    RETURNING id, predicate, single_valued
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT %(world_id)s, 'predicate.declared', id, %(actor)s, %(request_id)s,
       jsonb_build_object('predicate', predicate, 'single_valued', single_valued), %(now)s
FROM said

-- name: export_world
-- The world itself, for a bundle.
SELECT id, id AS world_id, name, description, metadata FROM world WHERE id = %(id)s AND deleted_at IS NULL

-- name: export_entities
-- A world's entities, for a bundle.
SELECT id::text, type, name, aliases, summary, description, tags, metadata
FROM entity WHERE world_id = %(world_id)s AND deleted_at IS NULL ORDER BY id

-- name: export_sources
-- Its sources.
SELECT id::text, type, title, author_ids::text[] AS author_ids, origin, metadata
FROM source_reading WHERE world_id = %(world_id)s AND deleted_at IS NULL ORDER BY id

-- name: export_chunks
-- Its chunks, source by source in their order; behind them the tombstones that claims cite still.
SELECT chunk.source_id::text, chunk.id::text,
       row_number() OVER (PARTITION BY chunk.source_id ORDER BY chunk.deleted_at IS NOT NULL, chunk.chunk_index, chunk.id)
           - 1 AS chunk_index,
       chunk.content, chunk.char_start, chunk.char_end, chunk.metadata, chunk.deleted_at IS NOT NULL AS removed
FROM source_chunk AS chunk JOIN source ON source.id = chunk.source_id AND source.deleted_at IS NULL
WHERE chunk.world_id = %(world_id)s
  AND (chunk.deleted_at IS NULL
       OR EXISTS (SELECT FROM claim WHERE claim.source_chunk_id = chunk.id AND claim.deleted_at IS NULL))
ORDER BY chunk.source_id, 3

-- name: export_claims
-- Its claims.
SELECT id::text, subject_entity_id::text, predicate, object_entity_id::text, object_value, canon_state, confidence,
       asserted_by_entity_id::text, source_id::text, source_chunk_id::text, supersedes_claim_id::text, valid_from,
       valid_to, tags
FROM claim_reading WHERE world_id = %(world_id)s AND deleted_at IS NULL ORDER BY id

-- name: export_predicates
-- What is said of its predicates.
SELECT predicate, single_valued FROM predicate_rule WHERE world_id = %(world_id)s ORDER BY predicate
