"""Loaded by Schemathesis: puts ids that exist where a request has made-up ones, and tells what is no failure.

In one request of four the made-up ids stay: what does not exist has to be answered properly, too.
"""

import json
import os
import re
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData

SUPPLIES = json.loads(Path(os.environ["LOREKEEPER_SUPPLIES"]).read_text(encoding="utf-8"))
NEXT = {kind: cycle(items) for kind, items in SUPPLIES.items()}
PATHS = {
    "/worlds": "world",
    "/entities": "entity",
    "/sources": "source",
    "/source-chunks": "source_chunk",
    "/claims": "claim",
    "/keys": "key",
    "/prompt-schemas": "prompt_schema",
    "/assets/assets": "asset",
    "/assets/assets/multipart-upload": "multipart",
    "/assets/asset-jobs": "job",
}
FIELDS = {
    "author_ids": "entity",
    "subject_entity_id": "entity",
    "object_entity_id": "entity",
    "asserted_by_entity_id": "entity",
    "supersedes_claim_id": "claim",
    "upload_id": "multipart",
} | {
    f"{prefix}{kind}_{id}": kind
    for kind in ("world", "entity", "source", "source_chunk", "claim", "asset")
    for prefix in ("", "related_")
    for id in ("id", "ids")
}
OF_ITSELF = {"/worlds/import"}
"""The ids in a bundle are the bundle's own."""

RULES = [
    # What a schema could say only by composed schemas, which client generators make unusable types of.
    "give exactly one of object_entity_id and object_value",
    "providers go with the role worker",
    "char_start and char_end go together",
    "give text or chunks, not both",
    "give either text or chunks",
    "give a label, a sortable number, or both",
    "there is nothing in it to update",
    r"^body\.prompt_spec[.:]",  # what it is judged by, the schema in force decides
    # What two values are to each other: no schema can say it.
    "part_size_bytes makes more than 10000 parts",
    "a part_number is given twice",
    r"char_end - char_start must be the length of content",
    "valid_from lies after valid_to",
    "finished_at lies before started_at",
    "The Idempotency-Key header and idempotency_key in the body differ",
    r"the id \S+ is already that of",
    r"\S+ is no (entity|source|chunk|claim) of this bundle",
    r"must be the id of an? \w+, but is that of",
    r"the chunk \S+ is not of the source",
    r"the chunk_index \d+ is given twice",
    r"there is no chunk with the chunk_index",
    "the predicate is declared twice",
    r"is a (claim|entity|source|source chunk|world) in this world",
    "is a chunk of another source in this world",
    "supersedes itself",
    # What a value is to the present, or to what is stored.
    "start_by lies in the past",
    "started_at or finished_at lies in the future",
    "a job becomes SUCCEEDED by",
    "A QUEUED job has no times and no error yet",
    "that chunk belongs to another source than source_id",
    "the claim would supersede itself",
    "give the world's exact name to delete it",
    # What has no form in JSON Schema: in a pattern, white space is another set of characters in each language.
    "text holds nothing but white space",
    r"should have at least 1 character",
    # What PostgreSQL cannot store; a pattern at every text would say it.
    "must not contain the NUL character",
    # Of free JSON: the same at each depth.
    r"holds an integer beyond 2\^53",
    "holds NaN, an infinity or a number beyond",
    "is nested deeper than",
    "lies outside of the years 1 to 9999",
]
"""What a request that fits the schema may be refused for all the same."""

CODES = {
    "world_scope_violation": "what is referred to exists, in another world",
    "idempotency_key_reused": "the key came with another request before",
    "prompt_schema_invalid": "free JSON, but not a JSON Schema",
    "asset_gone": "an earlier request deleted it",
    "upload_not_issued": "a made-up storage key",
    "precondition_failed": "a made-up ETag",
    "upload_already_used": "an asset was made of it by an earlier request",
    "upload_incomplete": "its parts were never sent, or the ETags are made up",
    "upload_abandoned": "an earlier request aborted it",
    "payload_too_large": "as many items as the schema allows need not fit into as many bytes as the server is set to",
}
"""The same by the code of the problem."""

