"""`try_handler`: a handler is tried without a server, and judged as the worker would."""

import asyncio
import math
import uuid
from pathlib import Path

import pytest

from lorekeeper.sdk import JobCancelled, JobError, MadeFile
from lorekeeper.sdk.testing import InputFile, try_handler

CALLED_OFF: list[str] = []


def order(job, context):
    """As against a remote provider: order once, remember, poll, and call off what is no more wanted."""
    ordered = context.provider_job_id or f"order-{job.attempt}"
    try:
        if context.provider_job_id is None:
            context.remember_provider_job(ordered)
        for percent in (20, 150):
            context.progress(percent, "painting")
    except JobCancelled as stop:
        assert not stop.lease_lost
        CALLED_OFF.append(ordered)
        raise
    path = context.work_dir / "plate.png"
    path.write_text("".join(one.name for one in job.derivation.lore_snapshot.entities) + job.input_hash)
    return MadeFile(path, "png", "image/png", metadata={"width": 1})


async def order_async(job, context):
    await context.remember_provider_job("order-1")
    await asyncio.sleep(0)
    context.check()
    return await asyncio.to_thread(order, job, context)


def tried(handler=order, **more):
    return try_handler(handler, **{"asset_type": "IMAGE", "prompt_spec": {"style": "ink"}, **more})


@pytest.mark.parametrize("handler", [order, order_async])
def test_what_a_handler_made_and_said(handler):
    done = tried(handler, entities=["Auntie"], claims=[("Auntie", "eats", "rope")], chunks=["The tide went out."])
    assert done.error is None
    assert done.made is not None
    assert done.made.path.read_text() == "Auntie" + done.job.input_hash
    assert [(one.percent, one.stage) for one in done.progress] == [(20, "painting"), (100, "painting")]
    assert done.provider_job_id == "order-1"
    lore = done.job.derivation.lore_snapshot
    assert (lore.claims[0].sentence, lore.source_chunks[0].content) == ("Auntie — eats — rope", "The tide went out.")


def test_the_same_lore_is_the_same_job_and_other_lore_another():
    assert tried(entities=["A"]).job.input_hash == tried(entities=["A"]).job.input_hash
    assert tried(entities=["A"]).job.input_hash != tried(entities=["B"]).job.input_hash


def test_a_later_attempt_goes_on_with_what_was_ordered():
    assert tried(attempt=2, provider_job_id="order-1").provider_job_id == "order-1"


def test_what_is_said_of_progress_never_costs_the_work():
    def says(job, context):
        context.progress(math.nan, "s" * 300, "m\x00" * 3000)
        context.progress(140, " ", "")
        return order(job, context)

    done = tried(says)
    assert done.error is None
    first, second, *_ = done.progress
    assert (first.percent, first.stage, first.message) == (None, "s" * 100, "m" * 1000)
    assert (second.percent, second.stage, second.message) == (100, None, None)


@pytest.mark.parametrize("words", [0, 1, 2])
def test_a_cancelled_job_stops_its_handler_at_its_next_word(words):
    CALLED_OFF.clear()
    done = tried(cancel_after=words)
    assert done.cancelled
    assert (done.made, CALLED_OFF) == (None, ["order-1"])
    assert len(done.progress) == max(words - 1, 0)
    # What was ordered is on record all the same.
    assert done.provider_job_id == "order-1"


def test_a_handler_that_does_not_listen_makes_its_file_and_that_is_a_late_result():
    def deaf(job, context):
        return MadeFile(_file(context), "png", "image/png")

    assert tried(deaf, cancel_after=0).made is not None


def _file(context) -> Path:
    path = context.work_dir / "plate.png"
    path.write_bytes(b"x")
    return path


def raising(error):
    def handler(job, context):
        raise error

    return handler


def test_errors_are_those_that_the_worker_would_report():
    mine = JobError("busy", "Busy.", retryable=True, provider_job_over=True)
    done = tried(raising(mine), provider_job_id="order-1")
    assert (done.error, done.provider_job_id) == (mine, None)

    crashed = tried(raising(ZeroDivisionError("by nought"))).error
    assert isinstance(crashed, JobError)
    assert (crashed.code, str(crashed), crashed.retryable) == ("handler_crashed", "ZeroDivisionError: by nought", True)
    assert isinstance(crashed.__cause__, ZeroDivisionError)

    assert tried(raising(JobCancelled("of my own"))).error.code == "handler_stopped"
    assert tried(raising(SystemExit(3))).error.code == "handler_crashed"
    assert tried(lambda job, context: None).error.code == "handler_made_nothing"
    assert tried(lambda job, context: MadeFile(context.work_dir / "no", "png", "image/png")).error.retryable
    for wrong_id in ("", "x" * 501, 7):
        unfit = tried(lambda job, context, wrong_id=wrong_id: context.remember_provider_job(wrong_id)).error
        assert (unfit.code, unfit.retryable) == ("provider_job_id_invalid", False)
    wrong = tried(lambda job, context: MadeFile(_file(context), "P N G", "image/png")).error
    assert wrong.code == "handler_made_invalid_file"
    assert "format" in str(wrong)


def test_a_handler_that_takes_too_long():
    async def slow(job, context):
        await asyncio.sleep(60)

    assert tried(slow, timeout_seconds=0.05).error.code == "handler_timed_out"


def test_assets_that_the_job_refers_to(tmp_path):
    plate, film = tmp_path / "plate.png", tmp_path / "film.bin"
    plate.write_bytes(b"a plate")
    ids = {name: uuid.uuid4() for name in ("plate", "film", "gone")}

    def read(job, context):
        assert context.input_asset(ids["plate"]).read_bytes() == b"a plate"
        assert context.input_asset(ids["plate"]).is_relative_to(context.work_dir)
        assert {one.type for one in job.derivation.lore_snapshot.assets} == {"IMAGE", "VIDEO"}
        context.input_asset(ids[job.prompt_spec["read"]])
        return MadeFile(_file(context), "png", "image/png")

    film.write_bytes(b"a film")
    files = {
        ids["plate"]: plate,
        ids["film"]: InputFile(film, "VIDEO", duration_seconds=3),
        ids["gone"]: tmp_path / "gone.png",
    }
    assert tried(read, prompt_spec={"read": "film"}, assets=files).error is None
    assert tried(read, prompt_spec={"read": "gone"}, assets=files).error.code == "input_asset_missing"
    files[uuid.uuid4()] = files.pop(ids["film"])
    assert tried(read, prompt_spec={"read": "film"}, assets=files).error.code == "input_asset_not_referenced"
    with pytest.raises(ValueError, match="which type"):
        tried(read, assets={uuid.uuid4(): film})
