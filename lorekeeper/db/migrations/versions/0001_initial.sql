-- The first schema. What stands today, and why, is in ../../schema.sql.


-- Both come with PostgreSQL and are trusted: whoever may create in the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;    -- misspelt names
CREATE EXTENSION IF NOT EXISTS btree_gin;  -- a world's id beside words in one index


-- Access -------------------------------------------------------------------------------------------------------------

-- An API key. Only the SHA-256 of its secret is kept, so a stolen backup opens nothing.
CREATE TABLE api_key (
    id           text PRIMARY KEY CHECK (id ~ '^[0-9A-Za-z]{8,32}$'),
    place        uuid NOT NULL UNIQUE,
    name         text NOT NULL CHECK (name <> ''),
    role         text NOT NULL CHECK (role IN ('reader', 'editor', 'worker', 'admin')),
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    all_worlds   boolean NOT NULL DEFAULT false,
    providers    text[],                       -- a worker's providers; NULL: all
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);


-- Lore ---------------------------------------------------------------------------------------------------------------
-- The row holds the present; lore_revision holds every earlier version. `content_hash` covers what can be depicted;
-- `version` grows by one when it changes and at no other time. `deleted_at` makes a row a tombstone: lists and searches
-- forget it, the provenance that points at it does not.

CREATE TABLE world (
    id           uuid PRIMARY KEY,
    name         text NOT NULL CHECK (name <> ''),
    description  text,
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    edit         integer NOT NULL DEFAULT 1 CHECK (edit >= 1),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz
);
CREATE INDEX world_living ON world (id) WHERE deleted_at IS NULL;
CREATE INDEX world_by_name ON world (name, id DESC) WHERE deleted_at IS NULL;

-- The worlds a key may see, unless it may see all.
CREATE TABLE api_key_world (
    key_id   text NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    world_id uuid NOT NULL REFERENCES world (id) ON DELETE CASCADE,
    PRIMARY KEY (key_id, world_id)
);
CREATE INDEX api_key_world_by_world ON api_key_world (world_id);

CREATE TABLE entity (
    id           uuid PRIMARY KEY,
    world_id     uuid NOT NULL REFERENCES world (id),
    type         text NOT NULL CHECK (type IN ('PERSON', 'LOCATION', 'FACTION', 'ORGANIZATION', 'ITEM', 'CREATURE',
                                               'EVENT', 'CONCEPT', 'ARTIFACT', 'VEHICLE', 'OTHER')),
    name         text NOT NULL CHECK (name <> ''),
    aliases      text[] NOT NULL DEFAULT '{}',
    summary      text,
    description  text,
    tags         text[] NOT NULL DEFAULT '{}',
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    edit         integer NOT NULL DEFAULT 1 CHECK (edit >= 1),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,
    UNIQUE (world_id, id)
);
CREATE INDEX entity_living ON entity (id) WHERE deleted_at IS NULL;
CREATE INDEX entity_of_world ON entity (world_id, id) WHERE deleted_at IS NULL;
CREATE INDEX entity_by_name ON entity (name, id) WHERE deleted_at IS NULL;
CREATE INDEX entity_by_type ON entity (type, id) WHERE deleted_at IS NULL;

CREATE TABLE source (
    id           uuid PRIMARY KEY,
    world_id     uuid NOT NULL REFERENCES world (id),
    type         text NOT NULL CHECK (type IN ('BOOK', 'CHAPTER', 'ARTICLE', 'ORAL_TRADITION', 'INSCRIPTION', 'ARCHIVE',
                                               'RESEARCH_NOTE', 'SONG', 'OTHER')),
    title        text NOT NULL CHECK (title <> ''),
    origin       text,
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    edit         integer NOT NULL DEFAULT 1 CHECK (edit >= 1),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,
    UNIQUE (world_id, id)
);
CREATE INDEX source_living ON source (id) WHERE deleted_at IS NULL;
CREATE INDEX source_of_world ON source (world_id, id) WHERE deleted_at IS NULL;
CREATE INDEX source_by_title ON source (title, id) WHERE deleted_at IS NULL;
CREATE INDEX source_by_type ON source (type, id) WHERE deleted_at IS NULL;

-- A source's `author_ids`, in their order: entities of the same world, which an array could not promise.
CREATE TABLE source_author (
    world_id  uuid NOT NULL,
    source_id uuid NOT NULL,
    position  integer NOT NULL CHECK (position >= 0),
    entity_id uuid NOT NULL,
    PRIMARY KEY (source_id, position),
    UNIQUE (source_id, entity_id),
    FOREIGN KEY (world_id, source_id) REFERENCES source (world_id, id) ON DELETE CASCADE,
    FOREIGN KEY (world_id, entity_id) REFERENCES entity (world_id, id)
);
CREATE INDEX source_author_by_entity ON source_author (entity_id);

-- A piece of a source. Offsets count code points from the start of the whole text, and text[start:end] is `content`.
-- Where a chunk stands (index, offsets) is no part of its content: a chunk that only moved is still the same.
CREATE TABLE source_chunk (
    id           uuid PRIMARY KEY,
    world_id     uuid NOT NULL REFERENCES world (id),
    source_id    uuid NOT NULL,
    chunk_index  integer NOT NULL CHECK (chunk_index >= 0),
    content      text NOT NULL CHECK (content <> ''),
    char_start   integer CHECK (char_start >= 0),
    char_end     integer CHECK (char_end >= char_start),
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    edit         integer NOT NULL DEFAULT 1 CHECK (edit >= 1),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,
    UNIQUE (world_id, id),
    UNIQUE (world_id, source_id, id),
    CHECK ((char_start IS NULL) = (char_end IS NULL)),
    FOREIGN KEY (world_id, source_id) REFERENCES source (world_id, id)
);
-- One living chunk in each place. Judged at the end of a statement, because a new edition moves many at once.
ALTER TABLE source_chunk ADD CONSTRAINT source_chunk_in_order
    EXCLUDE USING btree (source_id WITH =, chunk_index WITH =) WHERE (deleted_at IS NULL) DEFERRABLE INITIALLY IMMEDIATE;

