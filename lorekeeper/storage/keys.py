"""Storage keys: `world_id/asset_type/timestamp_filename` (design section 5)."""

import re
import unicodedata
from datetime import UTC, datetime
from uuid import UUID

from pathvalidate import sanitize_filename

from lorekeeper.contracts.enums import AssetTypeEnum

LONGEST_NAME = 120


def safe_filename(filename: str) -> str:
    """A name that is safe in a URL, a header and on any disk; the extension survives, path parts do not."""
    last = re.split(r"[/\\]", filename)[-1]
    ascii_only = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", str(sanitize_filename(ascii_only, platform="universal")))
    stem, dot, extension = plain.rpartition(".")
    if not dot:
        stem, extension = plain, ""
    extension = extension.strip("-")[:16]
    stem = stem.strip("-.")[: LONGEST_NAME - len(extension) - 1].strip("-.") or "file"
    return f"{stem}.{extension}" if extension else stem


def storage_key(world_id: UUID, asset_type: AssetTypeEnum, filename: str, now: datetime) -> str:
    """A new key for an upload. The time has microseconds, so two uploads of one name do not meet."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return f"{world_id}/{asset_type.value}/{stamp}_{safe_filename(filename)}"
