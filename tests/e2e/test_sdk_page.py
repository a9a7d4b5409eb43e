"""`docs/sdk.md`: its examples are run as they stand, and its table of what is sent again is held to the calls."""

import os
import re
import threading
from pathlib import Path

import pytest
from test_sdk_covers_the_api import operations, required

from lorekeeper.sdk import Client, MadeFile, Worker

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text(encoding="utf-8")
LORE = ["worlds", "entities", "sources", "sources.chunks", "claims"]


@pytest.fixture
def painter(server):
    """A worker for what the page asks for. It leaves no long poll behind, which would take the next test's jobs."""
    with Client(server.client.url, server.key) as client:
        worker = Worker(client)

        @worker.handler("IMAGE", provider="local")
        def paint(job, context):
            path = context.work_dir / "auntie.png"
            path.write_bytes(b"a whale")
            return MadeFile(path, "png", "image/png")

        over = threading.Event()

        def work():
            while not over.wait(0.05):
                worker.run(once=True, handle_signals=False)

        thread = threading.Thread(target=work)
        thread.start()
        yield
        over.set()
        thread.join()


def test_the_examples_run(server, painter, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOREKEEPER_URL", server.client.url)
    monkeypatch.setenv("LOREKEEPER_API_KEY", server.key)
    Path("chart.tiff").write_bytes(b"a sea")
    Path("film.mp4").write_bytes(os.urandom(33 * 1024**2))
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 6

    names = {"__name__": "the page"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/sdk.md, example {number + 1}", "exec"), names)
    names["client"].close()

    assert names["path"].read_bytes() == b"a whale"
    assert names["asset"].size_bytes == 5
    assert names["sent"].size_bytes == 33 * 1024**2
    said = capsys.readouterr().out
    assert "SUCCEEDED" in said
    assert "5 of 5 bytes" in said
    assert "not_found" in said


def what_is_told() -> dict[str, str]:
    """By the table: of each method whether it is sent again."""
    told = {}
    for names, again in re.findall(r"^\| ([^|]*`[^|]*) \| (yes|no|with `\w+`) \|", PAGE, re.MULTILINE):
        named = re.findall(r"`([\w.]+)`", names)
        if names.endswith("of any lore"):
            named = [f"{kind}.{named[0]}" for kind in LORE]
        if "every `create_many`" in names:
            named = [*named[:-1], *(f"{kind}.create_many" for kind in LORE if kind != "sources.chunks")]
        told |= dict.fromkeys(named, again)
    return told


def test_the_table_tells_of_every_method_that_changes_something():
    told = what_is_told()
    for name, _, operation in operations(Client("http://127.0.0.1:9", "lk_key")):
        needed = required(operation.function)
        call = operation.function(**needed)
        if call.method == "GET":
            continue
        if (again := told.pop(name)).startswith("with"):
            assert not call.repeatable
            call = operation.function(**needed, **{again.split("`")[1]: "x"})
        assert bool(call.repeatable) is (again != "no"), name
    assert not told