-- A statement of the world: subject, predicate, and an entity or a plain value as its object.
CREATE TABLE claim (
    id                    uuid PRIMARY KEY,
    world_id              uuid NOT NULL REFERENCES world (id),
    subject_entity_id     uuid NOT NULL,
    predicate             text NOT NULL CHECK (predicate <> ''),
    object_entity_id      uuid,
    object_value          text,
    canon_state           text NOT NULL CHECK (canon_state IN ('STRICT', 'MYTHIC', 'APOCRYPHAL', 'DRAFT', 'ARCHIVED')),
    confidence            double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    asserted_by_entity_id uuid,
    source_id             uuid,
    source_chunk_id       uuid,
    version_group_id      uuid NOT NULL,       -- the claims that supersede one another share it
    supersedes_claim_id   uuid,
    valid_from_label      text,                -- as the world writes the date …
    valid_from_sort       double precision,    -- … and as a number to sort and compare by
    valid_to_label        text,
    valid_to_sort         double precision,
    tags                  text[] NOT NULL DEFAULT '{}',
    version               integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    edit                  integer NOT NULL DEFAULT 1 CHECK (edit >= 1),
    content_hash          text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_by            text NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    deleted_at            timestamptz,
    UNIQUE (world_id, id),
    CHECK ((object_entity_id IS NULL) <> (object_value IS NULL)),
    CHECK (source_chunk_id IS NULL OR source_id IS NOT NULL),
    CHECK (supersedes_claim_id <> id),
    CHECK (valid_from_sort <= valid_to_sort),
    FOREIGN KEY (world_id, subject_entity_id) REFERENCES entity (world_id, id),
    FOREIGN KEY (world_id, object_entity_id) REFERENCES entity (world_id, id),
    FOREIGN KEY (world_id, asserted_by_entity_id) REFERENCES entity (world_id, id),
    FOREIGN KEY (world_id, source_id) REFERENCES source (world_id, id),
    FOREIGN KEY (world_id, source_id, source_chunk_id) REFERENCES source_chunk (world_id, source_id, id),
    FOREIGN KEY (world_id, supersedes_claim_id) REFERENCES claim (world_id, id)
);
CREATE INDEX claim_living ON claim (id) WHERE deleted_at IS NULL;
CREATE INDEX claim_of_world ON claim (world_id, id) WHERE deleted_at IS NULL;
CREATE INDEX claim_by_subject ON claim (subject_entity_id, id) WHERE deleted_at IS NULL;
CREATE INDEX claim_by_object ON claim (object_entity_id, id) WHERE object_entity_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX claim_by_asserter ON claim (asserted_by_entity_id, id)
    WHERE asserted_by_entity_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX claim_by_source ON claim (source_id, id) WHERE source_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX claim_by_chunk ON claim (source_chunk_id, id) WHERE source_chunk_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX claim_by_predicate ON claim (predicate, id) WHERE deleted_at IS NULL;
CREATE INDEX claim_by_canon_state ON claim (canon_state, id) WHERE deleted_at IS NULL;
CREATE INDEX claim_by_version_group ON claim (version_group_id, id) WHERE deleted_at IS NULL;
CREATE INDEX claim_by_superseded ON claim (supersedes_claim_id, id) WHERE supersedes_claim_id IS NOT NULL;
-- For contradictions, in the order of the world's time; and for how many claims use a predicate.
CREATE INDEX claim_in_canon ON claim (world_id, predicate, canon_state, subject_entity_id,
                                      coalesce(valid_from_sort, '-infinity'), id) WHERE deleted_at IS NULL;

-- What a world's operator says of a predicate. Of a single-valued one, two STRICT claims that hold at once and disagree are a
-- contradiction.
CREATE TABLE predicate_rule (
    id            uuid PRIMARY KEY,
    world_id      uuid NOT NULL REFERENCES world (id),
    predicate     text NOT NULL CHECK (predicate <> ''),
    single_valued boolean NOT NULL,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (world_id, id),
    UNIQUE (world_id, predicate)
);

-- Every earlier version of every piece of lore, written by the trigger below and never changed.
CREATE TABLE lore_revision (
    world_id     uuid NOT NULL REFERENCES world (id),
    kind         text NOT NULL CHECK (kind IN ('world', 'entity', 'source', 'source_chunk', 'claim')),
    lore_id      uuid NOT NULL,
    version      integer NOT NULL,
    content      jsonb NOT NULL,               -- the whole row as it was
    content_hash text NOT NULL,
    updated_at   timestamptz NOT NULL,         -- when this version began …
    replaced_at  timestamptz NOT NULL,         -- … and when it ended
    PRIMARY KEY (lore_id, version)
);
CREATE INDEX lore_revision_by_world ON lore_revision (world_id, kind);

-- Keeps the version that an UPDATE replaces or a DELETE removes, and holds version and content_hash together.
CREATE FUNCTION keep_lore_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    as_it_was jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        NEW.edit := OLD.edit + 1;
        IF NEW.version = OLD.version AND NEW.content_hash = OLD.content_hash THEN
            RETURN NEW;
        END IF;
        IF NEW.version <> OLD.version + 1 THEN
            RAISE EXCEPTION '% %: version % must be followed by %, not %',
                TG_ARGV[0], OLD.id, OLD.version, OLD.version + 1, NEW.version
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    as_it_was := CASE TG_ARGV[0]
        WHEN 'source' THEN (SELECT to_jsonb(reading) FROM source_reading AS reading WHERE reading.id = OLD.id)
        WHEN 'claim' THEN (SELECT to_jsonb(reading) FROM claim_reading AS reading WHERE reading.id = OLD.id)
        ELSE to_jsonb(OLD) END;
    INSERT INTO lore_revision (world_id, kind, lore_id, version, content, content_hash, updated_at, replaced_at)
    VALUES (coalesce((as_it_was ->> 'world_id')::uuid, OLD.id), TG_ARGV[0], OLD.id, OLD.version, as_it_was,
            OLD.content_hash, OLD.updated_at, CASE TG_OP WHEN 'UPDATE' THEN NEW.updated_at ELSE now() END);
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $$;

CREATE TRIGGER keep_revision BEFORE UPDATE ON world
    FOR EACH ROW EXECUTE FUNCTION keep_lore_revision('world');
CREATE TRIGGER keep_revision BEFORE UPDATE OR DELETE ON entity
    FOR EACH ROW EXECUTE FUNCTION keep_lore_revision('entity');
CREATE TRIGGER keep_revision BEFORE UPDATE OR DELETE ON source
    FOR EACH ROW EXECUTE FUNCTION keep_lore_revision('source');
CREATE TRIGGER keep_revision BEFORE UPDATE OR DELETE ON source_chunk
    FOR EACH ROW EXECUTE FUNCTION keep_lore_revision('source_chunk');
CREATE TRIGGER keep_revision BEFORE UPDATE OR DELETE ON claim
    FOR EACH ROW EXECUTE FUNCTION keep_lore_revision('claim');

-- For tables that are written once: no row of theirs ever changes.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON lore_revision FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_dead_world() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written JOIN world ON world.id = written.world_id
               WHERE written.deleted_at IS NULL AND world.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a living % cannot be in a deleted world', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER world_lives AFTER INSERT ON entity REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_world();
CREATE TRIGGER world_lives_still AFTER UPDATE ON entity REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_world();
CREATE TRIGGER world_lives AFTER INSERT ON source REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_world();
CREATE TRIGGER world_lives_still AFTER UPDATE ON source REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_world();

CREATE FUNCTION refuse_dead_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written JOIN entity ON entity.id = written.entity_id WHERE entity.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a deleted entity cannot be an author' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER authors_live AFTER INSERT ON source_author REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_author();

