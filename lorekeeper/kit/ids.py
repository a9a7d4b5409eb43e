"""Ids: UUIDv7 (RFC 9562), so that ordering by id is ordering by time."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7. The ids of one process rise strictly, within a millisecond too."""
    return uuid_utils.compat.uuid7()