_RULES = re.compile("|".join(RULES))
_cases = count()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    if isinstance(case.body, dict) and case.path == "/assets/asset-jobs/claim":
        wait = case.body.get("wait_seconds")
        if isinstance(wait, int | float) and not isinstance(wait, bool) and 0 < wait <= 60:
            case.body = case.body | {"wait_seconds": 0.01}  # as long as a test can afford
    if _is_whole(case) and "If-Match" in (case.headers or {}) and next(_cases) % 4 != 3:
        case.headers["If-Match"] = "*"  # else hardly an edit would ever take place
    if case.path == "/keys/{id}" and re.fullmatch(r"[0-9A-Za-z]{8,32}", str(case.path_parameters["id"])):
        # Never one that a list has told of: it may be the key that this run, or another test, works with.
        case.path_parameters["id"] = next(NEXT["key"])
    if case.path == "/prompt-schemas" and isinstance(case.body, dict) and case.body.get("provider") is None:
        case.body = case.body | {"provider": "conformance"}  # one for any provider would judge other tests' prompts
    if case.path in OF_ITSELF or next(_cases) % 4 == 3:
        return
    job: dict[str, Any] = {}
    for name, value in case.path_parameters.items():
        kind = PATHS[case.path.split("/{")[0]]
        if _is_id(value) and kind == "job":
            job = next(NEXT["upload" if case.path.endswith("/complete") else "job"])
            case.path_parameters[name] = job["id"]
        elif _is_id(value):
            case.path_parameters[name] = next(NEXT[kind])
    if case.query:
        case.query = _with_real_ids(case.query)
    if isinstance(case.body, dict):
        body = _with_real_ids(_agreeing(case.body) if _is_whole(case) else case.body)
        if job.get("lease_token") and _is_id(body.get("lease_token")):
            body["lease_token"] = job["lease_token"]
        if job.get("file") and case.path.endswith("/complete") and _is_whole(case):
            body |= job["file"]
        if case.path == "/assets/assets" and _is_whole(case):
            body |= next(NEXT["import"])
        case.body = body


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case,
    response: schemathesis.Response,
) -> bool:
    """False for what is none. Nothing but the two checks of validity is ever judged here."""
    if isinstance(failure, RejectedPositiveData) and response.status_code in {410, 412, 413, 422}:
        told = response.json()
        errors = [f"{error['field']}: {error['message']}" for error in told.get("errors", [])] or [told["detail"]]
        return told["code"] not in CODES and not all(_RULES.search(message) for message in errors)
    # What is too long for the server is refused before anybody has looked whether it fits the schema.
    return not (isinstance(failure, AcceptedNegativeData) and response.status_code == 413)


def _with_real_ids(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _real(name, value) for name, value in fields.items()}


def _agreeing(body: dict[str, Any]) -> dict[str, Any]:
    """Without what contradicts another part of the same body, so that some requests succeed, too."""
    leave_out = set()
    if body.get("object_entity_id") is not None:
        leave_out.add("object_value")
    if body.get("chunks") is not None:
        leave_out.add("text")
    if "start_by" in body:
        leave_out.add("start_by")
    left = {name: value for name, value in body.items() if name not in leave_out}
    if isinstance(left.get("items"), list):
        left["items"] = [_agreeing(item) if isinstance(item, dict) else item for item in left["items"]]
    if isinstance(left.get("chunks"), list):
        left["chunks"] = [_without_offsets(chunk) for chunk in left["chunks"]]
    return left


def _without_offsets(chunk: Any) -> Any:
    if not isinstance(chunk, dict):
        return chunk
    return {name: value for name, value in chunk.items() if name not in {"char_start", "char_end"}}


def _real(name: str, value: Any) -> Any:
    if name == "references" and isinstance(value, dict):
        return _with_real_ids(value)
    if name == "items" and isinstance(value, list):
        return [_with_real_ids(item) if isinstance(item, dict) else item for item in value]
    if name not in FIELDS:
        return value
    if isinstance(value, list):
        return [_real(name, item) for item in value]
    return next(NEXT[FIELDS[name]]) if _is_id(value) else value


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_whole(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.check
def no_header_is_undeclared(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Beside those that belong to HTTP itself."""
    declared = case.operation.definition.raw["responses"].get(str(response.status_code))
    if declared is not None:
        named = {name.lower() for name in declared.get("headers", ())}
        of_http = {"content-type", "content-length", "date", "allow", "connection"}
        assert set(response.headers) - named - of_http == set()
