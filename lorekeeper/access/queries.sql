-- name: find_key
-- The key that a request shows, with its worlds; a deleted world is seen by nobody who was granted worlds by name.
SELECT api_key.id, api_key.name, api_key.role, api_key.secret_hash, api_key.all_worlds, api_key.providers,
       api_key.last_used_at, api_key.revoked_at,
       ARRAY(SELECT api_key_world.world_id FROM api_key_world JOIN world ON world.id = api_key_world.world_id
             WHERE key_id = api_key.id AND world.deleted_at IS NULL) AS world_ids
FROM api_key
WHERE api_key.id = %(id)s

-- name: note_use
-- That a key was used, unless that was noted by another process meanwhile. Waits for nobody: a request waits for this.
UPDATE api_key SET last_used_at = %(now)s
WHERE id = (SELECT id FROM api_key
            WHERE id = %(id)s AND revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at <= %(before)s)
            FOR NO KEY UPDATE SKIP LOCKED)

-- name: create_key
-- A new key and its grants, with the event that says who made it; nothing where one of the worlds does not exist.
WITH known AS MATERIALIZED (
    SELECT id FROM world WHERE id = ANY(%(world_ids)s::uuid[]) AND deleted_at IS NULL
    FOR KEY SHARE
), made AS (
    INSERT INTO api_key (id, place, name, role, secret_hash, all_worlds, providers, created_by, created_at)
    SELECT %(id)s, %(place)s, %(name)s, %(role)s, %(secret_hash)s, %(all_worlds)s, %(providers)s::text[], %(actor)s,
           %(now)s
    WHERE (SELECT count(*) FROM known) = cardinality(%(world_ids)s::uuid[])
    RETURNING id
), granted AS (
    INSERT INTO api_key_world (key_id, world_id) SELECT made.id, known.id FROM made, known
), noted AS (
    INSERT INTO event (kind, subject_id, actor, request_id, after, occurred_at)
    SELECT 'api_key.created', made.id, %(actor)s, %(request_id)s,
           jsonb_build_object('name', %(name)s::text, 'role', %(role)s::text), %(now)s
    FROM made
)
SELECT ARRAY(SELECT unnest(%(world_ids)s::uuid[]) EXCEPT SELECT id FROM known) AS unknown_worlds

-- name: lock_full_admins
-- The living admin keys that see all worlds, held still: of two that are revoked at once, the second sees the first.
SELECT id FROM api_key WHERE role = 'admin' AND all_worlds AND revoked_at IS NULL
ORDER BY id
FOR NO KEY UPDATE

-- name: revoke_key
-- Ends a key for good; returns it if it was alive.
WITH ended AS (
    UPDATE api_key SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING id, name
), noted AS (
    INSERT INTO event (kind, subject_id, actor, request_id, occurred_at)
    SELECT 'api_key.revoked', id, %(actor)s, %(request_id)s, %(now)s FROM ended
)
SELECT id, name FROM ended

-- name: get_key
-- One key without its secret, with those of its worlds that the asker sees. An asker who was granted some worlds only
-- sees itself, the keys that it made, and those that were granted nothing but worlds of its own.
SELECT id, name, role, providers, created_by, created_at, last_used_at, revoked_at,
       CASE WHEN NOT all_worlds THEN ARRAY(
           SELECT world_id FROM api_key_world
           WHERE key_id = api_key.id
             AND world_id = ANY(%(visible_worlds)s)  -- when visible_worlds
           ORDER BY world_id
       ) END AS world_ids
FROM api_key
WHERE id = %(id)s
  AND (id = %(asker)s OR created_by = %(asker)s OR NOT all_worlds AND (               -- when visible_worlds
      SELECT bool_and(world_id = ANY(%(visible_worlds)s)) FROM api_key_world WHERE key_id = api_key.id))  -- when visible_worlds

-- name: list_keys
-- Keys without their secrets, newest first; which, and how much of them, is as in get_key.
SELECT id, place, name, role, providers, created_by, created_at, last_used_at, revoked_at,
       CASE WHEN NOT all_worlds THEN ARRAY(
           SELECT world_id FROM api_key_world
           WHERE key_id = api_key.id
             AND world_id = ANY(%(visible_worlds)s)  -- when visible_worlds
           ORDER BY world_id
       ) END AS world_ids
FROM api_key
WHERE true
  AND role = %(role)s                   -- when role
  AND (revoked_at IS NULL) = %(alive)s  -- when alive
  AND place < %(after)s                 -- when after
  AND (id = %(asker)s OR created_by = %(asker)s OR NOT all_worlds AND (               -- when visible_worlds
      SELECT bool_and(world_id = ANY(%(visible_worlds)s)) FROM api_key_world WHERE key_id = api_key.id))  -- when visible_worlds
ORDER BY place DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s

-- name: all_keys
-- All keys with the names of their worlds, for `lorekeeper keys list`.
SELECT api_key.id, api_key.name, api_key.role, api_key.all_worlds, api_key.providers, api_key.created_at,
       api_key.last_used_at, api_key.revoked_at,
       ARRAY(SELECT world.name FROM api_key_world JOIN world ON world.id = api_key_world.world_id
             WHERE key_id = api_key.id ORDER BY world.name) AS worlds
FROM api_key
ORDER BY api_key.place
