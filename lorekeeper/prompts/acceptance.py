"""Whether an operator's JSON Schema can be judged by: all that can be known before the first prompt."""

import json
from typing import Any

import jsonschema_rs
from pydantic import TypeAdapter
from pydantic import ValidationError as ModelError

from lorekeeper.contracts.base import JsonObject
from lorekeeper.contracts.errors import PromptSchemaInvalidError
from lorekeeper.contracts.prompt_schemas import MAX_SCHEMA_BYTES
from lorekeeper.kit.fielderrors import FieldError, field_error, field_errors, summary
from lorekeeper.prompts.judging import compiled
from lorekeeper.prompts.weighing import DIALECT, Flaw, Path, weigh

WITHIN: Path = ("body", "schema")
_JSON: TypeAdapter[dict[str, Any]] = TypeAdapter(JsonObject)


def validate_prompt_schema(schema: dict[str, Any]) -> None:
    """Raises `PromptSchemaInvalidError`, which says where in the schema and why."""
    errors = _complaints(schema)
    if errors:
        raise PromptSchemaInvalidError(summary(errors), errors=errors)


def _complaints(schema: dict[str, Any]) -> list[FieldError]:
    try:
        _examine(schema)
    except ModelError as error:
        return field_errors(error.errors(include_url=False, include_context=False, include_input=False), *WITHIN)
    except Flaw as flaw:
        return [field_error((*WITHIN, *flaw.path), flaw.message, flaw.keyword)]
    except jsonschema_rs.ValidationError as error:
        return [field_error((*WITHIN, *error.instance_path), _message(error), error.kind.name or "schema")]
    except RecursionError:
        return [field_error(WITHIN, "is too deeply entangled to be read", "$ref")]
    return []


def _examine(schema: dict[str, Any]) -> None:
    _JSON.validate_python(schema)
    size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_SCHEMA_BYTES:
        raise Flaw((), f"has {size} bytes as JSON; {MAX_SCHEMA_BYTES} are the most", "too_long")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise Flaw(("$schema",), f"must be {DIALECT}, or left out", "$schema")
    jsonschema_rs.meta.validate(schema)
    weigh(schema)  # before it is compiled: it bounds how deep the compiler has to go
    compiled(schema)


def _message(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Format) and kind.format == "regex":
        return (
            "is not a regular expression that is taken here: ECMA 262 without look-around and back-references, "
            "so that no text can make it run for long"
        )
    return error.message
