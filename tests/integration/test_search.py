"""Looking into a world: what is found, in which order and how it is shown; and that nothing of another world is."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from factories.editing import deleted, edited
from factories.jobs import File, finished_job, new_job
from factories.lore import Made, World, fresh_name
from harness.server import RunningApp
from harness.wire import Api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorekeeper.contracts.enums import Role
from lorekeeper.search import repository
from lorekeeper.search.forms import words_of
from lorekeeper.search.questions import read_question


def look(world: World, q: str, **params: Any) -> list[Made]:
    return world.api.get("/search", q=q, world_id=world.id, **params)["items"]


def titles(world: World, q: str, **params: Any) -> list[str]:
    return [hit["title"] for hit in look(world, q, **params)]


def ids(world: World, q: str, **params: Any) -> set[str]:
    return {hit["id"] for hit in look(world, q, **params)}


def marked(hit: Made, where: str = "snippet") -> list[str]:
    return [hit[where][mark["start"] : mark["end"]] for mark in hit[f"{where}_marks"]]


@pytest.fixture(scope="module")
def hall(admin: Api) -> World:
    """A small world in which nothing changes."""
    world = World.made(admin)
    beowulf = world.entity(
        name="Beowulf", type="PERSON", aliases=["the Bee-Wolf"], summary="Nephew of a king.", tags=["hero"]
    )
    grendel = world.entity(name="Grendel", type="CREATURE", tags=["foe", "moor"], description="Strides over the moors.")
    world.entity(name="Hroðgar", type="PERSON", aliases=["Þórgeirr", "Wéalhþēow's lord"])
    world.entity(name="龍王の剣", type="ITEM", summary="Ein Schwert: 王の宝。")
    world.entity(name="Ringhorn", type="VEHICLE")
    world.claim(subject_entity_id=beowulf["id"], predicate="slew", object_entity_id=grendel["id"], canon_state="STRICT")
    world.claim(
        subject_entity_id=grendel["id"], predicate="fears", object_value="the <b>bare</b> hand & arm", tags=["moor"]
    )
    world.source(
        title="The Deed",
        type="SONG",
        chunks=[
            {"content": "Then came from the moor, under the misty hills, Grendel walking; God's anger he bore."},
            {"content": "Stories were told of “people-kings”. The king\u2019s hall—Heorot—stood high; running waters."},
            {"content": "<script>alert('Grendel')</script> &lt;mark&gt;Grendel&lt;/mark&gt; A ring of gold."},
        ],
    )
    return world


class TestWhatIsFound:
    @pytest.mark.parametrize(
        ("q", "title"),
        [
            ("beowulf", "Beowulf"),
            ("BEOWULF", "Beowulf"),
            ("the bee-wolf", "Beowulf"),
            ("Beo", "Beowulf"),
            ("be", "Beowulf"),
            ("beowolf", "Beowulf"),
            ("Grendl", "Grendel"),
            ("Gerndel", "Grendel"),
            ("þórgeirr", "Hroðgar"),
            ("ÞORGEIRR", "Hroðgar"),
            ("hroðgar", "Hroðgar"),
            ("wealhþeow", "Hroðgar"),
            ("龍王の剣", "龍王の剣"),
            ("王の", "龍王の剣"),
            ("nephew", "Beowulf"),
            ("moor", "Grendel"),
            ("Beowulf — slew — Grendel", "Beowulf — slew — Grendel"),
            ("slay or slew beowulf", "Beowulf — slew — Grendel"),
            ("bare hand", "Grendel — fears — the <b>bare</b> hand & arm"),
            ("the", "The Deed"),
            ("story", "The Deed"),
            ("people-king", "The Deed"),
            ("king's", "The Deed"),
            ("heorot", "The Deed"),
            ("runnin", "The Deed"),
            ('"misty hills"', "The Deed"),
            ('"misty hills', "The Deed"),
            ("god's anger -heorot", "The Deed"),
        ],
    )
    def test_is_what_fits(self, hall: World, q: str, title: str) -> None:
        assert title in titles(hall, q)

    @pytest.mark.parametrize(
        "q",
        [
            '"hills misty"',
            "heorot -kings",
            "-heorot",
            "grendel heorot",
            "beowulf zzz",
            "zzzz",
            "<>",
            "&|!():*",
            "\U0001f30a",
            '""',
        ],
    )
    def test_is_nothing_else(self, hall: World, q: str) -> None:
        assert [hit for hit in look(hall, q) if hit["match"] != "similar"] == []

    def test_a_word_is_not_completed_once_a_blank_follows_it(self, hall: World) -> None:
        assert "The Deed" in titles(hall, "heor")
        assert titles(hall, "heor ") == []

    def test_a_name_itself_comes_first_and_a_misspelt_one_last(self, hall: World) -> None:
        hits = look(hall, "Grendel")

        assert (hits[0]["title"], hits[0]["match"], hits[0]["kind"]) == ("Grendel", "exact", "entity")
        assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
        assert {hit["kind"] for hit in hits} == {"entity", "claim", "source_chunk"}
        (alike,) = look(hall, "Grendl")
        assert (alike["title"], alike["match"]) == ("Grendel", "similar")

    @pytest.mark.parametrize(
        ("filters", "kinds"),
        [
            ({"kind": "entity"}, {"entity"}),
            ({"kind": ["claim", "source_chunk"]}, {"claim", "source_chunk"}),
            ({"type": "CREATURE"}, {"entity"}),
            ({"type": "SONG"}, {"source_chunk"}),
            ({"type": "BOOK"}, set()),
            ({"canon_state": "STRICT"}, {"claim"}),
            ({"canon_state": "MYTHIC"}, set()),
            ({"tag": "moor"}, {"entity", "claim"}),
            ({"tag": ["moor", "foe"]}, {"entity"}),
            ({"tag": "nobody"}, set()),
        ],
    )
    def test_is_filtered(self, hall: World, filters: Made, kinds: set[str]) -> None:
        assert {hit["kind"] for hit in look(hall, "Grendel", **filters)} == kinds

    def test_is_paged(self, hall: World) -> None:
        whole = hall.api.get("/search", q="grendel", world_id=hall.id)
        pages = [hall.api.get("/search", q="grendel", world_id=hall.id, skip=n, limit=2) for n in range(0, 8, 2)]

        assert [hit for page in pages for hit in page["items"]] == whole["items"]
        assert {page["total"] for page in pages} == {len(whole["items"])} == {whole["total"]}
        assert not whole["total_is_estimate"]


class TestSnippets:
    """Texts are as they were written; what is marked stands beside them."""

    def test_marks_are_places_in_plain_text(self, hall: World) -> None:
        hostile = next(hit for hit in look(hall, "grendel") if "<script>" in (hit["snippet"] or ""))

        assert hostile["snippet"].startswith("<script>alert('Grendel')</script> &lt;mark&gt;Grendel&lt;/mark&gt;")
        assert marked(hostile) == ["Grendel", "Grendel"]

    @pytest.mark.parametrize(
        ("q", "words"),
        [("king", ["kings", "king"]), ("heor", ["Heorot"]), ("stories running", ["Stories", "running"])],
    )
    def test_other_forms_of_a_word_are_marked(self, hall: World, q: str, words: list[str]) -> None:
        (hit,) = look(hall, q, kind="source_chunk")

        assert marked(hit) == words

    def test_the_title_is_marked_where_it_fits(self, hall: World) -> None:
        (claim,) = look(hall, "slew grendel", kind="claim")

        assert marked(claim, "title") == ["slew", "Grendel"]
        assert claim["snippet"] is None

    def test_a_long_text_is_cut_around_the_first_mark(self, world: World) -> None:
        world.chunk("word " * 2000 + "þe needle 🌊 in it " + "word " * 2000)

        (hit,) = look(world, "needle")

        assert marked(hit) == ["needle"]
        assert hit["snippet"].startswith("…")
        assert hit["snippet"].endswith("…")
        assert len(hit["snippet"]) < 260


class TestItFollowsTheLore:
    def test_a_renamed_entity_is_renamed_in_its_claims(self, world: World) -> None:
        entity, other = world.entity(name="Scyld"), world.entity(name="Beow")
        claims = {
            world.claim(subject_entity_id=entity["id"])["id"],
            world.claim(subject_entity_id=other["id"], object_entity_id=entity["id"])["id"],
        }
        assert ids(world, "scyld", kind="claim") == claims

        edited(world.api, f"/entities/{entity['id']}", {"name": "Sceafa"})

        assert ids(world, "sceafa") == claims | {entity["id"]}
        assert ids(world, '"scyld"') == set()

    def test_both_names_of_a_claim_change_at_once(self, world: World) -> None:
        """Twenty times: the sentence is what it reads, whoever was first."""
        one, two = world.entity(name="Alfa"), world.entity(name="Beta")
        claim = world.claim(subject_entity_id=one["id"], object_entity_id=two["id"])
        with ThreadPoolExecutor(2) as pool:
            for turn in range(20):
                names = {one["id"]: f"alfa{turn}", two["id"]: f"beta{turn}"}
                done = pool.map(
                    lambda item: edited(world.api, f"/entities/{item[0]}", {"name": item[1]}), names.items()
                )
                assert [answer.status_code for answer in done] == [200, 200]
                assert ids(world, f'"alfa{turn}" "beta{turn}"') == {claim["id"]}

    def test_claims_made_while_their_subject_is_renamed_have_its_name(self, world: World) -> None:
        entity = world.entity(name="before")
        with ThreadPoolExecutor(4) as pool:
            for turn in range(10):
                made = [pool.submit(world.claim, subject_entity_id=entity["id"]) for _ in range(3)]
                pool.submit(edited, world.api, f"/entities/{entity['id']}", {"name": f"after{turn}"}).result()
                wanted = {one.result()["id"] for one in made}
                assert wanted <= ids(world, f'"after{turn}"', kind="claim", limit=100)

    def test_edits_are_found_and_what_they_replaced_is_not(self, world: World) -> None:
        entity, chunk = world.entity(name="Unferth", aliases=["the boaster"], tags=["a"]), world.chunk("A whale-road.")
        claim = world.claim(object_value="a bench")

        edited(world.api, f"/entities/{entity['id']}", {"aliases": ["the envious"], "tags": ["b"]})
        edited(world.api, f"/source-chunks/{chunk['id']}", {"content": "A swan-road."})
        edited(world.api, f"/claims/{claim['id']}", {"object_value": "a seat", "canon_state": "STRICT"})
        edited(world.api, f"/sources/{chunk['source_id']}", {"type": "SONG"})

        assert ids(world, "envious", tag="b") == {entity["id"]}
        assert ids(world, "swan", type="SONG") == {chunk["id"]}
        assert ids(world, "seat", canon_state="STRICT") == {claim["id"]}
        for q in ("boaster", "whale", "bench"):
            assert ids(world, f'"{q}"') == set()
        assert ids(world, "unferth", tag="a") == set()

    def test_tombstones_are_gone_at_once_and_back_when_restored(self, world: World) -> None:
        entity, chunk = world.entity(name="Wiglaf"), world.chunk("Wiglaf speaks.")
        claim = world.claim(subject_entity_id=entity["id"])
        assert ids(world, "wiglaf") == {entity["id"], chunk["id"], claim["id"]}

        deleted(world.api, f"/entities/{entity['id']}", cascade=True)
        deleted(world.api, f"/sources/{chunk['source_id']}")
        assert ids(world, "wiglaf") == ids(world, "wiglav") == set()

        world.api.post(f"/entities/{entity['id']}/versions/1/restore")
        assert ids(world, "wiglaf") == {entity["id"]}

    def test_a_new_edition_is_searched(self, world: World) -> None:
        source = world.source(text="The old sword broke.\n\nThe shield held.\n")
        world.api.post(f"/sources/{source['id']}/editions", {"text": "The new axe broke.\n\nThe shield held.\n"})

        assert len(look(world, "axe", kind="source_chunk")) == 1
        assert look(world, '"sword"', kind="source_chunk") == []

    def test_a_deleted_world_is_not(self, world: World) -> None:
        world.entity(name="Onela")
        world.claim()
        deleted(world.api, f"/worlds/{world.id}", name=world.name)

        assert look(world, "onela") == []

    def test_what_is_kept_is_what_the_lore_says(self, hall: World, database: psycopg.Connection[Made]) -> None:
        """One row for each living piece, in all worlds of this run, whatever was done to them."""
        (counted,) = database.execute(
            """SELECT (SELECT count(*) FROM lore_search) AS kept,
                      (SELECT count(*) FROM lore_search JOIN (
                           SELECT id FROM entity WHERE deleted_at IS NULL UNION ALL
                           SELECT id FROM claim WHERE deleted_at IS NULL UNION ALL
                           SELECT id FROM source_chunk WHERE deleted_at IS NULL) AS living ON id = lore_id) AS right,
                      (SELECT count(*) FROM entity WHERE deleted_at IS NULL)
                      + (SELECT count(*) FROM claim WHERE deleted_at IS NULL)
                      + (SELECT count(*) FROM source_chunk WHERE deleted_at IS NULL) AS living,
                      (SELECT count(*) FROM lore_search JOIN claim_words ON id = lore_id
                       WHERE lore_search.words <> claim_words.words) AS stale"""
        ).fetchall()
        assert counted["kept"] == counted["right"] == counted["living"]
        assert counted["stale"] == 0


class TestIsolation:
    def test_nothing_of_a_world_that_the_key_may_not_see(self, app: RunningApp, admin: Api) -> None:
        word = f"w{uuid.uuid4().hex[:12]}"
        mine, other = World.made(admin), World.made(admin)
        for world in (mine, other):
            entity = world.entity(name=word, aliases=["Second"])
            world.claim(subject_entity_id=entity["id"])
            world.chunk(f"{word} again")
        key = app.as_new_key(Role.READER, worlds=[mine.id])

        for q in (word, word[:-1], word[:-2] + "zz"):
            found = key.get("/search", q=q)
            assert {hit["world_id"] for hit in found["items"]} == {mine.id}
            assert found["total"] == len(found["items"]) <= 3
            assert admin.get("/search", q=q)["total"] == 2 * found["total"]
        key.refused(404, "world_not_found", "GET", "/search", params={"q": word, "world_id": other.id})
        assert app.as_new_key(Role.READER, worlds=[]).get("/search", q=word)["total"] == 0
        for path in (f"/worlds/{other.id}/summary", f"/worlds/{other.id}/tags"):
            key.refused(404, "not_found", "GET", path)
        theirs = other.entity()["id"]
        for path in (f"/entities/{theirs}/claims", f"/entities/{theirs}/mentions"):
            key.refused(404, "not_found", "GET", path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    q=st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=500),
        st.lists(
            st.sampled_from(['"', "-", "or", "the", "a:*", "'", "\\", "(", "&", "!", "<->", "king", "þ", " ", "龍"])
        )
        .map("".join)
        .filter(bool),
    )
)
def test_nothing_that_can_be_typed_is_an_error(hall: World, q: str) -> None:
    look(hall, q)


@pytest.mark.parametrize(("q", "status"), [("", 422), ("a" * 501, 422), ("\x00", 422), ("a " * 250, 200)])
def test_a_question_has_a_length(hall: World, q: str, status: int) -> None:
    assert hall.api.ask("GET", "/search", params={"q": q, "world_id": hall.id}).status_code == status


SAMPLES = [
    "“Þórr” wept 🌊—and e\u0301lite waves; Wéalhþēow's 3.14, sea-king's <b>x</b> a_b /etc/passwd me@example.com 10%",
    "龍王の剣 が 한국어 Ørsted æsc ǣ straße ΣΑΣ ﬁsh İzmir Ǆ naïve\u00a0co\u00adop “x”\u2018y\u2019…",
    "AT&T C++ #tag $5 ~home `code` a|b \\back ^up =same {brace} [1] (x) \t\ntab",
]


@pytest.mark.parametrize("text", SAMPLES)
def test_texts_and_questions_are_cut_into_the_same_words(database: psycopg.Connection[Made], text: str) -> None:
    ours = [word.form for word in words_of(text)]
    (row,) = database.execute(
        "SELECT regexp_split_to_array(btrim(regexp_replace(search_form(%s), '[\\u0001-\\u002f\\u003a-\\u0040"
        "\\u005b-\\u0060\\u007b-\\u007f]+', ' ', 'g')), ' +') AS words",
        [text],
    ).fetchall()

    assert ours == row["words"]


def test_a_question_is_read_as_its_parts() -> None:
    question = read_question('king "sea road" -dane thor or odin sea-ki')

    assert [(part.place, part.negative, part.phrase) for part in question.parts] == [
        (1, False, "king"),
        (2, False, "sea road"),
        (3, True, "dane"),
        (4, False, "thor"),
        (4, False, "odin"),
        (5, False, "sea ki"),
    ]
    assert question.beginning is None


class TestTags:
    def test_are_counted_by_name(self, world: World) -> None:
        world.entity(tags=["b", "a"])
        world.entity(tags=["a"])
        world.claim(tags=["a"])
        gone = world.claim(tags=["gone"])
        deleted(world.api, f"/claims/{gone['id']}")

        assert world.api.get(f"/worlds/{world.id}/tags") == {
            "items": [{"tag": "a", "entities": 2, "claims": 1}, {"tag": "b", "entities": 1, "claims": 0}],
            "total": 2,
            "total_is_estimate": False,
            "skip": 0,
            "limit": 100,
        }
        assert [row["tag"] for row in world.api.get(f"/worlds/{world.id}/tags", skip=1, limit=1)["items"]] == ["b"]

    def test_filter_entities_and_claims(self, world: World, app: RunningApp) -> None:
        tag = fresh_name("tag")
        both = world.entity(tags=["x", tag])["id"]
        one = world.entity(tags=[tag])["id"]
        claim = world.claim(tags=[tag])["id"]
        key = app.as_new_key(Role.READER, worlds=[world.id])

        def listed(api: Api, path: str, **params: Any) -> list[str]:
            return [row["id"] for row in api.walk(path, limit=1, **params)]

        for api, scope in ((world.api, {"world_id": world.id}), (world.api, {}), (key, {})):
            assert listed(api, "/entities", tag=tag, **scope) == [one, both]
            assert listed(api, "/entities", tag=[tag, "x"], **scope) == [both]
            assert listed(api, "/entities", tag=[tag, "y"], **scope) == []
            assert listed(api, "/claims", tag=tag, **scope) == [claim]
        edited(world.api, f"/entities/{one}", {"tags": []})
        assert listed(world.api, "/entities", tag=tag) == [both]


def test_a_summary_counts_everything(world: World) -> None:
    person = world.entity(type="PERSON")
    world.entity(type="ITEM")
    deleted(world.api, f"/entities/{world.entity(type='ITEM')['id']}")
    world.claim(subject_entity_id=person["id"], canon_state="STRICT")
    world.source(chunks=[{"content": "a"}, {"content": "b"}])
    file = File()
    finished_job(world, file)
    new_job(world)

    told = world.api.get(f"/worlds/{world.id}/summary")

    assert told == {
        "world_id": world.id,
        "entities": {"total": 2, "by_type": {"ITEM": 1, "PERSON": 1}},
        "sources": 1,
        "source_chunks": 2,
        "claims": {"total": 1, "by_canon_state": {"STRICT": 1}},
        "jobs": {"total": 2, "by_status": {"QUEUED": 1, "SUCCEEDED": 1}},
        "assets": [{"type": "IMAGE", "status": "READY", "count": 1, "size_bytes": len(file.data)}],
        "bytes_stored": len(file.data),
    }


def test_the_claims_of_an_entity_by_its_role(world: World) -> None:
    entity = world.entity()["id"]
    subject = world.claim(subject_entity_id=entity)["id"]
    object_ = world.claim(object_entity_id=entity)["id"]
    asserter = world.claim(asserted_by_entity_id=entity)["id"]
    twice = world.claim(subject_entity_id=entity, object_entity_id=entity)["id"]
    world.claim()
    path = f"/entities/{entity}/claims"

    def listed(**params: Any) -> list[str]:
        return [row["id"] for row in world.api.walk(path, limit=1, **params)]

    assert listed() == [twice, asserter, object_, subject]
    assert listed(**{"as": "subject"}) == [twice, subject]
    assert listed(**{"as": ["object", "asserter"]}) == [twice, asserter, object_]
    assert world.api.get(path, skip=1, limit=2)["total"] == 4
    assert [row["id"] for row in world.api.get(path, skip=1, limit=2)["items"]] == [asserter, object_]


class TestMentions:
    def test_are_whole_words_in_any_case_the_longest_name_first(self, world: World) -> None:
        entity = world.entity(name="Ring", aliases=["Ring of Power", "Þórr", "龍王", "the Ring", "(odd) name."])
        text = "Ringhorn. A ring! THE\nRing, a Ring\nof power; ÞÓRR, Þórrson, Rings, 大龍王だ; an (odd) name. _ring_"
        world.chunk("Nothing but Ringhorn and earrings.")
        chunk = world.chunk(text)

        (told,) = world.api.walk(f"/entities/{entity['id']}/mentions")

        names = ["ring", "THE\nRing", "Ring\nof power", "ÞÓRR", "龍王", "(odd) name."]
        assert (told["id"], told["content"]) == (chunk["id"], text)
        assert [one["name"] for one in told["mentions"]] == names
        assert [text[one["start"] : one["end"]] for one in told["mentions"]] == names

    @pytest.mark.parametrize("sorted_at_most", [repository.SORTED_AT_MOST, 3], ids=["sorted", "walked"])
    def test_are_paged_in_the_order_of_the_text(
        self, world: World, sorted_at_most: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whether they are few and sorted, or many and come by from chunk to chunk."""
        monkeypatch.setattr(repository, "SORTED_AT_MOST", sorted_at_most)
        entity = world.entity(name="Heorot")
        sources = [
            world.source(chunks=[{"content": f"{n} {'Heorot' if n % 3 else 'Heorots'} stood."} for n in range(10)])
            for _ in range(2)
        ]
        chunks = [chunk for source in sources for chunk in world.chunks_of(source) if "Heorot " in chunk["content"]]

        for limit in (1, 5, 50):
            told = world.api.walk(f"/entities/{entity['id']}/mentions", limit=limit)
            assert [one["id"] for one in told] == [chunk["id"] for chunk in chunks]
        assert world.api.get(f"/entities/{world.entity()['id']}/mentions")["items"] == []
