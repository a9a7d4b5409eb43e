"""The form of an API key: `lk_<id>_<secret><crc>` (design section 5, Access).

The checksum lets a mistyped or invented key be refused without a query, and lets secret scanners tell a real one.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH = 12
_SECRET_LENGTH = 32
_CRC_LENGTH = 6
_FORM = re.compile(rf"lk_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CRC_LENGTH}}})")


@dataclass(frozen=True)
class KeyParts:
    id: str
    secret_hash: bytes


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CRC_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def make_key() -> tuple[str, KeyParts]:
    """A new key: the text to show once, and what may be kept of it."""
    key_id, secret = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    head = f"lk_{key_id}_{secret}"
    return head + _checksum(head), KeyParts(key_id, hashlib.sha256(secret.encode()).digest())


def read_key(text: str) -> KeyParts | None:
    """The parts of a key, or None when it is none or its checksum is wrong. Costs no query."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_CRC_LENGTH]) != form[3]:
        return None
    return KeyParts(form[1], hashlib.sha256(form[2].encode()).digest())
