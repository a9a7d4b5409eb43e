"""The world bundle: what it refuses, in which words, and that its schema, its page and the sample world agree."""

import copy
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema_rs import Draft202012Validator, meta

from lorekeeper.contracts import bundle as bundle_module
from lorekeeper.contracts.bundle import (
    BUNDLE_FORMAT,
    BUNDLE_VERSION,
    BundleError,
    WorldBundle,
    bundle_json_schema,
    parse_bundle,
    remapped,
)
from lorekeeper.contracts.enums import CanonState
from lorekeeper.lore.chunking import cut
from lorekeeper.samples import sample_world

ROOT = Path(__file__).parents[2]
ADA, BERYL, DIARY, PAGE, FIRST = (str(UUID(int=number)) for number in range(1, 6))
NOBODY = str(UUID(int=99))


def _document() -> dict[str, Any]:
    return {
        "format": BUNDLE_FORMAT,
        "version": BUNDLE_VERSION,
        "world": {"name": "A world"},
        "entities": [{"id": ADA, "name": "Ada"}, {"id": BERYL, "name": "Beryl"}, {"name": "Nobody points at me"}],
        "sources": [
            {
                "id": DIARY,
                "title": "Diary",
                "author_ids": [ADA],
                "chunks": [
                    {"chunk_index": 1, "content": "Rain.", "char_start": 7, "char_end": 12},
                    {"id": PAGE, "chunk_index": 0, "content": "No sun"},
                ],
            },
            {"title": "Blank book"},
        ],
        "claims": [
            {"id": FIRST, "subject_entity_id": ADA, "predicate": "knows", "object_entity_id": BERYL},
            {
                "subject_entity_id": ADA,
                "predicate": "fears",
                "object_value": "rain",
                "source_id": DIARY,
                "source_chunk_id": PAGE,
                "asserted_by_entity_id": BERYL,
                "supersedes_claim_id": FIRST,
            },
        ],
    }


def _problems(document: dict[str, Any]) -> list[str]:
    with pytest.raises(BundleError) as caught:
        parse_bundle(json.dumps(document))
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_a_good_bundle_is_counted() -> None:
    bundle = parse_bundle(json.dumps(_document()))
    assert bundle.pieces() == (3, 2, 2, 2)
    assert bundle.pieces().chunks == 2


def _drop_object(document: dict[str, Any]) -> None:
    del document["claims"][0]["object_entity_id"]


def _object_twice(document: dict[str, Any]) -> None:
    document["claims"][0]["object_value"] = "someone"


def _same_id(document: dict[str, Any]) -> None:
    document["entities"][2]["id"] = BERYL


def _unknown_subject(document: dict[str, Any]) -> None:
    document["claims"][1]["subject_entity_id"] = NOBODY


def _chunk_as_subject(document: dict[str, Any]) -> None:
    document["claims"][1]["subject_entity_id"] = PAGE


def _unknown_author(document: dict[str, Any]) -> None:
    document["sources"][1]["author_ids"] = [NOBODY]


def _chunk_of_another_source(document: dict[str, Any]) -> None:
    document["sources"][1]["id"] = document["claims"][1]["source_id"] = NOBODY


def _index_twice(document: dict[str, Any]) -> None:
    document["sources"][0]["chunks"][0]["chunk_index"] = 0


def _index_gap(document: dict[str, Any]) -> None:
    document["sources"][0]["chunks"][0]["chunk_index"] = 3


def _wrong_offsets(document: dict[str, Any]) -> None:
    document["sources"][0]["chunks"][0]["char_end"] = 13


def _half_offsets(document: dict[str, Any]) -> None:
    del document["sources"][0]["chunks"][0]["char_end"]


def _supersedes_itself(document: dict[str, Any]) -> None:
    document["claims"][0]["supersedes_claim_id"] = FIRST


def _supersession_cycle(document: dict[str, Any]) -> None:
    document["claims"][1]["id"] = document["claims"][0]["supersedes_claim_id"] = NOBODY


def _backward_time(document: dict[str, Any]) -> None:
    document["claims"][0] |= {"valid_from": {"sort": 2}, "valid_to": {"sort": 1}}


def _typing_error(document: dict[str, Any]) -> None:
    document["entities"][0]["sumary"] = "…"


def _later_version(document: dict[str, Any]) -> None:
    document["version"] = 2


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_drop_object, "claims[0]: give exactly one of object_entity_id and object_value"),
        (_object_twice, "claims[0]: give exactly one of object_entity_id and object_value"),
        (_same_id, f"entities[2]: the id {BERYL} is already that of entities[1]"),
        (_unknown_subject, f"claims[1].subject_entity_id: {NOBODY} is no entity of this bundle"),
        (
            _chunk_as_subject,
            f"claims[1].subject_entity_id: {PAGE} must be the id of an entity, but is that of sources[0].chunks[1]",
        ),
        (_unknown_author, f"sources[1].author_ids: {NOBODY} is no entity of this bundle"),
        (_chunk_of_another_source, f"claims[1]: the chunk {PAGE} is not of the source {NOBODY}"),
        (_index_twice, "sources[0]: the chunk_index 0 is given twice"),
        (_index_gap, "sources[0]: there is no chunk with the chunk_index 1, but there is one with 3"),
        (_wrong_offsets, "sources[0].chunks[0]: char_end - char_start must be the length of content in code points"),
        (_half_offsets, "sources[0].chunks[0]: char_start and char_end go together"),
        (_supersedes_itself, "claims[0]: supersedes itself, directly or over the claims that it supersedes"),
        (_supersession_cycle, "claims[0]: supersedes itself, directly or over the claims that it supersedes"),
        (_backward_time, "claims[0]: valid_from lies after valid_to"),
        (_typing_error, "entities[0].sumary: Extra inputs are not permitted"),
        (_later_version, "version: Input should be 1"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(spoil: Callable[[dict[str, Any]], None], sentence: str) -> None:
    document = _document()
    spoil(document)
    assert _problems(document) == [sentence]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '"bundle"', '{"format": "something else"}', b"\xff\xfe{}"])
