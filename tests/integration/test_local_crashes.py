"""The embedded engines when something is killed: they, their owner, or both halfway. The real programs run."""

import logging
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.local_stack import Owner, engine_processes, eventually, read, remove_sockets, write

from lorekeeper.local import LocalEngineError, LocalStack, engine


def test_a_killed_owner_leaves_no_engine_and_loses_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    owner = Owner(data_dir)
    try:
        first = owner.addresses()
        with pytest.raises(LocalEngineError, match=rf"process {owner.process.pid}, since 2.* http://127.0.0.1:8000\)"):
            LocalStack(data_dir).start()
        os.killpg(owner.process.pid, signal.SIGINT)  # Ctrl-C in a terminal goes to the whole group
        for number in range(20):
            write(first, f"{number:02}")
        assert set(engine_processes(data_dir)) == {"postgres", "weed"}
    finally:
        owner.kill()
    with LocalStack(data_dir) as second:  # at once: whatever the dead owner left is dealt with
        assert read(second) == [f"{number:02}" for number in range(20)]
        write(second, "after")
    assert engine_processes(data_dir) == {}


def test_the_engines_of_a_killed_owner_end_by_themselves(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "data")
    try:
        owner.addresses()
    finally:
        owner.kill()
    eventually(lambda: engine_processes(tmp_path / "data") == {}, seconds=5)
    remove_sockets(tmp_path / "data")


@pytest.mark.parametrize("program", ["postgres", "weed"])
def test_a_killed_engine_is_started_again_at_the_same_address(tmp_path: Path, program: str) -> None:
    data_dir = tmp_path / "data"
    with LocalStack(data_dir) as addresses:
        write(addresses, "before")
        killed = engine_processes(data_dir)[program]
        killed.kill()
        assert eventually(lambda: read(addresses)) == ["before"]
        assert eventually(lambda: write(addresses, "after"))
        assert engine_processes(data_dir)[program] != killed
    assert engine_processes(data_dir) == {}


def test_an_engine_that_cannot_live_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "_BACKOFF", (0.01, 0.01))
    data_dir = tmp_path / "data"
    with LocalStack(data_dir, seaweedfs=False), caplog.at_level(logging.INFO, logger="lorekeeper.local"):
        (data_dir / "postgres" / "global" / "pg_control").unlink()
        engine_processes(data_dir)["postgres"].kill()
        eventually(lambda: [record for record in caplog.records if record.levelno == logging.ERROR])
    assert "failed to start 2 times in a row" in caplog.text
    assert "pg_control" in caplog.text


def test_an_engine_that_can_live_is_started_again_however_often_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BACKOFF", (0.01,))
    data_dir = tmp_path / "data"
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        for number in range(3):
            eventually(lambda text=str(number): write(addresses, text))
            engine_processes(data_dir)["postgres"].kill()
        assert eventually(lambda: read(addresses)) == ["0", "1", "2"]


def test_a_killed_initdb_is_made_anew(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    owner = Owner(data_dir)
    try:
        eventually((data_dir / "postgres.new" / "PG_VERSION").exists)
    finally:
        owner.kill()
    assert not (data_dir / "postgres").exists()
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        write(addresses, "works")
    assert not (data_dir / "postgres.new").exists()
    remove_sockets(data_dir)


def test_a_stale_pid_file_with_a_reused_pid_does_not_stop_a_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    stale = data_dir / "postgres" / "postmaster.pid"
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        write(addresses, "before")
        lines = stale.read_text().splitlines()
    owner = (data_dir / "postgres").stat()
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], **as_owner) as stranger:
        stale.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        try:
            with LocalStack(data_dir, seaweedfs=False) as addresses:
                assert read(addresses) == ["before"]
            assert stranger.poll() is None
        finally:
            stranger.kill()
