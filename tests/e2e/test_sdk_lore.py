"""The life of lore as the SDK's users have it."""

import pytest

from lorekeeper.contracts.editing import ClaimUpdate, EntityUpdate, SourceChunkUpdate, SourceUpdate, WorldUpdate
from lorekeeper.contracts.lore import ClaimCreate, EntityCreate, SourceChunkText, SourceCreate, WorldCreate
from lorekeeper.sdk import ConflictError, LoreInUseError, NotFoundError, PreconditionFailedError, ValidationFailedError


def test_an_edit_sends_what_was_given_and_null_too(client, world, entity):
    now = client.entities.update(entity.id, EntityUpdate(summary=None, aliases=["Aunt"]), etag=entity.etag)

    assert (now.summary, now.aliases, now.name, now.version) == (None, ["Aunt"], entity.name, 2)
    with pytest.raises(PreconditionFailedError) as refused:
        client.entities.update(entity.id, EntityUpdate(name="Uncle"), etag=entity.etag)
    assert refused.value.extra["etag"] == now.etag
    assert client.entities.get(entity.id) == now
    assert client.entities.update(entity.id, EntityUpdate()) == now


def test_versions_are_read_compared_and_restored(client, entity):
    client.entities.update(entity.id, EntityUpdate(name="Uncle"))

    assert [version.version for version in client.entities.iterate_versions(entity.id)] == [2, 1]
    assert client.entities.get_version(entity.id, 1) == entity
    (change,) = client.entities.diff(entity.id, 1).changes
    assert (change.field, change.words) == ("name", "[-Auntie-]{+Uncle+}")
    assert client.entities.diff(entity.id, 2, 1).to_version == 1
    back = client.entities.restore(entity.id, 1)
    assert (back.name, back.version) == ("Auntie", 3)
    assert client.entities.list_versions(entity.id, limit=1).total == 3


def test_many_are_made_in_order_and_deleted_with_what_points_at_them(client, world):
    first, second = client.entities.create_many([EntityCreate(world_id=world.id, name=name) for name in "AB"])
    claims = client.claims.create_many(
        [ClaimCreate(world_id=world.id, subject_entity_id=first.id, predicate="p", object_value=v) for v in "xyz"]
    )
    (source,) = client.sources.create_many(
        [SourceCreate(world_id=world.id, title="S", chunks=[SourceChunkText(content="c")])]
    )

    assert [claim.object_value for claim in claims] == ["x", "y", "z"]
    assert client.claims.update(claims[0].id, ClaimUpdate(confidence=0.5)).confidence == 0.5
    assert client.sources.update(source.id, SourceUpdate(author_ids=[second.id])).author_ids == [second.id]
    (chunk,) = client.sources.iterate_chunks(source.id)
    assert client.sources.chunks.update(chunk.id, SourceChunkUpdate(content="d")).version == 2
    assert client.sources.chunks.delete(chunk.id).id == chunk.id
    with pytest.raises(LoreInUseError) as refused:
        client.entities.delete(first.id)
    assert sorted(refused.value.extra["users"]["subject_entity_id"]) == sorted(str(claim.id) for claim in claims)
    gone = client.entities.delete(first.id, cascade=True)
    assert sorted(gone.claim_ids) == sorted(claim.id for claim in claims)
    with pytest.raises(NotFoundError):
        client.entities.get(first.id)
    with pytest.raises(ConflictError):
        client.claims.restore(claims[0].id, 1)
    assert client.entities.restore(first.id, 1).name == "A"


def test_worlds(client):
    one, _ = client.worlds.create_many([WorldCreate(name="One"), WorldCreate(name="Two")])
    now = client.worlds.update(one.id, WorldUpdate(description="D"))

    with pytest.raises(ValidationFailedError):
        client.worlds.delete(one.id, name="one")
    with pytest.raises(PreconditionFailedError):
        client.worlds.delete(one.id, name="One", etag=one.etag)
    assert client.worlds.delete(one.id, name="One", etag=now.etag).entities == 0
    assert client.worlds.restore(one.id, 1).description is None