CREATE FUNCTION refuse_dead_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written JOIN source ON source.id = written.source_id
               WHERE written.deleted_at IS NULL AND source.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a living chunk cannot be of a deleted source' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER source_lives AFTER INSERT ON source_chunk REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_source();
CREATE TRIGGER source_lives_still AFTER UPDATE ON source_chunk REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_source();

CREATE FUNCTION refuse_dead_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written JOIN entity ON entity.id = written.subject_entity_id
               WHERE written.deleted_at IS NULL AND entity.deleted_at IS NOT NULL)
        OR EXISTS (SELECT FROM written JOIN entity ON entity.id = written.object_entity_id
                   WHERE written.deleted_at IS NULL AND entity.deleted_at IS NOT NULL)
        OR EXISTS (SELECT FROM written JOIN entity ON entity.id = written.asserted_by_entity_id
                   WHERE written.deleted_at IS NULL AND entity.deleted_at IS NOT NULL)
        OR EXISTS (SELECT FROM written JOIN source ON source.id = written.source_id
                   WHERE written.deleted_at IS NULL AND source.deleted_at IS NOT NULL)
        OR (TG_OP = 'INSERT' AND EXISTS (
                   SELECT FROM written JOIN source_chunk ON source_chunk.id = written.source_chunk_id
                   WHERE written.deleted_at IS NULL AND source_chunk.deleted_at IS NOT NULL))
        OR EXISTS (SELECT FROM written JOIN claim ON claim.id = written.supersedes_claim_id
                   WHERE written.deleted_at IS NULL AND claim.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a living claim cannot point at what was deleted' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER references_live AFTER INSERT ON claim REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_references();
CREATE TRIGGER references_live_still AFTER UPDATE ON claim REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_dead_references();

-- The one exception: a chunk that a new edition of its source lacks is a tombstone which claims go on citing. Such a claim
-- can be edited, but none begins to cite a tombstone.
CREATE FUNCTION refuse_dead_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM source_chunk WHERE id = NEW.source_chunk_id AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a living claim cannot begin to cite a deleted chunk' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chunk_lives AFTER UPDATE ON claim FOR EACH ROW
    WHEN (NEW.deleted_at IS NULL AND NEW.source_chunk_id IS DISTINCT FROM OLD.source_chunk_id)
    EXECUTE FUNCTION refuse_dead_chunk();


-- Search -------------------------------------------------------------------------------------------------------------
-- What is searched, kept by the triggers below with the statement that changes the lore: a rename is right in all claims
-- that speak of the entity, a tombstone is gone at once. Nothing but these triggers writes here, and provenance never
-- reads here; all of it can be made anew from the lore. See docs/search.md.

-- Words are stemmed as English, and none is too frequent to be looked for.
CREATE TEXT SEARCH DICTIONARY lore_stem (TEMPLATE = snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION lore (COPY = english);
ALTER TEXT SEARCH CONFIGURATION lore ALTER MAPPING REPLACE english_stem WITH lore_stem;

-- A text as it is searched: in lower case, without accents, each CJK character a word of its own, and blanks for what the
-- parser would take for part of a word, a file name or a tag. lorekeeper/search/forms.py does the same to questions.
CREATE FUNCTION search_form(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    form text := lower(given);
BEGIN
    IF octet_length(form) <> length(form) THEN
        IF form ~ '[\u00c0-\u1fff\ufb00-\ufb06]' THEN
            form := normalize(regexp_replace(normalize(form, NFD), '[\u0300-\u036f]', '', 'g'), NFC);
        END IF;
        IF form ~ '[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]' THEN
            form := regexp_replace(form, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g');
        END IF;
    END IF;
    RETURN regexp_replace(form, '[-/@_<>&:=~%+|\\^`#$*\u0080-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u303f'
                                '\ufe00-\ufe6f\uff00-\uff0f\uff1a-\uff20\U0001f000-\U0001faff]|\.(?=\S)', ' ', 'g');
END $$;

-- The words of a text, with their places. Cut off far beyond what a text of ours has, because a tsvector ends at 1 MB.
CREATE FUNCTION search_words(given text, longest integer) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector('lore', search_form(left(coalesce(given, ''), longest)));
END $$;

-- One row for each living entity, claim and chunk. `labels` are what can be filtered by: `type:PERSON`, `canon:STRICT`,
-- `tag:keeper`; a chunk has its source's type.
CREATE TABLE lore_search (
    lore_id  uuid PRIMARY KEY,
    world_id uuid NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('entity', 'claim', 'source_chunk')),
    labels   text[] NOT NULL,
    words    tsvector NOT NULL
);
-- The world stands in the index, so that a search reads nothing of another one.
CREATE INDEX lore_search_entities ON lore_search USING gin (world_id, words, labels)
    WITH (gin_pending_list_limit = 256) WHERE kind = 'entity';
CREATE INDEX lore_search_claims ON lore_search USING gin (world_id, words, labels)
    WITH (gin_pending_list_limit = 256) WHERE kind = 'claim';
CREATE INDEX lore_search_chunks ON lore_search USING gin (world_id, words, labels)
    WITH (gin_pending_list_limit = 256) WHERE kind = 'source_chunk';

-- The names and aliases of living entities, whole and word by word: for names being typed, and for misspelt ones.
CREATE TABLE entity_name (
    world_id  uuid NOT NULL,
    entity_id uuid NOT NULL,
    name      text COLLATE "C" NOT NULL,
    whole     boolean NOT NULL,
    PRIMARY KEY (entity_id, name)
);
CREATE INDEX entity_name_exact ON entity_name (world_id, name);
CREATE INDEX entity_name_anywhere ON entity_name (name);
CREATE INDEX entity_name_alike ON entity_name USING gin (world_id, name gin_trgm_ops);

-- The tags of living entities and claims, in the order of their ids: what lists are read along that are filtered by a tag.
CREATE TABLE lore_tag (
    world_id uuid NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('entity', 'claim')),
    tag      text NOT NULL,
    lore_id  uuid NOT NULL,
    PRIMARY KEY (world_id, kind, tag, lore_id)
);
CREATE INDEX lore_tag_anywhere ON lore_tag (tag, kind, lore_id);
CREATE INDEX lore_tag_of ON lore_tag (lore_id);

-- What a world's summary is counted along.
CREATE INDEX entity_counts ON entity (world_id, type) WHERE deleted_at IS NULL;
CREATE INDEX claim_counts ON claim (world_id, canon_state) WHERE deleted_at IS NULL;
CREATE INDEX source_chunk_counts ON source_chunk (world_id) WHERE deleted_at IS NULL;

CREATE FUNCTION forget_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM lore_search WHERE lore_id IN (SELECT id FROM former);
    DELETE FROM lore_tag WHERE lore_id IN (SELECT id FROM former);
    DELETE FROM entity_name WHERE entity_id IN (SELECT id FROM former);
    RETURN NULL;
END $$;

CREATE FUNCTION search_entities() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed uuid[];
    renamed uuid[];
    touched uuid[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- EXCEPT, here and below, and no join: its plan is made for the first edit of a connection and kept for all, and
        -- as a nested loop it would take hours where a whole world is written.
        SELECT array_agg(id) INTO changed
        FROM (SELECT id, name, aliases, summary, description, type, tags, deleted_at FROM written
              EXCEPT SELECT id, name, aliases, summary, description, type, tags, deleted_at FROM former) AS differing;
        SELECT array_agg(id) INTO renamed
        FROM (SELECT id, name FROM written EXCEPT SELECT id, name FROM former) AS differing;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
        DELETE FROM lore_search WHERE lore_id = ANY(changed);
        DELETE FROM lore_tag WHERE lore_id = ANY(changed);
        DELETE FROM entity_name WHERE entity_id = ANY(changed);
    END IF;
    INSERT INTO lore_search (lore_id, world_id, kind, labels, words)
    SELECT id, world_id, 'entity', ARRAY['type:' || type] || ARRAY(SELECT DISTINCT 'tag:' || tag FROM unnest(tags) AS tag),
           setweight(search_words(name, 500), 'A')
           || setweight(search_words(array_to_string(aliases, E' \n '), 20000), 'B')
           || setweight(search_words(summary, 40000), 'C') || search_words(description, 80000)
    FROM written WHERE deleted_at IS NULL AND (changed IS NULL OR id IN (SELECT unnest(changed)));
    INSERT INTO lore_tag (world_id, kind, tag, lore_id)
    SELECT DISTINCT world_id, 'entity', tag, id FROM written, unnest(tags) AS tag
    WHERE deleted_at IS NULL AND (changed IS NULL OR id IN (SELECT unnest(changed)));
    INSERT INTO entity_name (world_id, entity_id, name, whole)
    SELECT world_id, id, word, bool_or(is_whole)
    FROM written, unnest(name || aliases) AS called,
         LATERAL (SELECT left(btrim(regexp_replace(search_form(called),
                                                   '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g')), 250) AS form)
             AS formed,
         LATERAL (SELECT form AS word, true AS is_whole
                  UNION ALL SELECT unnest(string_to_array(form, ' ')), false) AS words
    WHERE deleted_at IS NULL AND word <> '' AND (changed IS NULL OR id IN (SELECT unnest(changed)))
    GROUP BY world_id, id, word;
    IF renamed IS NOT NULL THEN
        -- Claims under two names that change at once: whoever comes second waits here, and reads the other name below.
        SELECT array_agg(lore_id) INTO touched
        FROM (SELECT lore_id FROM lore_search
              WHERE lore_id IN (SELECT id FROM claim WHERE subject_entity_id = ANY(renamed) AND deleted_at IS NULL
                                UNION SELECT id FROM claim WHERE object_entity_id = ANY(renamed) AND deleted_at IS NULL)
              ORDER BY lore_id FOR UPDATE) AS held;
        UPDATE lore_search SET words = claim_words.words FROM claim_words
        WHERE lore_search.lore_id = claim_words.id AND claim_words.id = ANY(touched);
    END IF;
    RETURN NULL;
END $$;

-- The words of a claim's sentence.
CREATE VIEW claim_words AS
SELECT claim.id,
       setweight(search_words(concat_ws(' — ', subject.name, claim.predicate, object.name, claim.object_value), 100000),
                 'B') AS words
FROM claim
JOIN entity AS subject ON subject.id = claim.subject_entity_id
LEFT JOIN entity AS object ON object.id = claim.object_entity_id;

CREATE FUNCTION search_claims() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed uuid[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(id) INTO changed
        FROM (SELECT id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, tags, deleted_at
              FROM written
              EXCEPT SELECT id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, tags, deleted_at
              FROM former) AS differing;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    -- No name changes from here on: who renames one of them waits, and then finds these claims.
    PERFORM FROM entity
    WHERE id IN (SELECT subject_entity_id FROM written WHERE deleted_at IS NULL
                 UNION SELECT object_entity_id FROM written WHERE deleted_at IS NULL)
    ORDER BY id FOR SHARE;
    IF TG_OP = 'UPDATE' THEN
        -- In the order in which a rename holds them, too. The rows of entities and chunks are written by none but who has
        -- the entity, or the source.
        PERFORM FROM lore_search WHERE lore_id = ANY(changed) ORDER BY lore_id FOR UPDATE;
        DELETE FROM lore_search WHERE lore_id = ANY(changed);
        DELETE FROM lore_tag WHERE lore_id = ANY(changed);
    END IF;
    INSERT INTO lore_search (lore_id, world_id, kind, labels, words)
    SELECT id, world_id, 'claim',
           ARRAY['canon:' || canon_state] || ARRAY(SELECT DISTINCT 'tag:' || tag FROM unnest(tags) AS tag), claim_words.words
    FROM written JOIN claim_words USING (id) WHERE deleted_at IS NULL AND (changed IS NULL OR id IN (SELECT unnest(changed)));
    INSERT INTO lore_tag (world_id, kind, tag, lore_id)
    SELECT DISTINCT world_id, 'claim', tag, id FROM written, unnest(tags) AS tag
    WHERE deleted_at IS NULL AND (changed IS NULL OR id IN (SELECT unnest(changed)));
    RETURN NULL;
END $$;

CREATE FUNCTION search_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed uuid[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(id) INTO changed
        FROM (SELECT id, content, source_id, deleted_at FROM written
              EXCEPT SELECT id, content, source_id, deleted_at FROM former) AS differing;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
        DELETE FROM lore_search WHERE lore_id = ANY(changed);
    END IF;
    PERFORM FROM source WHERE id IN (SELECT source_id FROM written WHERE deleted_at IS NULL) ORDER BY id FOR SHARE;
    INSERT INTO lore_search (lore_id, world_id, kind, labels, words)
    SELECT written.id, written.world_id, 'source_chunk', ARRAY['type:' || source.type], search_words(content, 100000)
    FROM written JOIN source ON source.id = written.source_id
    WHERE written.deleted_at IS NULL AND (changed IS NULL OR written.id IN (SELECT unnest(changed)));
    RETURN NULL;
END $$;

-- A source's type is a label of its chunks.
CREATE FUNCTION search_sources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lore_search SET labels = ARRAY['type:' || differing.type]
    FROM (SELECT id, type FROM written EXCEPT SELECT id, type FROM former) AS differing
    JOIN source_chunk ON source_chunk.source_id = differing.id
    WHERE lore_search.lore_id = source_chunk.id;
    RETURN NULL;
END $$;

CREATE TRIGGER search_made AFTER INSERT ON entity REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_entities();
CREATE TRIGGER search_changed AFTER UPDATE ON entity REFERENCING OLD TABLE AS former NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_entities();
CREATE TRIGGER search_gone AFTER DELETE ON entity REFERENCING OLD TABLE AS former
    FOR EACH STATEMENT EXECUTE FUNCTION forget_search();
CREATE TRIGGER search_made AFTER INSERT ON claim REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_claims();
CREATE TRIGGER search_changed AFTER UPDATE ON claim REFERENCING OLD TABLE AS former NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_claims();
CREATE TRIGGER search_gone AFTER DELETE ON claim REFERENCING OLD TABLE AS former
    FOR EACH STATEMENT EXECUTE FUNCTION forget_search();
CREATE TRIGGER search_made AFTER INSERT ON source_chunk REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_chunks();
CREATE TRIGGER search_changed AFTER UPDATE ON source_chunk REFERENCING OLD TABLE AS former NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_chunks();
CREATE TRIGGER search_gone AFTER DELETE ON source_chunk REFERENCING OLD TABLE AS former
    FOR EACH STATEMENT EXECUTE FUNCTION forget_search();
CREATE TRIGGER search_changed AFTER UPDATE ON source REFERENCING OLD TABLE AS former NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION search_sources();


-- Prompt schemas -----------------------------------------------------------------------------------------------------

-- An operator's own JSON Schema for the prompts of an asset type, by provider. What no row here speaks of is judged by
-- the schema that is built in. Never changed, because jobs name the one they were judged by: a new version is a new row.
CREATE TABLE prompt_schema (
    id          uuid PRIMARY KEY,
    asset_type  text NOT NULL CHECK (asset_type IN ('VIDEO', 'AUDIO', 'IMAGE', 'MAP', 'PDF')),
    provider    text CHECK (provider <> ''),   -- NULL: any that has none of its own
    version     integer NOT NULL CHECK (version >= 1),
    schema      jsonb NOT NULL,
    description text,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz,                   -- when the next version took its place, or it was withdrawn
    UNIQUE NULLS NOT DISTINCT (asset_type, provider, version)
);
CREATE UNIQUE INDEX prompt_schema_in_force ON prompt_schema (asset_type, provider) NULLS NOT DISTINCT
    WHERE retired_at IS NULL;

CREATE FUNCTION guard_prompt_schema() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.retired_at IS NOT NULL
        OR (to_jsonb(NEW) - 'retired_at') IS DISTINCT FROM (to_jsonb(OLD) - 'retired_at') THEN
        RAISE EXCEPTION 'a prompt schema can be retired, once; nothing else of it ever changes'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON prompt_schema FOR EACH ROW EXECUTE FUNCTION guard_prompt_schema();


-- Jobs ---------------------------------------------------------------------------------------------------------------

CREATE TABLE asset_job (
    id                  uuid PRIMARY KEY,
    world_id            uuid NOT NULL REFERENCES world (id),
    asset_type          text NOT NULL CHECK (asset_type IN ('VIDEO', 'AUDIO', 'IMAGE', 'MAP', 'PDF')),
    provider            text NOT NULL CHECK (provider <> ''),
    model_id            text,
    status              text NOT NULL DEFAULT 'QUEUED'
                        CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    priority            integer NOT NULL DEFAULT 0,
    requested_by        text NOT NULL,
    input_hash          text NOT NULL CHECK (input_hash ~ '^[0-9a-f]{64}$'),
    prompt_spec         jsonb NOT NULL,
    prompt_schema_id    uuid REFERENCES prompt_schema (id),  -- what prompt_spec was judged by; NULL: the one built in
    error_code          text,
    error_message       text,
    idempotency_key     text,                  -- the one that came with the request that made it
    attempt             integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts        integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    available_at        timestamptz NOT NULL,
    lease_token         uuid,                  -- random and new for each claim; whoever has it may write
    lease_expires_at    timestamptz,
    worker_id           text,
    progress            jsonb,
    provider_job_id     text,
    cancel_requested_at timestamptz,
    start_by            timestamptz,
    finish_by           timestamptz,
    asset_deleted_at    timestamptz,           -- set with the asset's deletion: such a job stands in no other's way
    created_at          timestamptz NOT NULL,
    started_at          timestamptz,
    finished_at         timestamptz,
    UNIQUE (world_id, id),
    CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL)),
    CHECK (lease_token IS NULL OR status = 'RUNNING'),
    CHECK (started_at IS NOT NULL OR status IN ('QUEUED', 'CANCELLED')),
    CHECK ((finished_at IS NOT NULL) = (status IN ('SUCCEEDED', 'FAILED', 'CANCELLED'))),
    CHECK (finished_at >= started_at)
);
-- One live or succeeded job per input hash: the ON CONFLICT target of job creation.
CREATE UNIQUE INDEX asset_job_once ON asset_job (world_id, input_hash)
    WHERE status IN ('QUEUED', 'RUNNING', 'SUCCEEDED') AND asset_deleted_at IS NULL;
-- What a claim reads: the queue in its order, the leases that ran out, and what was not to start so late.
CREATE INDEX asset_job_queue ON asset_job (provider, priority DESC, id) WHERE status = 'QUEUED';
CREATE INDEX asset_job_leases ON asset_job (provider, lease_expires_at)
    WHERE status = 'RUNNING' AND lease_token IS NOT NULL;
CREATE INDEX asset_job_start_by ON asset_job (provider, start_by) WHERE status = 'QUEUED' AND start_by IS NOT NULL;
-- What lists are read along, one for each filter; UNIQUE (world_id, id) serves the list of a world.
CREATE INDEX asset_job_by_status ON asset_job (status, id);
CREATE INDEX asset_job_by_type ON asset_job (asset_type, id);
CREATE INDEX asset_job_by_provider ON asset_job (provider, id);
CREATE INDEX asset_job_by_requester ON asset_job (requested_by, id);
CREATE INDEX asset_job_by_time ON asset_job (created_at, id);
CREATE INDEX asset_job_counts ON asset_job (world_id, status) WHERE max_attempts >= 1;

-- Each idempotency key a caller has used, with the job it was answered with, new or found. Another request under the same
-- key is told from a repeated one by its fingerprint.
CREATE TABLE idempotency_key (
    requested_by text NOT NULL,
    key          text NOT NULL,
    fingerprint  text NOT NULL,
    world_id     uuid NOT NULL,
    job_id       uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (requested_by, key),
    FOREIGN KEY (world_id, job_id) REFERENCES asset_job (world_id, id)
);
CREATE INDEX idempotency_key_by_job ON idempotency_key (job_id);

-- The state machine of lorekeeper/contracts/state_machine.py and docs/state-machine.md, held by the database too.
CREATE FUNCTION guard_asset_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'QUEUED' THEN
            RAISE EXCEPTION 'a job begins QUEUED, not %', NEW.status USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('QUEUED', 'RUNNING'), ('QUEUED', 'CANCELLED'),
        ('RUNNING', 'SUCCEEDED'), ('RUNNING', 'FAILED'), ('RUNNING', 'CANCELLED'), ('RUNNING', 'QUEUED')
    ) THEN
        RAISE EXCEPTION 'a job cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.world_id, NEW.asset_type, NEW.provider, NEW.requested_by, NEW.input_hash, NEW.created_at)
        <> (OLD.id, OLD.world_id, OLD.asset_type, OLD.provider, OLD.requested_by, OLD.input_hash, OLD.created_at)
        OR NEW.model_id IS DISTINCT FROM OLD.model_id OR NEW.prompt_spec <> OLD.prompt_spec
        OR NEW.prompt_schema_id IS DISTINCT FROM OLD.prompt_schema_id THEN
        RAISE EXCEPTION 'what a job asks for never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON asset_job FOR EACH ROW EXECUTE FUNCTION guard_asset_job();


-- Assets -------------------------------------------------------------------------------------------------------------

-- Every presigned upload ever handed out. An asset can only point at a key that stands here for its world and type.
-- The row is written before the store hears of the key, so nothing can lie in the store that no row knows of.
CREATE TABLE upload (
    id              uuid PRIMARY KEY,
    world_id        uuid NOT NULL REFERENCES world (id),
    asset_type      text NOT NULL CHECK (asset_type IN ('VIDEO', 'AUDIO', 'IMAGE', 'MAP', 'PDF')),
    storage_key     text NOT NULL UNIQUE,
    filename        text NOT NULL,
    content_type    text NOT NULL,
    size_bytes      bigint CHECK (size_bytes >= 1),
    checksum        text CHECK (checksum ~ '^[0-9a-f]{64}$'),
    part_size_bytes bigint CHECK (part_size_bytes >= 1),  -- of a multipart upload; NULL: it comes in one piece
    multipart_id    text,                                 -- the store's own name for a multipart upload, once it has one
    assembled_at    timestamptz,                          -- when the store put the parts together
    found_checksum  text CHECK (found_checksum ~ '^[0-9a-f]{64}$'),  -- read off the assembled file, which changes no more
    state           text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'USED', 'ABANDONED', 'RELEASED')),
    removed_at      timestamptz,                          -- when the store was found to hold nothing of it any more
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    UNIQUE (world_id, id),
    UNIQUE (world_id, asset_type, storage_key),
    CHECK (part_size_bytes IS NULL OR size_bytes IS NOT NULL),
    CHECK (part_size_bytes IS NOT NULL OR (multipart_id IS NULL AND assembled_at IS NULL)),
    CHECK (found_checksum IS NULL OR assembled_at IS NOT NULL),
    CHECK (removed_at IS NULL OR state IN ('ABANDONED', 'RELEASED'))
);
CREATE INDEX upload_pending ON upload (expires_at) WHERE state = 'PENDING';
CREATE INDEX upload_to_remove ON upload (id) WHERE state IN ('ABANDONED', 'RELEASED') AND removed_at IS NULL;

