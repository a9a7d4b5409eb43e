"""Earlier versions: read, listed, compared, restored; and that what a tombstone was stays readable."""

from uuid import uuid4

import psycopg
import pytest
from factories.editing import PIECES, Piece, deleted, edited
from factories.lore import Made, World
from harness.server import RunningApp
from harness.wire import Api, problem

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock
from lorekeeper.lore.textdiff import line_diff, word_diff

TEXT = "# I\n\nThe sea went out.\nMára wept, and lit the lamp.\n\nIt did not come back.\n"


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
class TestAnyPiece:
    def test_each_version_can_be_read_as_it_was(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        labelled = edited(world.api, piece.at(made), piece.label).json()
        now = edited(world.api, piece.at(made), piece.content).json()

        assert world.api.get(f"{piece.at(made)}/versions/1") == labelled
        assert world.api.get(f"{piece.at(made)}/versions/2") == now
        page = world.api.get(f"{piece.at(made)}/versions")
        assert [(item["version"], item["content_hash"], item["replaced_at"]) for item in page["items"]] == [
            (2, now["content_hash"], None),
            (1, made["content_hash"], now["updated_at"]),
        ]
        assert page["total"] == 2
        world.api.refused(404, "not_found", "GET", f"{piece.at(made)}/versions/3")
        world.api.refused(404, "not_found", "GET", f"{piece.path}/{uuid4()}/versions/1")
        world.api.refused(404, "not_found", "GET", f"{piece.path}/{uuid4()}/versions")
        world.api.refused(422, "validation_failed", "GET", f"{piece.at(made)}/versions/0")
        world.api.refused(422, "validation_failed", "GET", f"{piece.at(made)}/versions/{2**31}")
        world.api.refused(404, "not_found", "GET", f"{piece.at(made)}/versions/{uuid4()}")

    def test_a_restoration_is_a_new_version_and_labels_stay(
        self, world: World, database: psycopg.Connection[Made], piece: Piece
    ) -> None:
        made = piece.make(world)
        edited(world.api, piece.at(made), piece.content)
        edited(world.api, piece.at(made), piece.label)

        answer = world.api.ask("POST", f"{piece.at(made)}/versions/1/restore", headers={"If-Match": '"3"'})
        back = answer.json()

        assert answer.headers["etag"] == back["etag"] == '"4"'
        assert back == world.api.get(piece.at(made))
        assert (back["version"], back["content_hash"]) == (3, made["content_hash"])
        stamps = {"version", "etag", "updated_at"}
        expected = made | piece.label
        assert {k: v for k, v in back.items() if k not in stamps} == {
            k: v for k, v in expected.items() if k not in stamps
        }
        event = database.execute(
            "SELECT kind, before, after FROM event WHERE subject_id = %s ORDER BY id DESC LIMIT 1", [made["id"]]
        ).fetchone()
        assert event is not None
        assert event["kind"].endswith(".restored")
        assert event["before"] == piece.content
        assert event["after"] == {name: made[name] for name in piece.content}

    def test_restoring_what_is_so_already_changes_nothing(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        now = edited(world.api, piece.at(made), piece.label).json()

        assert world.api.post(f"{piece.at(made)}/versions/1/restore") == now
        assert world.api.get(piece.at(made)) == now
        told = world.api.ask("POST", f"{piece.at(made)}/versions/1/restore", headers={"If-Match": made["etag"]})
        assert problem(told, 412, "precondition_failed")["etag"] == now["etag"]
        world.api.refused(404, "not_found", "POST", f"{piece.at(made)}/versions/2/restore")

    def test_what_a_key_may_not_see_is_not_there(
        self, app: RunningApp, world: World, other_world: World, piece: Piece
    ) -> None:
        made = piece.make(world)
        strange = app.as_new_key(Role.EDITOR, worlds=[other_world.id])
        reader = app.as_new_key(Role.READER)

        for path in ("versions", "versions/1", "versions/1/diff"):
            strange.refused(404, "not_found", "GET", f"{piece.at(made)}/{path}")
            reader.get(f"{piece.at(made)}/{path}")
        strange.refused(404, "not_found", "POST", f"{piece.at(made)}/versions/1/restore")
        reader.refused(403, "forbidden", "POST", f"{piece.at(made)}/versions/1/restore")

    def test_a_tombstone_is_read_and_brought_back(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        now = edited(world.api, piece.at(made), piece.content).json()
        name = {"name": made["name"]} if piece.path == "/worlds" else {}
        gone = deleted(world.api, piece.at(made), **name)

        world.api.refused(404, "not_found", "GET", piece.at(made))
        world.api.refused(404, "not_found", "PATCH", piece.at(made), piece.label)
        assert world.api.get(f"{piece.at(made)}/versions/1") == made
        last = world.api.get(f"{piece.at(made)}/versions/2")
        assert last == now | {"etag": '"3"'}
        top = world.api.get(f"{piece.at(made)}/versions")["items"][0]
        assert (top["version"], top["replaced_at"], top["deleted_at"]) == (2, None, gone["deleted_at"])
        assert world.api.get(f"{piece.at(made)}/versions/1/diff")["to_version"] == 2

        back = world.api.post(f"{piece.at(made)}/versions/2/restore")
        assert (back["version"], back["content_hash"]) == (3, now["content_hash"])
        assert back == world.api.get(piece.at(made))
        assert world.api.get(f"{piece.at(made)}/versions")["items"][0]["deleted_at"] is None


def test_the_list_of_versions_is_paged(world: World) -> None:
    entity = world.entity()
    at = f"/entities/{entity['id']}"
    for n in range(9):
        world.api.patch(at, {"summary": str(n)})

    assert [item["version"] for item in world.api.walk(f"{at}/versions", limit=4)] == list(range(10, 0, -1))
    page = world.api.get(f"{at}/versions", skip=7, limit=2)
    assert ([item["version"] for item in page["items"]], page["total"]) == ([3, 2], 10)
    assert page["next_cursor"] is not None
    assert world.api.get(f"{at}/versions", skip=10)["items"] == []
    for cursor in ("A" * 22, "_" * 22):  # nobody was ever given these
        assert world.api.get(f"{at}/versions", cursor=cursor)["total"] == 10


def test_a_clock_that_lags_makes_no_version_end_before_it_began(world: World, clock: MovableClock) -> None:
    entity = world.entity()
    at = f"/entities/{entity['id']}"
    ahead = clock.ahead
    clock.move(ahead.__class__(hours=1))
    later = world.api.patch(at, {"summary": "later"})
    clock.ahead = ahead

    now = world.api.patch(at, {"summary": "at last"})

    assert now["updated_at"] == later["updated_at"]


class TestDiff:
    def test_of_a_text_can_be_read_by_line_and_by_word(self, world: World) -> None:
        chunk = world.chunk(TEXT)
        at = f"/source-chunks/{chunk['id']}"
        world.api.patch(at, {"content": TEXT.replace("wept", "laughed").replace("It did", "And it did")})

        diff = world.api.get(f"{at}/versions/1/diff")

        assert (diff["kind"], diff["id"], diff["from_version"], diff["to_version"]) == (
            "source_chunk",
            chunk["id"],
            1,
            2,
        )
        (change,) = diff["changes"]
        assert change["field"] == "content"
        assert change["before"] == TEXT
        assert change["diff"].splitlines() == [
            "  # I",
            "  ",
            "  The sea went out.",
            "- Mára wept, and lit the lamp.",
            "+ Mára laughed, and lit the lamp.",
            "  ",
            "- It did not come back.",
            "+ And it did not come back.",
        ]
        assert "Mára [-wept-]{+laughed+}, and lit the lamp." in change["words"]
        assert "[-It-]{+And it+} did not come back." in change["words"]

    def test_goes_from_one_to_another_and_back(self, world: World) -> None:
        entity = world.entity(name="A", aliases=["x", "y"])
        at = f"/entities/{entity['id']}"
        world.api.patch(at, {"name": "B", "aliases": ["x", "z"], "summary": "S", "tags": ["t"]})
        world.api.patch(at, {"name": "C"})

        def changes(n: int, to: int | None = None) -> dict[str, tuple[object, object]]:
            diff = world.api.get(f"{at}/versions/{n}/diff", to=to)
            return {change["field"]: (change["before"], change["after"]) for change in diff["changes"]}

        assert changes(1, 2) == {
            "name": ("A", "B"),
            "aliases": (["x", "y"], ["x", "z"]),
            "summary": (None, "S"),
        }
        assert changes(2, 1)["name"] == ("B", "A")
        assert changes(2) == {"name": ("B", "C")}
        assert changes(3) == changes(1, 1) == {}
        (aliases,) = (c for c in world.api.get(f"{at}/versions/1/diff")["changes"] if c["field"] == "aliases")
        assert aliases["diff"] == "  x\n- y\n+ z"
        world.api.refused(404, "not_found", "GET", f"{at}/versions/1/diff", params={"to": 9})

    def test_of_a_claim_begins_with_the_sentence(self, world: World) -> None:
        claim = world.claim(subject_entity_id=world.entity(name="Mára")["id"], object_value="the lamp")
        at = f"/claims/{claim['id']}"
        world.api.patch(at, {"predicate": "lost", "confidence": 0.5})

        changes = world.api.get(f"{at}/versions/1/diff")["changes"]

        assert [change["field"] for change in changes] == ["sentence", "predicate", "confidence"]
        assert changes[0]["words"] == "Mára — [-keeps-]{+lost+} — the lamp"

    def test_of_long_texts_is_soon_there(self, world: World) -> None:
        """Two lines of 200,000 characters with nothing in common."""
        entity = world.entity(description="ab " * 66_000)
        world.api.patch(f"/entities/{entity['id']}", {"description": "cd " * 66_000})

        (change,) = world.api.get(f"/entities/{entity['id']}/versions/1/diff")["changes"]

        assert change["words"].startswith("[-ab ab")
        assert change["diff"].count("\n") == 1


@pytest.mark.parametrize(
    ("before", "after", "lines", "words"),
    [
        ("", "a", "+ a", "{+a+}"),
        ("a", "", "- a", "[-a-]"),
        ("one two", "one  two", "- one two\n+ one  two", "one[- -]{+  +}two"),
        ("a\nb\nc", "a\nc", "  a\n- b\n  c", "a\n[-b\n-]c"),
    ],
)
def test_diffs_of_texts(before: str, after: str, lines: str, words: str) -> None:
    assert line_diff(before.splitlines(), after.splitlines()) == lines
    assert word_diff(before, after) == words


class TestRestoringWhatPointsSomewhere:
    def test_a_claim_comes_back_only_to_what_lives(self, world: World) -> None:
        entity = world.entity()
        claim = world.claim(subject_entity_id=entity["id"])
        deleted(world.api, f"/entities/{entity['id']}", cascade=True)

        told = world.api.refused(409, "conflict", "POST", f"/claims/{claim['id']}/versions/1/restore")
        assert told["missing"] == {"subject_entity_id": [entity["id"]]}
        assert entity["id"] in told["detail"]
        world.api.post(f"/entities/{entity['id']}/versions/1/restore")
        assert world.api.post(f"/claims/{claim['id']}/versions/1/restore")["sentence"] == claim["sentence"]

    def test_nor_does_a_living_one_go_back_to_what_is_dead(self, world: World) -> None:
        entity = world.entity()
        claim = world.claim(object_entity_id=entity["id"])
        now = world.api.patch(f"/claims/{claim['id']}", {"object_entity_id": None, "object_value": "v"})
        deleted(world.api, f"/entities/{entity['id']}")

        told = world.api.refused(409, "conflict", "POST", f"/claims/{claim['id']}/versions/1/restore")

        assert told["missing"] == {"object_entity_id": [entity["id"]]}
        assert world.api.get(f"/claims/{claim['id']}") == now
        assert world.api.get(f"/claims/{claim['id']}/versions/1")["object_name"] == entity["name"]

    def test_a_source_comes_back_with_its_chunks_but_not_those_deleted_before(self, world: World) -> None:
        source = world.source(chunks=[{"content": "a"}, {"content": "b"}, {"content": "c"}])
        chunks = world.chunks_of(source)
        deleted(world.api, f"/source-chunks/{chunks[1]['id']}")
        assert deleted(world.api, f"/sources/{source['id']}")["source_chunks"] == 2
        world.api.refused(404, "not_found", "GET", f"/source-chunks/{chunks[0]['id']}")
        told = world.api.refused(409, "conflict", "POST", f"/source-chunks/{chunks[0]['id']}/versions/1/restore")
        assert told["missing"] == {"source_id": [source["id"]]}

        back = world.api.post(f"/sources/{source['id']}/versions/1/restore")

        assert back["chunk_count"] == 2
        assert [chunk["content"] for chunk in world.chunks_of(source)] == ["a", "c"]
        assert world.chunks_of(source)[0] == chunks[0] | {"etag": '"3"'}

    def test_a_chunk_comes_back_to_its_place_or_behind_the_last(self, world: World) -> None:
        source = world.source(chunks=[{"content": "a"}, {"content": "b"}])
        first, last = world.chunks_of(source)
        deleted(world.api, f"/source-chunks/{first['id']}")
        deleted(world.api, f"/source-chunks/{last['id']}")
        world.api.post(f"/sources/{source['id']}/chunks", {"chunks": [{"content": "new"}]})

        assert world.api.post(f"/source-chunks/{last['id']}/versions/1/restore")["chunk_index"] == 1
        assert world.api.post(f"/source-chunks/{first['id']}/versions/1/restore")["chunk_index"] == 2
        assert [chunk["content"] for chunk in world.chunks_of(source)] == ["new", "b", "a"]

    def test_nothing_comes_back_to_a_deleted_world(self, admin: Api, world: World) -> None:
        entity = world.entity()
        deleted(admin, f"/entities/{entity['id']}")
        deleted(admin, f"/worlds/{world.id}", name=world.name)

        told = admin.refused(409, "conflict", "POST", f"/entities/{entity['id']}/versions/1/restore")

        assert told["missing"] == {"world_id": [world.id]}
