"""The SDK's calls against the server's own description of itself."""

import inspect
import re
from typing import TypeVar, get_type_hints
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel

from lorekeeper.contracts.editing import LoreUpdate
from lorekeeper.sdk import filters
from lorekeeper.sdk.calls import assets, canon, core, editing, jobs, keys, lore, prompts, search, system

AN_ID = UUID(int=7)
A_NUMBER = 7
PAGE = {"skip", "limit", "cursor", "q"}


@pytest.fixture(scope="module")
def paths(server):
    return httpx.get(f"{server.client.url}/openapi.json").raise_for_status().json()["paths"]


def calls():
    """Each call that the SDK can make, with whatever arguments."""
    for module in (lore, editing, canon, jobs, assets, search, prompts, keys, system):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_") and function is not editing.if_match:
                yield called(function)
    for kind in (editing.WORLDS, editing.ENTITIES, editing.SOURCES, editing.CHUNKS, editing.CLAIMS):
        for name, function in inspect.getmembers(kind, inspect.ismethod):
            if not name.startswith("_") and (kind, name) != (editing.WORLDS, "delete"):  # it takes a name, see above
                yield called(function)


def called(function):
    return function(*(argument(kind) for name, kind in get_type_hints(function).items() if name != "return"))


def argument(kind):
    if kind is UUID:
        return AN_ID
    if kind is int:
        return A_NUMBER
    if kind is str:
        return str(AN_ID)
    if isinstance(kind, TypeVar):
        return LoreUpdate()
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return kind.model_construct()
    return {} if kind == core.Params else None


def test_every_operation_of_the_api_has_its_call(paths):
    offered = {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, item in paths.items() for method in item}
    assert {
        (call.method, re.sub(rf"(?<=/)({AN_ID}|{A_NUMBER})(?=/|$)", "{}", call.path)) for call in calls()
    } == offered


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