-- An upload is used by one asset and RELEASED with its deletion, or ABANDONED; what it is for never changes.
CREATE FUNCTION guard_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('PENDING', 'USED'), ('PENDING', 'ABANDONED'), ('USED', 'RELEASED')
    ) THEN
        RAISE EXCEPTION 'an upload cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.world_id, NEW.asset_type, NEW.storage_key, NEW.content_type, NEW.created_at)
        <> (OLD.id, OLD.world_id, OLD.asset_type, OLD.storage_key, OLD.content_type, OLD.created_at)
        OR NEW.size_bytes IS DISTINCT FROM OLD.size_bytes OR NEW.checksum IS DISTINCT FROM OLD.checksum
        OR NEW.part_size_bytes IS DISTINCT FROM OLD.part_size_bytes THEN
        RAISE EXCEPTION 'what an upload is for never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON upload FOR EACH ROW EXECUTE FUNCTION guard_upload();

CREATE TABLE asset (
    id               uuid PRIMARY KEY,
    world_id         uuid NOT NULL REFERENCES world (id),
    type             text NOT NULL CHECK (type IN ('VIDEO', 'AUDIO', 'IMAGE', 'MAP', 'PDF')),
    format           text NOT NULL,
    status           text NOT NULL DEFAULT 'READY' CHECK (status IN ('READY', 'FAILED', 'DELETED')),
    storage_key      text NOT NULL UNIQUE,
    content_type     text NOT NULL,
    duration_seconds double precision CHECK (duration_seconds >= 0),
    size_bytes       bigint NOT NULL CHECK (size_bytes >= 1),
    checksum         text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    metadata         jsonb NOT NULL DEFAULT '{}',
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL,
    deleted_at       timestamptz,
    UNIQUE (world_id, id),
    CHECK ((status = 'DELETED') = (deleted_at IS NOT NULL)),
    FOREIGN KEY (world_id, type, storage_key) REFERENCES upload (world_id, asset_type, storage_key)
);
-- As with jobs: an index for each filter of the list.
CREATE INDEX asset_by_type ON asset (type, id);
CREATE INDEX asset_by_status ON asset (status, id);
CREATE INDEX asset_by_creator ON asset (created_by, id);
CREATE INDEX asset_counts ON asset (world_id, type, status) INCLUDE (size_bytes) WHERE size_bytes >= 1;

