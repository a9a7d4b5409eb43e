"""What a data folder is, whose it is, and what is refused without being touched."""

import fcntl
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from lorekeeper.local import LocalEngineError
from lorekeeper.local.folder import FORMAT, DataFolder
from lorekeeper.local.leftovers import Identity


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything about a folder that a refusal must leave as it is."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def refused(path: Path, match: str) -> None:
    before = picture(path.parent)
    with pytest.raises(LocalEngineError, match=match):
        DataFolder(path).open()
    assert picture(path.parent) == before


@pytest.mark.parametrize("entry", ["novel.txt", "lock", "postgres/PG_VERSION"])
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "documents" / entry
    file.parent.mkdir(parents=True)
    file.write_text("17")
    refused(tmp_path / "documents", "is not a LoreKeeper data folder")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    refused(tmp_path / "data", "is a file")


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "local.json").write_text(json.dumps({"format": FORMAT + 1, "ports": "unknown"}))
    refused(folder, rf"newer LoreKeeper \(format {FORMAT + 1}, this one knows {FORMAT}\)")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": "new"}'])
def test_a_damaged_state_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "local.json").write_text(content)
    refused(folder, "damaged")


def test_an_empty_folder_is_taken_with_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    folder = DataFolder(tmp_path)
    folder.open()
    folder.close()
    assert tmp_path.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "local.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", '{"lorekeeper": 1, "pid": 1'])
def test_a_folder_whose_first_start_was_killed_is_taken(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    (tmp_path / "local.json.new").write_text("{")
    folder = DataFolder(tmp_path)
    folder.open()
    folder.close()


def test_a_second_owner_is_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.open()
    first.announce("http://127.0.0.1:8000")
    with pytest.raises(LocalEngineError, match=rf"process {os.getpid()}, since \S+, serving http://127.0.0.1:8000\)"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_killed_owner_whose_lock_lingers_is_outwaited(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    lock = tmp_path / "lock"
    lock.write_text(json.dumps({"lorekeeper": 1, "pid": gone.pid, "started_at": "then", "url": None, "engines": {}}))
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.1, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        folder = DataFolder(tmp_path)
        folder.open()
    folder.close()


def test_what_is_remembered_comes_back_and_secrets_never_change(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    first.open()
    first.remember(ports={"postgres": 20001, "s3": 20002}, secrets={"password": "first"})
    first.remember(ports={"s3": 20003}, secrets={"password": "second", "key": "new"})
    first.close()
    second = DataFolder(tmp_path)
    second.open()
    second.close()
    assert second.state.ports == {"postgres": 20001, "s3": 20003}
    assert second.state.secrets == {"password": "first", "key": "new"}


def test_engines_of_an_owner_that_vanished_are_known_to_the_next(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    first.open()
    first.record_engine("PostgreSQL", Identity(12345, 1.5))
    text = (tmp_path / "lock").read_text()
    first.close()
    (tmp_path / "lock").write_text(text)  # as a killed owner would have left it
    second = DataFolder(tmp_path)
    second.open()
    second.close()
    assert second.left_behind == {"PostgreSQL": [Identity(12345, 1.5)]}
