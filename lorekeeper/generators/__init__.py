"""The local provider: handlers that make real media offline, one module per asset type.

The libraries they need (Typst, Pillow, numpy, eSpeak NG, ffmpeg) are of the extra `local` and are loaded by the first
job that wants them.
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


def _audio(job: ClaimedJob, context: JobContext) -> MadeFile:
    from lorekeeper.generators.audio import make_audio

    return make_audio(job, context)


def _video(job: ClaimedJob, context: JobContext) -> MadeFile:
    from lorekeeper.generators.video import make_video

    return make_video(job, context)


def _map(job: ClaimedJob, context: JobContext) -> MadeFile:
    from lorekeeper.generators.map.making import make_map

    return make_map(job, context)


HANDLERS: dict[AssetTypeEnum, Handler] = {
    AssetTypeEnum.PDF: _pdf,
    AssetTypeEnum.IMAGE: _image,
    AssetTypeEnum.MAP: _map,
    AssetTypeEnum.AUDIO: _audio,
    AssetTypeEnum.VIDEO: _video,
}
