"""The film's frames, one after the other: shots that dissolve into each other, and the lettering over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageFilter

from lorekeeper.generators.video.camera import Canvas, smooth
from lorekeeper.generators.video.directing import Shot, drifting
from lorekeeper.generators.video.lettering import DARK, Lettering
from lorekeeper.generators.video.shape import Shape
from lorekeeper.generators.video.subtitles import Cue
from lorekeeper.generators.video.timing import Plan, Slot

_DISSOLVE = 0.9
_THROUGH_DARK = 0.6
_FADE = 0.7
_CARD_FADE = 0.5
_CUE_FADE = 0.16
_CALM = 14
"""Pixels of a side that become one behind a subtitle: more than a letter of a map's names is wide."""

_FULLY = 1.6


@dataclass
class Screening:
    """Everything a frame is put together from. `shots` follow each other from the first frame to the last."""

    shape: Shape
    plan: Plan
    shots: list[Shot]
    lettering: Lettering
    cues: Sequence[Cue]

    def __post_init__(self) -> None:
        self._cards = self._laid_in_time()
        self._shown: tuple[int, Image.Image, Image.Image] | None = None

    def frames(self) -> Iterator[Image.Image]:
        """Every frame in order, RGB, of the film's size."""
        for number in range(self.plan.frames):
            frame = self._picture(number)
            frame = self._subtitled(frame, number)
            frame = self._carded(frame, number)
            yield self._faded(frame, number)

    def _picture(self, number: int) -> Image.Image:
        """The shot of the moment, or two of them while one dissolves into the next about the cut."""
        index = next(i for i, shot in enumerate(self.shots) if number < shot.slot.end or shot is self.shots[-1])
        shot = self.shots[index]
        if index > 0 and (share := self._share(number, self.shots[index - 1], shot)) is not None:
            return self._passing(self.shots[index - 1], shot, number, share)
        if index + 1 < len(self.shots) and (share := self._share(number, shot, self.shots[index + 1])) is not None:
            return self._passing(shot, self.shots[index + 1], number, share)
        return self._seen(shot, number)

    def _passing(self, before: Shot, after: Shot, number: int, share: float) -> Image.Image:
        """From one to the other: one over the other, or through the dark where two letterings would mix."""
        if not (before.lettered and after.lettered):
            return Image.blend(self._seen(before, number), self._seen(after, number), smooth(share))
        seen = self._seen(before if share < 0.5 else after, number)
        return Image.blend(Image.new("RGB", seen.size, DARK), seen, smooth(abs(2 * share - 1)))

    def _half(self, before: Shot, after: Shot) -> float:
        """Half a dissolve in frames: shorter where a shot is short."""
        seconds = _THROUGH_DARK if before.lettered and after.lettered else _DISSOLVE
        return min(seconds * self.plan.rate / 2, before.slot.frames / 4, after.slot.frames / 4)

    def _share(self, number: int, before: Shot, after: Shot) -> float | None:
        half = self._half(before, after)
        share = (number + 0.5 - after.slot.begin + half) / (2 * half) if half else 1.0
        return share if 0.0 < share < 1.0 else None

    def _seen(self, shot: Shot, number: int) -> Image.Image:
        """A camera is on its way while its shot dissolves, too: it never waits."""
        lead = _DISSOLVE * self.plan.rate / 2
        share = (number - shot.slot.begin + lead) / (shot.slot.frames + 2 * lead)
        return shot.canvas.seen(shot.move.at(share), (self.shape.width, self.shape.height))

    def _laid_in_time(self) -> list[tuple[Slot, Image.Image]]:
        """The title and the credits, each with its frames."""
        cards = self.lettering.credits()
        begin, each = self.plan.credits.begin, self.plan.credits.frames / max(1, len(cards))
        slots = [Slot(round(begin + each * n), round(begin + each * (n + 1))) for n in range(len(cards))]
        return [(self.plan.title, self.lettering.title()), *zip(slots, cards, strict=True)]

    def _carded(self, frame: Image.Image, number: int) -> Image.Image:
        for slot, card in self._cards:
            if slot.begin <= number < slot.end:
                share = _in_and_out(number, slot, min(_CARD_FADE * self.plan.rate, slot.frames / 4))
                return _overlaid(frame, card, (0, 0), share)
        return frame

    def _subtitled(self, frame: Image.Image, number: int) -> Image.Image:
        moment = (number + 0.5) / self.plan.rate
        for index, cue in enumerate(self.cues):
            if cue.begin <= moment < cue.end:
                if self._shown is None or self._shown[0] != index:
                    sheet = self.lettering.subtitle(index)
                    self._shown = (index, sheet, self.lettering.ground(sheet))
                fade = min(_CUE_FADE, (cue.end - cue.begin) / 4)
                share = smooth(min((moment - cue.begin) / fade, (cue.end - moment) / fade))
                at = (0, self.lettering.subtitle_top)
                return _overlaid(_calmed(frame, self._shown[2], at, share), self._shown[1], at, share)
        return frame

    def _faded(self, frame: Image.Image, number: int) -> Image.Image:
        """From black at the beginning, to black at the end."""
        fade = min(_FADE * self.plan.rate, self.plan.frames / 6)
        share = min((number + 0.5) / fade, (self.plan.frames - number - 0.5) / fade)
        if share >= 1.0:
            return frame
        return Image.blend(Image.new("RGB", frame.size), frame, smooth(share))


def behind_lettering(shot: Shot, slot: Slot, rate: int, shape: Shape) -> Shot:
    """A shot's picture out of focus and in shade: a ground that any lettering is legible on."""
    small = (max(2, shape.width // 3), max(2, shape.height // 3))
    view = shot.move.start if slot.begin < shot.slot.begin else shot.move.end
    seen = shot.canvas.seen(view, small).filter(ImageFilter.GaussianBlur(max(small) / 55))
    seen = seen.resize((shape.width, shape.height), Image.Resampling.BICUBIC)
    shaded = Image.blend(seen, Image.new("RGB", seen.size, (14, 11, 10)), 0.66)
    return Shot(Canvas(shaded), slot, drifting(slot.frames / rate))


def _in_and_out(number: int, slot: Slot, fade: float) -> float:
    if fade <= 0:
        return 1.0
    return smooth(min((number + 0.5 - slot.begin) / fade, (slot.end - number - 0.5) / fade))


def _calmed(frame: Image.Image, ground: Image.Image, at: tuple[int, int], share: float) -> Image.Image:
    """The picture out of focus and dark where the ground of a subtitle is: no lettering shows through it."""
    whole = ground.getbbox()
    if whole is None:
        return frame
    box = (whole[0] + at[0], whole[1] + at[1], whole[2] + at[0], whole[3] + at[1])
    mask = ground.crop(whole)
    size = (max(1, mask.width // _CALM), max(1, mask.height // _CALM))
    calm = frame.crop(box).resize(size, Image.Resampling.BOX).resize(mask.size, Image.Resampling.BICUBIC)
    calm = Image.composite(Image.new("RGB", mask.size, DARK), calm, mask)
    frame.paste(calm, box[:2], mask.point([min(255, round(value * share * _FULLY)) for value in range(256)]))
    return frame


def _overlaid(frame: Image.Image, sheet: Image.Image, at: tuple[int, int], share: float) -> Image.Image:
    mask = sheet.getchannel("A")
    if share < 1.0:
        mask = mask.point([round(value * share) for value in range(256)])
    frame.paste(sheet.convert("RGB"), at, mask)
    return frame
