"""The main job on a real book: a text comes in, a canto of it goes out as a typeset PDF."""

import re
from pathlib import Path

import pypdf
import pytest
from real_commands import lorekeeper

from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.references import AssetJobReferences

BEOWULF = Path(__file__).parents[3] / "shared" / "data" / "beowulf-hall.txt"


@pytest.mark.skipif(not BEOWULF.exists(), reason=f"there is no {BEOWULF} on this machine")
def test_canto_one_becomes_a_book_with_all_its_lines(server, client, tmp_path):
    done = lorekeeper("import", BEOWULF, "--world", f"Beowulf {tmp_path.name}", "--data-dir", server.data_dir)
    source = client.sources.get(re.search(r"source (\S+?)[, ]", done.out)[1])
    canto = [
        chunk
        for chunk in client.sources.iterate_chunks(source.id)
        if chunk.metadata.get("heading", "").startswith("I. ")
    ]
    job = client.jobs.create(
        AssetJobCreate(
            world_id=source.world_id,
            asset_type="PDF",
            provider="local",
            prompt_spec={"title": "The Life and Death of Scyld"},
            references=AssetJobReferences(source_chunk_ids=[chunk.id for chunk in canto]),
        )
    )

    lorekeeper("worker", "--once", "--world", source.world_id, "--data-dir", server.data_dir)

    path = client.assets.download(client.jobs.get(job.id).asset.id, tmp_path)
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    written = {" ".join(line.split()) for line in text.splitlines()}
    verse = [
        " ".join(line.split()) for chunk in canto for line in chunk.content.splitlines() if line.startswith("    ")
    ]
    assert len(verse) > 50
    # Beside each fifth line the book prints its number.
    missing = [line for line in verse if not any(line in other for other in written)]
    assert missing == []
    assert all(str(chunk.id) in text for chunk in canto), "the notes cite every chunk"
