"""AUDIO: the referenced text told over music of the asked style and tempo."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import AudioPromptSpec
from lorekeeper.contracts.snapshot import ClaimSnapshot, LoreSnapshot
from lorekeeper.generators.audio.mastering import (
    FORMATS,
    HIGHEST_PEAK,
    LOUDNESS,
    NEAR_ENOUGH,
    Format,
    Loudness,
    encode,
    measure,
)
from lorekeeper.generators.audio.narration import Narration, narrate
from lorekeeper.generators.audio.styles import is_sung
from lorekeeper.generators.audio.tagging import tag_options, title_of
from lorekeeper.generators.lyrics import lyrics_options
from lorekeeper.generators.media import Probed, probe
from lorekeeper.generators.passages import Passage, read_passage
from lorekeeper.sdk.handling import JobContext, JobError, MadeFile

DEFAULT_FORMAT = "mp3"
_LONGEST_CHUNK = 60_000
_MARGIN = 0.1
_TRIES = 4


def make_audio(job: ClaimedJob, context: JobContext) -> MadeFile:
    """Speak the prompt's lyrics, else the referenced chunks and claims. The same job gives the same bytes.

    The spec's own field `format` is `mp3` (the default), `opus` or `wav`; `language` is a name of eSpeak NG's.
    Raises `JobError`: `invalid_prompt_spec`, `unknown_format` and those of `narrate`.
    """
    prompt = _read_prompt(job)
    extra = prompt.model_extra or {}
    wanted = _wanted_format(extra.get("format"))
    context.progress(2, "reading")
    narration = narrate(
        passages_of(job.derivation.lore_snapshot, prompt.lyrics),
        style=prompt.style,
        tempo=prompt.tempo,
        seconds=prompt.duration,
        rng=Random(int(job.input_hash, 16)),  # noqa: S311 - chance that must repeat, no secret
        work_dir=context.work_dir,
        progress=lambda share: context.progress(5 + 80 * share, "composing"),
        sung=is_sung(prompt.style, lyrics=bool(prompt.lyrics)),
        language=extra.get("language") if isinstance(extra.get("language"), str) else None,
    )
    context.progress(86, "encoding", wanted.name)
    path = context.work_dir / f"narration.{wanted.suffix}"
    lore = job.derivation.lore_snapshot
    tags = tag_options(title_of(lore, extra.get("title")), lore.world.name)
    loudness = _write(narration, path, wanted, tags, context)
    found = probe(path)
    context.progress(100, "done")
    return MadeFile(
        path,
        wanted.name,
        wanted.content_type,
        duration_seconds=found.duration,
        metadata={**_metadata(narration, found, loudness), **_otherwise(narration, prompt.tempo)},
    )


def passages_of(lore: LoreSnapshot, lyrics: str | None) -> list[str | Passage]:
    """The lyrics; where there are none, the chunks in order, then the claims as one passage of sentences."""
    if lyrics and lyrics.strip():
        return [lyrics]
    passages: list[str | Passage] = []
    for chunk in lore.source_chunks:
        passages.append(read_passage(chunk.content[:_LONGEST_CHUNK], chunk.heading))
        if rest := chunk.content[_LONGEST_CHUNK:]:
            # More than half an hour: it will be counted, not read.
            passages.append(rest)
    if lore.claims:
        passages.append(" ".join(tell_claim(claim) for claim in lore.claims))
    return passages


def tell_claim(claim: ClaimSnapshot) -> str:
    """A claim as one would say it: `Beowulf slew Grendel.`"""
    value = claim.object_name if claim.object_name is not None else claim.object_value
    words = f"{claim.subject_name} {claim.predicate.replace('_', ' ')} {value or ''}"
    told = " ".join(words.split()).rstrip(".")
    return f"{claim.asserted_by_name} holds that {told}." if claim.asserted_by_name else f"{told}."


def _read_prompt(job: ClaimedJob) -> AudioPromptSpec:
    try:
        return AudioPromptSpec.model_validate(job.prompt_spec)
    except ValueError as error:
        raise JobError("invalid_prompt_spec", str(error)) from error


def _wanted_format(asked: Any) -> Format:
    known = str(asked or DEFAULT_FORMAT).strip().lower().removeprefix(".")
    found = FORMATS.get({"ogg": "opus", "wave": "wav"}.get(known, known))
    if found is None:
        raise JobError("unknown_format", f"Unknown format {str(asked)[:80]!r}: use {', '.join(sorted(FORMATS))}.")
    return found


def _write(narration: Narration, path: Path, wanted: Format, tags: Sequence[str], context: JobContext) -> Loudness:
    """Encode, measure what came of it, and encode again where the encoder made it softer or its peaks higher.

    The words go into the file with their times, for players and for films.
    """

    def ticked(_: float) -> None:
        context.progress(90, "encoding", wanted.name)

    tags = [*tags, *lyrics_options(narration.spans)]
    gain, ceiling = 0.0, None
    for _ in range(_TRIES):
        encode(narration.path, path, wanted, gain=gain, ceiling=ceiling, tags=tags, watch=ticked)
        found = measure(["-i", path], ticked)
        too_high = found.peak - (HIGHEST_PEAK - _MARGIN)
        if abs(found.integrated - LOUDNESS) <= NEAR_ENOUGH and too_high <= 0:
            break
        gain += LOUDNESS - found.integrated
        if too_high > 0:
            ceiling = (narration.loudness.peak if ceiling is None else ceiling) - too_high - _MARGIN
    return found


def _otherwise(narration: Narration, tempo: float | None) -> dict[str, Any]:
    """The tempo asked for, where another is kept."""
    kept = narration.words_a_minute if narration.tempo is None else narration.tempo
    hurry = narration.hurry if narration.tempo is None else 1.0
    return {} if tempo is None or abs(tempo * hurry - kept) < 1.0 else {"tempo_asked": tempo}


def _metadata(narration: Narration, found: Probed, loudness: Loudness) -> dict[str, Any]:
    """What the file says of itself, then how it came about."""
    sound = found.audio
    if sound is None:
        raise JobError("encoding_failed", "The file that was written holds no sound.")
    return {
        "codec": sound.codec,
        "container": found.container,
        "bitrate": sound.bitrate or found.bitrate,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "duration": found.duration,
        "loudness_lufs": loudness.integrated,
        "true_peak_dbtp": loudness.peak,
        "style": narration.style,
        "tempo": narration.tempo,
        "mode": narration.mode,
        "voice": narration.voice,
        "words_a_minute": narration.words_a_minute,
        "speech_speed": narration.hurry,
        "lines_sung": narration.sung,
        "spoken_characters": narration.spoken,
        "text_characters": narration.characters,
        "spoken_share": round(narration.spoken / narration.characters, 4),
    }
