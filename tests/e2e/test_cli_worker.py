"""`lorekeeper worker`, the command, against a real server."""

import hashlib
import json
import signal
import subprocess

import pytest
from real_commands import command, environment, is_one_sentence, lorekeeper

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.generators import HANDLERS


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_it_makes_what_is_there_and_says_so_in_json_lines(server, client, world, ask, tmp_path):
    job = ask()
    done = lorekeeper("worker", "--once", "--world", world.id, "--data-dir", server.data_dir)
    assert (done.status, done.err) == (0, "")
    told = events(done.out)
    kinds = [event["event"] for event in told]
    assert kinds[:2] == ["started", "claimed"]
    assert "progress" in kinds
    assert kinds[-1] == "succeeded"
    assert all(event["job_id"] == str(job.id) for event in told[1:])
    made = client.jobs.get(job.id)
    assert made.status == Status.SUCCEEDED
    assert told[-1]["asset_id"] == str(made.asset.id)
    path = client.assets.download(made.asset.id, tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == made.asset.checksum == told[-1]["checksum"]


def test_nothing_to_do_is_fine(server, world):
    done = lorekeeper("worker", "--once", "--world", world.id, "--data-dir", server.data_dir)
    assert done.status == 0
    assert [event["event"] for event in events(done.out)] == ["started"]


def test_only_the_type_asked_for_is_taken(server, client, world, ask):
    image, book = ask(asset_type="IMAGE"), ask(asset_type="PDF")
    done = lorekeeper("worker", "--once", "--type", "pdf", "--world", world.id, "--data-dir", server.data_dir)
    assert done.status == 0
    assert client.jobs.get(book.id).status == Status.SUCCEEDED
    assert client.jobs.get(image.id).status == Status.QUEUED


def test_a_job_that_fails_for_good_is_told_by_the_exit_status(server, client, world, ask):
    job = ask(asset_type="PDF", max_attempts=1)
    bad = client.jobs.create(
        AssetJobCreate(
            world_id=world.id,
            asset_type="PDF",
            provider="local",
            prompt_spec={"page_size": "no-such-paper"},
            references=job.derivation.references,
        )
    )
    done = lorekeeper("worker", "--once", "--world", world.id, "--data-dir", server.data_dir)
    assert done.status == 1
    assert client.jobs.get(bad.id).error_code == "unknown_page_size"


def test_another_provider_is_refused_in_a_sentence(server):
    done = lorekeeper("worker", "--provider", "runway", "--once", "--data-dir", server.data_dir)
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert "lorekeeper.sdk.Worker" in done.err


def test_a_type_nobody_here_makes_is_refused_in_a_sentence(server):
    for kind in set(AssetTypeEnum) - set(HANDLERS):
        done = lorekeeper("worker", "--type", kind.lower(), "--once", "--data-dir", server.data_dir)
        assert done.status == 1
        assert is_one_sentence(done.err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_waiting_worker_at_once(server, world, number):
    process = subprocess.Popen(
        command("worker", "--world", world.id, "--data-dir", server.data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert '"started"' in process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_worker_whose_output_nobody_reads_finishes_and_ends(server, client, world, ask):
    jobs = [ask(f"Auntie {number}", asset_type="PDF") for number in range(2)]
    process = subprocess.Popen(
        command("worker", "--world", world.id, "--data-dir", server.data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert '"started"' in process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    ended = [client.jobs.get(job.id) for job in jobs]
    assert {job.status for job in ended} <= {Status.SUCCEEDED, Status.QUEUED}
    assert all(job.error_code is None for job in ended)
