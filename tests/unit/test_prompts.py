"""Prompts and their schemas without a server: what can be put in force, what it may cost, what it says of a prompt."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.errors import PromptSchemaInvalidError
from lorekeeper.contracts.prompt_schemas import MAX_SCHEMA_BYTES, PromptSchemaCreate
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.prompts.acceptance import validate_prompt_schema
from lorekeeper.prompts.judging import MAX_STEPS, STEPS_TO_LIST_ALL, Judge, built_in_complaints
from lorekeeper.prompts.weighing import DIALECT, MAX_CHAIN, MAX_WEIGHT, weigh

Json = dict[str, Any]
GOOD_PROMPTS: dict[str, Json] = {
    "VIDEO": {"description": "d", "duration": 1.5, "aspect_ratio": "16:9", "quality": "high", "style": "s"},
    "AUDIO": {"lyrics": "l", "style": "dirge", "duration": 30, "tempo": 60},
    "IMAGE": {"description": "d", "title": "t", "aspect_ratio": "3:4"},
    "MAP": {"title": "t"},
    "PDF": {"title": "t", "page_size": "a5", "author": "a"},
}


def refused(schema: Json) -> list[dict[str, str]]:
    with pytest.raises(PromptSchemaInvalidError) as refusal:
        validate_prompt_schema(schema)
    errors: list[dict[str, str]] = refusal.value.extra["errors"]
    assert refusal.value.detail == f"{errors[0]['field']}: {errors[0]['message']}"
    return errors


def doubling(levels: int) -> Json:
    """Each level refers to the next one twice, for one and the same value."""
    steps: Json = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": steps | {f"a{levels}": {"type": "object"}}}


def chain(links: int) -> Json:
    steps: Json = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(links)}
    return {"$ref": "#/$defs/a0", "$defs": steps | {f"a{links}": {"type": "object"}}}


def closed(levels: int) -> Json:
    """What is unevaluated is found out by judging all beneath anew: at each level again."""
    schema: Json = {"properties": {"z": True}}
    for n in range(levels):
        schema = {"anyOf": [schema], "properties": {f"p{n}": True}, "unevaluatedProperties": False}
    return schema


class TestTheBuiltInSchemas:
    @pytest.mark.parametrize("asset_type", AssetTypeEnum)
    def test_take_what_they_describe_and_a_providers_own_settings(self, asset_type: AssetTypeEnum) -> None:
        spec = GOOD_PROMPTS[asset_type] | {"seed": 7, "own": {"a": [1, None]}}

        assert built_in_complaints(asset_type, spec) == []

    @pytest.mark.parametrize(
        ("asset_type", "field", "value"),
        [
            ("VIDEO", "description", ""),
            ("VIDEO", "duration", 0),
            ("VIDEO", "duration", 1e9),
            ("VIDEO", "aspect_ratio", "0:9"),
            ("AUDIO", "tempo", 0),
            ("AUDIO", "lyrics", 5),
            ("IMAGE", "aspect_ratio", "wide"),
            ("MAP", "title", " "),
            ("PDF", "page_size", ""),
        ],
    )
    def test_name_the_field_that_is_wrong(self, asset_type: str, field: str, value: Any) -> None:
        (error,) = built_in_complaints(AssetTypeEnum(asset_type), GOOD_PROMPTS[asset_type] | {field: value})

        assert error["field"] == f"body.prompt_spec.{field}"
        assert error["message"]
        assert error["type"]

    @pytest.mark.parametrize("asset_type", AssetTypeEnum)
    def test_could_be_put_in_force_by_an_operator(self, asset_type: AssetTypeEnum) -> None:
        schema = PROMPT_SPECS[asset_type].model_json_schema()

        validate_prompt_schema(schema)
        assert Judge.of(schema).complaints(GOOD_PROMPTS[asset_type]) == []


class TestWhatCanBePutInForce:
    @pytest.mark.parametrize(
        "schema",
        [
            {},
            {"$schema": DIALECT, "$id": "https://example.org/prompt", "type": "object"},
            {"properties": {"child": {"$ref": "#"}}},
            {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#/$defs/t"}}}}},
            {"properties": {"a": {"$ref": "#name"}, "b": {"$anchor": "name", "type": "string"}}},
            {"properties": {"a": {"$ref": "#/$defs/a~1b%20c"}}, "$defs": {"a/b c": {"type": "string"}}},
            {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "pattern": {"enum": ["("]}}},
            {"oneOf": [{"required": ["a"]}, {"$ref": "#/oneOf/0"}]},
            {"patternProperties": {r"^x-\w{1,20}$": {"pattern": r"^[\p{L} ]{1,80}$"}}},
            {"additionalProperties": {"maximum": 9_007_199_254_740_991}},
            doubling(5),
            closed(3),
            chain(MAX_CHAIN - 1),
        ],
    )  # fmt: skip
    def test_is_what_ends_and_stays_inside(self, schema: Json) -> None:
        validate_prompt_schema(schema)

        Judge.of(schema).complaints({"a": {"l": {"r": 1}}, "b": "c"})

    @pytest.mark.parametrize(
        ("schema", "where"),
        [
            ({"type": "objekt"}, "type"),
            ({"properties": {"a": {"minLength": -1}}}, "properties.a.minLength"),
            ({"allOf": []}, "allOf"),
            ({"required": "a"}, "required"),
            ({"properties": {"a": {"pattern": "("}}}, "properties.a.pattern"),
            ({"properties": {"a": {"pattern": "(?=a)b"}}}, "properties.a.pattern"),
            ({"properties": {"a": {"pattern": r"(a)\1"}}}, "properties.a.pattern"),
            ({"patternProperties": {"(": {}}}, "patternProperties.("),
            ({"pattern": r"(?:\p{L}{0,30}){0,30}"}, "pattern"),
            ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
            ({"$schema": 5}, "$schema"),
            ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "properties.a.$schema"),
            ({"properties": {"a": {"$id": "b"}}}, "properties.a.$id"),
            ({"$dynamicRef": "#a"}, "$dynamicRef"),
            ({"properties": {"a": {"$ref": "http://127.0.0.1/a"}}}, "properties.a.$ref"),
            ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "properties.a.$ref"),
            ({"properties": {"a": {"$ref": DIALECT}}}, "properties.a.$ref"),
            ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "properties.a.$ref"),
            ({"properties": {"a": {"$ref": "#nobody"}}}, "properties.a.$ref"),
            ({"allOf": [True], "not": {"$ref": "#/allOf/1"}}, "not.$ref"),
            ({"$ref": "#/examples/0", "examples": ["a"]}, "$ref"),
            ({"$ref": "#/examples/0", "examples": [{"type": "objekt"}]}, "examples.0.type"),
            ({"properties": {"a": {"default": 2**53}}}, ""),
            ({"properties": {"a": {"const": "\x00"}}}, ""),
            ({"description": "x" * MAX_SCHEMA_BYTES}, ""),
        ],
    )
    def test_is_nothing_else_and_the_refusal_says_where(self, schema: Json, where: str) -> None:
        assert refused(schema)[0]["field"] == ".".join(["body.schema", *([where] if where else [])])

    def test_is_not_nested_deeper_than_any_json_here(self) -> None:
        schema: Json = {}
        for _ in range(33):
            schema = {"not": schema}

        assert "nested deeper" in refused(schema)[0]["message"]

    @pytest.mark.parametrize(
        "schema",
        [
            {"$ref": "#"},
            {"allOf": [{"$ref": "#"}]},
            {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"if": {"$ref": "#/$defs/a"}}}},
            {"properties": {"a": {"dependentSchemas": {"b": {"$ref": "#/properties/a"}}}}},
            {"properties": {"a": {"$anchor": "x", "$ref": "#x"}}},
        ],
    )
    def test_does_not_lead_back_to_itself_for_the_same_value(self, schema: Json) -> None:
        assert "without end" in refused(schema)[0]["message"]

    @pytest.mark.parametrize(
        "schema",
        [
            doubling(20),
            closed(10),
            {"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 2},
            {"items": {"enum": [{"n": n} for n in range(MAX_WEIGHT // 2)]}},
        ],
        ids=["at one value", "unevaluated", "at each level", "an enum"],
    )
    def test_costs_no_more_than_a_prompt_may(self, schema: Json) -> None:
        assert "costs too much" in refused(schema)[0]["message"]

    def test_is_no_longer_a_chain_than_the_judge_can_follow(self) -> None:
        assert "lead to one another" in refused(chain(500))[0]["message"]

    def test_weighs_no_more_for_having_many_properties(self) -> None:
        one, many = ({"properties": {f"p{n}": {"type": "string"} for n in range(names)}} for names in (1, 100))

        assert weigh(many) - weigh(one) == 99  # looking them up; what they say is said of one value each


KEYWORDS = (
    *("$ref", "$defs", "$anchor", "$schema", "$id", "allOf", "anyOf", "not", "if", "dependencies", "required", "enum"),
    *("properties", "patternProperties", "unevaluatedProperties", "items", "prefixItems", "pattern", "a"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["#", "#/allOf/0", "a", "object", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
OBJECTS = JSON.filter(lambda value: isinstance(value, dict))


@given(schema=OBJECTS, prompt=OBJECTS)
def test_whatever_is_sent_is_refused_or_can_be_judged_by(schema: Json, prompt: Json) -> None:
    try:
        validate_prompt_schema(schema)
    except PromptSchemaInvalidError:
        return

    judge = Judge.of(schema)
    assert (judge.complaints(prompt) == []) is judge.validator.is_valid(prompt)


class TestWhatASchemaSaysOfAPrompt:
    def test_names_each_field_the_keyword_and_no_value(self) -> None:
        schema = {
            "required": ["voice"],
            "properties": {"voice": {"enum": ["a", "b"]}, "speed": {"minimum": 0.5, "maximum": 2}},
            "additionalProperties": False,
        }

        told = Judge.of(schema).complaints({"speed": 7, "secret": "s3cret"})

        assert {(error["field"], error["type"]) for error in told} == {
            ("body.prompt_spec.voice", "required"),
            ("body.prompt_spec.speed", "maximum"),
            ("body.prompt_spec", "additionalProperties"),
        }
        assert "s3cret" not in str(told)

    def test_is_cut_short_where_there_is_much_of_it(self) -> None:
        judge = Judge.of({"additionalProperties": {"type": "string"}})

        assert len(judge.complaints({str(n): n for n in range(200)})) == 50
        assert len(judge.complaints({str(n): n for n in range(STEPS_TO_LIST_ALL)})) == 1
        (error,) = Judge.of({"not": {}, "title": "x"}).complaints({"a": "b" * 5000})
        assert len(error["message"]) < 600

    def test_a_format_is_a_remark_and_no_rule(self) -> None:
        """As draft 2020-12 has it."""
        assert Judge.of({"properties": {"a": {"format": "uri"}}}).complaints({"a": "no uri"}) == []

    @pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(.*a){20}$", r"^(\w+\s?)*$"])
    def test_no_pattern_runs_away(self, pattern: str) -> None:
        judge = Judge.of({"properties": {"a": {"pattern": pattern}}})
        started = time.perf_counter()

        told = judge.complaints({"a": "a" * 200_000 + "!"})

        assert time.perf_counter() - started < 5  # by backtracking: longer than the world has stood
        assert [error["type"] for error in told] in ([], ["pattern"])

    def test_more_text_or_more_values_than_can_be_judged_are_too_much(self) -> None:
        judge = Judge.of({"properties": {"a": {"items": {"enum": [{"n": n} for n in range(2000)]}}}})

        for prompt in ({"a": "x" * 20_000}, {"a": [{"n": 1}] * 5000}):
            (error,) = judge.complaints(prompt)
            assert error["type"] == "too_large"
        assert judge.complaints({"a": [{"n": 1}] * 100}) == []

    def test_many_allowed_words_make_no_prompt_too_large(self) -> None:
        judge = Judge.of({"properties": {"a": {"items": {"enum": [f"v{n}" for n in range(5000)]}}}})

        assert judge.complaints({"a": ["v1"] * 5000, "b": "x" * 200_000}) == []

    @pytest.mark.parametrize(
        "schema",
        [
            {"additionalProperties": {"allOf": [{"pattern": rf"[\p{{L}} ]{{{n}}}!"} for n in range(60, 80)]}},
            {"additionalProperties": {"pattern": "[a-q][^u-z]{1000}!"}},
            {"additionalProperties": {"pattern": "(?:.*a.{500}!)+"}},
            {"additionalProperties": doubling(8), "$defs": doubling(8)["$defs"]},
        ],
        ids=["letters", "a counted class", "counted anything", "doubling"],
    )
    def test_the_longest_text_that_is_judged_does_not_take_long(self, schema: Json) -> None:
        validate_prompt_schema(schema)
        judge = Judge.of(schema)
        length = 9 * MAX_STEPS // judge.weight
        prompt = {"a": ("aé日ж ab" * (length // 7 + 1))[:length]}
        started = time.perf_counter()

        told = judge.complaints(prompt)

        assert time.perf_counter() - started < 5  # some tenths of a second, but for a loud machine
        assert "too_large" not in {error["type"] for error in told}

    @pytest.mark.parametrize(
        ("schema", "value"),
        [
            ({"enum": [{"a": n} for n in range(2400)]}, {"a": 2399}),
            ({"enum": [n + 0.5 for n in range(390)]}, 389.5),
            ({"enum": [*range(2500), *map(str, range(2000))]}, "1999"),
            ({"minimum": 0.5, "maximum": 1.5, "multipleOf": 0.5}, 1.0),
            ({"required": [f"k{n}" for n in range(3000)]}, {}),
            (closed(5), {"z": 1, "p1": 1}),
            (doubling(10) | {"title": "d"}, {}),
        ],
        ids=["objects", "fractions", "words and numbers", "bounds", "required", "unevaluated", "doubling"],
    )
    def test_the_most_values_that_are_judged_do_not_take_long(self, schema: Json, value: Any) -> None:
        schema = {"additionalProperties": {"items": schema}, "$defs": schema.get("$defs", {})}
        validate_prompt_schema(schema)
        judge = Judge.of(schema)
        prompt = {"a": [value] * (MAX_STEPS // judge.weight // 4)}
        started = time.perf_counter()

        told = judge.complaints(prompt)

        assert time.perf_counter() - started < 5  # some tenths of a second, but for a loud machine
        assert "too_large" not in {error["type"] for error in told}


def test_a_null_in_a_schema_is_sent_as_it_is() -> None:
    """The SDK leaves out fields that are null; what is inside a schema is none."""
    body = PromptSchemaCreate(asset_type=AssetTypeEnum.PDF, schema={"properties": {"a": {"const": None}}})

    assert '{"const":null}' in body.model_dump_json(exclude_none=True)
