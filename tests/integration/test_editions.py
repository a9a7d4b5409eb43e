"""A new edition of a source: what stays, what changes, and what still points at what was."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from factories.lore import Made, World
from harness.wire import Api

from lorekeeper.contracts.enums import Role

DATA = Path(__file__).parents[3] / "shared" / "data"
HALL, PAGE_MARKS = DATA / "beowulf-hall.txt", DATA / "beowulf-hall-page-marks.txt"

VERSE = [
    f"# Fitt {number}\n\n{line}" for number, line in enumerate(["The sea went out.", "A hall stood.", "They sang."])
]


def edition(source: Made, world: World, **body: Any) -> Made:
    return world.api.post(f"/sources/{source['id']}/editions", body)


def counts(report: Made) -> tuple[int, ...]:
    return tuple(report[name] for name in ("kept", "moved", "changed", "added", "removed"))


def by_content(chunks: list[Made]) -> dict[str, Made]:
    return {chunk["content"]: chunk for chunk in chunks}


def identity(chunk: Made) -> tuple[Any, ...]:
    return chunk["id"], chunk["version"], chunk["content_hash"], chunk["updated_at"]


def events_of(database: psycopg.Connection[Made], source: Made) -> list[Made]:
    return database.execute(
        "SELECT kind, after FROM event WHERE subject_id = %s ORDER BY id", [source["id"]]
    ).fetchall()


@pytest.fixture
def source(world: World) -> Made:
    return world.source(text="\n\n".join(VERSE), metadata={"shelf": 3})


def assert_is_text(world: World, source: Made, text: str) -> None:
    chunks = world.chunks_of(source)
    assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
    assert all(text[chunk["char_start"] : chunk["char_end"]] == chunk["content"] for chunk in chunks)
    assert "".join("".join(chunk["content"] for chunk in chunks).split()) == "".join(text.split())


class TestWhatBecomesOfTheChunks:
    def test_one_that_comes_first_moves_the_others_and_changes_none(self, world: World, source: Made) -> None:
        before = by_content(world.chunks_of(source))
        text = "\n\n".join(["# Proem\n\nListen.", *VERSE])

        report = edition(source, world, text=text)

        assert counts(report) == (3, 0, 0, 1, 0)
        after = by_content(world.chunks_of(source))
        assert all(identity(after[content]) == identity(chunk) for content, chunk in before.items())
        assert report["added_ids"] == [after["# Proem\n\nListen."]["id"]]
        assert_is_text(world, source, text)

    def test_those_that_change_places_stay_what_they_are(self, world: World, source: Made) -> None:
        before = by_content(world.chunks_of(source))
        text = "\n\n".join([VERSE[2], VERSE[0], VERSE[1]])

        report = edition(source, world, text=text)

        assert counts(report) == (2, 1, 0, 0, 0)
        after = world.chunks_of(source)
        assert [identity(chunk) for chunk in after] == [identity(before[VERSE[number]]) for number in (2, 0, 1)]
        assert_is_text(world, source, text)

    def test_a_changed_one_has_a_new_version_under_its_id(self, world: World, source: Made) -> None:
        old = world.chunks_of(source)[1]
        text = "\n\n".join([VERSE[0], "# Fitt 1\n\nA high hall stood.", VERSE[2]])

        report = edition(source, world, text=text)

        assert counts(report) == (2, 0, 1, 0, 0)
        assert report["changed_ids"] == [old["id"]]
        new = world.api.get(f"/source-chunks/{old['id']}")
        assert (new["version"], new["content"]) == (2, "# Fitt 1\n\nA high hall stood.")
        assert world.api.get(f"/source-chunks/{old['id']}/versions/1")["content"] == old["content"]

    def test_a_vanished_one_is_a_tombstone_that_can_come_back(self, world: World, source: Made) -> None:
        gone = world.chunks_of(source)[1]

        report = edition(source, world, text="\n\n".join([VERSE[0], VERSE[2]]))

        assert counts(report) == (2, 0, 0, 0, 1)
        assert report["removed_ids"] == [gone["id"]]
        assert report["source"]["chunk_count"] == 2
        world.api.refused(404, "not_found", "GET", f"/source-chunks/{gone['id']}")
        back = world.api.post(f"/source-chunks/{gone['id']}/versions/1/restore")
        assert (back["content"], back["version"]) == (gone["content"], 2)

    def test_ready_made_chunks_keep_the_metadata_that_they_do_not_bring(self, world: World) -> None:
        source = world.source(
            chunks=[{"content": "one", "metadata": {"a": 1}}, {"content": "two", "metadata": {"b": 2}}]
        )
        chunks = [{"content": "two"}, {"content": "one", "metadata": {"c": 3}}]

        edition(source, world, chunks=chunks)

        assert [(chunk["content"], chunk["metadata"]) for chunk in world.chunks_of(source)] == [
            ("two", {"b": 2}),
            ("one", {"c": 3}),
        ]

    def test_a_heading_follows_the_text_and_a_note_stays(self, world: World, source: Made) -> None:
        last = world.chunks_of(source)[2]
        world.api.patch(f"/source-chunks/{last['id']}", {"metadata": last["metadata"] | {"seen": True}})

        edition(source, world, text="\n\n".join([*VERSE, "# Fitt 3\n\nThe end."]))

        assert world.api.get(f"/source-chunks/{last['id']}")["metadata"] == {"heading": "Fitt 2", "seen": True}


class TestTheSameTextAgain:
    def test_changes_nothing_at_all(self, world: World, source: Made, database: psycopg.Connection[Made]) -> None:
        before, events = world.chunks_of(source), events_of(database, source)

        report = edition(source, world, text="\n\n".join(VERSE))

        assert report["unchanged"] is True
        assert counts(report) == (3, 0, 0, 0, 0)
        assert report["source"] == source
        assert world.chunks_of(source) == before
        assert events_of(database, source) == events

    def test_may_bring_other_metadata(self, world: World, source: Made) -> None:
        report = edition(source, world, text="\n\n".join(VERSE), metadata={"shelf": 4})

        assert report["unchanged"] is True
        assert report["source"]["metadata"] == {"shelf": 4}
        assert report["source"]["version"] == 1


class TestOneAfterTheOther:
    def test_the_source_has_a_new_etag_and_no_new_version(self, world: World, source: Made) -> None:
        answer = world.api.ask(
            "POST", f"/sources/{source['id']}/editions", json={"text": "Other.", "metadata": {"n": 1}}
        )

        made = answer.json()["source"]
        assert answer.headers["etag"] == made["etag"] != source["etag"]
        assert (made["version"], made["content_hash"]) == (source["version"], source["content_hash"])
        assert made["metadata"] == {"n": 1}

    def test_if_match_refuses_what_was_edited_meanwhile(self, world: World, source: Made) -> None:
        edition(source, world, text="Mine.")

        told = world.api.refused(
            412,
            "precondition_failed",
            "POST",
            f"/sources/{source['id']}/editions",
            {"text": "Yours."},
            headers={"If-Match": source["etag"]},
        )

        assert told["etag"] == world.api.get(f"/sources/{source['id']}")["etag"]
        assert [chunk["content"] for chunk in world.chunks_of(source)] == ["Mine."]

    def test_many_at_once_leave_one_whole_text(self, world: World, source: Made) -> None:
        texts = [
            "\n\n".join([*VERSE[:number], f"# Mine\n\nOf writer {number}.", *VERSE[number:]]) for number in range(4)
        ]

        def write(text: str) -> int:
            return world.api.ask("POST", f"/sources/{source['id']}/editions", json={"text": text}).status_code

        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(write, texts))

        assert set(statuses) <= {200, 409}
        whole = "\n\n".join(chunk["content"] for chunk in world.chunks_of(source))
        assert whole in texts

    def test_its_event_tells_what_happened(
        self, world: World, source: Made, database: psycopg.Connection[Made]
    ) -> None:
        report = edition(source, world, text="\n\n".join([VERSE[0], "# Fitt 1\n\nA high hall stood."]))

        event = events_of(database, source)[-1]
        assert event["kind"] == "source.new_edition"
        assert event["after"]["changed_ids"] == report["changed_ids"]
        assert event["after"]["removed"] == 1


class TestWhatPointsAtTheOldText:
    def test_a_claim_goes_on_citing_a_chunk_that_went(self, world: World, source: Made) -> None:
        gone = world.chunks_of(source)[1]
        claim = world.claim(source_chunk_id=gone["id"])

        report = edition(source, world, text="\n\n".join([VERSE[0], VERSE[2]]))

        assert (report["claims_citing_removed"], report["claim_ids_citing_removed"]) == (1, [claim["id"]])
        assert world.api.get(f"/claims/{claim['id']}") == claim
        edited = world.api.patch(f"/claims/{claim['id']}", {"tags": ["to check"], "confidence": 0.5})
        assert edited["source_chunk_id"] == gone["id"]
        left = world.api.patch(f"/claims/{claim['id']}", {"source_chunk_id": world.chunks_of(source)[0]["id"]})
        assert left["source_id"] == source["id"]
        world.api.refused(
            404,
            "reference_not_found",
            "POST",
            "/claims",
            {
                "world_id": world.id,
                "subject_entity_id": claim["subject_entity_id"],
                "predicate": "cites",
                "object_value": "x",
                "source_chunk_id": gone["id"],
            },
        )

    def test_no_claim_begins_to_cite_one_not_even_by_hand(
        self, world: World, source: Made, database: psycopg.Connection[Made]
    ) -> None:
        kept, gone = world.chunks_of(source)[:2]
        claim = world.claim(source_chunk_id=kept["id"])
        edition(source, world, text="\n\n".join([VERSE[0], VERSE[2]]))

        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="begin to cite a deleted chunk"):
            database.execute("UPDATE claim SET source_chunk_id = %s WHERE id = %s", [gone["id"], claim["id"]])

    def test_a_job_made_before_has_the_old_text(self, world: World, source: Made) -> None:
        old = world.chunks_of(source)
        job = world.api.post(
            "/assets/asset-jobs",
            {
                "world_id": world.id,
                "asset_type": "PDF",
                "provider": world.provider,
                "prompt_spec": {"title": "The hall"},
                "references": {"source_id": source["id"], "source_chunk_ids": [chunk["id"] for chunk in old]},
            },
        )

        edition(source, world, text="\n\n".join(["# Fitt 0\n\nThe sea went far out.", VERSE[2]]))

        snapshot = world.api.get(f"/assets/asset-jobs/{job['id']}")["derivation"]["lore_snapshot"]
        assert [chunk["content"] for chunk in snapshot["source_chunks"]] == [chunk["content"] for chunk in old]


class TestRefusals:
    def test_of_what_cannot_be_cut(self, world: World, source: Made) -> None:
        path = f"/sources/{source['id']}/editions"
        for body in (
            {},
            {"text": " \n "},
            {"text": "a", "chunks": [{"content": "a"}]},
            {"chunks": []},
            {"text": "a\x00"},
        ):
            world.api.refused(422, "validation_failed", "POST", path, body)
        assert world.api.get(f"/sources/{source['id']}") == source

    def test_of_readers_and_of_those_who_may_not_see_it(self, world: World, source: Made, app: Any) -> None:
        reader, stranger = app.as_new_key(Role.READER), app.as_new_key(Role.EDITOR, worlds=[])
        path = f"/sources/{source['id']}/editions"
        reader.refused(403, "forbidden", "POST", path, {"text": "a"})
        stranger.refused(404, "not_found", "POST", path, {"text": "a"})
        world.api.refused(404, "not_found", "POST", f"/sources/{uuid.uuid4()}/editions", {"text": "a"})


@pytest.mark.skipif(not HALL.exists(), reason=f"there is no {HALL} on this machine")
def test_page_marks_leave_more_than_99_of_100_chunks_what_they_were(admin: Api, world: World) -> None:
    hall, page_marks = (path.read_bytes().decode() for path in (HALL, PAGE_MARKS))
    source = world.source(text=hall)
    before = world.chunks_of(source)
    job = admin.post(
        "/assets/asset-jobs",
        {
            "world_id": world.id,
            "asset_type": "PDF",
            "provider": world.provider,
            "prompt_spec": {"title": "The hall"},
            "references": {"source_chunk_ids": [chunk["id"] for chunk in before]},
        },
    )

    report = edition(source, world, text=page_marks)

    after = {identity(chunk) for chunk in world.chunks_of(source)}
    stayed = sum(identity(chunk) in after for chunk in before)
    assert stayed > 0.99 * len(before)
    assert stayed == report["kept"] + report["moved"]
    assert_is_text(world, source, page_marks)
    snapshot = admin.get(f"/assets/asset-jobs/{job['id']}")["derivation"]["lore_snapshot"]
    for chunk in snapshot["source_chunks"]:
        assert chunk["content"] == hall[chunk["char_start"] : chunk["char_end"]]
    assert len(snapshot["source_chunks"]) == len(before)