-- The file behind an asset is fixed; only its status and its labels move, and DELETED is for ever.
CREATE FUNCTION guard_asset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.world_id, NEW.type, NEW.format, NEW.storage_key, NEW.content_type, NEW.size_bytes, NEW.checksum,
        NEW.created_by, NEW.created_at)
        <> (OLD.id, OLD.world_id, OLD.type, OLD.format, OLD.storage_key, OLD.content_type, OLD.size_bytes, OLD.checksum,
            OLD.created_by, OLD.created_at)
        OR NEW.duration_seconds IS DISTINCT FROM OLD.duration_seconds
        OR (OLD.status = 'DELETED' AND NEW.status <> 'DELETED') THEN
        RAISE EXCEPTION 'what an asset is never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON asset FOR EACH ROW EXECUTE FUNCTION guard_asset();


-- Provenance ---------------------------------------------------------------------------------------------------------

-- What a job, and later its asset, is made from. `lore_snapshot` holds every referenced piece word for word.
CREATE TABLE asset_derivation (
    id            uuid PRIMARY KEY,
    world_id      uuid NOT NULL REFERENCES world (id),
    origin        text NOT NULL CHECK (origin IN ('JOB', 'IMPORT')),  -- IMPORT: the asset was brought in without a job
    asset_job_id  uuid UNIQUE,
    asset_id      uuid,                        -- NULL until the job has succeeded
    source_id     uuid,
    prompt_spec   jsonb NOT NULL,
    input_hash    text NOT NULL CHECK (input_hash ~ '^[0-9a-f]{64}$'),
    content_basis text NOT NULL CHECK (content_basis ~ '^[0-9a-f]{64}$'),  -- the lore alone; freshness is judged by it
    lore_snapshot jsonb NOT NULL,
    created_at    timestamptz NOT NULL,
    UNIQUE (world_id, id),
    CHECK ((origin = 'JOB') = (asset_job_id IS NOT NULL)),
    CHECK (asset_job_id IS NOT NULL OR asset_id IS NOT NULL),
    FOREIGN KEY (world_id, asset_job_id) REFERENCES asset_job (world_id, id),
    FOREIGN KEY (world_id, asset_id) REFERENCES asset (world_id, id),
    FOREIGN KEY (world_id, source_id) REFERENCES source (world_id, id)
);
CREATE INDEX asset_derivation_by_asset ON asset_derivation (asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX asset_derivation_by_source ON asset_derivation (source_id, asset_id DESC) WHERE source_id IS NOT NULL;

-- The four link tables are alike. `made_asset_id` repeats the derivation's asset_id so that "all assets of a claim,
-- newest first" is one walk along one index, however many there are.
CREATE TABLE asset_derivation_claim (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    world_id      uuid NOT NULL,
    derivation_id uuid NOT NULL,
    claim_id      uuid NOT NULL,
    made_asset_id uuid,
    UNIQUE (derivation_id, claim_id),
    FOREIGN KEY (world_id, derivation_id) REFERENCES asset_derivation (world_id, id),
    FOREIGN KEY (world_id, claim_id) REFERENCES claim (world_id, id),
    FOREIGN KEY (world_id, made_asset_id) REFERENCES asset (world_id, id)
);
CREATE INDEX asset_derivation_claim_made ON asset_derivation_claim (claim_id, made_asset_id DESC);

CREATE TABLE asset_derivation_entity (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    world_id      uuid NOT NULL,
    derivation_id uuid NOT NULL,
    entity_id     uuid NOT NULL,
    made_asset_id uuid,
    UNIQUE (derivation_id, entity_id),
    FOREIGN KEY (world_id, derivation_id) REFERENCES asset_derivation (world_id, id),
    FOREIGN KEY (world_id, entity_id) REFERENCES entity (world_id, id),
    FOREIGN KEY (world_id, made_asset_id) REFERENCES asset (world_id, id)
);
CREATE INDEX asset_derivation_entity_made ON asset_derivation_entity (entity_id, made_asset_id DESC);

CREATE TABLE asset_derivation_source_chunk (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    world_id        uuid NOT NULL,
    derivation_id   uuid NOT NULL,
    source_chunk_id uuid NOT NULL,
    made_asset_id   uuid,
    UNIQUE (derivation_id, source_chunk_id),
    FOREIGN KEY (world_id, derivation_id) REFERENCES asset_derivation (world_id, id),
    FOREIGN KEY (world_id, source_chunk_id) REFERENCES source_chunk (world_id, id),
    FOREIGN KEY (world_id, made_asset_id) REFERENCES asset (world_id, id)
);
CREATE INDEX asset_derivation_source_chunk_made ON asset_derivation_source_chunk (source_chunk_id, made_asset_id DESC);

-- Assets are inputs too. An input exists before the job that uses it, so the lineage has no cycle.
CREATE TABLE asset_derivation_asset (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    world_id      uuid NOT NULL,
    derivation_id uuid NOT NULL,
    asset_id      uuid NOT NULL,
    made_asset_id uuid,
    UNIQUE (derivation_id, asset_id),
    CHECK (asset_id <> made_asset_id),
    FOREIGN KEY (world_id, derivation_id) REFERENCES asset_derivation (world_id, id),
    FOREIGN KEY (world_id, asset_id) REFERENCES asset (world_id, id),
    FOREIGN KEY (world_id, made_asset_id) REFERENCES asset (world_id, id)
);
CREATE INDEX asset_derivation_asset_made ON asset_derivation_asset (asset_id, made_asset_id DESC);

-- A derivation never changes; its asset_id is set once.
CREATE FUNCTION guard_asset_derivation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.world_id, NEW.origin, NEW.prompt_spec, NEW.input_hash, NEW.content_basis, NEW.lore_snapshot,
        NEW.created_at)
        <> (OLD.id, OLD.world_id, OLD.origin, OLD.prompt_spec, OLD.input_hash, OLD.content_basis, OLD.lore_snapshot,
            OLD.created_at)
        OR NEW.asset_job_id IS DISTINCT FROM OLD.asset_job_id
        OR NEW.source_id IS DISTINCT FROM OLD.source_id
        OR (OLD.asset_id IS NOT NULL AND NEW.asset_id IS DISTINCT FROM OLD.asset_id) THEN
        RAISE EXCEPTION 'a derivation never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON asset_derivation FOR EACH ROW EXECUTE FUNCTION guard_asset_derivation();

