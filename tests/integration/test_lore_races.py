"""Edits that meet deletions and new editions of what they are part of: both are done, one after the other.

What the search is kept by (triggers) asks for entities and sources after a claim or a chunk is locked; others have them
before. None may wait in a ring.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from factories.lore import Made, World
from harness.locks import held, waiting
from harness.waiting import until

Request = tuple[str, str, Made | None]
Meeting = tuple[Request, Request, str, str]
"""The first request, the second, and the row at which they meet."""


def a_claim_and_its_subject(world: World) -> Meeting:
    claim = world.claim()
    edit = ("PATCH", f"/claims/{claim['id']}", {"object_value": "V"})
    return edit, ("DELETE", f"/entities/{claim['subject_entity_id']}?cascade=true", None), "claim", claim["id"]


def a_claim_that_comes_to_supersede_and_its_subject(world: World) -> Meeting:
    earlier = world.claim()
    later = world.claim(subject_entity_id=earlier["subject_entity_id"])
    edit = ("PATCH", f"/claims/{later['id']}", {"supersedes_claim_id": earlier["id"]})
    return edit, ("DELETE", f"/entities/{earlier['subject_entity_id']}?cascade=true", None), "claim", earlier["id"]


def a_claim_and_the_name_of_its_object(world: World) -> Meeting:
    other = world.entity()["id"]
    claim = world.claim(object_entity_id=other)
    edit = ("PATCH", f"/claims/{claim['id']}", {"predicate": "lost"})
    return edit, ("PATCH", f"/entities/{other}", {"name": "N"}), "claim", claim["id"]


def a_chunk_and_its_source(world: World) -> Meeting:
    chunk = world.chunk()
    edit = ("PATCH", f"/source-chunks/{chunk['id']}", {"content": "C"})
    return edit, ("DELETE", f"/sources/{chunk['source_id']}?cascade=true", None), "source_chunk", chunk["id"]


def a_chunk_and_a_new_edition(world: World) -> Meeting:
    chunk = world.chunk()
    edit = ("PATCH", f"/source-chunks/{chunk['id']}", {"content": "C"})
    edition = ("POST", f"/sources/{chunk['source_id']}/editions", {"text": "Another text."})
    return edit, edition, "source_chunk", chunk["id"]


def a_chunk_and_the_type_of_its_source(world: World) -> Meeting:
    chunk = world.chunk()
    edit = ("PATCH", f"/source-chunks/{chunk['id']}", {"content": "C"})
    return edit, ("PATCH", f"/sources/{chunk['source_id']}", {"type": "SONG"}), "source_chunk", chunk["id"]


def claims_that_go_and_the_name_of_their_object(world: World) -> Meeting:
    """The search has the second claim before the first, which was edited and so written anew."""
    subject, other = world.entity()["id"], world.entity()["id"]
    claims = [world.claim(subject_entity_id=subject, object_entity_id=other) for _ in range(2)]
    world.api.patch(f"/claims/{claims[0]['id']}", {"predicate": "lost"})
    removal = ("DELETE", f"/entities/{subject}?cascade=true", None)
    return ("PATCH", f"/entities/{other}", {"name": "N"}), removal, "lore_search", claims[0]["id"]


MEETINGS = [
    a_claim_and_its_subject,
    a_claim_that_comes_to_supersede_and_its_subject,
    a_claim_and_the_name_of_its_object,
    claims_that_go_and_the_name_of_their_object,
    a_chunk_and_its_source,
    a_chunk_and_a_new_edition,
    a_chunk_and_the_type_of_its_source,
]


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda meeting: meeting.__name__)
def test_who_was_first_comes_first(
    world: World, database: psycopg.Connection[Made], database_url: str, meeting: Callable[[World], Meeting]
) -> None:
    first, second, table, row = meeting(world)

    with ThreadPoolExecutor(2) as pool, held(database_url, table, row):
        answers = [pool.submit(send, world, first)]
        until(lambda: waiting(database) == 1)
        answers.append(pool.submit(send, world, second))
        until(lambda: waiting(database) == 2 or answers[1].done())

    for answer in answers:
        assert answer.result().is_success, answer.result().text


def send(world: World, request: Request) -> httpx.Response:
    method, path, body = request
    return world.api.ask(method, path, **({} if body is None else {"json": body}))
