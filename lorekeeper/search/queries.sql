-- name: search
-- One page of what fits a question, best first, all kinds in one list. All of the question's parts must fit; parts of one
-- `place` are alternatives. Of each kind `pool` pieces at the most are looked at and ranked, however many fit: `fitting`
-- is the question as the index is asked (phrases as their words), `exact` what is then judged by.
WITH part AS MATERIALIZED (
    SELECT place, negative, words, position(' ' IN words) > 0 AS long,
           CASE WHEN words = %(beginning)s::text AND place = %(last_place)s
                -- A word being typed: what begins like it, and what it may become the end of (`runnin`: run).
                THEN '''' || words || ''':*' || (
                    SELECT coalesce(string_agg(DISTINCT ' | ''' || stem || '''', ''), '')
                    FROM unnest(ARRAY['', 'g', 'ng', 'ing', 'd', 'ed', 's', 'es', 'y', 'ly', 'ss', 'ness', 'n', 'tion']) AS ending,
                         unnest(ts_lexize('lore_stem', words || ending)) AS stem
                    WHERE NOT starts_with(stem, words))
                ELSE coalesce(nullif(phraseto_tsquery('lore', words)::text, ''), '''' || words || '''') END AS exact,
           coalesce(nullif(plainto_tsquery('lore', words)::text, ''), '''' || words || '''') AS fitting
    FROM unnest(%(places)s::int[], %(negatives)s::boolean[], %(phrases)s::text[]) AS given (place, negative, words)
), together AS (
    SELECT CASE WHEN bool_or(negative) THEN '!' ELSE '' END || '(' || string_agg(exact, ' | ') || ')' AS exact,
           CASE WHEN bool_or(negative) AND bool_or(long) THEN NULL
                WHEN bool_or(negative) THEN '!(' || string_agg(exact, ' | ') || ')'
                ELSE '(' || string_agg(CASE WHEN long THEN '(' || fitting || ')' ELSE exact END, ' | ') || ')'
                END AS fitting
    FROM part GROUP BY place
), asked AS MATERIALIZED (
    SELECT string_agg(exact, ' & ')::tsquery AS exact, string_agg(fitting, ' & ')::tsquery AS fitting FROM together
), entity_pool AS MATERIALIZED (
    SELECT hit.* FROM asked
    CROSS JOIN unnest(%(worlds)s::uuid[]) AS seen (world_id)  -- when worlds
    CROSS JOIN LATERAL (
        SELECT lore_id, words FROM lore_search
        WHERE kind = 'entity' AND words @@ asked.fitting AND 'entity' = ANY(%(kinds)s)
          AND lore_search.world_id = seen.world_id  -- when worlds
          AND labels @> %(labels)s::text[]          -- when labels
        LIMIT %(pool)s
    ) AS hit
    LIMIT %(pool)s
), claim_pool AS MATERIALIZED (
    SELECT hit.* FROM asked
    CROSS JOIN unnest(%(worlds)s::uuid[]) AS seen (world_id)  -- when worlds
    CROSS JOIN LATERAL (
        SELECT lore_id, words FROM lore_search
        WHERE kind = 'claim' AND words @@ asked.fitting AND 'claim' = ANY(%(kinds)s)
          AND lore_search.world_id = seen.world_id  -- when worlds
          AND labels @> %(labels)s::text[]          -- when labels
        LIMIT %(pool)s
    ) AS hit
    LIMIT %(pool)s
), chunk_pool AS MATERIALIZED (
    SELECT hit.* FROM asked
    CROSS JOIN unnest(%(worlds)s::uuid[]) AS seen (world_id)  -- when worlds
    CROSS JOIN LATERAL (
        SELECT lore_id, words FROM lore_search
        WHERE kind = 'source_chunk' AND words @@ asked.fitting AND 'source_chunk' = ANY(%(kinds)s)
          AND lore_search.world_id = seen.world_id  -- when worlds
          AND labels @> %(labels)s::text[]          -- when labels
        LIMIT %(pool)s
    ) AS hit
    LIMIT %(pool)s
), typed AS MATERIALIZED (  -- names that begin like the question, and the one that is the question
    SELECT hit.* FROM asked
    CROSS JOIN unnest(%(worlds)s::uuid[]) AS seen (world_id)  -- when worlds
    CROSS JOIN LATERAL (
        SELECT entity_id AS lore_id, CASE WHEN name = %(whole)s AND whole THEN 2 ELSE 0.5 END AS score
        FROM entity_name
        WHERE name >= %(whole)s AND name < %(whole)s || U&'\+10FFFF' AND (name = %(whole)s OR %(unfinished)s::boolean)
          AND 'entity' = ANY(%(kinds)s)
          AND entity_name.world_id = seen.world_id  -- when worlds
        ORDER BY name LIMIT %(pool)s
    ) AS hit
    LIMIT %(pool)s
), alike AS MATERIALIZED (  -- names almost like a word of the question that is no name itself
    SELECT hit.* FROM unnest(%(uncommon)s::text[]) AS word
    CROSS JOIN unnest(%(worlds)s::uuid[]) AS seen (world_id)  -- when worlds
    CROSS JOIN LATERAL (
        SELECT entity_id AS lore_id, similarity(name, word) / 10 AS score FROM entity_name
        WHERE name %% word AND 'entity' = ANY(%(kinds)s)
          AND entity_name.world_id = seen.world_id  -- when worlds
          AND NOT EXISTS (
              SELECT FROM entity_name AS same WHERE same.name = word
                AND same.world_id = seen.world_id   -- when worlds
          )
        LIMIT %(pool)s
    ) AS hit
    LIMIT %(pool)s
), found AS MATERIALIZED (
    SELECT 'entity' AS kind, lore_id, sum(score) AS score, bool_or(how = 'exact') AS named, bool_and(how = 'alike') AS guessed
    FROM (
        SELECT 'words' AS how, lore_id, ts_rank(ARRAY[0.1, 0.2, 0.5, 1.0]::real[], words, asked.exact, 1) AS score
        FROM entity_pool, asked WHERE words @@ asked.exact
        UNION ALL
        SELECT CASE WHEN max(score) > 1 THEN 'exact' ELSE 'words' END, lore_id, max(score) FROM typed GROUP BY lore_id
        UNION ALL
        SELECT 'alike', lore_id, max(score) FROM alike GROUP BY lore_id
    ) AS entities
    WHERE true
      AND EXISTS (SELECT FROM lore_search WHERE lore_search.lore_id = entities.lore_id AND labels @> %(labels)s::text[])  -- when labels
    GROUP BY lore_id
    UNION ALL
    SELECT 'claim', lore_id, ts_rank(ARRAY[0.1, 0.2, 0.5, 1.0]::real[], words, asked.exact, 1), false, false
    FROM claim_pool, asked WHERE words @@ asked.exact
    UNION ALL
    SELECT 'source_chunk', lore_id, ts_rank(ARRAY[0.1, 0.2, 0.5, 1.0]::real[], words, asked.exact, 1), false, false
    FROM chunk_pool, asked WHERE words @@ asked.exact
), page AS MATERIALIZED (
    SELECT * FROM found ORDER BY score DESC, lore_id LIMIT %(limit)s OFFSET %(skip)s
)
SELECT (SELECT count(*) FROM found) AS total,
       greatest((SELECT count(*) FROM entity_pool), (SELECT count(*) FROM claim_pool), (SELECT count(*) FROM chunk_pool),
                (SELECT count(*) FROM typed), (SELECT count(*) FROM alike)) >= %(pool)s AS cut,
       (SELECT tsvector_to_array(to_tsvector('lore', string_agg(words, ' '))) FROM part WHERE NOT negative) AS stems,
       page.kind, page.lore_id AS id, page.score, page.named, page.guessed,
       coalesce(entity.world_id, claim.world_id, chunk.world_id) AS world_id,
       coalesce(entity.type, source.type) AS type, coalesce(entity.tags, claim.tags, ARRAY[]::text[]) AS tags,
       entity.name, entity.aliases, left(entity.summary, 20000) AS summary, left(entity.description, 20000) AS description,
       claim.canon_state, claim.subject_name, claim.predicate, claim.object_name,
       left(claim.object_value, 20000) AS object_value,
       chunk.source_id, source.title AS source_title, chunk.chunk_index, left(chunk.content, 20000) AS content
FROM (VALUES (1)) AS always LEFT JOIN page ON true
LEFT JOIN entity ON page.kind = 'entity' AND entity.id = page.lore_id
LEFT JOIN claim_reading AS claim ON page.kind = 'claim' AND claim.id = page.lore_id
LEFT JOIN source_chunk AS chunk ON page.kind = 'source_chunk' AND chunk.id = page.lore_id
LEFT JOIN source ON source.id = chunk.source_id
ORDER BY page.score DESC, page.lore_id

-- name: same_stem
-- Which of these words are forms of one of these stems: what is marked in a snippet.
SELECT word FROM unnest(%(words)s::text[]) AS word
WHERE coalesce(nullif(ts_lexize('lore_stem', word), ARRAY[]::text[]), ARRAY[word]) && %(stems)s::text[]

-- name: world_summary
-- Counts of everything in a world, each from an index of its own; max_attempts and size_bytes are asked for because that
-- opens the index, see db/schema.sql.
SELECT (SELECT coalesce(jsonb_object_agg(type, n), jsonb_build_object())
        FROM (SELECT type, count(*) AS n FROM entity WHERE world_id = %(id)s AND deleted_at IS NULL
              GROUP BY type) AS counted) AS entities,
       (SELECT count(*) FROM source WHERE world_id = %(id)s AND deleted_at IS NULL) AS sources,
       (SELECT count(*) FROM source_chunk WHERE world_id = %(id)s AND deleted_at IS NULL) AS source_chunks,
       (SELECT coalesce(jsonb_object_agg(canon_state, n), jsonb_build_object())
        FROM (SELECT canon_state, count(*) AS n FROM claim WHERE world_id = %(id)s AND deleted_at IS NULL
              GROUP BY canon_state) AS counted) AS claims,
       (SELECT coalesce(jsonb_object_agg(status, n), jsonb_build_object())
        FROM (SELECT status, count(*) AS n FROM asset_job WHERE world_id = %(id)s AND max_attempts >= 1
              GROUP BY status) AS counted) AS jobs,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('type', type, 'status', status, 'count', n, 'size_bytes', bytes)
                                  ORDER BY type, status), '[]')
        FROM (SELECT type, status, count(*) AS n, sum(size_bytes) AS bytes FROM asset WHERE world_id = %(id)s
              AND size_bytes >= 1 GROUP BY type, status) AS counted) AS assets
FROM world WHERE id = %(id)s AND deleted_at IS NULL

-- name: list_tags
-- The tags of a world by name, with how many entities and claims have each.
SELECT tag, count(*) FILTER (WHERE kind = 'entity') AS entities, count(*) FILTER (WHERE kind = 'claim') AS claims
FROM lore_tag WHERE world_id = %(world_id)s
GROUP BY tag ORDER BY tag
LIMIT %(limit)s OFFSET %(skip)s

-- name: count_tags
-- How many different tags a world has.
SELECT count(DISTINCT tag) AS total FROM lore_tag WHERE world_id = %(world_id)s

-- name: list_claims_of_entity
-- The claims that speak of an entity, newest first: each of the roles is walked along its own index.
SELECT * FROM claim_reading
WHERE id IN (
    SELECT id FROM (
        (SELECT id FROM claim WHERE subject_entity_id = %(entity_id)s AND deleted_at IS NULL AND %(as_subject)s::boolean
           AND id < %(after)s  -- when after
         ORDER BY subject_entity_id DESC, id DESC LIMIT %(limit)s::bigint + %(skip)s::bigint)
        UNION
        (SELECT id FROM claim WHERE object_entity_id = %(entity_id)s AND deleted_at IS NULL AND %(as_object)s::boolean
           AND id < %(after)s  -- when after
         ORDER BY object_entity_id DESC, id DESC LIMIT %(limit)s::bigint + %(skip)s::bigint)
        UNION
        (SELECT id FROM claim WHERE asserted_by_entity_id = %(entity_id)s AND deleted_at IS NULL AND %(as_asserter)s::boolean
           AND id < %(after)s  -- when after
         ORDER BY asserted_by_entity_id DESC, id DESC LIMIT %(limit)s::bigint + %(skip)s::bigint)
    ) AS roles
    ORDER BY id DESC
    LIMIT %(limit)s OFFSET %(skip)s
)
ORDER BY id DESC  -- when ordered

-- name: count_mentions
-- How many chunks have the words of one of an entity's names in a row, counted up to `pool`.
SELECT count(*) AS total
FROM (
    SELECT FROM (
        SELECT string_agg('(' || phraseto_tsquery('lore', search_form(name))::text || ')', ' | ')::tsquery AS query
        FROM unnest(%(names)s::text[]) AS name WHERE numnode(phraseto_tsquery('lore', search_form(name))) > 0
    ) AS asked CROSS JOIN LATERAL (
        SELECT FROM lore_search
        WHERE kind = 'source_chunk' AND words @@ asked.query AND world_id = %(world_id)s
        LIMIT %(pool)s
    ) AS fitting
) AS bounded

-- name: find_mentions
-- Those chunks with their texts, in the order of the text, where they are few enough to be sorted.
SELECT chunk.id, chunk.world_id, chunk.source_id, source.title AS source_title, chunk.chunk_index, chunk.content,
       chunk.char_start, chunk.char_end
FROM (
    SELECT string_agg('(' || phraseto_tsquery('lore', search_form(name))::text || ')', ' | ')::tsquery AS query
    FROM unnest(%(names)s::text[]) AS name WHERE numnode(phraseto_tsquery('lore', search_form(name))) > 0
) AS asked CROSS JOIN LATERAL (
    SELECT lore_id FROM lore_search
    WHERE kind = 'source_chunk' AND words @@ asked.query AND world_id = %(world_id)s
    OFFSET 0
) AS fitting
JOIN source_chunk AS chunk ON chunk.id = fitting.lore_id
JOIN source ON source.id = chunk.source_id
WHERE chunk.deleted_at IS NULL
  AND (chunk.source_id, chunk.chunk_index) > (SELECT source_id, chunk_index FROM source_chunk WHERE id = %(after)s)  -- when after
ORDER BY chunk.source_id, chunk.chunk_index
LIMIT %(limit)s OFFSET %(skip)s

-- name: walk_mentions
-- The same where they are too many to be sorted: from source to source and chunk to chunk. Being many, the next is near.
SELECT chunk.*
FROM (
    SELECT string_agg('(' || phraseto_tsquery('lore', search_form(name))::text || ')', ' | ')::tsquery AS query
    FROM unnest(%(names)s::text[]) AS name WHERE numnode(phraseto_tsquery('lore', search_form(name))) > 0
) AS asked
CROSS JOIN LATERAL (
    SELECT id, title FROM source
    WHERE world_id = %(world_id)s AND deleted_at IS NULL
      AND id >= (SELECT source_id FROM source_chunk WHERE id = %(after)s)  -- when after
    ORDER BY id OFFSET 0
) AS source
CROSS JOIN LATERAL (
    SELECT next.id, next.world_id, next.source_id, source.title AS source_title, next.chunk_index, next.content,
           next.char_start, next.char_end
    FROM source_chunk AS next
    CROSS JOIN LATERAL (SELECT FROM lore_search WHERE lore_id = next.id AND words @@ asked.query OFFSET 0) AS fitting
    WHERE next.source_id = source.id AND next.deleted_at IS NULL
      AND next.chunk_index > CASE WHEN source.id = (SELECT source_id FROM source_chunk WHERE id = %(after)s)  -- when after
                                  THEN (SELECT chunk_index FROM source_chunk WHERE id = %(after)s) ELSE -1 END  -- when after
    ORDER BY next.chunk_index LIMIT %(limit)s::bigint + %(skip)s::bigint
) AS chunk
ORDER BY source.id, chunk.chunk_index
LIMIT %(limit)s OFFSET %(skip)s
