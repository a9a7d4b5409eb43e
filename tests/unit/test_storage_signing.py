"""Presigned URLs: AWS's own example, and for all else botocore's signer as the measure."""

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from lorekeeper.storage.signing import Signer

ENDPOINTS = (
    "https://s3.eu-central-1.amazonaws.com",
    "http://127.0.0.1:8333",
    "https://Store.Example:443",
    "http://store.example:80/behind/a%20proxy",
    "https://[::1]:9000/s3",
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ-._~ä+ %", min_size=1, max_size=8)
# With what has a meaning in a URL more often than chance would have it.
TEXTS = st.text(st.sampled_from(" ~+%/?#&=;\"'é語😀\t") | st.characters(exclude_categories=["Cs"]), max_size=24)
HEADERS = st.dictionaries(
    st.sampled_from(("Content-Type", "content-length", "If-None-Match", "x-amz-checksum-sha256", "X-Amz-Meta-a")),
    TEXTS | st.sampled_from(("  two  spaces  ", "*", "image/png")),
)
MOMENTS = st.datetimes(datetime.fromisoformat("2000-01-01"), timezones=st.timezones() | st.just(UTC)).filter(
    lambda moment: moment.year < 9999  # which may be 10000 elsewhere
)


def by_botocore(
    base_url: str,
    region: str,
    secret: str,
    method: str,
    key: str,
    headers: dict[str, str],
    query: dict[str, str],
    moment: datetime,
    expires: int,
) -> str:
    """Its signer takes the time from its own clock, which is set here; nothing else of it is touched."""
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"{base_url}/{quote(key, safe='/~')}" + (f"?{text}" if text else "")
    request = AWSRequest(method=method, url=url, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: moment.astimezone(UTC).replace(tzinfo=None))
        S3SigV4QueryAuth(Credentials("AKID/+ÄB", secret), "s3", region, expires).add_auth(request)
    return str(request.url)


def test_the_example_of_the_aws_documentation() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    signer = Signer(
        "https://examplebucket.s3.amazonaws.com",
        region="us-east-1",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )

    url = signer.presign("GET", "test.txt", moment=datetime(2013, 5, 24, tzinfo=UTC), expires_seconds=86400)

    assert url == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@given(
    endpoint=st.sampled_from(ENDPOINTS),
    region=st.text("abcz019-", min_size=1, max_size=14),
    secret=TEXTS,
    method=st.sampled_from(("GET", "PUT", "HEAD", "DELETE")),
    key=TEXTS,
    headers=HEADERS,
    query=st.dictionaries(NAMES, TEXTS, max_size=4),
    moments=st.lists(MOMENTS, min_size=1, max_size=3),
    expires=st.integers(1, 604_800),
)
@example(
    endpoint=ENDPOINTS[1],
    region="us-east-1",
    secret="s",
    method="PUT",
    key="a/b.c",
    headers={},
    query={"a-b": "1", "a": "2", "a.": "3"},  # `-` and `.` sort before `=`
    moments=[datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)],
    expires=1,
)
def test_urls_are_byte_for_byte_those_of_botocore(
    endpoint: str,
    region: str,
    secret: str,
    method: str,
    key: str,
    headers: dict[str, str],
    query: dict[str, str],
    moments: list[datetime],
    expires: int,
) -> None:
    """Several times by one signer: the key that it keeps is of one day."""
    base_url = f"{endpoint}/bucket"
    signer = Signer(base_url, region=region, access_key_id="AKID/+ÄB", secret_access_key=secret)

    for moment in moments:
        url = signer.presign(method, key, moment=moment, expires_seconds=expires, headers=headers, query=query)
        assert url == by_botocore(base_url, region, secret, method, key, headers, query, moment, expires)


def test_the_day_is_that_of_utc() -> None:
    signer = Signer("http://store.example/bucket", region="r", access_key_id="k", secret_access_key="s")
    here = datetime(2026, 11, 22, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    url = signer.presign("GET", "a", moment=here, expires_seconds=60)

    assert "X-Amz-Date=20261123T013000Z" in url
    assert "20261123%2Fr%2Fs3" in url
