"""The input hash: when two requests are one (design section 5). Its values are promises, so some are frozen here."""

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.hashing import (
    canonical_json,
    canonicalize_prompt_spec,
    canonicalize_references,
    compute_content_basis,
    compute_input_hash,
    content_hash,
)
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import LoreSnapshot

VECTORS = json.loads((Path(__file__).parent / "hash-vectors.json").read_text(encoding="utf-8"))

MAX = 2**53 - 1
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX, MAX),
    st.floats(-1e15, 1e15, allow_nan=False).map(lambda number: number + 0.0),
    st.text(max_size=8),
)
SPECS = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)
IDS = st.lists(st.uuids(), max_size=6)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same JSON, its keys in another order, and its whole numbers written the other way."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(item, chance) for key, item in items}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def hash_of(request: dict[str, Any]) -> str:
    return compute_input_hash(
        world_id=UUID(request["world_id"]),
        asset_type=AssetTypeEnum(request["asset_type"]),
        provider=request["provider"],
        model_id=request["model_id"],
        prompt_spec=request["prompt_spec"],
        references=AssetJobReferences.model_validate(request["references"]),
        lore_snapshot=LoreSnapshot.model_validate(request["lore_snapshot"]),
    )


def basis_of(request: dict[str, Any]) -> str:
    return compute_content_basis(
        AssetJobReferences.model_validate(request["references"]),
        LoreSnapshot.model_validate(request["lore_snapshot"]),
    )


class TestFrozen:
    """Should one of these fail, every stored hash has become a lie: raise HASH_VERSION instead."""

    @pytest.mark.parametrize("vector", VECTORS["input_hashes"], ids=lambda vector: vector["name"])
    def test_input_hashes(self, vector: dict[str, Any]) -> None:
        assert hash_of(vector["request"]) == vector["input_hash"]
        assert basis_of(vector["request"]) == vector["content_basis"]

    @pytest.mark.parametrize("vector", VECTORS["canonical_json"])
    def test_canonical_json(self, vector: dict[str, Any]) -> None:
        for text in vector["written"]:
            assert canonical_json(json.loads(text)).decode() == vector["canonical"]
        assert content_hash(json.loads(vector["written"][0])) == vector["sha256"]

    def test_no_two_are_alike(self) -> None:
        hashes = [vector["input_hash"] for vector in VECTORS["input_hashes"]]

        assert len(hashes) == len(set(hashes)) >= 5


@given(spec=SPECS, chance=st.randoms(use_true_random=False))
def test_how_a_prompt_is_written_changes_nothing(spec: dict[str, Any], chance: random.Random) -> None:
    canonical = canonicalize_prompt_spec(spec)

    assert canonicalize_prompt_spec(shuffled(spec, chance)) == canonical
    assert canonicalize_prompt_spec(json.loads(json.dumps(spec, ensure_ascii=True))) == canonical
    assert canonicalize_prompt_spec(json.loads(canonical)) == canonical


@given(spec=SPECS, other=SPECS)
def test_what_a_prompt_says_changes_everything(spec: dict[str, Any], other: dict[str, Any]) -> None:
    def plain(value: Any) -> str:
        """Equal where the JSON is, by a way of its own: True is not 1, and 1.0 is."""
        if isinstance(value, dict):
            return f"{{{sorted((key, plain(item)) for key, item in value.items())}}}"
        if isinstance(value, list):
            return f"[{[plain(item) for item in value]}]"
        return repr(value if isinstance(value, bool | str) or value is None else float(value) or 0.0)

    assert (content_hash(spec) == content_hash(other)) is (plain(spec) == plain(other))


@given(ids=IDS, chance=st.randoms(use_true_random=False))
def test_the_order_of_references_and_repetitions_change_nothing(ids: list[UUID], chance: random.Random) -> None:
    again = [*ids, *ids]
    chance.shuffle(again)

    for field in ("claim_ids", "entity_ids", "source_chunk_ids", "asset_ids"):
        one = AssetJobReferences.model_validate({field: ids})
        other = AssetJobReferences.model_validate({field: [str(item).upper() for item in again]})
        assert canonicalize_references(one) == canonicalize_references(other)


@given(ids=st.lists(st.uuids(), min_size=1, max_size=4, unique=True))
def test_a_reference_counts_where_it_stands(ids: list[UUID]) -> None:
    fields = ("claim_ids", "entity_ids", "source_chunk_ids", "asset_ids")
    hashes = {
        content_hash(canonicalize_references(AssetJobReferences.model_validate({field: ids}))) for field in fields
    }

    assert len(hashes) == len(fields)


FULL = next(vector["request"] for vector in VECTORS["input_hashes"] if vector["name"] == "everything")
ID = "019a0000-0000-7000-8000-00000000ffff"


@pytest.mark.parametrize(
    ("path", "value", "of_the_lore"),
    [
        (("world_id",), ID, False),
        (("asset_type",), "MAP", False),
        (("provider",), "other", False),
        (("model_id",), None, False),
        (("prompt_spec", "title"), "Other", False),
        (("references", "claim_ids"), [], True),
        (("references", "source_id"), None, True),
        (("lore_snapshot", "entities", 0, "content_hash"), "0" * 64, True),
        (("lore_snapshot", "claims", 0, "content_hash"), "0" * 64, True),
        (("lore_snapshot", "claims", 0, "subject_name"), "Other", True),
        (("lore_snapshot", "source", "content_hash"), "0" * 64, True),
        (("lore_snapshot", "source_chunks", 0, "content_hash"), "0" * 64, True),
        (("lore_snapshot", "source_chunks", 0, "source_title"), "Other", True),
        (("lore_snapshot", "source_chunks", 0, "heading"), "II", True),
        (("lore_snapshot", "assets", 0, "checksum"), "0" * 64, True),
    ],
)
def test_a_change_of_meaning_changes_the_hash(path: tuple[Any, ...], value: Any, of_the_lore: bool) -> None:
    other = _with(FULL, path, value)

    assert hash_of(other) != hash_of(FULL)
    assert (basis_of(other) != basis_of(FULL)) is of_the_lore


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("lore_snapshot", "taken_at"), "2030-01-01T00:00:00Z"),
        (("lore_snapshot", "world", "name"), "Renamed"),
        (("lore_snapshot", "entities", 0, "version"), 9),
        (("lore_snapshot", "entities", 0, "updated_at"), "2030-01-01T00:00:00Z"),
        (("lore_snapshot", "source_chunks", 0, "chunk_index"), 9),
        (("lore_snapshot", "source_chunks", 0, "char_start"), 9),
    ],
)
def test_a_change_of_labels_does_not(path: tuple[Any, ...], value: Any) -> None:
    other = _with(FULL, path, value)

    assert hash_of(other) == hash_of(FULL)
    assert basis_of(other) == basis_of(FULL)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), 10**30])
def test_what_canonical_json_cannot_carry_is_refused(value: float) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json({"n": value})


def _with(request: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = deepcopy(request)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed
