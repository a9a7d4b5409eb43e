"""The client's group for prompt schemas: `client.prompt_schemas`."""

from lorekeeper.sdk.calls import prompts as calls
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Walk


class PromptSchemas(Group[ExecutionT]):
    """`client.prompt_schemas`: what prompts are judged by. Admins write them, everybody may read them."""

    create = Operation(calls.create_prompt_schema)
    get = Operation(calls.get_prompt_schema)
    in_force = Operation(calls.get_prompt_schema_in_force)
    list = Operation(calls.list_prompt_schemas)
    iterate = Walk(calls.every_prompt_schema)
    withdraw = Operation(calls.withdraw_prompt_schema)
