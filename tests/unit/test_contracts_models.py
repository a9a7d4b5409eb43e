"""The contracts by themselves: what requests may say, how times are written, and that nothing is said twice."""

import inspect
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from lorekeeper.contracts import (
    assets,
    base,
    bundle,
    enums,
    errors,
    jobs,
    lore,
    prompt_schemas,
    prompts,
    references,
    s3,
    snapshot,
)
from lorekeeper.contracts.base import JsonObject, Label, Name, Request, Text, Timestamp, format_time
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.prompts import PROMPT_SPECS

MODULES = (assets, base, bundle, jobs, lore, prompt_schemas, prompts, references, s3, snapshot)
MODELS = [
    model
    for module in MODULES
    for _, model in inspect.getmembers(module, inspect.isclass)
    if issubclass(model, BaseModel) and model.__module__ == module.__name__
]
TIME = TypeAdapter(Timestamp)
JSON = TypeAdapter(JsonObject)
ERRORS = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.LoreKeeperError)]
GOOD_PROMPTS = {
    "VIDEO": {"description": "d", "duration": 1.5, "aspect_ratio": "16:9", "quality": "high", "style": "s"},
    "AUDIO": {"lyrics": "l", "style": "dirge", "duration": 30, "tempo": 60},
    "IMAGE": {"description": "d", "title": "t", "aspect_ratio": "3:4"},
    "MAP": {"title": "t"},
    "PDF": {"title": "t", "page_size": "a5", "author": "a"},
}


class TestTimes:
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_are_written_in_utc_with_microseconds_and_read_back(self, moment: datetime) -> None:
        text = format_time(moment)

        assert len(text) == len("2026-11-22T06:04:00.123456Z")
        assert TIME.validate_python(text) == moment

    @given(st.datetimes().filter(lambda moment: 1 < moment.year < 9999), st.integers(-14 * 60, 14 * 60))
    def test_are_the_same_moment_from_any_zone(self, naive: datetime, minutes: int) -> None:
        moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))

        assert TIME.validate_python(moment.isoformat()) == moment
        assert TIME.validate_python(moment.isoformat()).tzinfo is UTC

    @given(st.datetimes(), st.datetimes())
    def test_sort_as_text_as_they_do_as_times(self, one: datetime, other: datetime) -> None:
        one, other = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)

        assert (format_time(one) < format_time(other)) is (one < other)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "soon", "2026-13-01"])
    def test_that_there_are_not_are_refused(self, text: str) -> None:
        with pytest.raises(ValidationError):
            TIME.validate_python(text)


class TestText:
    @pytest.mark.parametrize("kind", [Text, Name, Label])
    @pytest.mark.parametrize("text", ["a\x00", "\ud800", "\udfff tail"])
    def test_that_cannot_be_stored_is_refused(self, kind: Any, text: str) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(text)

    @pytest.mark.parametrize("kind", [Name, Label])
    @pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000"])
    def test_of_a_name_is_more_than_white_space(self, kind: Any, text: str) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(text)

    def test_of_a_name_loses_the_white_space_around_it(self) -> None:
        assert TypeAdapter(Name).validate_python("  Mára \n") == "Mára"


class TestJson:
    @pytest.mark.parametrize(
        "value",
        [
            {"n": float("nan")},
            {"n": float("-inf")},
            {"n": 2**53},
            {"n": -(2**53)},
            {"n": 1e300},
            {"n": [{"m": "\x00"}]},
            {"\x00": 1},
            {"\ud800": 1},
        ],
    )
    def test_without_a_canonical_form_is_refused(self, value: Any) -> None:
        with pytest.raises(ValidationError):
            JSON.validate_python(value)

    def test_may_be_deep_but_not_too_deep(self) -> None:
        def nested(levels: int) -> Any:
            value: Any = 1
            for _ in range(levels):
                value = [value]
            return {"n": value}

        JSON.validate_python(nested(base.MAX_JSON_DEPTH - 1))
        with pytest.raises(ValidationError):
            JSON.validate_python(nested(base.MAX_JSON_DEPTH + 1))


@pytest.mark.parametrize("model", [model for model in MODELS if issubclass(model, Request)], ids=lambda m: m.__name__)
def test_a_request_refuses_a_field_that_it_does_not_know(model: type[Request]) -> None:
    if model is assets.AssetMetadata:  # made to be extended
        return
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"no_such_field": 1})

    assert any(error["type"] == "extra_forbidden" for error in refused.value.errors())


@pytest.mark.parametrize(
    "name",
    [
        "AssetCreate", "AssetResponse", "AssetMetadata", "AssetJobCreate", "AssetJobUpdate", "AssetJobResponse",
        "AssetJobFullResponse", "PromptSpec", "VideoPromptSpec", "AudioPromptSpec", "AssetDerivationResponse",
        "AssetJobReferences", "LoreSnapshot", "AssetListFilter", "AssetJobListFilter", "PaginatedAssetResponse",
        "PaginatedAssetJobResponse", "PresignedDownloadResponse", "PresignedUploadResponse", "PresignedUploadRequest",
    ],
)  # fmt: skip
def test_the_models_of_the_specification_are_there(name: str) -> None:
    assert name in {model.__name__ for model in MODELS}


@pytest.mark.parametrize("name", ["AssetTypeEnum", "AssetStatusEnum", "AssetJobStatusEnum"])
def test_an_enum_is_spelled_as_it_is_called(name: str) -> None:
    members = getattr(enums, name)

    assert all(member.name == member.value for member in members)


class TestErrors:
    def test_have_a_code_of_their_own(self) -> None:
        codes = [code for cls in ERRORS for code in cls.codes()]

        assert len(codes) == len(set(codes))

    @pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
    def test_become_a_problem(self, cls: type[errors.LoreKeeperError]) -> None:
        error = cls("a_code", "What.", more=1) if cls is errors.UploadMismatchError else cls("What.", more=1)

        problem = errors.Problem.model_validate(error.problem("r-1"))

        assert (problem.status, problem.detail, problem.request_id) == (cls.status, "What.", "r-1")
        assert problem.type == f"urn:lorekeeper:problem:{problem.code}"
        assert problem.model_extra == {"more": 1}
        assert str(error) == "What."


class TestPrompts:
    def test_there_is_a_schema_for_every_type(self) -> None:
        assert set(PROMPT_SPECS) == set(enums.AssetTypeEnum)

    @pytest.mark.parametrize("asset_type", GOOD_PROMPTS)
    def test_a_job_keeps_its_prompt_as_sent(self, asset_type: str) -> None:
        """Which schema judges it, the server knows."""
        spec = GOOD_PROMPTS[asset_type] | {"seed": 7, "own": {"a": [1, None]}, "title": ""}
        asked = {"world_id": UUID(int=1), "asset_type": asset_type, "provider": "p", "prompt_spec": spec}

        assert AssetJobCreate.model_validate(asked).prompt_spec == spec
