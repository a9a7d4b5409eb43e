"""What LoreKeeper needs of an object store, whoever provides it (specification section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lorekeeper.storage.abilities import Abilities


@dataclass(frozen=True)
class StoreAddress:
    """Where the bucket is and who we are there. No endpoint: AWS itself."""

    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str
    endpoint_url: str | None = None


@dataclass(frozen=True)
class StoredObject:
    """What the store knows of an object. `checksum` is None where it does not vouch for a SHA-256 of the whole."""

    size_bytes: int
    content_type: str
    checksum: str | None


@dataclass(frozen=True)
class StoredPart:
    """A part of an unfinished multipart upload.

    SeaweedFS goes on listing what was sent before under the same number, with times to the second: which came last
    only the store knows. `etag` is the likeliest, `others` are the rest; completed with all of them, it takes the last.
    """

    number: int
    size_bytes: int
    etag: str
    others: tuple[str, ...] = ()

    def sent_as(self, etag: str) -> "StoredPart | None":
        """The part as its sender knows it, by the ETag that the store answered; None where the store has no such."""
        known = {one.strip('"'): one for one in (self.etag, *self.others)}.get(etag.strip('"'))
        return None if known is None else StoredPart(self.number, self.size_bytes, known)


@dataclass(frozen=True)
class SignedRequest:
    """A URL that is good for a while, and the headers that must go with it."""

    url: str
    headers: dict[str, str]


class ObjectStore(Protocol):
    """What LoreKeeper needs of a store. Every asynchronous call may raise `StorageUnavailableError`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        """That the bucket is there and answers to us."""
        ...

    async def abilities(self) -> Abilities:
        """What the store enforces by itself: tried once, by whoever asks first, and remembered."""
        ...

    @property
    def known_abilities(self) -> Abilities | None:
        """The same without asking; None as long as nobody could find out."""
        ...

    async def head_object(self, key: str) -> StoredObject | None:
        """What lies at a key, without fetching it; None where nothing does."""
        ...

    async def checksum_of(self, key: str) -> str:
        """SHA-256 (hexadecimal), worked out by reading the whole object; who asks at the same time shares a read."""
        ...

    async def delete_object(self, key: str) -> None:
        """Fine where nothing lies there."""
        ...

    async def delete_objects(self, keys: Sequence[str]) -> list[str]:
        """Up to 1,000 at once; the answer is the keys that the store failed on. Fine where nothing lies there."""
        ...

    def generate_upload_presigned_url(
        self,
        key: str,
        *,
        content_type: str,
        size_bytes: int | None,
        checksum: str | None,
        expires_seconds: int,
        abilities: Abilities,
    ) -> SignedRequest:
        """For one PUT of at most 5 GiB. What is declared is bound into the signature where the store enforces it."""
        ...

    def generate_download_presigned_url(
        self, key: str, *, disposition: str, content_type: str, expires_seconds: int
    ) -> SignedRequest:
        """The store answers with this `Content-Disposition` (RFC 6266, ready to send) and this type."""
        ...

    async def create_multipart_upload(self, key: str, *, content_type: str) -> str:
        """The store's id for the upload."""
        ...

    def generate_multipart_upload_presigned_urls(
        self, key: str, multipart_id: str, *, parts: Sequence[tuple[int, int]], expires_seconds: int
    ) -> list[SignedRequest]:
        """A URL for each part (number from 1, size in bytes), bound to its size where the store is known to enforce it.

        A URL may be used again: the part that came last counts.
        """
        ...

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart] | None:
        """All that arrived, each number once, in order; None where the store knows no such upload (any more)."""
        ...

    async def complete_multipart_upload(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> bool:
        """Make the object of these parts, in the order of their numbers.

        False where the store knows no such upload; an earlier call may have completed it, so look for the object.
        """
        ...

    async def abort_multipart_upload(self, key: str, multipart_id: str) -> None:
        """Forget the upload and its parts. Fine where there is none."""
        ...

    async def list_multipart_uploads(self, key: str) -> list[str]:
        """Ids of the unfinished uploads to exactly this key."""
        ...
