"""Reading lore, and what creating, editing and deleting it have in common."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError

from lorekeeper.access.context import Context
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.base import Page, Request, format_time
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError, PreconditionFailedError
from lorekeeper.contracts.lore import LoreResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.fielderrors import field_errors, summary
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging
from lorekeeper.lore import repository
from lorekeeper.lore.content import hash_of
from lorekeeper.lore.kinds import KINDS
from lorekeeper.lore.references import Found

TRIES = 5
"""How often a write is tried anew that others got in the way of."""

_ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')

BodyT = TypeVar("BodyT", bound=Request)


def as_row(kind: LoreKind, body: Request, **more: Any) -> Row:
    """A new piece of lore in its JSON form, with a fresh id and its content hash."""
    row = {"id": str(new_id())} | body.model_dump(mode="json") | more
    return row | {"content_hash": hash_of(kind, row)}


def written(ctx: Context, row: Row) -> Row:
    """What the database adds to a new row, for the answer."""
    return row | {
        "version": 1,
        "etag": etag_of(1),
        "created_by": ctx.principal.id,
        "created_at": format_time(ctx.now),
        "updated_at": format_time(ctx.now),
    }


def etag_of(edit: int) -> str:
    return f'"{edit}"'


def grantee(principal: Principal) -> str | None:
    """The key that must be granted a world it makes, to see it at all."""
    return None if principal.world_ids is None else principal.id


async def read(ctx: Context, kind: LoreKind, lore_id: UUID) -> LoreResponse:
    """One piece of lore. Raises `NotFoundError`."""
    row = await repository.get_lore(ctx.database, kind, lore_id)
    return KINDS[kind].response.model_validate(visible(ctx, kind, lore_id, row))


def visible(ctx: Context, kind: LoreKind, lore_id: UUID, row: Row | None) -> Row:
    """The row, or `NotFoundError` where it is missing or lies in a world that this key may not see."""
    return ctx.principal.require_visible(KINDS[kind].label, lore_id, row)


async def listing(ctx: Context, kind: LoreKind, paging: Paging, **filters: Any) -> Page:
    """A page of the lore that this key may see, newest first."""
    if (world_id := filters.get("world_id")) is not None:
        ctx.principal.require_world(world_id)
    return await repository.list_lore(
        ctx.database, kind, paging, **filters, visible_worlds=ctx.principal.visible_worlds
    )


def tagged(tags: Sequence[str] | None) -> dict[str, Any]:
    """The list filters for all of these tags: the list is read along the first, each row is held to the others."""
    return {"tag": tags[0], "tags": list(tags[1:]) or None} if tags else {}


def require_match(if_match: str, etag: str) -> None:
    """Raises `PreconditionFailedError` unless one of the tags in `If-Match` is this one, strong (RFC 9110 13.1.1)."""
    if if_match == "*":
        return
    if not any(tag == etag and not weak for weak, tag in _ENTITY_TAG.findall(if_match)):
        raise PreconditionFailedError(
            f"If-Match names {if_match}, but the present one is {etag}: read it again.", etag=etag
        )


def validated(body: type[BodyT], fields: Mapping[str, Any]) -> BodyT:
    """The fields as a valid piece. Raises `AssetValidationError`, in the form that a request's own refusal has."""
    try:
        return body.model_validate(fields)
    except ValidationError as error:
        told = field_errors(error.errors(include_url=False, include_context=False, include_input=False), "body")
        raise AssetValidationError(summary(told), errors=told) from error


def source_of(source_id: UUID | None, chunk_id: UUID | None, found: Found, at: str = "") -> UUID | None:
    """A claim's source: the one that its chunk belongs to. Raises `AssetValidationError` where it names another."""
    if chunk_id is None:
        return source_id
    of_chunk: UUID = found[LoreKind.SOURCE_CHUNK, chunk_id]["part_of"]
    if source_id is not None and source_id != of_chunk:
        raise other_source(at)
    return of_chunk


def other_source(at: str = "") -> AssetValidationError:
    return AssetValidationError(f"{at}source_chunk_id: that chunk belongs to another source than source_id.")
