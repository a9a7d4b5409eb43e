"""From text to what is spoken: sentences and verse lines in order, each with the pause that follows it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lorekeeper.generators.passages import Block, Passage, one_line, read_passage

LONGEST_UTTERANCE = 280
_SHORT_PAUSE = 0.34
_LINE_PAUSE = 0.42
_SENTENCE_PAUSE = 0.58
_STANZA_PAUSE = 1.05
_PASSAGE_PAUSE = 1.7
_HEADING_PAUSE = 1.1

_NOTE_MARK = re.compile(r"\[\d{1,3}\]|\u200b|\u00ad")
_MARKDOWN = re.compile(r"(?<!\w)[*_`#>|~]+|[*_`#|~]+(?!\w)")
_BRACKETS = re.compile(r"[\[\]{}<>]")
_END = re.compile(
    r"(?<=[.!?\u2026\u3002\uff01\uff1f\u0964\u061f])[\"'\u201d\u2019\u00bb)\]]*(?:\s+|(?<=[\u3002\uff01\uff1f])\s*)"
)
_STOPS = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Mrs?|Ms|Dr|St|Mt|No|Capt|Col|Gen|Lt|Sgt|Rev|Prof|Jr|Sr|vs|cf|etc|e\.g|i\.e)\.$"
)
_CLAUSE = re.compile(r"(?<=[,;:\u2014\u2013\u3001\uff0c])\s*")
_SCRIPTS = (
    # A script as Unicode's names of characters begin, and the language spoken for it.
    ("CYRILLIC", "ru"),
    ("GREEK", "el"),
    ("HEBREW", "he"),
    ("ARABIC", "ar"),
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("CJK", "cmn"),
    ("HANGUL", "ko"),
    ("DEVANAGARI", "hi"),
    ("BENGALI", "bn"),
    ("GURMUKHI", "pa"),
    ("GUJARATI", "gu"),
    ("TAMIL", "ta"),
    ("TELUGU", "te"),
    ("KANNADA", "kn"),
    ("MALAYALAM", "ml"),
    ("SINHALA", "si"),
    ("THAI", "th"),
    ("MYANMAR", "my"),
    ("GEORGIAN", "ka"),
    ("ARMENIAN", "hy"),
    ("ETHIOPIC", "am"),
    ("CHEROKEE", "chr"),
)
_LOOKED_AT = 80
_ROMAN = re.compile(r"((?=.)(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))[.:]?")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


@dataclass(frozen=True)
class Utterance:
    """A sentence or a verse line. `text` is what is shown, `pause` the seconds of rest after it at an even pace.

    `language` is None for Latin script, where the text alone does not tell it.
    """

    text: str
    pause: float
    heading: bool = False
    verse: bool = False
    language: str | None = None
    sung: bool = False

    @property
    def spoken(self) -> str:
        """What the synthesizer is given: capitals are no abbreviation, and a numeral at the head is a number."""
        words = self.text.split(" ")
        number = _ROMAN.fullmatch(words[0]) if self.heading else None
        if number:
            words[0] = f"{_roman(number.group(1))}."
        return " ".join(
            word.capitalize() if self.heading and word.isupper() and len(word) > 1 else word for word in words
        )


def read_aloud(passages: Sequence[str | Passage], most: int = 1 << 30) -> Iterator[Utterance]:
    """What is to be said of the passages. What holds neither letter nor digit falls away.

    Passages beyond the first `most` characters come back whole and unread, for their length only.
    """
    read = 0
    for passage in passages:
        if read >= most:
            text = (
                passage
                if isinstance(passage, str)
                else "\n".join(line.text for b in passage.blocks for line in b.lines)
            )
            yield Utterance(text, 0)
            continue
        of_passage = list(_utter(read_passage(passage) if isinstance(passage, str) else passage))
        read += sum(len(utterance.text) for utterance in of_passage)
        yield from of_passage[:-1]
        yield from (_resting(last, _PASSAGE_PAUSE) for last in of_passage[-1:])


def _utter(passage: Passage) -> Iterator[Utterance]:
    heading = _cleaned(" ".join(passage.heading))
    if _sayable(heading):
        for piece in _within_bounds(heading):
            yield Utterance(piece, _HEADING_PAUSE, heading=True, language=_language(piece))
    for block in passage.blocks:
        of_block = list(_utter_block(block))
        if of_block:
            yield from of_block[:-1]
            yield _resting(of_block[-1], _STANZA_PAUSE)


def _utter_block(block: Block) -> Iterator[Utterance]:
    if block.page_mark:
        return
    verse = len(block.lines) > 1 and not block.filled and not block.gloss
    texts = [line.text for line in block.lines] if verse else [" ".join(line.text for line in block.lines)]
    for text in texts:
        pieces = [_cleaned(text)] if verse else split_sentences(_cleaned(text))
        for sentence in pieces:
            parts = [part for part in _within_bounds(sentence) if _sayable(part)]
            for part in parts:
                rest = _SHORT_PAUSE if part is not parts[-1] else _LINE_PAUSE if verse else _SENTENCE_PAUSE
                yield Utterance(part, rest, verse=verse, language=_language(part))


def split_sentences(text: str) -> list[str]:
    """At full stops, question and exclamation marks, not after titles and initials."""
    sentences: list[str] = []
    begin = 0
    for end in _END.finditer(text):
        if not _ABBREVIATED.search(text[max(0, end.start() - 8) : end.start()]):
            sentences.append(text[begin : end.end()].strip())
            begin = end.end()
    sentences.append(text[begin:].strip())
    return [sentence for sentence in sentences if sentence]


def ends_sentence(text: str) -> bool:
    """True where the text's last sign is one that ends a sentence, quotation marks and brackets aside."""
    bare = text.rstrip("\"'\u201d\u2019\u00bb)] ")
    return bare.endswith(_STOPS) and not _ABBREVIATED.search(bare[-8:])


