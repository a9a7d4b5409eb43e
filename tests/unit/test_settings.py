"""Settings that cannot be are refused when they are read, not where they are used."""

import pytest
from pydantic import ValidationError

from lorekeeper.settings import Settings


@pytest.mark.parametrize("url", ["http://minio:9000", "https://s3.example.com", "http://[::1]:9000"])
def test_the_url_of_a_store_is_kept_as_it_was_given(url: str) -> None:
    assert Settings(s3_endpoint_url=url).s3_endpoint_url == url


@pytest.mark.parametrize(
    "setting",
    [
        {"s3_endpoint_url": "minio:9000"},
        {"s3_endpoint_url": "http://minio:99999"},
        {"s3_endpoint_url": "http://"},
        {"s3_endpoint_url": "ftp://minio"},
        {"s3_endpoint_url": "http://my_minio:9000"},
        {"s3_region": "eu west"},
        {"s3_bucket_name": "a bucket"},
    ],
    ids=str,
)
def test_what_no_store_has_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**setting)

    assert len(refused.value.errors()) == 1
