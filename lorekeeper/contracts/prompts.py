"""What a prompt may say, per asset type (specification section 2, Prompt Specs).

A provider's own settings may stand beside the named fields: they are kept, hashed and handed to the worker as sent.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lorekeeper.contracts.base import Label, LongText, Name, Number
from lorekeeper.contracts.enums import AssetTypeEnum

AspectRatio = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$")]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]


class PromptSpec(BaseModel):
    """Base of the prompt specs of all asset types."""

    model_config = ConfigDict(extra="allow")

    style: Label | None = Field(None, description="The manner asked for, in the provider's own words.")


class VideoPromptSpec(PromptSpec):
    description: LongText = Field(min_length=1)
    duration: Seconds | None = Field(None, description="Seconds.")
    aspect_ratio: AspectRatio | None = None
    quality: Label | None = None


class AudioPromptSpec(PromptSpec):
    lyrics: LongText | None = None
    duration: Seconds | None = Field(None, description="Seconds.")
    tempo: Annotated[Number, Field(gt=0, le=400)] | None = Field(
        None, description="Beats a minute; for speech, words a minute."
    )


class ImagePromptSpec(PromptSpec):
    description: LongText | None = None
    title: Name | None = None
    aspect_ratio: AspectRatio | None = None
    quality: Label | None = None


class MapPromptSpec(PromptSpec):
    description: LongText | None = None
    title: Name | None = None
    aspect_ratio: AspectRatio | None = None


class PdfPromptSpec(PromptSpec):
    description: LongText | None = None
    title: Name | None = None
    subtitle: Name | None = None
    author: Name | None = None
    page_size: Label | None = Field(None, description="A paper name, such as `a5`.")


PROMPT_SPECS: dict[AssetTypeEnum, type[PromptSpec]] = {
    AssetTypeEnum.VIDEO: VideoPromptSpec,
    AssetTypeEnum.AUDIO: AudioPromptSpec,
    AssetTypeEnum.IMAGE: ImagePromptSpec,
    AssetTypeEnum.MAP: MapPromptSpec,
    AssetTypeEnum.PDF: PdfPromptSpec,
}