-- After the whole statement, because completion sets the job, the asset and the derivation in one.
CREATE FUNCTION guard_derived_asset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.asset_id IS NOT NULL AND NEW.asset_job_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM asset_job WHERE id = NEW.asset_job_id AND status = 'SUCCEEDED'
    ) THEN
        RAISE EXCEPTION 'only a job that SUCCEEDED has an asset' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_asset_id AFTER INSERT OR UPDATE OF asset_id ON asset_derivation
    FOR EACH ROW WHEN (NEW.asset_id IS NOT NULL) EXECUTE FUNCTION guard_derived_asset();


-- Events -------------------------------------------------------------------------------------------------------------

-- One row for each change, written in the transaction that makes it. Audit, webhooks and streams read it.
-- A reader must not pass over rows that commit late: it reads only rows whose `xid` lies below its snapshot's xmin.
CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    world_id    uuid,
    kind        text NOT NULL,                 -- `asset_job.created`, `claim.created`, …
    subject_id  text NOT NULL,
    actor       text NOT NULL,
    request_id  text,
    before      jsonb,
    after       jsonb,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX event_by_subject ON event (subject_id, id);
CREATE INDEX event_by_world ON event (world_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();


-- Readings -----------------------------------------------------------------------------------------------------------

-- A claim as it is read: with the names it speaks of, and its times as points in the world's calendar.
-- All three joins are LEFT, though a subject is always there: what is not asked for, as when counting, is not joined.
CREATE VIEW claim_reading AS
SELECT claim.id, claim.world_id, claim.subject_entity_id, subject.name AS subject_name, claim.predicate,
       claim.object_entity_id, object.name AS object_name, claim.object_value, claim.canon_state, claim.confidence,
       claim.asserted_by_entity_id, asserter.name AS asserted_by_name, claim.source_id, claim.source_chunk_id,
       claim.version_group_id, claim.supersedes_claim_id,
       CASE WHEN num_nonnulls(claim.valid_from_label, claim.valid_from_sort) > 0
            THEN jsonb_build_object('label', claim.valid_from_label, 'sort', claim.valid_from_sort) END AS valid_from,
       CASE WHEN num_nonnulls(claim.valid_to_label, claim.valid_to_sort) > 0
            THEN jsonb_build_object('label', claim.valid_to_label, 'sort', claim.valid_to_sort) END AS valid_to,
       claim.tags, claim.version, claim.edit, '"' || claim.edit || '"' AS etag, claim.content_hash, claim.created_by,
       claim.created_at, claim.updated_at, claim.deleted_at
FROM claim
LEFT JOIN entity AS subject ON subject.id = claim.subject_entity_id
LEFT JOIN entity AS object ON object.id = claim.object_entity_id
LEFT JOIN entity AS asserter ON asserter.id = claim.asserted_by_entity_id;

-- The claims that may contradict one another: living, STRICT, superseded by none, and of a single-valued predicate. A claim
-- holds from `starts` until before `ends`; where the two are one, at that moment. A time without a number is open.
CREATE VIEW canon_claim AS
SELECT claim.id, claim.world_id, claim.predicate, claim.subject_entity_id, claim.object_entity_id, claim.object_value,
       coalesce(claim.valid_from_sort, '-infinity') AS starts, coalesce(claim.valid_to_sort, 'infinity') AS ends
FROM claim
WHERE claim.deleted_at IS NULL AND claim.canon_state = 'STRICT'
  AND EXISTS (SELECT FROM predicate_rule AS rule
              WHERE rule.world_id = claim.world_id AND rule.predicate = claim.predicate AND rule.single_valued)
  AND NOT EXISTS (SELECT FROM claim AS later WHERE later.supersedes_claim_id = claim.id AND later.deleted_at IS NULL);

-- Each two of them that hold at once and disagree, the one that starts first as `claim_id`.
CREATE VIEW contradiction AS
SELECT claim.world_id, claim.predicate, claim.subject_entity_id, claim.id AS claim_id, other.id AS other_id
FROM canon_claim AS claim
JOIN canon_claim AS other
    ON other.world_id = claim.world_id AND other.predicate = claim.predicate
    AND other.subject_entity_id = claim.subject_entity_id
    AND (other.starts, other.id) > (claim.starts, claim.id) AND other.starts <= claim.ends
    AND (other.starts < claim.ends OR other.starts = claim.starts)
    AND (other.object_entity_id IS DISTINCT FROM claim.object_entity_id
         OR other.object_value IS DISTINCT FROM claim.object_value);

-- What contradicts any of these claims of a world, two by two; NULL where nothing does. Asked for every new job, and a
-- function so that its plan is kept: to plan it costs ten times what it costs to run. In a world without such a predicate
-- it ends with the first question. STABLE, so it sees what the statement sees that calls it.
CREATE FUNCTION contradictions_of(world uuid, claims uuid[], at_most bigint) RETURNS json LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM predicate_rule WHERE world_id = world AND single_valued) THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT json_agg(json_build_object(
                   'claim', (SELECT row_to_json(reading) FROM claim_reading AS reading WHERE reading.id = claim_id),
                   'other', (SELECT row_to_json(reading) FROM claim_reading AS reading WHERE reading.id = other_id))
                   ORDER BY claim_id, other_id)
        FROM (SELECT claim_id, other_id
              FROM (SELECT claim_id, other_id FROM contradiction WHERE world_id = world AND claim_id = ANY(claims)
                    UNION ALL
                    SELECT claim_id, other_id FROM contradiction
                    WHERE world_id = world AND other_id = ANY(claims) AND claim_id <> ALL(claims)) AS found
              LIMIT at_most) AS pair);
