"""Keys: made, read, revoked. An admin's key that is granted some worlds only rules over keys within these."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from lorekeeper.access import repository
from lorekeeper.access.context import Context
from lorekeeper.access.keys import make_key
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import ConflictError, ForbiddenError, NotFoundError, WorldNotFoundError
from lorekeeper.contracts.keys import KeyCreate, KeyCreated, KeyResponse, PaginatedKeyResponse
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging


async def issue_key(ctx: Context, body: KeyCreate) -> KeyCreated:
    """Make a key that may do no more than the asker's own."""
    if body.world_ids is None and ctx.principal.world_ids is not None:
        raise ForbiddenError("This key is granted some worlds only, and makes no key for all of them.")
    for world_id in body.world_ids or ():
        ctx.principal.require_world(world_id)
    granted = ctx.principal.providers
    if granted is not None and (body.providers is None or not granted.issuperset(body.providers)):
        raise ForbiddenError("This key is granted some providers only, and makes no key for others.")
    key_id, text = await create_key(
        ctx.database,
        name=body.name,
        role=body.role,
        world_ids=body.world_ids,
        providers=body.providers,
        actor=ctx.principal.id,
        now=ctx.now,
        request_id=ctx.request_id,
    )
    made = body.model_dump() | {"id": key_id, "created_by": ctx.principal.id, "created_at": ctx.now}
    return KeyCreated.model_validate(made | {"last_used_at": None, "revoked_at": None, "key": text})


async def read_key(ctx: Context, key_id: str) -> KeyResponse:
    """Raises `NotFoundError`, also for a key that reaches beyond the asker's worlds."""
    return KeyResponse.model_validate(_there(key_id, await repository.get_key(ctx.database, key_id, ctx.principal)))


async def list_keys(
    ctx: Context, paging: Paging, *, role: Role | None = None, alive: bool | None = None
) -> PaginatedKeyResponse:
    return await repository.list_keys(ctx.database, paging, ctx.principal, role=role, alive=alive)


async def end_key(ctx: Context, key_id: str) -> KeyResponse:
    """Revoke a key; twice is the same as once. Raises `ConflictError` for the last key that could undo it."""
    async with ctx.database.transaction() as session:
        # Locked before the key is read, so that what is read is not older than the lock.
        full_admins = await repository.lock_full_admins(session)
        _there(key_id, await repository.get_key(session, key_id, ctx.principal))
        if full_admins == {key_id}:
            raise ConflictError(
                "This is the last admin key that sees all worlds: without it nobody could make another. "
                "Make one first, or use `lorekeeper keys revoke`."
            )
        await repository.revoke_key(session, key_id, origin=ctx.origin)
        row = _there(key_id, await repository.get_key(session, key_id, ctx.principal))
    ctx.runtime.authenticator.forget(key_id)
    return KeyResponse.model_validate(row)


def _there(key_id: str, row: Row | None) -> Row:
    if row is None:
        raise NotFoundError(f"There is no key {key_id}.")
    return row


# --- beside HTTP: for the commands, which rule over all keys ---------------------------------------------------------


async def create_key(
    database: Database,
    *,
    name: str,
    role: Role,
    world_ids: Sequence[UUID] | None,
    providers: Sequence[str] | None,
    actor: str,
    now: datetime,
    request_id: str | None = None,
) -> tuple[str, str]:
    """Make a key; the answer is its id and its text, which is shown now and never again. No worlds given: all.

    Raises `WorldNotFoundError`.
    """
    text, parts = make_key()
    wanted = list(dict.fromkeys(world_ids or ()))
    row = {
        "id": parts.id,
        "place": new_id(),
        "name": name,
        "role": role.value,
        "secret_hash": parts.secret_hash,
        "all_worlds": world_ids is None,
        "world_ids": wanted,
        "providers": None if providers is None else list(providers),
    }
    origin = {"actor": actor, "request_id": request_id, "now": now}
    unknown = await repository.create_key(database, row, origin=origin)
    if unknown:
        first = next(world_id for world_id in wanted if world_id in unknown)
        raise WorldNotFoundError(f"There is no world {first}.", world_id=str(first))
    return parts.id, text


async def revoke_key(database: Database, key_id: str, *, actor: str, now: datetime) -> bool:
    """End a key. False where there is no such key alive. Every process obeys within a second."""
    return await repository.revoke_key(database, key_id, origin={"actor": actor, "request_id": None, "now": now})


async def all_keys(database: Database) -> Sequence[Row]:
    """Every key, the oldest first."""
    return await repository.all_keys(database)