def test_what_is_no_bundle_at_all_is_refused(text: str | bytes) -> None:
    with pytest.raises(BundleError) as caught:
        parse_bundle(text)
    assert caught.value.problems


def test_problems_are_listed_to_twenty() -> None:
    document = _document()
    document["claims"] = [{"subject_entity_id": NOBODY, "predicate": "is", "object_value": "lost"}] * 20
    assert len(_problems(document)) == 20
    document["claims"] *= 2
    assert _problems(document)[20:] == ["… and more"]


def test_a_long_chain_of_supersession_is_no_cycle() -> None:
    document = _document()
    ids = [str(uuid4()) for _ in range(5000)]
    document["claims"] = [
        {"id": own, "subject_entity_id": ADA, "predicate": "is", "object_value": "old", "supersedes_claim_id": earlier}
        for own, earlier in zip(ids, [*ids[1:], None], strict=True)
    ]
    assert parse_bundle(json.dumps(document)).pieces().claims == 5000
    document["claims"][-1]["supersedes_claim_id"] = ids[2500]
    assert len(_problems(document)) == 1


def test_remapped_gives_every_piece_a_fresh_id_and_rewires() -> None:
    before = sample_world()
    untouched = copy.deepcopy(before)
    after = remapped(before, uuid4)
    assert before == untouched
    assert not _ids(before) & _ids(after)
    assert len(_ids(after)) == 1 + sum(after.pieces())
    assert _by_name(after) == _by_name(before)
    WorldBundle.model_validate_json(after.model_dump_json())


def test_remapped_gives_ids_where_there_were_none() -> None:
    assert len(_ids(remapped(parse_bundle(json.dumps(_document())), uuid4))) == 10


def _ids(bundle: WorldBundle) -> set[UUID]:
    return {piece.id for _, _, piece in bundle_module._all_pieces(bundle) if piece.id}


def _by_name(bundle: WorldBundle) -> list[list[Any]]:
    """Every claim with its references spelt out, so that ids play no part."""
    names = {entity.id: entity.name for entity in bundle.entities}
    names |= {source.id: source.title for source in bundle.sources}
    names |= {chunk.id: chunk.content for source in bundle.sources for chunk in source.chunks}
    names |= {claim.id: claim.predicate for claim in bundle.claims}
    return [
        [names[value] if isinstance(value, UUID) else value for name, value in claim if name != "id"]
        for claim in bundle.claims
    ] + [[names[author] for author in source.author_ids] for source in bundle.sources]


def test_ten_thousand_entities_parse_quickly() -> None:
    document = _document()
    ids = [str(uuid4()) for _ in range(10_000)]
    document["entities"] += [{"id": own, "type": "PERSON", "name": "Someone", "summary": "…" * 200} for own in ids]
    document["sources"][1]["chunks"] = [{"chunk_index": at, "content": "word " * 200} for at in range(20_000)]
    document["claims"] += [
        {"subject_entity_id": ids[at % 10_000], "predicate": "knows", "object_entity_id": ids[at // 3]}
        for at in range(30_000)
    ]
    text = json.dumps(document)
    started = time.process_time()
    assert parse_bundle(text).pieces() == (10_003, 2, 20_002, 30_002)
    assert time.process_time() - started < 5


def test_the_published_schema_is_the_models() -> None:
    """The file is `bundle_json_schema()` as JSON, indented by two, in UTF-8, with a line end at its end."""
    published = ROOT / "lorekeeper" / "contracts" / "world-bundle.schema.json"
    wanted = json.dumps(bundle_json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert published.read_text(encoding="utf-8") == wanted
    meta.validate(bundle_json_schema())


def test_the_example_of_the_page_is_a_bundle() -> None:
    page = (ROOT / "docs" / "world-bundle.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert parse_bundle(example).pieces() == (2, 1, 2, 2)
    Draft202012Validator(bundle_json_schema()).validate(json.loads(example))


def test_the_sample_world_is_a_world() -> None:
    world = sample_world()
    assert world.world.name == "The Long Ebb"
    assert all(id.version == 7 for id in _ids(world))
    assert len(_ids(world)) == 1 + sum(world.pieces())
    assert len({entity.type for entity in world.entities}) >= 8
    assert {CanonState.STRICT, CanonState.MYTHIC, CanonState.APOCRYPHAL, CanonState.DRAFT} <= {
        claim.canon_state for claim in world.claims
    }
    assert any(claim.supersedes_claim_id for claim in world.claims)
    Draft202012Validator(bundle_json_schema()).validate(json.loads(world.model_dump_json(exclude_none=True)))


def test_the_sample_sources_are_cut_as_an_import_would_cut_them() -> None:
    for source in sample_world().sources:
        text = ""
        for chunk in source.chunks:
            assert chunk.char_start is not None
            text = text.ljust(chunk.char_start, "\n") + chunk.content
        found = [(chunk.content, chunk.char_start, chunk.heading) for chunk in cut(text)]
        assert found == [(chunk.content, chunk.char_start, chunk.metadata["heading"]) for chunk in source.chunks]