END $$;

-- A source as it is read: with its authors and the number of its chunks.
CREATE VIEW source_reading AS
SELECT source.id, source.world_id, source.type, source.title, source.origin, source.metadata, source.version,
       source.edit, '"' || source.edit || '"' AS etag, source.content_hash, source.created_by, source.created_at,
       source.updated_at, source.deleted_at,
       ARRAY(SELECT source_author.entity_id FROM source_author WHERE source_author.source_id = source.id
             ORDER BY source_author.position) AS author_ids,
       (SELECT count(*) FROM source_chunk
        WHERE source_chunk.source_id = source.id AND source_chunk.deleted_at IS NULL) AS chunk_count
FROM source;

CREATE VIEW lore_version AS
SELECT 'world' AS kind, id AS lore_id, id AS world_id, version, content_hash, updated_at, NULL::timestamptz AS replaced_at,
       deleted_at, to_jsonb(world) AS content
FROM world
UNION ALL
SELECT 'entity', id, world_id, version, content_hash, updated_at, NULL, deleted_at, to_jsonb(entity) FROM entity
UNION ALL
SELECT 'source', id, world_id, version, content_hash, updated_at, NULL, deleted_at, to_jsonb(reading)
FROM source_reading AS reading
UNION ALL
SELECT 'source_chunk', id, world_id, version, content_hash, updated_at, NULL, deleted_at, to_jsonb(source_chunk)
FROM source_chunk
UNION ALL
SELECT 'claim', id, world_id, version, content_hash, updated_at, NULL, deleted_at, to_jsonb(reading)
FROM claim_reading AS reading
UNION ALL
SELECT kind, lore_id, world_id, version, content_hash, updated_at, replaced_at, NULL, content FROM lore_revision;

