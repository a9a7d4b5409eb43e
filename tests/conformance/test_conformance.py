"""What the running app answers is what its OpenAPI document declares: Schemathesis, all checks, as each role."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from factories.jobs import JOBS, File, claimed_job, finished_job, new_job, running_job, uploaded
from factories.lore import Made, World, fresh_name
from factories.uploads import MIB, LargeFile, begun, completed, sent
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role

HERE = Path(__file__).parent
SECONDS = 300
EACH = 8
"""How many jobs of each state a run has to act on."""


_IN_ONE_PART = LargeFile(size=17, part_size=5 * MIB)


def supplies(world: World) -> Made:
    """A world with lore, and jobs in every state: the ids that real_ids.py puts into the requests."""
    references = world.one_of_each()
    done = [finished_job(world, references=references) for _ in range(2)]
    jobs = [*done]
    for _ in range(EACH):
        jobs += [claimed_job(world, lease_seconds=3600), running_job(world)]
    uploads = [claimed_job(world, lease_seconds=3600) | {"file": uploaded(world, File())} for _ in range(EACH)]
    ended = running_job(world), new_job(world)
    jobs += [
        world.api.post(f"{JOBS}/{ended[0]['id']}/fail", {"error_code": "e"}),
        world.api.post(f"{JOBS}/{ended[1]['id']}/cancel"),
    ]
    jobs += [new_job(world) for _ in range(EACH)]
    return {
        "world": [world.id],
        "entity": [*_to_spare(world.entity), *references["entity_ids"]],
        "source": [*_to_spare(world.source), references["source_id"]],
        "source_chunk": [*_to_spare(world.chunk), *references["source_chunk_ids"]],
        "claim": [*_to_spare(world.claim), *references["claim_ids"]],
        "asset": [job["asset"]["id"] for job in done],
        "prompt_schema": [_retired_schema(world) for _ in range(EACH)],
        "key": [world.api.post("/keys", {"name": "k", "role": "reader"})["id"] for _ in range(EACH)] + ["00000000"],
        "job": [_held(job) for job in jobs],
        "upload": [_held(job) for job in [*uploads, *done]],
        "multipart": [make(world, _IN_ONE_PART)["upload_id"] for _ in range(EACH) for make in (begun, sent, completed)],
        "import": [{"world_id": world.id, "type": "IMAGE", **uploaded(world, File())} for _ in range(EACH)],
    }


def _to_spare(make: Callable[[], Made]) -> list[str]:
    """The run deletes some of them."""
    return [make()["id"] for _ in range(4 * EACH)]


def _retired_schema(world: World) -> str:
    """Out of force again: random prompts are to be judged by what is built in."""
    body = {"asset_type": "PDF", "provider": world.provider, "schema": {"title": fresh_name("Schema")}}
    made = world.api.post("/prompt-schemas", body)
    return world.api.ask("DELETE", f"/prompt-schemas/{made['id']}").json()["id"]


def _held(job: Made) -> Made:
    return {name: job.get(name) for name in ("id", "lease_token", "file")}


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role or "nobody")
def test_answers_are_as_declared(app: RunningApp, admin: Api, tmp_path: Path, role: Role | None) -> None:
    world = World.made(admin)
    file = tmp_path / "supplies.json"
    file.write_text(json.dumps(supplies(world)), encoding="utf-8")
    key = [] if role is None else ["--header", f"Authorization: Bearer {app.as_new_key(role).key}"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "--no-color"]

    run = subprocess.run(
        [*command, "run", f"{app.url}/openapi.json", *key],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE), "LOREKEEPER_SUPPLIES": str(file)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
