"""AUDIO: text spoken by eSpeak NG over music composed for it (numpy), mastered and encoded by ffmpeg."""

from lorekeeper.generators.audio.asset import make_audio
from lorekeeper.generators.audio.narration import Narration, narrate

__all__ = ["Narration", "make_audio", "narrate"]
