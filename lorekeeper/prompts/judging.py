"""Judging prompts: by the built-in models, or by an operator's JSON Schema.

jsonschema-rs judges by an operator's schema. Its regular expressions run in time linear in the text (they have no
look-around and no back-references), it fetches nothing, and the schema's weight bounds beforehand what a prompt costs:
a text that is refused costs nobody else's request more than a moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind
from pydantic import ValidationError as ModelError

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.kit.fielderrors import MOST_ERRORS, FieldError, field_error, field_errors
from lorekeeper.prompts.weighing import Path, weigh

CHARACTERS_A_VALUE = 10
"""So much text counts as a value more."""

MAX_STEPS = 2_000_000
"""The most that weight times size may come to; some tenths of a second of judging at the worst."""

STEPS_TO_LIST_ALL = 20_000
"""Up to here each complaint is listed; beyond, the first one: there could be one for each step."""

WITHIN: Path = ("body", "prompt_spec")


def built_in_complaints(asset_type: AssetTypeEnum, prompt: dict[str, Any]) -> list[FieldError]:
    """What the built-in schema has to say against a prompt."""
    try:
        PROMPT_SPECS[asset_type].model_validate(prompt)
    except ModelError as error:
        return field_errors(error.errors(include_url=False, include_context=False, include_input=False), *WITHIN)
    return []


def compiled(schema: dict[str, Any]) -> Draft202012Validator:
    """Raises `jsonschema_rs.ValidationError` for what cannot be judged by, such as a broken regular expression."""
    return Draft202012Validator(
        schema, offline=True, validate_formats=False, pattern_options=RegexOptions(), mask="the value"
    )


@dataclass(frozen=True)
class Judge:
    """An operator's schema, ready to judge by."""

    validator: Draft202012Validator
    weight: int

    @classmethod
    def of(cls, schema: dict[str, Any]) -> "Judge":
        """Raises `Flaw` or `jsonschema_rs.ValidationError` for a schema that should not have been accepted."""
        return cls(compiled(schema), weigh(schema))

    def complaints(self, prompt: dict[str, Any]) -> list[FieldError]:
        """What the schema has to say against a prompt."""
        values, characters = _size(prompt)
        steps = self.weight * (values + characters // CHARACTERS_A_VALUE)
        if steps > MAX_STEPS:
            told = f"is too large to be held against its schema: {values} values, {characters} characters"
            return [field_error(WITHIN, told, "too_large")]
        try:
            return [] if self.validator.is_valid(prompt) else self._told(prompt, steps)
        except (RecursionError, ValueError) as error:
            return [field_error(WITHIN, f"cannot be held against its schema: {error}", "unjudgeable")]

    def _told(self, prompt: dict[str, Any], steps: int) -> list[FieldError]:
        if steps <= STEPS_TO_LIST_ALL:
            return _as_fields(self.validator.iter_errors(prompt))
        try:
            self.validator.validate(prompt)
        except ValidationError as error:
            return _as_fields([error])
        return []


def _as_fields(errors: Iterable[ValidationError]) -> list[FieldError]:
    return [
        field_error((*WITHIN, *error.instance_path, *_missing(error)), error.message, error.kind.name)
        for error in islice(errors, MOST_ERRORS)
    ]


def _missing(error: ValidationError) -> Path:
    """A property that is required and not there is complained of at its own place, as the built-in models do."""
    kind = error.kind
    return (kind.property,) if isinstance(kind, ValidationErrorKind.Required) else ()


def _size(value: Any) -> tuple[int, int]:
    """How many values there are in a prompt, and how many characters of text."""
    if isinstance(value, str):
        return 1, len(value)
    if not isinstance(value, dict | list):
        return 1, 0
    sizes = [_size(part) for part in (value.values() if isinstance(value, dict) else value)]
    names = sum(map(len, value)) if isinstance(value, dict) else 0
    return 1 + sum(size[0] for size in sizes), names + sum(size[1] for size in sizes)
