"""`lorekeeper jobs` and `lorekeeper assets` against a real server: tables to read, and JSON for programs."""

import hashlib
import json
import subprocess
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from harness.store_proxy import store_proxy
from real_commands import command, environment, is_one_sentence, lorekeeper, until
from rich.console import Console
from rich.text import Text

from lorekeeper.cli import assets, idends, jobs, terminal, watching
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobComplete,
    AssetJobFail,
    AssetJobHeartbeat,
    JobProgressUpdate,
)
from lorekeeper.storage.store import StoreAddress


@pytest.fixture
def provider():
    return f"studio-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def take(client, provider):
    def take():
        (job,) = client.jobs.claim(AssetJobClaim(worker_id="w1", providers=[provider])).jobs
        return job

    return take


@pytest.fixture
def finish(client, tmp_path):
    """Hands in a file for a claimed job; answers its bytes."""

    def finish(job):
        file = tmp_path / "plate.png"
        file.write_bytes(uuid.uuid4().bytes)
        up = client.assets.upload(file, world_id=job.world_id, asset_type=job.asset_type, content_type="image/png")
        done = AssetJobComplete(
            storage_key=up.storage_key, format="png", content_type="image/png", size_bytes=up.size_bytes,
            checksum=up.checksum, lease_token=job.lease_token,
        )  # fmt: skip
        return client.jobs.complete(job.id, done).asset, file.read_bytes()

    return finish


def run(server, *arguments):
    return lorekeeper(*arguments, "--data-dir", server.data_dir)


def lines(done):
    assert (done.status, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def test_jobs_are_listed_newest_first_by_what_is_asked(server, world, ask, provider):
    first, second = ask("One", provider=provider), ask("Two", provider=provider, asset_type="MAP")

    listed = lines(run(server, "jobs", "list", "--world", world.name))
    maps = lines(run(server, "jobs", "list", "--world", world.id, "--type", "map", "--status", "queued"))
    one = lines(run(server, "jobs", "list", "--provider", provider, "--limit", 1))

    assert [job["id"] for job in listed] == [str(second.id), str(first.id)]
    assert [job["id"] for job in maps] == [job["id"] for job in one] == [str(second.id)]


def test_a_job_is_cancelled_and_asked_for_again(server, ask, provider):
    job = ask(provider=provider)

    (cancelled,) = lines(run(server, "jobs", "cancel", job.id))
    (again,) = lines(run(server, "jobs", "retry", job.id))

    assert cancelled["status"] == "CANCELLED"
    assert (again["status"], again["prompt_spec"]) == ("QUEUED", job.prompt_spec)
    assert again["id"] != str(job.id)
    refused = run(server, "jobs", "retry", again["id"])
    assert (refused.status, refused.out) == (1, "")
    assert "QUEUED" in refused.err


def test_watch_tells_each_change_and_ends_with_the_job(server, client, ask, provider, take, finish, tmp_path):
    job = ask(provider=provider)
    told = tmp_path / "told"
    with told.open("wb") as out:
        watching = subprocess_of("jobs", "watch", job.id, "--data-dir", server.data_dir, out=out)
        until(lambda: b"QUEUED" in told.read_bytes())
        claimed = take()
        beat = AssetJobHeartbeat(lease_token=claimed.lease_token, progress=JobProgressUpdate(percent=40))
        client.jobs.heartbeat(job.id, beat)
        until(lambda: b'"percent": 40' in told.read_bytes())
        asset, _ = finish(claimed)

        assert watching.wait(30) == 0
    last = json.loads(told.read_text().splitlines()[-1])
    assert (last["status"], last["asset"]["id"]) == ("SUCCEEDED", str(asset.id))


def test_watch_fails_with_a_failed_job_and_with_one_that_takes_too_long(server, client, ask, provider, take):
    failed, slow = ask("One", provider=provider), ask("Two", provider=provider)
    claimed = take()
    assert claimed.id == failed.id
    client.jobs.fail(failed.id, AssetJobFail(error_code="no_ink", lease_token=claimed.lease_token))

    assert run(server, "jobs", "watch", failed.id).status == 1
    late = run(server, "jobs", "watch", slow.id, failed.id, slow.id, "--timeout", 0.2)
    assert [json.loads(line)["id"] for line in late.out.splitlines()] == [str(slow.id), str(failed.id)]
    assert (late.status, late.err) == (1, "Error: 1 of 2 jobs are not over after 0.2 s.\n")


def test_watch_without_patience_looks_once(server, ask, provider, take, finish):
    job = ask(provider=provider)
    finish(take())

    (seen,) = lines(run(server, "jobs", "watch", str(job.id)[-8:], "--timeout", 0))

    assert (seen["id"], seen["status"]) == (str(job.id), "SUCCEEDED")


def test_watch_says_once_that_the_server_is_away(server, ask, provider, monkeypatch, capsys):
    job, looks = ask(provider=provider), []

    def behave(asked, forward):
        looks.append(asked)
        if 2 < len(looks) < 9:  # two rounds of three tries
            return None
        if len(looks) == 9:
            server.client.jobs.cancel(job.id)
        return forward()

    monkeypatch.setattr(watching, "SILENCE_SECONDS", 0.0)
    monkeypatch.setenv("LOREKEEPER_API_KEY", server.key)
    with store_proxy(StoreAddress("", "", "", "", endpoint_url=server.client.url)) as wire:
        wire.behave = behave
        monkeypatch.setenv("LOREKEEPER_URL", wire.address.endpoint_url)
        with pytest.raises(typer.Exit):
            watching.watch([str(job.id)])

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("event") or line["status"] for line in told] == ["QUEUED", "unreachable", "CANCELLED"]


