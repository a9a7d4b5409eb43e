"""What the SDK offers, and what it must not bring along."""

import inspect
import re
import subprocess
import sys
from typing import get_type_hints

import pytest

import lorekeeper.sdk
from lorekeeper.contracts.assets import AssetListFilter
from lorekeeper.contracts.errors import LoreKeeperError, Problem, UploadMismatchError
from lorekeeper.contracts.jobs import AssetJobListFilter
from lorekeeper.sdk import errors
from lorekeeper.sdk.filters import AssetFilters, JobFilters

SERVER_PACKAGES = {
    "fastapi",
    "starlette",
    "uvicorn",
    "psycopg",
    "alembic",
    "aiobotocore",
    "pydantic_settings",
    "structlog",
}


def test_all_is_exact_and_sorted():
    public = {
        name for name, value in vars(lorekeeper.sdk).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(lorekeeper.sdk.__all__)
    assert lorekeeper.sdk.__all__ == sorted(lorekeeper.sdk.__all__)


def test_every_error_is_exported():
    classes = {name for name, value in vars(errors).items() if _is_error(value) and not name.startswith("_")}
    assert classes <= set(lorekeeper.sdk.__all__)


def test_the_sdk_loads_nothing_of_the_server():
    code = "import sys, lorekeeper.sdk; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not SERVER_PACKAGES & {name.partition(".")[0] for name in loaded}
    ours = {name.split(".")[1] for name in loaded if name.startswith("lorekeeper.")}
    assert ours == {"sdk", "contracts", "places"}


def test_the_client_commands_load_nothing_of_the_server():
    code = "import sys, lorekeeper.cli.main; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not SERVER_PACKAGES & {name.partition(".")[0] for name in loaded}


@pytest.mark.parametrize(("filters", "model"), [(AssetFilters, AssetListFilter), (JobFilters, AssetJobListFilter)])
def test_filters_are_the_contracts(filters, model):
    assert set(get_type_hints(filters)) == set(model.model_fields)


def _is_error(value):
    return inspect.isclass(value) and issubclass(value, errors.SdkError)


def _codes():
    kinds = [LoreKeeperError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind is UploadMismatchError:
            yield from ((kind, code) for code in UploadMismatchError.CODES)
        elif kind is not LoreKeeperError:
            yield kind, kind.code


@pytest.mark.parametrize(("kind", "code"), [pytest.param(kind, code, id=code) for kind, code in _codes()])
def test_every_code_of_the_contracts_has_its_exception(kind, code):
    problem = Problem(type="about:blank", title="t", status=kind.status, detail="why", code=code, request_id="r1")
    error = errors.api_error(problem)
    assert type(error) is errors.BY_CODE[code]
    assert (error.status, error.code, error.detail, str(error), error.request_id) == (
        kind.status,
        code,
        "why",
        "why",
        "r1",
    )
    # What is a kind of something on the server is so here too.
    parents = {parent.code for parent in kind.__mro__[1:] if parent.__dict__.get("code") in errors.BY_CODE}
    assert all(isinstance(error, errors.BY_CODE[parent]) for parent in parents if kind is not UploadMismatchError)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.BadRequestError),
        (401, errors.UnauthorizedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (422, errors.ValidationFailedError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (503, errors.UnavailableError),
    ],
)
def test_a_code_of_a_newer_server_is_placed_by_its_status(status, expected):
    problem = Problem(type="about:blank", title="t", status=status, detail="why", code="from_the_future", ids=["a"])
    error = errors.api_error(problem)
    assert type(error) is expected
    assert error.extra == {"ids": ["a"]}


def test_the_tree_at_the_top_is_the_tree():
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([│ ├└─]*)(\w+Error)\b", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    real = {
        name: value.__mro__[1].__name__
        for name, value in vars(errors).items()
        if _is_error(value) and not name.startswith("_")
    }
    assert drawn == real
