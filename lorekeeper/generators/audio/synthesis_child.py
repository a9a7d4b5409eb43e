"""Run as a process of its own, with the standard library alone: eSpeak NG keeps global state and may crash on odd text.

On stdin, one JSON object: `library`, `data`, and `utterances`, each with `text`, `voices` (the first one known is
taken), `rate`, `pitch`, `range`, `gap`. On stdout the sample rate, then for each utterance: how many samples and words,
the samples (16 bits, one channel), and of each word its first character and the millisecond it begins at. All whole
numbers but samples have 32 bits; the least byte comes first.
"""

import ctypes
import json
import struct
import sys
from typing import Any, BinaryIO

SYNCHRONOUS = 2
UTF8 = 1
AT_CHARACTER = 1
DONT_EXIT = 0x8000
RATE, PITCH, RANGE, WORD_GAP = 1, 3, 4, 7
END_OF_LIST, WORD = 0, 1


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))


class Speaker:
    """The library, started once; `speak` gives back the samples and the words of one utterance."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._samples: list[bytes] = []
        self._words: list[tuple[int, int]] = []
        self._callback = Callback(self._hear)
        self.sample_rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT)
        if self.sample_rate <= 0:
            raise SystemExit("eSpeak NG found no voices")
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, utterance: dict[str, Any]) -> tuple[bytes, list[tuple[int, int]]]:
        self._samples, self._words = [], []
        # Breath is noise: seeded anew, an utterance sounds the same whatever was said before it.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        for voice in utterance["voices"]:
            if self._library.espeak_SetVoiceByName(voice.encode()) == 0:
                break
        settings = ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range"), (WORD_GAP, "gap"))
        for parameter, name in settings:
            self._library.espeak_SetParameter(parameter, int(utterance[name]), 0)
        text = utterance["text"].encode("utf-8", "replace") + b"\0"
        self._library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, AT_CHARACTER, 0, UTF8, None, None)
        return b"".join(self._samples), self._words

    def _hear(self, wave: int | None, count: int, events: Any) -> int:
        if wave and count > 0:
            self._samples.append(ctypes.string_at(wave, count * 2))
        index = 0
        while events[index].type != END_OF_LIST:
            if events[index].type == WORD:
                self._words.append((events[index].text_position, events[index].audio_position))
            index += 1
        return 0


def main(given: BinaryIO, out: BinaryIO) -> None:
    asked = json.load(given)
    speaker = Speaker(asked["library"], asked["data"])
    out.write(struct.pack("<i", speaker.sample_rate))
    for utterance in asked["utterances"]:
        samples, words = speaker.speak(utterance)
        out.write(struct.pack("<ii", len(samples) // 2, len(words)))
        out.write(samples)
        for word in words:
            out.write(struct.pack("<ii", *word))
        out.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