-- A derivation as it is read: with what it points at.
CREATE VIEW asset_derivation_reading AS
SELECT derivation.id, derivation.world_id, derivation.origin, derivation.asset_job_id, derivation.asset_id, derivation.source_id,
       derivation.prompt_spec, derivation.input_hash, derivation.content_basis, derivation.lore_snapshot,
       derivation.created_at,
       json_build_object(
           'claim_ids', ARRAY(SELECT link.claim_id FROM asset_derivation_claim AS link
                              WHERE link.derivation_id = derivation.id ORDER BY link.claim_id),
           'entity_ids', ARRAY(SELECT link.entity_id FROM asset_derivation_entity AS link
                               WHERE link.derivation_id = derivation.id ORDER BY link.entity_id),
           'source_chunk_ids', ARRAY(SELECT link.source_chunk_id FROM asset_derivation_source_chunk AS link
                                     WHERE link.derivation_id = derivation.id ORDER BY link.source_chunk_id),
           'source_id', derivation.source_id,
           'asset_ids', ARRAY(SELECT link.asset_id FROM asset_derivation_asset AS link
                              WHERE link.derivation_id = derivation.id ORDER BY link.asset_id)
       ) AS "references"
FROM asset_derivation AS derivation;

-- A job as it is read: with its derivation, and its asset once it has one.
CREATE VIEW asset_job_reading AS
SELECT job.id, job.world_id, job.asset_type, job.provider, job.model_id, job.status, job.priority, job.requested_by,
       job.input_hash, job.prompt_spec, job.prompt_schema_id, job.error_code, job.error_message, job.idempotency_key,
       job.attempt, job.max_attempts, job.available_at, job.lease_token, job.lease_expires_at,
       job.worker_id, job.progress, job.provider_job_id, job.cancel_requested_at, job.start_by, job.finish_by,
       job.asset_deleted_at, job.created_at, job.started_at, job.finished_at,
       (SELECT row_to_json(reading) FROM asset_derivation_reading AS reading
        WHERE reading.asset_job_id = job.id) AS derivation,
       (SELECT row_to_json(asset) FROM asset_derivation AS derivation JOIN asset ON asset.id = derivation.asset_id
        WHERE derivation.asset_job_id = job.id) AS asset
FROM asset_job AS job;
