"""Single-valued predicates, the contradictions that follow from them, and the jobs that are refused for them."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.canon import asking, contradictions, declare, pairs_of, refused, span, strict
from factories.editing import deleted, edited
from factories.jobs import JOBS, finished_job, new_job
from factories.lore import Made, World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role

Database = psycopg.Connection[Made]


@pytest.fixture
def subject(world: World) -> str:
    declare(world)
    made: str = world.entity(name="The Danes")["id"]
    return made


@pytest.fixture
def disputed(world: World, subject: str) -> tuple[Made, Made]:
    return strict(world, subject, object_value="Hrothgar"), strict(world, subject, object_value="Hrothulf")


class TestPredicates:
    def test_are_declared_and_listed_with_the_claims_that_use_them(self, world: World, database: Database) -> None:
        used = [world.claim(predicate="rules") for _ in range(3)]
        deleted(world.api, f"/claims/{used[0]['id']}")
        world.claim(predicate="owns")

        rules = declare(world)
        slashed = declare(world, "lives in/near", single=False)

        assert rules | {"id": 0, "created_at": 0, "updated_at": 0} == {
            "id": 0,
            "world_id": world.id,
            "predicate": "rules",
            "single_valued": True,
            "claims": 2,
            "created_by": world.api.key_id,
            "created_at": 0,
            "updated_at": 0,
        }
        assert world.api.walk(f"/worlds/{world.id}/predicates", limit=1) == [slashed, rules]
        (event,) = database.execute("SELECT * FROM event WHERE subject_id = %s", [rules["id"]]).fetchall()
        assert (event["kind"], event["actor"]) == ("predicate.declared", world.api.key_id)
        assert event["after"] == {"predicate": "rules", "single_valued": True}

    def test_are_declared_anew_and_to_say_it_again_changes_nothing(self, world: World, database: Database) -> None:
        first, again, other = declare(world), declare(world), declare(world, single=False)

        assert again == first
        assert other == first | {"single_valued": False, "updated_at": other["updated_at"]}
        assert other["updated_at"] > first["updated_at"]
        events = database.execute("SELECT kind FROM event WHERE subject_id = %s", [first["id"]]).fetchall()
        assert len(events) == 2

    def test_are_taken_back(self, world: World, disputed: tuple[Made, Made], database: Database) -> None:
        path = f"/worlds/{world.id}/predicates/rules"
        told = world.api.ask("DELETE", path)

        assert (told.status_code, told.json()["claims"]) == (200, 2)
        assert world.api.walk(f"/worlds/{world.id}/predicates") == contradictions(world) == []
        world.api.refused(404, "not_found", "DELETE", path)
        kinds = database.execute("SELECT kind FROM event WHERE subject_id = %s ORDER BY id", [told.json()["id"]])
        assert [row["kind"] for row in kinds] == ["predicate.declared", "predicate.withdrawn"]

    def test_are_each_worlds_own(self, app: RunningApp, world: World, other_world: World, subject: str) -> None:
        stranger = app.as_new_key(Role.EDITOR, worlds=[other_world.id])
        for there in (world.id, str(uuid4())):
            for method, path, body in (
                ("GET", "predicates", None),
                ("GET", "contradictions", None),
                ("PUT", "predicates/rules", {"single_valued": False}),
                ("DELETE", "predicates/rules", None),
            ):
                told = stranger.refused(404, "not_found", method, f"/worlds/{there}/{path}", body)
                assert told["detail"] == f"There is no world {there}."
        for method, body in (("PUT", {"single_valued": False}), ("DELETE", None)):
            path = f"/worlds/{world.id}/predicates/rules"
            app.as_new_key(Role.WORKER).refused(403, "forbidden", method, path, body)
            app.as_new_key(Role.READER).refused(403, "forbidden", method, path, body)

        assert world.seen_by(app.as_new_key(Role.READER)).api.get(f"/worlds/{world.id}/predicates")["total"] == 1

    @pytest.mark.parametrize("wrong", [{}, {"single_valued": "yes"}, {"single_valued": None}, {"single": True}])
    def test_are_not_declared_by_halves(self, world: World, wrong: Made) -> None:
        world.api.refused(422, "validation_failed", "PUT", f"/worlds/{world.id}/predicates/rules", wrong)
        world.api.refused(
            422, "validation_failed", "PUT", f"/worlds/{world.id}/predicates/%20", {"single_valued": True}
        )


class TestContradictions:
    def test_name_both_claims(self, world: World, subject: str, disputed: tuple[Made, Made]) -> None:
        (told,) = contradictions(world)

        assert (told["subject_entity_id"], told["subject_name"], told["predicate"]) == (subject, "The Danes", "rules")
        assert told["has_more_pairs"] is False
        (pair,) = told["pairs"]
        assert (pair["claim"], pair["other"]) == disputed
        assert pair["other"]["sentence"] == "The Danes — rules — Hrothulf"

    def test_an_entity_and_a_value_disagree_and_so_do_two_entities(self, world: World, subject: str) -> None:
        one, other = world.entity(name="A"), world.entity(name="A")
        claims = [strict(world, subject, object_entity_id=entity["id"]) for entity in (one, other, one)]
        claims.append(strict(world, subject, object_value="A"))

        wanted = {(0, 1), (1, 2), (0, 3), (1, 3), (2, 3)}
        assert pairs_of(contradictions(world)) == {frozenset((claims[a]["id"], claims[b]["id"])) for a, b in wanted}

    @pytest.mark.parametrize(
        ("one", "other", "contradict"),
        [
            ((None, None), (3, 4), True),
            ((1, 5), (4, 9), True),
            ((1, 5), (5, 9), False),
            ((1, 5), (6, 9), False),
            ((1, 5), (None, 1), False),
            ((1, 5), (None, 2), True),
            ((1, None), (7, None), True),
            ((5, 5), (5, 5), True),
            ((5, 5), (5, 9), True),
            ((5, 5), (1, 9), True),
            ((5, 5), (1, 5), False),
            ((5, 5), (6, 6), False),
        ],
    )
    def test_hold_at_once(self, world: World, subject: str, one: Any, other: Any, contradict: bool) -> None:
        """From the start until before the end; where the two are one, at that moment."""
        for ends in (one, other):
            strict(world, subject, **span(*ends))

        assert len(contradictions(world)) == contradict

    def test_are_not_hidden_by_claims_that_lie_between(self, world: World, subject: str) -> None:
        long, short = (strict(world, subject, object_value="Hrothgar", **span(*ends)) for ends in ((1, 10), (2, 3)))
        other = strict(world, subject, object_value="Hrothulf", **span(5, 6))

        assert pairs_of(contradictions(world)) == {frozenset((long["id"], other["id"]))}
        assert new_job(world, references={"claim_ids": [short["id"]]})["status"] == "QUEUED"

    def test_are_there_only_while_all_of_it_is_so(
        self, world: World, subject: str, disputed: tuple[Made, Made]
    ) -> None:
        path = f"/claims/{disputed[1]['id']}"

        def without(**changes: Any) -> int:
            was = {name: disputed[1][name] for name in changes}
            edited(world.api, path, changes)
            found = len(contradictions(world))
            edited(world.api, path, was)
            assert len(contradictions(world)) == 1
            return found

        for state in ("MYTHIC", "APOCRYPHAL", "DRAFT", "ARCHIVED"):
            assert without(canon_state=state) == 0
        assert without(predicate="Rules") == 0
        assert without(subject_entity_id=world.entity()["id"]) == 0
        assert without(object_value="Hrothgar") == 0
        assert without(object_value="Hrothgar ") == 1
        assert without(supersedes_claim_id=disputed[0]["id"]) == 0

        draft = world.claim(supersedes_claim_id=disputed[0]["id"])
        assert contradictions(world) == []
        deleted(world.api, f"/claims/{draft['id']}")
        assert len(contradictions(world)) == 1
        deleted(world.api, path)
        assert contradictions(world) == []
        world.api.post(f"{path}/versions/1/restore")
        declare(world, single=False)
        assert contradictions(world) == []

    def test_come_in_pages_that_hold_each_once(self, world: World, subject: str) -> None:
        declare(world, "owns")
        subjects = [subject, *(world.entity()["id"] for _ in range(3))]
        for one in subjects:
            for predicate in ("rules", "owns"):
                for _ in range(2):
                    strict(world, one, predicate=predicate)

        everything = contradictions(world)
        assert {(item["subject_entity_id"], item["predicate"]) for item in everything} == {
            (one, predicate) for one in subjects for predicate in ("rules", "owns")
        }
        assert contradictions(world, limit=3) == everything
        page = world.api.get(f"/worlds/{world.id}/contradictions", skip=2, limit=3)
        assert (page["items"], page["total"], page["total_is_estimate"]) == (everything[2:5], 8, False)

    def test_of_many_name_twenty_pairs(self, world: World, subject: str) -> None:
        claims = [strict(world, subject) for _ in range(8)]  # 28 pairs

        (told,) = contradictions(world)
        assert (len(told["pairs"]), told["has_more_pairs"]) == (20, True)
        assert len(pairs_of([told])) == 20

        problem = refused(world, asking(world, *claims))
        assert (len(problem["contradictions"]), problem["has_more"]) == (20, True)
        problem = refused(world, asking(world, claims[3]))
        assert (len(problem["contradictions"]), problem["has_more"]) == (7, False)

    def test_stay_in_their_world(self, world: World, other_world: World, disputed: tuple[Made, Made]) -> None:
        declare(other_world)

        assert contradictions(other_world) == []


class TestJobs:
    def test_that_refer_to_one_side_are_refused(self, world: World, disputed: tuple[Made, Made]) -> None:
        for asked in (disputed[:1], disputed[1:], disputed):
            told = world.api.refused(409, "contradiction", "POST", JOBS, asking(world, *asked, world.claim()))

            (pair,) = told["contradictions"]
            assert pair == {
                side: {"id": claim["id"], "sentence": claim["sentence"]}
                for side, claim in zip(("claim", "other"), disputed, strict=True)
            }
            assert told["has_more"] is False
            assert all(text in told["detail"] for claim in disputed for text in (claim["id"], claim["sentence"]))
        assert world.api.get(JOBS, world_id=world.id)["total"] == 0

    def test_quotes_no_more_than_the_beginning_of_a_long_value(self, world: World, subject: str) -> None:
        claims = [strict(world, subject, object_value=letter * 100_000) for letter in "ab"]

        (pair,) = refused(world, asking(world, *claims))["contradictions"]

        assert pair["claim"]["sentence"].startswith("The Danes — rules — aaa")
        assert [len(side["sentence"]) for side in pair.values()] == [500, 500]

    def test_that_refer_to_none_are_not(self, world: World, disputed: tuple[Made, Made]) -> None:
        free = strict(world, world.entity()["id"])

        assert new_job(world, references=world.one_of_each() | {"claim_ids": [free["id"]]})["status"] == "QUEUED"

    def test_are_made_where_they_say_so_and_are_the_same_job(self, world: World, disputed: tuple[Made, Made]) -> None:
        request = asking(world, *disputed)
        refused(world, request | {"allow_contradictions": False})

        job = world.api.post(JOBS, request | {"allow_contradictions": True})
        declare(world, single=False)
        plain = world.api.ask("POST", JOBS, json=request)

        assert job["status"] == "QUEUED"
        assert (plain.status_code, plain.json()) == (200, job)

    @pytest.mark.parametrize("key", [None, "a-key"])
    def test_that_were_made_before_are_answered_with(self, world: World, subject: str, key: str | None) -> None:
        claim = strict(world, subject)
        request = asking(world, claim, idempotency_key=key)
        job = world.api.post(JOBS, request)
        strict(world, subject)

        again = world.api.ask("POST", JOBS, json=request)

        assert (again.status_code, again.json()) == (200, job)
        assert again.headers["idempotent-replayed"] == "true"
        refused(world, asking(world, claim))

    def test_of_the_same_inputs_note_the_key_they_are_asked_for_with(self, world: World, subject: str) -> None:
        claim = strict(world, subject)
        request = asking(world, claim)
        job = world.api.post(JOBS, request)
        strict(world, subject)
        keyed = request | {"idempotency_key": uuid4().hex}

        assert world.api.post(JOBS, keyed)["id"] == job["id"]
        world.api.post(f"{JOBS}/{job['id']}/cancel")
        assert world.api.post(JOBS, keyed)["id"] == job["id"]
        refused(world, request)

    def test_that_ended_without_an_asset_are_refused_like_new_ones(self, world: World, subject: str) -> None:
        claim = strict(world, subject)
        request = asking(world, claim)
        job = world.api.post(JOBS, request)
        world.api.post(f"{JOBS}/{job['id']}/cancel")
        strict(world, subject)

        refused(world, request)

    def test_whether_it_was_allowed_is_part_of_what_a_key_stands_for(self, world: World) -> None:
        request = asking(world, world.claim(), idempotency_key=uuid4().hex)
        job = world.api.post(JOBS, request)

        assert world.api.post(JOBS, request | {"allow_contradictions": False}) == job
        world.api.refused(422, "idempotency_key_reused", "POST", JOBS, request | {"allow_contradictions": True})

    def test_are_judged_as_of_now(self, world: World, disputed: tuple[Made, Made]) -> None:
        request = asking(world, *disputed)
        refused(world, request)

        edited(world.api, f"/claims/{disputed[1]['id']}", {"canon_state": "MYTHIC"})

        assert world.api.ask("POST", JOBS, json=request).status_code == 201

    def test_what_is_missing_is_told_first(self, world: World, disputed: tuple[Made, Made]) -> None:
        missing = {"id": str(uuid4())}

        world.api.refused(404, "reference_not_found", "POST", JOBS, asking(world, *disputed, missing))

    def test_that_are_finished_stay_so(self, world: World, subject: str) -> None:
        claim = strict(world, subject)
        job = finished_job(world, references={"claim_ids": [claim["id"]]})
        strict(world, subject)

        assert world.api.get(f"{JOBS}/{job['id']}")["status"] == "SUCCEEDED"
