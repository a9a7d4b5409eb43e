"""The local provider: handlers that make real media offline, one module per asset type.

The libraries they need (Typst, Pillow) are of the extra `local` and are loaded by the first job that wants them.
"""

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.sdk.handling import Handler, JobContext, MadeFile

__all__ = ["HANDLERS"]


def _pdf(job: ClaimedJob, context: JobContext) -> MadeFile:
    from lorekeeper.generators.pdf import make_pdf

    return make_pdf(job, context)


def _image(job: ClaimedJob, context: JobContext) -> MadeFile:
    from lorekeeper.generators.image import make_image

    return make_image(job, context)


HANDLERS: dict[AssetTypeEnum, Handler] = {
    AssetTypeEnum.PDF: _pdf,
    AssetTypeEnum.IMAGE: _image,
}
