"""Signing a download URL, against botocore's `generate_presigned_url`."""

import time
from collections.abc import Callable

import botocore.session
from botocore.config import Config

from benchmarks.frame import Effort, Measure, Row, compare
from benchmarks.stage import Stage
from lorekeeper.storage.store import S3Store, StoreAddress

GOAL = 10.0
KEY = "01930a5c-8000-77b8-8782-fd4501c1f0e3/IMAGE/20261122T060400123456Z_the-harbour.png"
DISPOSITION = 'attachment; filename="the-harbour.png"'
CONTENT_TYPE = "image/png"
EXPIRES = 3600


def measure(stage: Stage) -> Row:
    return compare(
        "sign a download URL",
        _ours(stage),
        "botocore generate_presigned_url",
        _botocore(stage),
        goal=GOAL,
        effort=stage.effort,
    )


def _ours(stage: Stage) -> Measure:
    store = S3Store(
        StoreAddress(
            bucket=stage.store.bucket,
            region=stage.store.region,
            access_key_id=stage.store.access_key_id,
            secret_access_key=stage.store.secret_access_key,
            endpoint_url=stage.store.endpoint_url,
        )
    )

    def sign() -> None:
        store.generate_download_presigned_url(
            KEY, disposition=DISPOSITION, content_type=CONTENT_TYPE, expires_seconds=EXPIRES
        )

    return lambda: _rate(sign, stage.effort)


def _botocore(stage: Stage) -> Measure:
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=stage.store.region,
        endpoint_url=stage.store.endpoint_url,
        aws_access_key_id=stage.store.access_key_id,
        aws_secret_access_key=stage.store.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    parameters = {
        "Bucket": stage.store.bucket,
        "Key": KEY,
        "ResponseContentDisposition": DISPOSITION,
        "ResponseContentType": CONTENT_TYPE,
    }

    def sign() -> None:
        client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=EXPIRES)

    return lambda: _rate(sign, stage.effort)


def _rate(sign: Callable[[], None], effort: Effort) -> float:
    """How often a second, in this process."""
    sign()
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < effort.seconds:
        for _ in range(20):
            sign()
        done += 20
    return done / took