def test_an_end_of_an_id_that_says_too_little_is_refused(server, client, ask):
    ask()
    for end in ("fffffff", "0" * 12, "auntie"):
        with pytest.raises(terminal.CommandError, match=end):
            idends.id_of(end, client.jobs.iterate(), "job")
    alike = [SimpleNamespace(id=uuid.UUID(int=high << 100 | 7)) for high in (1, 2)]
    with pytest.raises(terminal.CommandError, match="2 jobs"):
        idends.id_of("00000007", alike, "job")


def test_a_file_is_downloaded_under_its_name_and_checked(server, world, ask, provider, take, finish, tmp_path):
    ask(provider=provider)
    asset, data = finish(take())

    (listed,) = lines(run(server, "assets", "list", "--world", world.name, "--type", "image"))
    (shown,) = lines(run(server, "assets", "show", asset.id))
    (fetched,) = lines(run(server, "assets", "download", asset.id, "--out", tmp_path / "file"))

    assert listed["id"] == shown["id"] == fetched["asset_id"] == str(asset.id)
    assert (tmp_path / "file").read_bytes() == data
    assert hashlib.sha256(data).hexdigest() == listed["checksum"]
    (tmp_path / "folder").mkdir()
    (kept,) = lines(run(server, "assets", "download", asset.id, "--out", tmp_path / "folder"))
    assert Path(kept["path"]).read_bytes() == data
    assert kept["path"].endswith("/auntie.png")


def test_a_file_is_replaced_only_with_force(server, ask, provider, take, finish, tmp_path):
    ask(provider=provider)
    asset, data = finish(take())
    file = tmp_path / "mine.png"
    file.write_bytes(b"my own")
    download = ("assets", "download", asset.id, "--out")

    refused = run(server, *download, file)
    assert (refused.status, refused.out, file.read_bytes()) == (1, "", b"my own")
    assert is_one_sentence(refused.err)
    assert "--force" in refused.err
    assert not lines(run(server, *download, file, "--force"))[0]["already_there"]
    assert file.read_bytes() == data
    nowhere = run(server, *download, tmp_path / "none" / "mine.png")
    assert (nowhere.status, nowhere.err) == (1, f"Error: There is no folder {tmp_path / 'none'}.\n")
    assert not (tmp_path / "none").exists()


def test_several_files_of_one_name_are_all_kept(server, ask, provider, take, finish, tmp_path):
    made = []
    for title in ("Auntie!", "Auntie?"):
        ask(title, provider=provider)
        made.append(finish(take()))
    download = ("assets", "download", *(asset.id for asset, _ in made), "--out", tmp_path / "new")

    kept, again = lines(run(server, *download)), lines(run(server, *download))

    ids = [str(asset.id) for asset, _ in made]
    assert [Path(one["path"]).read_bytes() for one in kept] == [data for _, data in made]
    assert [Path(one["path"]).name for one in kept] == ["auntie.png", f"auntie-{ids[1][-8:]}.png"]
    assert [one["path"] for one in again] == [one["path"] for one in kept]
    assert [one["already_there"] for one in kept + again] == [False, False, True, True]


def test_assets_are_found_by_what_they_were_made_from(server, entity, ask, provider, take, finish):
    ask(provider=provider)
    asset, _ = finish(take())

    assert [one["id"] for one in lines(run(server, "assets", "list", "--entity", entity.id))] == [str(asset.id)]
    assert lines(run(server, "assets", "list", "--entity", uuid.uuid4())) == []


@pytest.mark.parametrize("width", [40, 60, 100])
def test_on_a_terminal_there_are_tables_and_no_markup(
    server, client, world, ask, provider, take, finish, monkeypatch, width
):
    job = ask("[bold]Auntie[/] at home, in her harbour, with all of her many friends", provider=provider)
    claimed = take()
    told = JobProgressUpdate(percent=40, message="half way")
    client.jobs.heartbeat(job.id, AssetJobHeartbeat(lease_token=claimed.lease_token, progress=told))
    asset, _ = finish(claimed)
    console = Console(
        force_terminal=True,
        color_system="standard",
        theme=terminal._THEME,
        highlight=False,
        width=width,
        legacy_windows=False,
    )
    monkeypatch.setattr(jobs, "out", console)
    monkeypatch.setattr(assets, "out", console)

    with console.capture() as listed:
        jobs.list_jobs(world=str(world.id), limit=10, data_dir=server.data_dir)
    assert all(told in listed.get() for told in (str(job.id)[-12:], "IMAGE", provider, "SUCC"))
    assert str(job.id) not in listed.get()
    assert all(len(Text.from_ansi(line)) <= width for line in listed.get().splitlines())
    with console.capture() as shown:
        jobs.show(str(job.id)[-8:], data_dir=server.data_dir)
        assets.list_assets(world=str(world.id), limit=10, data_dir=server.data_dir)
        assets.show(f"…{str(asset.id)[-8:]}", data_dir=server.data_dir)

    text = shown.get()
    assert str(job.id) in text
    assert str(asset.id) in text
    assert "[bold]Auntie[/] at home" in text
    assert "attempt 1 of 3" in text
    assert "half way" not in text
    assert "plate.png" in text


def test_what_is_not_there_is_said_in_one_sentence(server):
    done = run(server, "jobs", "show", uuid.uuid4())

    assert done.status == 1
    assert done.err.startswith("Error: There is no job ")


def subprocess_of(*arguments, out):
    return subprocess.Popen(command(*arguments), stdout=out, stderr=subprocess.STDOUT, env=environment())
