"""The SDK's calls against the server's own description of itself."""

import asyncio
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel

from lorekeeper.contracts.editing import LoreUpdate
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import AssetJobFail
from lorekeeper.contracts.lore import ClaimCreate
from lorekeeper.sdk import AsyncClient, Client, filters
from lorekeeper.sdk.operations import Group, Operation
from lorekeeper.sdk.transport import Transport

AN_ID = UUID(int=7)
A_NUMBER = 7
PAGE = {"skip", "limit", "cursor", "q"}
A_CLAIM = ClaimCreate(world_id=AN_ID, subject_entity_id=AN_ID, predicate="is", object_value="it")
EXAMPLES = {
    UUID: AN_ID,
    int: A_NUMBER,
    str: str(AN_ID),
    bool: True,
    AssetTypeEnum: AssetTypeEnum.MAP,
    ClaimCreate: A_CLAIM,
    AssetJobFail: AssetJobFail(error_code="e", error_message="m", lease_token=AN_ID),
}


@pytest.fixture(scope="module")
def paths(server):
    return httpx.get(f"{server.client.url}/openapi.json").raise_for_status().json()["paths"]


def operations(of: object, path: str = "") -> Iterator[tuple[str, Callable[..., Any], Operation[..., Any]]]:
    """Each that a client, or one of its groups, offers: where it stands, the method, and what it is made of."""
    for name, found in [(name, getattr(of, name)) for name in dir(of) if not name.startswith("_")]:
        if isinstance(found, Group):
            yield from operations(found, f"{path}{name}.")
        elif isinstance(operation := getattr(type(of), name, None), Operation):
            yield f"{path}{name}", found, operation
    if isinstance(operation := type(of).__dict__.get("__call__"), Operation):
        yield path.rstrip("."), of, operation


def required(function) -> dict[str, object]:
    """Something for each argument that it must be given."""
    kinds = get_type_hints(function)
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return {parameter.name: example(kinds[parameter.name]) for parameter in needed}


def example(kind):
    if isinstance(kind, TypeVar):
        return LoreUpdate()
    if kind in EXAMPLES:
        return EXAMPLES[kind]
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return kind.model_construct(**({"items": []} if "items" in kind.model_fields else {}))
    if get_origin(kind) is Sequence:
        return [example(get_args(kind)[0])]
    assert bytes in get_args(kind), f"no example of {kind}"
    return b""


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_operation_of_the_api_is_a_method_of_both_clients(paths, kind, monkeypatch):
    """Called for real, up to the moment when the request would go out."""
    sent = []

    async def note(self, call):
        sent.append(call)

    monkeypatch.setattr(Transport, "send", note)
    client = kind("http://127.0.0.1:9", "lk_key")
    methods = [partial(method, **required(operation.function)) for _, method, operation in operations(client)]
    for method in [*methods, client.system.is_ready]:
        outcome = method()
        if kind is AsyncClient:
            asyncio.run(outcome)

    offered = {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, item in paths.items() for method in item}
    assert {(call.method, re.sub(rf"(?<=/)({AN_ID}|{A_NUMBER})(?=/|$)", "{}", call.path)) for call in sent} == offered


def test_both_clients_offer_the_very_same():
    sync, awaited = Client("http://127.0.0.1:9", "k"), AsyncClient("http://127.0.0.1:9", "k")
    groups = {name for name, found in vars(sync).items() if isinstance(found, Group)}
    assert groups == {name for name, found in vars(awaited).items() if isinstance(found, Group)}
    assert all(type(getattr(sync, name)) is type(getattr(awaited, name)) for name in groups)
    for name in {name for name, found in inspect.getmembers(Client, callable) if name[0] != "_"} | {"__init__"}:
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name))


@pytest.mark.parametrize(
    ("path", "keywords"),
    [
        ("/worlds", filters.WorldFilters),
        ("/entities", filters.EntityFilters),
        ("/sources", filters.SourceFilters),
        ("/claims", filters.ClaimFilters),
        ("/search", filters.SearchFilters),
        ("/assets/asset-jobs", filters.JobFilters),
        ("/assets/assets", filters.AssetFilters),
        ("/prompt-schemas", filters.PromptSchemaFilters),
        ("/keys", filters.KeyFilters),
    ],
)
def test_every_filter_has_its_keyword(paths, path, keywords):
    taken = {parameter["name"] for parameter in paths[path]["get"]["parameters"] if parameter["in"] == "query"}
    assert set(get_type_hints(keywords)) == taken - PAGE
