"""A worker for Muse, an imaginary provider of pictures over HTTP. It pays for each picture once, whatever dies."""

import os
import time

import httpx

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.sdk import Client, JobContext, JobError, MadeFile, Worker

worker = Worker(Client.from_environment(), concurrency=8)
muse = httpx.Client(base_url=os.environ["MUSE_URL"], headers={"X-Muse-Key": os.environ["MUSE_KEY"]})


@worker.handler("IMAGE", provider="muse", timeout_seconds=3600)
def paint(job: ClaimedJob, context: JobContext) -> MadeFile:
    order = context.provider_job_id
    if order is None:
        wanted = {"style": job.prompt_spec.get("style"), "of": [e.name for e in job.derivation.lore_snapshot.entities]}
        answer = muse.post("/orders", json=wanted, headers={"Idempotency-Key": str(job.id)}).raise_for_status()
        order = answer.json()["id"]
        context.remember_provider_job(order)
    while (state := muse.get(f"/orders/{order}").raise_for_status().json())["status"] == "painting":
        context.progress(state["percent"], "painting")
        time.sleep(state["ask_again_in"])
    if state["status"] == "failed":
        busy = state["reason"] == "overloaded"
        raise JobError(f"muse_{state['reason']}", state["message"], retryable=busy, provider_job_over=True)
    picture = context.work_dir / "picture.png"
    picture.write_bytes(muse.get(f"/orders/{order}/file").raise_for_status().content)
    return MadeFile(picture, "png", "image/png", metadata={"model": state["model"]})


if __name__ == "__main__":
    worker.run()
