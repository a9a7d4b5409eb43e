"""API keys over HTTP, for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from starlette.convertors import Convertor, register_url_convertor

from lorekeeper.access import service
from lorekeeper.access.context import Admin
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import ConflictError, WorldNotFoundError
from lorekeeper.contracts.keys import KeyCreate, KeyCreated, KeyResponse, PaginatedKeyResponse
from lorekeeper.kit.http import Flag, answer, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

KEY_ID = "[0-9A-Za-z]{8,32}"


class _KeyIdConvertor(Convertor[str]):
    """Any other text in its place is a path that there is not, as with the ids of all else."""

    regex = KEY_ID

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("key_id", _KeyIdConvertor())

KeyId = Annotated[str, Path(pattern=f"^{KEY_ID}$")]


router = APIRouter(prefix="/keys", tags=["keys"], route_class=KeyedRoute, generate_unique_id_function=operation_id)


@router.post(
    "",
    status_code=201,
    response_model=KeyCreated,
    responses=responses(WorldNotFoundError)
    | {
        201: {
            "headers": {
                "Location": header("The path of the new key."),
                "Cache-Control": header("Always `no-store`: the answer holds a secret.", enum=["no-store"]),
            }
        }
    },
)
async def create_key(body: KeyCreate, ctx: Admin) -> Response:
    """Make a key, which may do no more than the asker's own. Its text is in this answer and in no other."""
    made = await service.issue_key(ctx, body)
    return answer(made, 201, {"Location": f"/keys/{made.id}", "Cache-Control": "no-store"})


@router.get("", response_model=PaginatedKeyResponse, responses=responses())
async def list_keys(
    ctx: Admin,
    page: Annotated[Paging, Depends(paging)],
    role: Role | None = None,
    alive: Flag | None = None,
) -> Response:
    """Keys without their secrets, newest first; revoked ones too, unless `alive` is asked for."""
    return answer(await service.list_keys(ctx, page, role=role, alive=alive))


@router.get("/{id:key_id}", response_model=KeyResponse, responses=responses())
async def get_key(id: KeyId, ctx: Admin) -> Response:
    """One key without its secret."""
    return answer(await service.read_key(ctx, id))


@router.delete("/{id:key_id}", response_model=KeyResponse, responses=responses(ConflictError))
async def revoke_key(id: KeyId, ctx: Admin) -> Response:
    """Revoke a key for good: every server refuses it within a second. Doing so again changes nothing."""
    return answer(await service.end_key(ctx, id))
