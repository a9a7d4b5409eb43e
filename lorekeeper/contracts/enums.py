"""The closed vocabularies. A name here is a name in the database's CHECK constraints."""

from enum import StrEnum


class AssetTypeEnum(StrEnum):
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    IMAGE = "IMAGE"
    MAP = "MAP"
    PDF = "PDF"


class AssetStatusEnum(StrEnum):
    READY = "READY"
    FAILED = "FAILED"
    DELETED = "DELETED"


class AssetJobStatusEnum(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class PromptSchemaOrigin(StrEnum):
    BUILT_IN = "BUILT_IN"
    OPERATOR = "OPERATOR"


class CanonState(StrEnum):
    STRICT = "STRICT"
    MYTHIC = "MYTHIC"
    APOCRYPHAL = "APOCRYPHAL"
    DRAFT = "DRAFT"
    ARCHIVED = "ARCHIVED"


class EntityType(StrEnum):
    PERSON = "PERSON"
    LOCATION = "LOCATION"
    FACTION = "FACTION"
    ORGANIZATION = "ORGANIZATION"
    ITEM = "ITEM"
    CREATURE = "CREATURE"
    EVENT = "EVENT"
    CONCEPT = "CONCEPT"
    ARTIFACT = "ARTIFACT"
    VEHICLE = "VEHICLE"
    OTHER = "OTHER"


class SourceType(StrEnum):
    BOOK = "BOOK"
    CHAPTER = "CHAPTER"
    ARTICLE = "ARTICLE"
    ORAL_TRADITION = "ORAL_TRADITION"
    INSCRIPTION = "INSCRIPTION"
    ARCHIVE = "ARCHIVE"
    RESEARCH_NOTE = "RESEARCH_NOTE"
    SONG = "SONG"
    OTHER = "OTHER"


class LoreKind(StrEnum):
    WORLD = "world"
    ENTITY = "entity"
    SOURCE = "source"
    SOURCE_CHUNK = "source_chunk"
    CLAIM = "claim"


class UploadState(StrEnum):
    """PENDING until an asset is made of it (USED; RELEASED with its deletion), or nobody came for it (ABANDONED)."""

    PENDING = "PENDING"
    USED = "USED"
    ABANDONED = "ABANDONED"
    RELEASED = "RELEASED"


class DerivationOrigin(StrEnum):
    """How an asset came to be: made by a job, or brought in without one."""

    JOB = "JOB"
    IMPORT = "IMPORT"


class Role(StrEnum):
    """What a key may do. `admin` may do all; the others are listed in docs/access.md."""

    READER = "reader"
    EDITOR = "editor"
    WORKER = "worker"
    ADMIN = "admin"
