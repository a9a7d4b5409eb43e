"""VIDEO, from a claimed job to a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID

from PIL import Image

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import VideoPromptSpec
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.generators import media
from lorekeeper.generators.audio.reading import read_aloud
from lorekeeper.generators.audio.tagging import tag_options
from lorekeeper.generators.plate.palette import Manner, manner_for
from lorekeeper.generators.video import telling
from lorekeeper.generators.video.directing import Shot, shots_of_pictures, shots_of_scenes
from lorekeeper.generators.video.encoding import encode
from lorekeeper.generators.video.lettering import Lettering, columns_of
from lorekeeper.generators.video.mounting import Mounted, open_picture, title_in
from lorekeeper.generators.video.painting import casts_for, paint, shows_water
from lorekeeper.generators.video.screening import Screening, behind_lettering
from lorekeeper.generators.video.shape import Shape, film_shape
from lorekeeper.generators.video.sound import Sound, narrated, plan_with, recorded, share_heard
from lorekeeper.generators.video.subtitles import Cue, as_srt, cues_of, said_in
from lorekeeper.generators.video.timing import Plan, Slot, cut, plan_film, sound_for
from lorekeeper.sdk.handling import JobContext, JobError, MadeFile

RATES = (24, 25)
MOST_PICTURES = 60
_MOST_SCENES = 10
_SHOWN = (AssetTypeEnum.IMAGE, AssetTypeEnum.MAP)


@dataclass
class _Making:
    """A film in the making: what was ordered, and what has been gathered so far."""

    job: ClaimedJob
    context: JobContext
    prompt: VideoPromptSpec
    shape: Shape
    rng: Random
    manner: Manner
    pictures: list[Mounted] = field(default_factory=list)
    titles: dict[UUID, str] = field(default_factory=dict)

    @property
    def lore(self) -> LoreSnapshot:
        return self.job.derivation.lore_snapshot


def make_video(job: ClaimedJob, context: JobContext) -> MadeFile:
    """Film the job's pictures and texts. The same input gives the same bytes with the same libraries.

    Raises `JobError`: `nothing_to_film`, `invalid_prompt_spec`, `aspect_ratio_not_possible`, `frame_rate_not_possible`,
    `duration_not_possible`, `film_too_short`, `too_many_pictures`, `too_many_sound_tracks`, `input_asset_unusable`,
    `lettering_failed`, and as `audio.narrate` and `media.run_ffmpeg` do.
    """
    making = _begin(job, context)
    context.progress(1, "gathering")
    making.pictures = _pictures(making)
    plan_film(making.prompt.duration, None, 1, making.shape.rate)  # refuses a length before work is put into it
    sound = _sound(making)
    cards = telling.cards_of(telling.credits_of(making.lore, making.titles))
    ordered = (making.prompt.duration, max(1, len(cards)), making.shape.rate)
    if sound:
        plan, sound = plan_with(sound, *ordered)
    else:
        plan = plan_film(ordered[0], None, *ordered[1:])
    said = said_in(sound.spans, telling.passages_of(making.lore), plan.sound_at) if sound else []
    cues = cues_of(said, columns_of(making.shape), plan.credits.begin / plan.rate)
    shots = _shots(making, plan, cues)
    lettering = Lettering(making.shape, telling.opening_of(making.lore, making.prompt), cues)
    lettering.add_credits(telling.shortened(cards, plan.cards), f"{making.lore.world.name} · LoreKeeper")
    lettering.set()
    screening = Screening(making.shape, plan, shots, lettering, cues)
    path = _encode(making, screening, sound)
    context.progress(99, "reading back")
    return _read_back(path, screening, sound)


def _begin(job: ClaimedJob, context: JobContext) -> _Making:
    try:
        prompt = VideoPromptSpec.model_validate(job.prompt_spec)
    except ValueError as error:
        raise JobError("invalid_prompt_spec", str(error)) from error
    lore = job.derivation.lore_snapshot
    if not (lore.entities or lore.claims or lore.source_chunks or lore.assets):
        raise JobError("nothing_to_film", "A film needs lore or pictures: reference at least one of them.")
    rate = (prompt.model_extra or {}).get("fps", RATES[0])
    if rate not in RATES:
        raise JobError("frame_rate_not_possible", f"fps can be 24 or 25, not {rate!r}.")
    rng = Random(telling.film_seed(job))  # noqa: S311 - chance that must repeat, no secret
    manner = manner_for(prompt.style, rng.randrange(1 << 16))
    return _Making(job, context, prompt, film_shape(prompt.aspect_ratio, prompt.quality, int(rate)), rng, manner)


def _pictures(making: _Making) -> list[Mounted]:
    """The referenced pictures and maps, mounted. Refuses what can be neither shown nor heard."""
    mounted: list[Mounted] = []
    among = sum(asset.type in _SHOWN for asset in making.lore.assets)
    if among > MOST_PICTURES:
        raise JobError("too_many_pictures", f"A film shows {MOST_PICTURES} pictures at most, not {among}.")
    for asset in telling.in_showing_order(making.lore.assets):
        if asset.type in _SHOWN:
            path = making.context.input_asset(asset.id)
            mounted.append(Mounted(open_picture(path, asset), making.shape, among))
            making.titles[asset.id] = title_in(path, asset)
        elif asset.type != AssetTypeEnum.AUDIO:
            raise JobError(
                "input_asset_unusable", f"A film is made of IMAGE, MAP and AUDIO assets, not of a {asset.type}."
            )
    return mounted


def _sound(making: _Making) -> Sound | None:
    """The referenced recording, else a narration of what there is to tell; None where there is nothing."""
    recordings = [asset for asset in making.lore.assets if asset.type == AssetTypeEnum.AUDIO]
    if len(recordings) > 1:
        raise JobError("too_many_sound_tracks", "A film has one sound track: reference one AUDIO asset at most.")
    passages = telling.passages_of(making.lore)
    making.context.progress(5, "listening" if recordings else "narrating")
    if recordings:
        path = making.context.input_asset(recordings[0].id)
        sound = recorded(path, recordings[0], passages if making.lore.source_chunks else [])
        making.titles[recordings[0].id] = sound.title
        return sound
    if next(read_aloud(passages), None) is None:
        return None
    duration = making.prompt.duration
    extra = making.prompt.model_extra or {}
    tempo = extra.get("tempo")
    return narrated(
        passages,
        style=making.prompt.style,
        tempo=float(tempo) if isinstance(tempo, int | float) else None,
        seconds=None if duration is None else sound_for(duration),
        rng=making.rng,
        work_dir=making.context.work_dir,
        progress=lambda share: making.context.progress(5 + 15 * share, "narrating"),
    )


def _shots(making: _Making, plan: Plan, cues: Sequence[Cue]) -> list[Shot]:
    """The shots of the film, with a ground for the title before them and one for the credits behind."""
    making.context.progress(20, "painting" if not making.pictures else "mounting")
    slots = cut(plan, len(making.pictures) or None, [cue.end for cue in cues])
    if making.pictures:
        shots = shots_of_pictures(making.pictures, slots, plan.rate, making.rng)
    else:
        shots = _painted(making, plan, slots, cues)
    before = behind_lettering(shots[0], plan.title, plan.rate, making.shape)
    after = behind_lettering(shots[-1], plan.credits, plan.rate, making.shape)
    return [before, *shots, after]


def _painted(making: _Making, plan: Plan, slots: Sequence[Slot], cues: Sequence[Cue]) -> list[Shot]:
    """A scene of its own for each shot; after the first few they come again, seen otherwise."""
    told = [_told_in(slot, plan.rate, cues) for slot in slots[:_MOST_SCENES]]
    water = shows_water(making.lore)
    scenes = []
    for number, cast in enumerate(casts_for(making.lore, told, making.rng)):
        scenes.append(paint(making.shape, making.manner, cast, making.rng, water=water))
        making.context.progress(20 + 15 * (number + 1) / len(told), "painting")
    repeated = [scenes[number % len(scenes)] for number in range(len(slots))]
    return shots_of_scenes(repeated, slots, plan.rate, making.rng)


def _told_in(slot: Slot, rate: int, cues: Sequence[Cue]) -> str:
    said = [cue for cue in cues if slot.begin <= (cue.begin + cue.end) / 2 * rate < slot.end]
    return " ".join(" ".join(cue.lines) for cue in said)


def _encode(making: _Making, screening: Screening, sound: Sound | None) -> Path:
    subtitles = None
    if screening.cues:
        subtitles = making.context.work_dir / "subtitles.srt"
        subtitles.write_text(as_srt(screening.cues), encoding="utf-8")
    target = making.context.work_dir / "film.mp4"
    encode(
        _telling_how_far(making.context, screening),
        making.shape,
        screening.plan,
        sound=sound.path if sound else None,
        subtitles=subtitles,
        tags=tag_options(telling.opening_of(making.lore, making.prompt).title, making.lore.world.name),
        target=target,
        watch=lambda _: making.context.check(),
    )
    return target


def _telling_how_far(context: JobContext, screening: Screening) -> Iterator[Image.Image]:
    """The frames; progress is told between them, which raises `JobCancelled` where the job was cancelled."""
    every = max(1, screening.plan.rate // 4)
    for number, frame in enumerate(screening.frames()):
        if number % every == 0:
            context.progress(
                35 + 63 * number / screening.plan.frames, "filming", f"frame {number} of {screening.plan.frames}"
            )
        yield frame


def _read_back(path: Path, screening: Screening, sound: Sound | None) -> MadeFile:
    """Metadata as the file itself tells it."""
    made = media.probe(path)
    if made.video is None or made.audio is None or made.duration is None:
        raise JobError("encoding_failed", "The film has no picture or no sound that could be read back.")
    metadata = {
        "width": made.video.width,
        "height": made.video.height,
        "resolution": f"{made.video.width}x{made.video.height}",
        "codec": made.video.codec,
        "audio_codec": made.audio.codec,
        "sample_rate": made.audio.sample_rate,
        "channels": made.audio.channels,
        "bitrate": made.bitrate,
        "duration": made.duration,
        "fps": made.video.frame_rate,
        "subtitles": len(screening.cues),
    }
    if sound and sound.share_told is not None:
        metadata["share_told"] = round(sound.share_told, 3)
    elif sound:
        metadata["share_heard"] = round(share_heard(screening.plan, sound), 3)
    return MadeFile(path, "mp4", "video/mp4", duration_seconds=made.duration, metadata=metadata)
