"""The SDK's calls for files: brought in, sent in parts, fetched, deleted."""

import hashlib

import httpx
import pytest

from lorekeeper.contracts.assets import AssetImport
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum, DerivationOrigin, UploadState
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.s3 import (
    AbortMultipartUploadRequest,
    CompletedPart,
    CompleteMultipartUploadRequest,
    PresignedMultipartUploadRequest,
)
from lorekeeper.sdk import AssetGoneError, AssetInUseError, TransferError, UploadClosedError, UploadMismatchError

MIB = 1024**2


def begin(client, world, size):
    return client.assets.create_multipart_upload(
        PresignedMultipartUploadRequest(
            world_id=world.id,
            asset_type=AssetTypeEnum.MAP,
            filename="sea.tiff",
            content_type="image/tiff",
            size_bytes=size,
            part_size_bytes=5 * MIB,
        )
    )


def describe(world, storage_key, data, **fields):
    return AssetImport(
        world_id=world.id,
        type=AssetTypeEnum.MAP,
        storage_key=storage_key,
        format="tiff",
        content_type="image/tiff",
        size_bytes=len(data),
        checksum=hashlib.sha256(data).hexdigest(),
        **fields,
    )


def test_a_file_is_brought_in_fetched_and_deleted(client, world, entity, tmp_path):
    path = tmp_path / "Grímnir saga.tiff"
    path.write_bytes(b"a map of the sea")
    sent = client.assets.upload(path, world_id=world.id, asset_type=AssetTypeEnum.MAP, content_type="image/tiff")
    body = describe(world, sent.storage_key, path.read_bytes(), references=AssetJobReferences(entity_ids=[entity.id]))

    asset = client.assets.import_file(body)

    assert client.assets.import_file(body) == asset
    assert [one.origin for one in asset.derivations] == [DerivationOrigin.IMPORT]
    assert [one.id for one in client.assets.iterate(related_entity_id=entity.id)] == [asset.id]
    into = tmp_path / "here"
    into.mkdir()
    assert client.assets.download(asset.id, into) == into / "Grímnir saga.tiff"
    shown = client.assets.presign_download(asset.id, disposition="inline", filename="other.tiff")
    answer = httpx.get(shown.url, trust_env=False)
    assert answer.headers["content-disposition"] == 'inline; filename="other.tiff"'

    job = client.jobs.create(
        AssetJobCreate(
            world_id=world.id,
            asset_type=AssetTypeEnum.MAP,
            provider="nobody",
            prompt_spec={"title": "A copy"},
            references=AssetJobReferences(asset_ids=[asset.id]),
        )
    )
    with pytest.raises(AssetInUseError) as refused:
        client.assets.delete(asset.id)
    assert refused.value.extra["job_ids"] == [str(job.id)]
    client.jobs.cancel(job.id)
    assert client.assets.delete(asset.id).status is AssetStatusEnum.DELETED
    with pytest.raises(AssetGoneError):
        client.assets.presign_download(asset.id)


def test_a_file_is_sent_in_parts(client, world):
    data = bytes(range(256)) * 24_000  # two parts
    upload = begin(client, world, len(data))
    assert (upload.part_count, upload.next_part_number) == (2, None)
    etags = []
    with pytest.raises(UploadMismatchError) as refused:
        client.assets.complete_multipart_upload(CompleteMultipartUploadRequest(upload_id=upload.upload_id))
    assert refused.value.extra["missing"] == [1, 2]

    for part in client.assets.part_urls(upload.upload_id, first=1, limit=2).parts:
        begins = (part.part_number - 1) * upload.part_size_bytes
        piece = data[begins : begins + part.size_bytes]
        answer = httpx.request(part.method, part.url, content=piece, headers=part.headers, trust_env=False)
        etags.append(CompletedPart(part_number=part.part_number, etag=answer.headers["etag"]))
    assert client.assets.parts(upload.upload_id).missing_part_numbers == []
    whole = client.assets.complete_multipart_upload(
        CompleteMultipartUploadRequest(upload_id=upload.upload_id, parts=etags)
    )

    assert whole.size_bytes == len(data)
    with pytest.raises(UploadClosedError):
        client.assets.part_urls(upload.upload_id)
    assert client.assets.import_file(describe(world, whole.storage_key, data)).size_bytes == len(data)


def test_an_upload_in_parts_is_given_up(client, world):
    upload = begin(client, world, 7)

    told = client.assets.abort_multipart_upload(AbortMultipartUploadRequest(upload_id=upload.upload_id))

    assert told.state is UploadState.ABANDONED


def test_what_is_too_large_for_one_upload_is_not_even_read(client, world, tmp_path):
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.truncate(5 * 1024**3 + 1)

    with pytest.raises(TransferError, match="larger than 5 GiB"):
        client.assets.upload(path, world_id=world.id, asset_type=AssetTypeEnum.VIDEO, content_type="video/mp4")
