-- name: declare_predicate
-- Says of a predicate whether it is single-valued, while its world lives; with an event, where that is new.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = %(world_id)s AND deleted_at IS NULL FOR KEY SHARE
), written AS (
    INSERT INTO predicate_rule (id, world_id, predicate, single_valued, created_by, created_at, updated_at)
    SELECT %(id)s, held.id, %(predicate)s, %(single_valued)s, %(actor)s, %(now)s, %(now)s FROM held
    ON CONFLICT (world_id, predicate)
        DO UPDATE SET single_valued = EXCLUDED.single_valued, updated_at = EXCLUDED.updated_at
        WHERE predicate_rule.single_valued <> EXCLUDED.single_valued
    RETURNING id, world_id, predicate, single_valued
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'predicate.declared', id, %(actor)s, %(request_id)s,
       jsonb_build_object('predicate', predicate, 'single_valued', single_valued), %(now)s
FROM written

-- name: get_predicate
-- One declared predicate of a living world, with the number of living claims that use it.
SELECT rule.*, (SELECT count(*) FROM claim
                WHERE claim.world_id = rule.world_id AND claim.predicate = rule.predicate AND claim.deleted_at IS NULL
               ) AS claims
FROM predicate_rule AS rule JOIN world ON world.id = rule.world_id AND world.deleted_at IS NULL
WHERE rule.world_id = %(world_id)s AND rule.predicate = %(predicate)s

-- name: list_predicates
-- The declared predicates of a world, newest first, each with the number of living claims that use it.
SELECT rule.*, (SELECT count(*) FROM claim
                WHERE claim.world_id = rule.world_id AND claim.predicate = rule.predicate AND claim.deleted_at IS NULL
               ) AS claims
FROM predicate_rule AS rule
WHERE rule.world_id = %(world_id)s
  AND rule.id < %(after)s  -- when after
ORDER BY rule.id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s

-- name: withdraw_predicate
-- Takes back what was said of a predicate, while its world lives.
WITH held AS MATERIALIZED (
    SELECT id FROM world WHERE id = %(world_id)s AND deleted_at IS NULL FOR KEY SHARE
), gone AS (
    DELETE FROM predicate_rule AS rule USING held WHERE rule.world_id = held.id AND rule.predicate = %(predicate)s
    RETURNING rule.id, rule.world_id, rule.predicate, rule.single_valued
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, occurred_at)
SELECT world_id, 'predicate.withdrawn', id, %(actor)s, %(request_id)s,
       jsonb_build_object('predicate', predicate, 'single_valued', single_valued), %(now)s
FROM gone

-- name: list_contradictions
-- The subjects and predicates of a world that canon answers in several ways at once. Looked for in one walk along each
-- subject's claims in the order of their start: cut into runs that agree, two of them contradict each other somewhere
-- if and only if some run begins before the run before it has ended (docs/canon.md says why). Only where that is so are
-- claims held against one another. The name of a contradiction follows from what it is about, and so does the order.
WITH placed AS (
    SELECT predicate, subject_entity_id, id, starts, ends,
           (object_entity_id IS DISTINCT FROM lag(object_entity_id) OVER along
            OR object_value IS DISTINCT FROM lag(object_value) OVER along) AS differs
    FROM canon_claim
    WHERE world_id = %(world_id)s
    WINDOW along AS (PARTITION BY predicate, subject_entity_id ORDER BY starts, id)
), numbered AS (
    SELECT predicate, subject_entity_id, starts, ends,
           count(*) FILTER (WHERE differs) OVER (PARTITION BY predicate, subject_entity_id ORDER BY starts, id) AS run
    FROM placed
), runs AS (
    SELECT predicate, subject_entity_id, run, min(starts) AS first_start, max(starts) AS last_start, max(ends) AS ends
    FROM numbered
    GROUP BY predicate, subject_entity_id, run
), neighbours AS (
    SELECT predicate, subject_entity_id, first_start,
           lag(ends) OVER along AS ends_before, lag(last_start) OVER along AS start_before
    FROM runs
    WINDOW along AS (PARTITION BY predicate, subject_entity_id ORDER BY run)
), disputed AS MATERIALIZED (
    SELECT DISTINCT md5(predicate || subject_entity_id)::uuid AS id, predicate, subject_entity_id
    FROM neighbours
    WHERE first_start < ends_before OR first_start = start_before
)
SELECT disputed.id, disputed.predicate, disputed.subject_entity_id,
       (SELECT name FROM entity WHERE entity.id = disputed.subject_entity_id) AS subject_name,
       (SELECT json_agg(json_build_object(
                   'claim', (SELECT row_to_json(reading) FROM claim_reading AS reading WHERE reading.id = claim_id),
                   'other', (SELECT row_to_json(reading) FROM claim_reading AS reading WHERE reading.id = other_id))
                   ORDER BY claim_id, other_id)
        FROM (SELECT claim_id, other_id FROM contradiction
              WHERE contradiction.world_id = %(world_id)s AND contradiction.predicate = disputed.predicate
                AND contradiction.subject_entity_id = disputed.subject_entity_id
              LIMIT %(at_most)s) AS pair) AS pairs,
       (SELECT count(*) > %(at_most)s
        FROM (SELECT FROM contradiction
              WHERE contradiction.world_id = %(world_id)s AND contradiction.predicate = disputed.predicate
                AND contradiction.subject_entity_id = disputed.subject_entity_id
              LIMIT %(at_most)s + 1) AS pair) AS has_more_pairs
FROM disputed
WHERE true
  AND disputed.id < %(after)s  -- when after
ORDER BY disputed.id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s
