-- name: get_key
-- The key that a request shows, with its worlds.
SELECT api_key.id, api_key.name, api_key.role, api_key.secret_hash, api_key.all_worlds, api_key.providers,
       api_key.revoked_at,
       ARRAY(SELECT world_id FROM api_key_world WHERE key_id = api_key.id) AS world_ids
FROM api_key
WHERE api_key.id = %(id)s

-- name: create_key
-- A new key and its grants, with the event that says who made it. A world that does not exist is refused by its key.
WITH made AS (
    INSERT INTO api_key (id, name, role, secret_hash, all_worlds, providers, created_by, created_at)
    VALUES (%(id)s, %(name)s, %(role)s, %(secret_hash)s, %(all_worlds)s, %(providers)s::text[], %(actor)s, %(now)s)
    RETURNING id
), granted AS (
    INSERT INTO api_key_world (key_id, world_id)
    SELECT made.id, world_id FROM made, unnest(%(world_ids)s::uuid[]) AS world_id
)
INSERT INTO event (kind, subject_id, actor, after, occurred_at)
SELECT 'api_key.created', made.id, %(actor)s,
       jsonb_build_object('name', %(name)s::text, 'role', %(role)s::text), %(now)s
FROM made

-- name: revoke_key
-- Ends a key for good; returns it if it was alive.
WITH ended AS (
    UPDATE api_key SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING id, name
), noted AS (
    INSERT INTO event (kind, subject_id, actor, occurred_at)
    SELECT 'api_key.revoked', id, %(actor)s, %(now)s FROM ended
)
SELECT id, name FROM ended

-- name: list_keys
-- All keys, for `lorekeeper keys list`.
SELECT api_key.id, api_key.name, api_key.role, api_key.all_worlds, api_key.providers, api_key.created_at,
       api_key.last_used_at, api_key.revoked_at,
       ARRAY(SELECT world.name FROM api_key_world JOIN world ON world.id = api_key_world.world_id
             WHERE key_id = api_key.id ORDER BY world.name) AS worlds
FROM api_key
ORDER BY api_key.created_at, api_key.id
