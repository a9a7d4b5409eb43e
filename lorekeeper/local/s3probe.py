"""Two signed S3 calls in plain standard library: does the bucket exist, make the bucket.

AWS Signature Version 4, https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, cut down to what
a request without body and query needs. The application proper has its own, in `lorekeeper/storage/signing.py`.
"""

import hashlib
import hmac
import http.client
from datetime import UTC, datetime

_EMPTY = hashlib.sha256(b"").hexdigest()
_SIGNED = "host;x-amz-content-sha256;x-amz-date"
_TIMEOUT = 10.0


def status(host: str, port: int, path: str) -> int | None:
    """The HTTP status of an unsigned GET; None when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=1.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def signed_status(method: str, host: str, port: int, path: str, *, region: str, key_id: str, secret: str) -> int:
    """The HTTP status of a signed request without body. Raises OSError or HTTPException when nobody answers."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": f"{host}:{port}", "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{headers[name]}" for name in _SIGNED.split(";")), "", _SIGNED, _EMPTY]
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.request(method, path, headers=headers | {"authorization": authorization})
        return connection.getresponse().status
    finally:
        connection.close()
