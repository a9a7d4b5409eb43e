-- name: create_prompt_schema
-- The next version for its asset type and provider, in place of the one in force; or that one, where it is the same.
-- The new row is made of what `retired` returned, so the old one is out of the index before it comes in. A version that
-- somebody else made meanwhile undoes it all (unique_violation): to be tried again.
WITH former AS MATERIALIZED (
    SELECT * FROM prompt_schema
    WHERE asset_type = %(asset_type)s AND provider IS NOT DISTINCT FROM %(provider)s::text AND retired_at IS NULL
), same AS (
    SELECT * FROM former WHERE schema = %(schema)s
), retired AS (
    UPDATE prompt_schema SET retired_at = %(now)s
    FROM former
    WHERE prompt_schema.id = former.id AND prompt_schema.retired_at IS NULL AND NOT EXISTS (SELECT FROM same)
    RETURNING prompt_schema.id
), made AS (
    INSERT INTO prompt_schema (id, asset_type, provider, version, schema, description, created_by, created_at)
    SELECT %(id)s, %(asset_type)s, %(provider)s,
           1 + (SELECT coalesce(max(version), 0) FROM prompt_schema
                WHERE asset_type = %(asset_type)s AND provider IS NOT DISTINCT FROM %(provider)s::text),
           %(schema)s, %(description)s, %(actor)s, %(now)s
    FROM (SELECT count(*) FROM retired) AS first
    WHERE NOT EXISTS (SELECT FROM same)
    RETURNING *
), noted AS (
    INSERT INTO event (kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT 'prompt_schema.created', made.id, %(actor)s, %(request_id)s,
           (SELECT jsonb_build_object('prompt_schema_id', retired.id) FROM retired),
           jsonb_build_object('asset_type', asset_type, 'provider', provider, 'version', version), %(now)s
    FROM made
)
SELECT true AS created, made.* FROM made
UNION ALL
SELECT false, same.* FROM same

-- name: withdraw_prompt_schema
-- Takes a schema out of force; what is next in line judges from then on. No row: it was not in force.
WITH retired AS (
    UPDATE prompt_schema SET retired_at = %(now)s WHERE id = %(id)s AND retired_at IS NULL RETURNING *
), noted AS (
    INSERT INTO event (kind, subject_id, actor, request_id, after, occurred_at)
    SELECT 'prompt_schema.withdrawn', id, %(actor)s, %(request_id)s,
           jsonb_build_object('asset_type', asset_type, 'provider', provider, 'version', version), %(now)s
    FROM retired
)
SELECT * FROM retired

-- name: get_prompt_schema
-- One version, in force or not.
SELECT id, asset_type, provider, version, schema, description, created_by, created_at, retired_at
FROM prompt_schema WHERE id = %(id)s

-- name: get_prompt_schema_in_force
-- The operator's schema that judges the prompts of an asset type and provider: its own, else that for any provider.
SELECT id, asset_type, provider, version, schema, description, created_by, created_at, retired_at
FROM prompt_schema
WHERE asset_type = %(asset_type)s AND (provider = %(provider)s OR provider IS NULL) AND retired_at IS NULL
ORDER BY provider NULLS LAST
LIMIT 1

-- name: list_prompt_schemas
-- Every version of every schema, newest first. There are few: an operator writes them by hand.
SELECT id, asset_type, provider, version, schema, description, created_by, created_at, retired_at
FROM prompt_schema
WHERE true
  AND asset_type = %(asset_type)s             -- when asset_type
  AND provider = %(provider)s                 -- when provider
  AND (retired_at IS NULL) = %(in_force)s     -- when in_force
  AND id < %(after)s                          -- when after
ORDER BY id DESC  -- when ordered
LIMIT %(limit)s OFFSET %(skip)s
