"""Every setting, read once from the environment (and `.env`), frozen, and handed in (design section 6)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, TypeAdapter, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lorekeeper.places import default_data_dir

_HTTP_URL = TypeAdapter(HttpUrl)


class Settings(BaseSettings):
    """`DATABASE_URL` and `S3_*` carry their plain names; all others begin with `LOREKEEPER_`.

    With neither `DATABASE_URL` nor `S3_*` set, `lorekeeper serve` runs its own PostgreSQL and SeaweedFS.
    """

    model_config = SettingsConfigDict(
        env_prefix="LOREKEEPER_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    database_url: str | None = Field(None, validation_alias="DATABASE_URL", description="A PostgreSQL 15 or newer.")
    s3_bucket_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,255}$",
        validation_alias="S3_BUCKET_NAME",
        description="Bucket for the assets.",
    )
    s3_region: str = Field(
        "us-east-1",
        pattern=r"^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        validation_alias="S3_REGION",
        description="The bucket's region.",
    )
    s3_access_key_id: str | None = Field(None, validation_alias="S3_ACCESS_KEY_ID", description="Access key.")
    s3_secret_access_key: SecretStr | None = Field(
        None, validation_alias="S3_SECRET_ACCESS_KEY", description="Secret key."
    )
    s3_endpoint_url: str | None = Field(
        None, validation_alias="S3_ENDPOINT_URL", description="Of another service than AWS: MinIO, SeaweedFS, …"
    )
    s3_presigned_url_expiry_seconds: int = Field(
        3600,
        ge=1,
        le=604_800,
        validation_alias="S3_PRESIGNED_URL_EXPIRY_SECONDS",
        description="How long a presigned URL is good for; a week at most (AWS's own limit).",
    )
    abandoned_upload_hours: int = Field(
        24, ge=1, le=8760, description="How long after its URL expired an upload that nobody used is given up."
    )
    cleanup_interval_seconds: int = Field(
        600, ge=0, le=86_400, description="How often `serve` looks for what the store can be rid of; 0: never."
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="Where the embedded engines keep their data.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    database_pool_size: int = Field(10, ge=1, le=500, description="Connections to PostgreSQL at the most.")
    max_body_bytes: int = Field(2 * 1024**2, ge=1024, description="The largest request body that is read.")
    max_import_bytes: int = Field(
        64 * 1024**2, ge=1024, description="The same where whole texts and worlds come in: sources, chunks, imports."
    )
    log_style: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto`: text on a terminal, else JSON lines."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    @field_validator("s3_endpoint_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and "_" in str(_HTTP_URL.validate_python(value).host):
            raise ValueError("a host's name has no underscore")  # botocore takes none
        return value

    @property
    def has_s3(self) -> bool:
        """Whether an object store is named; any one of the `S3_*` that point at a store says so."""
        return any((self.s3_bucket_name, self.s3_access_key_id, self.s3_secret_access_key, self.s3_endpoint_url))


def environment_name(field: str) -> str:
    """The environment variable of a setting: its alias, or its name behind `LOREKEEPER_`."""
    known = Settings.model_fields.get(field)
    if known is None:
        return field  # pydantic names an aliased field by its alias
    return str(known.validation_alias) if known.validation_alias else f"LOREKEEPER_{field.upper()}"