def _within_bounds(sentence: str) -> list[str]:
    """A sentence longer than a subtitle can hold, parted at clauses, else at blanks, else anywhere."""
    if len(sentence) <= LONGEST_UTTERANCE:
        return [sentence]
    parts: list[str] = []
    for clause in _CLAUSE.split(sentence):
        for piece in _broken(clause):
            if parts and len(parts[-1]) + 1 + len(piece) <= LONGEST_UTTERANCE:
                parts[-1] = f"{parts[-1]} {piece}"
            else:
                parts.append(piece)
    return [part for part in parts if part.strip()]


def _broken(clause: str) -> Iterator[str]:
    rest = clause.strip()
    while len(rest) > LONGEST_UTTERANCE:
        at = rest.rfind(" ", LONGEST_UTTERANCE // 2, LONGEST_UTTERANCE)
        at = at if at > 0 else LONGEST_UTTERANCE
        yield rest[:at]
        rest = rest[at:].strip()
    yield rest


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-value if value < max(values[index:]) else value for index, value in enumerate(values))


def _cleaned(text: str) -> str:
    return one_line(_BRACKETS.sub(" ", _MARKDOWN.sub(" ", _NOTE_MARK.sub("", text))))


def _sayable(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _resting(utterance: Utterance, pause: float) -> Utterance:
    return replace(utterance, pause=max(pause, utterance.pause))


def _language(text: str) -> str | None:
    """By the script of most of its first letters."""
    found: dict[str, int] = {}
    for char in text[:_LOOKED_AT]:
        if char > "\u036f" and char.isalpha():
            name = unicodedata.name(char, "")
            language = next((tongue for script, tongue in _SCRIPTS if name.startswith(script)), None)
            if language:
                found[language] = found.get(language, 0) + 1
    latin = sum(char.isalpha() and char <= "\u036f" for char in text[:_LOOKED_AT])
    if not found or latin > sum(found.values()):
        return None
    # Japanese writes Chinese characters too: one syllable sign tells it.
    return "ja" if "ja" in found else max(found, key=lambda language: found[language])
