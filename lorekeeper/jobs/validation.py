"""Whether a job may be asked for (specification section 3)."""

from lorekeeper.access.context import Context
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.lore.validation import validate_world_exists
from lorekeeper.prompts.service import validate_prompt_spec
from lorekeeper.provenance.service import Found, validate_references


async def validate_asset_job_create_request(ctx: Context, body: AssetJobCreate, found: Found) -> None:
    """All that a request for a job must hold beside its shape, by what was read for it at one moment.

    The world exists, the references do and lie in it, the schema in force accepts the prompt, and `start_by` is still
    to come. Raises `WorldNotFoundError`, `ReferenceNotFoundError`, `WorldScopeViolationError`, `AssetValidationError`.
    """
    validate_world_exists(body.world_id, found.lore["world"], ctx.principal)
    validate_references(ctx, body.world_id, body.references, found)
    await validate_prompt_spec(ctx, body.asset_type, body.prompt_spec, found.prompt_schema_id)
    if body.start_by is not None and body.start_by <= ctx.now:
        raise AssetValidationError("start_by lies in the past.")
