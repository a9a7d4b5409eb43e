-- name: update_world
-- An edit, or a return from the dead, of one world; takes effect only where nobody else has edited it meanwhile.
WITH written AS (
    UPDATE world SET name = given.name, description = given.description, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash, updated_at = given.updated_at, deleted_at = NULL
    FROM jsonb_populate_record(NULL::world, %(row)s) AS given
    WHERE world.id = given.id AND world.edit = given.edit
    RETURNING world.id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT id, %(event)s, id, %(actor)s, %(request_id)s, %(before)s, %(after)s, %(now)s FROM written

-- name: update_entity
-- The same of an entity. Its world is held first: who deletes a world has that, and asks for what is in it next.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = (%(row)s::jsonb ->> 'world_id')::uuid FOR KEY SHARE
), written AS (
    UPDATE entity SET type = given.type, name = given.name, aliases = given.aliases, summary = given.summary,
           description = given.description, tags = given.tags, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash, updated_at = given.updated_at, deleted_at = NULL
    FROM jsonb_populate_record(NULL::entity, %(row)s) AS given, held
    WHERE entity.id = given.id AND entity.edit = given.edit
    RETURNING entity.id, entity.world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, %(event)s, id, %(actor)s, %(request_id)s, %(before)s, %(after)s, %(now)s FROM written

-- name: update_source
-- The same of a source. Its authors are written anew where they change: the old ones go first, and not before the trigger
-- on the update has kept them.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = (%(row)s::jsonb ->> 'world_id')::uuid FOR KEY SHARE
), written AS (
    UPDATE source SET type = given.type, title = given.title, origin = given.origin, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash, updated_at = given.updated_at, deleted_at = NULL
    FROM jsonb_populate_record(NULL::source, %(row)s) AS given, held
    WHERE source.id = given.id AND source.edit = given.edit
    RETURNING source.id, source.world_id
), gone AS (                                                                                        -- when author_ids
    DELETE FROM source_author USING written WHERE source_author.source_id = written.id              -- when author_ids
    RETURNING source_author.position                                                                -- when author_ids
), authored AS (                                                                                    -- when author_ids
    INSERT INTO source_author (world_id, source_id, position, entity_id)                            -- when author_ids
    SELECT written.world_id, written.id, author.position - 1, author.entity_id                      -- when author_ids
    FROM (SELECT count(*) FROM gone) AS cleared, written,                                           -- when author_ids
         unnest(%(author_ids)s::uuid[]) WITH ORDINALITY AS author (entity_id, position)             -- when author_ids
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, %(event)s, id, %(actor)s, %(request_id)s, %(before)s, %(after)s, %(now)s FROM written

-- name: update_source_chunk
-- The same of a chunk. Its source is held first, too: the trigger that keeps the search asks for it, and by then somebody
-- may have it who asks for the chunk.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = (%(row)s::jsonb ->> 'world_id')::uuid FOR KEY SHARE
), part_of AS MATERIALIZED (
    SELECT source.id FROM held, source
    WHERE source.world_id = held.id AND source.id = (%(row)s::jsonb ->> 'source_id')::uuid
    FOR SHARE OF source
), written AS (
    UPDATE source_chunk SET chunk_index = given.chunk_index, content = given.content, char_start = given.char_start,
           char_end = given.char_end, metadata = given.metadata,
           version = given.version, content_hash = given.content_hash, updated_at = given.updated_at, deleted_at = NULL
    FROM jsonb_populate_record(NULL::source_chunk, %(row)s) AS given, part_of
    WHERE source_chunk.id = given.id AND source_chunk.edit = given.edit
    RETURNING source_chunk.id, source_chunk.world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, %(event)s, id, %(actor)s, %(request_id)s, %(before)s, %(after)s, %(now)s FROM written

-- name: update_claim
-- The same of a claim, and of the entities that it is read with.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = (%(row)s::jsonb ->> 'world_id')::uuid FOR KEY SHARE
), named AS MATERIALIZED (
    SELECT entity.id FROM held, entity
    WHERE entity.world_id = held.id AND entity.id IN ((%(row)s::jsonb ->> 'subject_entity_id')::uuid,
                                                      (%(row)s::jsonb ->> 'object_entity_id')::uuid)
    ORDER BY entity.id
    FOR SHARE OF entity
), written AS (
    UPDATE claim SET subject_entity_id = given.subject_entity_id, predicate = given.predicate,
           object_entity_id = given.object_entity_id, object_value = given.object_value,
           canon_state = given.canon_state, confidence = given.confidence,
           asserted_by_entity_id = given.asserted_by_entity_id, source_id = given.source_id,
           source_chunk_id = given.source_chunk_id, version_group_id = given.version_group_id,
           supersedes_claim_id = given.supersedes_claim_id, valid_from_label = given.valid_from_label,
           valid_from_sort = given.valid_from_sort, valid_to_label = given.valid_to_label,
           valid_to_sort = given.valid_to_sort, tags = given.tags,
           version = given.version, content_hash = given.content_hash, updated_at = given.updated_at, deleted_at = NULL
    FROM jsonb_populate_record(NULL::claim, %(row)s) AS given
    WHERE claim.id = given.id AND claim.edit = given.edit AND (SELECT count(*) FROM named) > 0
    RETURNING claim.id, claim.world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, %(event)s, id, %(actor)s, %(request_id)s, %(before)s, %(after)s, %(now)s FROM written

-- name: lock_supersession
-- Who changes which claim supersedes which comes after whoever does so in the same world: only one at a time can see
-- that there is no ring.
SELECT id FROM world WHERE id = %(world_id)s FOR NO KEY UPDATE

-- name: superseded_by
-- All that a claim supersedes, over any number of steps, tombstones included; the claim itself, too.
WITH RECURSIVE chain (id, supersedes_claim_id) AS (
    SELECT id, supersedes_claim_id FROM claim WHERE id = %(id)s
    UNION
    SELECT claim.id, claim.supersedes_claim_id FROM claim JOIN chain ON claim.id = chain.supersedes_claim_id
)
SELECT id FROM chain

-- name: regroup_claims
-- Gives all that supersede a claim, over any number of steps, its new version group, unless they are in it already.
WITH RECURSIVE chain (id, was) AS (
    SELECT id, version_group_id FROM claim WHERE supersedes_claim_id = %(id)s
    UNION
    SELECT claim.id, claim.version_group_id FROM claim JOIN chain ON claim.supersedes_claim_id = chain.id
), moved AS (
    UPDATE claim SET version_group_id = %(version_group_id)s
    FROM chain WHERE claim.id = chain.id AND chain.was <> %(version_group_id)s
    RETURNING claim.id, claim.world_id, chain.was
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
SELECT world_id, 'claim.updated', id, %(actor)s, %(request_id)s, jsonb_build_object('version_group_id', was),
       jsonb_build_object('version_group_id', %(version_group_id)s::uuid), %(now)s
FROM moved

-- name: free_place
-- Where a chunk that comes back stands: where it stood, unless another has come there; then behind the last.
SELECT CASE WHEN EXISTS (SELECT FROM source_chunk
                         WHERE source_id = %(source_id)s AND chunk_index = %(index)s AND deleted_at IS NULL)
            THEN (SELECT max(chunk_index) + 1 FROM source_chunk WHERE source_id = %(source_id)s AND deleted_at IS NULL)
            ELSE %(index)s::integer END AS index

-- name: revive_chunks_of_source
-- Brings back the chunks that went with their source.
UPDATE source_chunk SET deleted_at = NULL WHERE source_id = %(id)s AND deleted_at = %(died_at)s

-- name: revive_lore_of_world
-- Brings back all that went with its world.
WITH entities AS (
    UPDATE entity SET deleted_at = NULL WHERE world_id = %(id)s AND deleted_at = %(died_at)s
), sources AS (
    UPDATE source SET deleted_at = NULL WHERE world_id = %(id)s AND deleted_at = %(died_at)s
), chunks AS (
    UPDATE source_chunk SET deleted_at = NULL WHERE world_id = %(id)s AND deleted_at = %(died_at)s
)
UPDATE claim SET deleted_at = NULL WHERE world_id = %(id)s AND deleted_at = %(died_at)s

-- name: read_versions
-- The versions of a piece that are asked for, and its present one, or the last of what was deleted.
SELECT world_id, version, content_hash, updated_at, replaced_at, deleted_at, content
FROM lore_version
WHERE kind = %(kind)s AND lore_id = %(id)s AND (version = ANY(%(versions)s) OR replaced_at IS NULL)

-- name: list_versions
-- The versions of a piece up to one of them, newest first: they are numbered without a gap.
SELECT version, content_hash, updated_at, replaced_at, deleted_at
FROM lore_version
WHERE kind = %(kind)s AND lore_id = %(id)s
  AND version > %(newest)s::integer - %(limit)s::integer AND version <= %(newest)s::integer
ORDER BY version DESC
