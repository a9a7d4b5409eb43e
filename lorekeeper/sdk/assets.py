"""The client's group for assets and their files: `client.assets`."""

from lorekeeper.sdk.calls import assets as calls
from lorekeeper.sdk.downloading import download
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Steps, Walk
from lorekeeper.sdk.uploading import upload


class Assets(Group[ExecutionT]):
    """`client.assets`: the registry, and the files over presigned URLs."""

    get = Operation(calls.get_asset)
    list = Operation(calls.list_assets)
    iterate = Walk(calls.every_asset)
    import_file = Operation(calls.import_asset)
    delete = Operation(calls.delete_asset)
    upload = Steps(upload)
    download = Steps(download)

    presign_download = Operation(calls.presign_download)
    presign_upload = Operation(calls.presign_upload)
    create_multipart_upload = Operation(calls.create_multipart_upload)
    part_urls = Operation(calls.list_part_urls)
    parts = Operation(calls.list_parts)
    complete_multipart_upload = Operation(calls.complete_multipart_upload)
    abort_multipart_upload = Operation(calls.abort_multipart_upload)
