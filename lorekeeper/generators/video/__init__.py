"""VIDEO: a film of the referenced pictures and texts, with titles, subtitles and the narration (Pillow, ffmpeg)."""

from lorekeeper.generators.video.making import make_video

__all__ = ["make_video"]
