"""Predicates and contradictions as the SDK's users have them."""

import pytest

from lorekeeper.contracts.enums import AssetTypeEnum, CanonState
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import ClaimCreate
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.sdk import ContradictionError, NotFoundError

PREDICATE = "lives in / near? 100 %"


def test_a_contradiction_is_found_named_and_allowed(client, world, entity):
    declared = client.canon.declare(world.id, PREDICATE, single_valued=True)
    fields = {"world_id": world.id, "subject_entity_id": entity.id, "predicate": PREDICATE}
    claims = client.claims.create_many(
        [ClaimCreate(**fields, object_value=place, canon_state=CanonState.STRICT) for place in ("a cave", "a hut")]
    )
    request = AssetJobCreate(
        world_id=world.id,
        asset_type=AssetTypeEnum.IMAGE,
        provider="nobody",
        prompt_spec={"title": "Home"},
        references=AssetJobReferences(claim_ids=[claims[0].id]),
    )

    assert (declared.predicate, [rule.claims for rule in client.canon.iterate_predicates(world.id)]) == (PREDICATE, [2])
    (found,) = client.canon.iterate_contradictions(world.id)
    assert [(pair.claim, pair.other) for pair in found.pairs] == [tuple(claims)]
    with pytest.raises(ContradictionError) as refused:
        client.jobs.create(request)
    (pair,) = refused.value.extra["contradictions"]
    assert pair["other"] == {"id": str(claims[1].id), "sentence": claims[1].sentence}
    assert not client.jobs.create(request.model_copy(update={"allow_contradictions": True})).replayed

    assert client.canon.withdraw(world.id, PREDICATE).id == declared.id
    assert client.canon.list_predicates(world.id).total == client.canon.list_contradictions(world.id).total == 0
    with pytest.raises(NotFoundError):
        client.canon.withdraw(world.id, PREDICATE)
