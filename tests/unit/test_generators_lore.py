"""Lore for the generators' tests, and how they read chunk text."""

import hashlib
import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lorekeeper.contracts.assets import AssetDerivationResponse
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum, CanonState, DerivationOrigin, EntityType
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import (
    ClaimSnapshot,
    EntitySnapshot,
    LoreSnapshot,
    SourceChunkSnapshot,
    WorldSnapshot,
    claim_sentence,
)
from lorekeeper.generators import HANDLERS
from lorekeeper.generators.passages import read_passage, soften
from lorekeeper.sdk.handling import JobError, MadeFile

THEN = datetime(2026, 1, 1, tzinfo=UTC)

VERSE = """I.

THE LIFE AND DEATH OF SCYLD.

{The famous race of Spear-Danes.}

          Lo! the Spear-Danes' glory through splendid achievements
          The folk-kings' former fame we have heard of,
          How princes displayed then their prowess-in-battle.
          Oft Scyld the Scefing from scathers in numbers
        5 From many a people their mead-benches tore.
          Till all his neighbors o'er sea were compelled to
       10 Bow to his bidding and bring him their tribute:
[3]    50 High o'er his head, let the holm-currents bear him,
"""
HOSTILE = '#panic("x") $x^2$ *bold* _em_ `raw` \\n "quoted" @cite <label> // c /* d */ [a](b) \u202erl 🐉 שלום \x07'


class Context:
    """A handler's context that keeps what it was told."""

    def __init__(self, folder: Path) -> None:
        self.work_dir = folder
        self.told: list[float] = []

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        self.told.append(percent)


def uid(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, name)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _versioned(name: str) -> dict[str, Any]:
    return {"id": uid(name), "version": 3, "updated_at": THEN, "content_hash": digest(name)}


def entity(name: str, kind: str = "PERSON", summary: str | None = None) -> EntitySnapshot:
    return EntitySnapshot(**_versioned(name), type=EntityType(kind), name=name, aliases=["Alias"], summary=summary)


def claim(subject: str, predicate: str, value: str, state: str = "STRICT", confidence: float = 0.9) -> ClaimSnapshot:
    return ClaimSnapshot(
        **_versioned(subject + predicate + value),
        sentence=claim_sentence(subject, predicate, None, value),
        subject_entity_id=uid(subject),
        subject_name=subject,
        predicate=predicate,
        object_value=value,
        canon_state=CanonState(state),
        confidence=confidence,
    )


def chunk(index: int, content: str, heading: str | None = None, source: str = "Beowulf") -> SourceChunkSnapshot:
    return SourceChunkSnapshot(
        **_versioned(f"{source}{index}"),
        source_id=uid(source),
        source_title=source,
        chunk_index=index,
        heading=heading,
        content=content,
    )


def job(
    asset_type: AssetTypeEnum, prompt: dict[str, Any] | None = None, *, world: str = "Beowulf", **lore: Any
) -> ClaimedJob:
    """A claimed job over a snapshot of the given entities, claims and source_chunks."""
    prompt = prompt or {}
    input_hash = digest(world + json.dumps(prompt) + repr(sorted(lore)))
    derivation = AssetDerivationResponse(
        id=uid("derivation"),
        world_id=uid(world),
        origin=DerivationOrigin.JOB,
        prompt_spec=prompt,
        input_hash=input_hash,
        content_basis=input_hash,
        references=AssetJobReferences(),
        lore_snapshot=LoreSnapshot(taken_at=THEN, world=WorldSnapshot(id=uid(world), name=world), **lore),
        created_at=THEN,
    )
    return ClaimedJob(
        id=uid("job"),
        world_id=uid(world),
        asset_type=asset_type,
        provider="local",
        status=AssetJobStatusEnum.RUNNING,
        priority=0,
        requested_by="test",
        input_hash=input_hash,
        prompt_spec=prompt,
        attempt=1,
        max_attempts=3,
        available_at=THEN,
        created_at=THEN,
        lease_token=uid("lease"),
        derivation=derivation,
    )


def make(made_from: ClaimedJob, folder: Path) -> MadeFile:
    return HANDLERS[made_from.asset_type](made_from, Context(folder))


def checksum_in_another_process(made_from: ClaimedJob, folder: Path) -> str:
    """The SHA-256 of the file that a fresh interpreter, with another hash seed, makes of the job."""
    (folder / "job.json").write_text(made_from.model_dump_json(), encoding="utf-8")
    script = (
        "import hashlib, pathlib, sys\n"
        "from lorekeeper.contracts.jobs import ClaimedJob\n"
        "from lorekeeper.generators import HANDLERS\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "job = ClaimedJob.model_validate_json((folder / 'job.json').read_text(encoding='utf-8'))\n"
        "class Context:\n"
        "    work_dir = folder\n"
        "    def progress(self, *a): pass\n"
        "print(hashlib.sha256(HANDLERS[job.asset_type](job, Context()).path.read_bytes()).hexdigest())\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_importing_the_handlers_loads_no_heavy_library() -> None:
    code = "import sys, lorekeeper.generators; print(sorted({'typst', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_heading_at_the_start_of_the_text_is_taken_out_once() -> None:
    for given in (None, "THE LIFE AND DEATH OF SCYLD", "I. The Life and Death of Scyld."):
        passage = read_passage(VERSE, given)
        assert passage.heading == ["I.", "THE LIFE AND DEATH OF SCYLD."]
        assert passage.blocks[0].gloss


def test_given_heading_that_the_text_lacks_stands_above_the_whole_text() -> None:
    passage = read_passage("A line.\nAnother line.", "The Hall")
    assert passage.heading == ["The Hall"]
    assert [line.text for line in passage.blocks[0].lines] == ["A line.", "Another line."]


def test_verse_keeps_indents_and_numbers_apart_from_its_text() -> None:
    verse = read_passage(VERSE).blocks[1]
    assert not verse.filled
    assert (verse.lines[0].prefix, verse.lines[0].text[:3]) == (" " * 10, "Lo!")
    assert (verse.lines[4].prefix, verse.lines[4].text[:9]) == ("        5 ", "From many")
    assert verse.lines[7].prefix == "[3]    50 "


def test_hard_wrapped_prose_is_told_from_verse() -> None:
    prose = (
        "Scyld, their mighty king, in honor of whom they are often called\n"
        "Scyldings. He is the great-grandfather of Hrothgar, so prominent in the\n"
        "poem, and the father of the elder Beowulf, who is not the hero of it."
    )
    assert read_passage(prose).blocks[0].filled


@pytest.mark.parametrize("text", ["", "\n\n\n", " \t \n", "#", "IV."])
def test_odd_text_is_read_without_complaint(text: str) -> None:
    assert read_passage(text, None) is not None
    assert read_passage(text, "") is not None


def test_soften_breaks_only_what_no_line_can_hold() -> None:
    assert soften("a word of usual length") == "a word of usual length"
    assert soften("x" * 100).replace("\u200b", "") == "x" * 100
    assert "\u200b" in soften("x" * 100)
    assert soften("a\x00b\x07c\u202ed") == "abcd"


@pytest.mark.parametrize(
    ("asset_type", "code"), [(AssetTypeEnum.PDF, "nothing_to_typeset"), (AssetTypeEnum.IMAGE, "nothing_to_depict")]
)
def test_nothing_makes_nothing(asset_type: AssetTypeEnum, code: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        make(job(asset_type), tmp_path)
    assert refused.value.code == code
    assert not refused.value.retryable
