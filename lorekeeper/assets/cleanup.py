"""Ridding the store of what no asset needs: uploads that nobody came for, and the files of deleted assets.

First the row says so (ABANDONED, RELEASED), then the store is told, then `removed_at` is noted. Whatever fails or dies
on the way is taken up again by the next sweep. Sweeps of several servers at once do some work twice, and no harm.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context, Runtime
from lorekeeper.assets import repository
from lorekeeper.contracts.errors import LoreKeeperError, StorageUnavailableError
from lorekeeper.kit.telemetry import log

BATCH = 500
"""Rows at a time: one statement, one call to the store."""
ACTOR = "lorekeeper"
"""Who did it, in the event log: nobody's key."""


@dataclass(frozen=True)
class Leftover:
    """What may lie in the store under a key."""

    upload_id: UUID
    storage_key: str
    in_parts: bool


@dataclass(frozen=True)
class Swept:
    """How many uploads were given up, and of how many the store holds nothing any more."""

    abandoned: int
    removed: int


async def keep_clean(runtime: Runtime, *, every_seconds: float, abandoned_after: timedelta) -> None:
    """Sweep now and then, until cancelled. A sweep that fails is logged, and the next one tries again.

    Not at once: after a server was down for days, workers have this long to come back for what they had uploaded, and a
    machine that has just started has this long to set its clock.
    """
    while True:
        await asyncio.sleep(every_seconds)
        try:
            swept = await sweep(runtime, abandoned_after=abandoned_after)
            if swept.abandoned or swept.removed:
                log.info("cleaned up", abandoned=swept.abandoned, removed=swept.removed)
        except LoreKeeperError as error:
            log.warning("cleaning up failed", code=error.code, cause=str(error.__cause__ or error))
        except Exception as error:  # noqa: BLE001 - nothing may end the sweeps for as long as the server runs
            log.error("cleaning up failed", exc_info=error)


async def sweep(runtime: Runtime, *, abandoned_after: timedelta) -> Swept:
    """Give up what nobody came for within that time after its URL had expired; then rid the store of all leftovers.

    Raises `DatabaseUnavailableError`, `StorageUnavailableError`.
    """
    abandoned = 0
    before = runtime.clock.now() - abandoned_after
    while found := await repository.abandon_uploads(
        runtime.database, before=before, limit=BATCH, origin=_origin(runtime)
    ):
        abandoned += found
    return Swept(abandoned, await _remove_leftovers(runtime))


async def remove_now(ctx: Context, upload_id: UUID, storage_key: str, *, in_parts: bool) -> None:
    """Rid the store of one upload as part of a request, which does not fail by it: the sweep comes after it."""
    try:
        await _remove(ctx.runtime, [Leftover(upload_id, storage_key, in_parts)])
    except StorageUnavailableError as error:
        log.warning("left to be cleaned up", storage_key=storage_key, cause=str(error.__cause__ or error))


async def _remove_leftovers(runtime: Runtime) -> int:
    removed, after = 0, UUID(int=0)
    while rows := await repository.list_uploads_to_remove(
        runtime.database, after=after, limit=BATCH, now=runtime.clock.now()
    ):
        leftovers = [Leftover(row["id"], row["storage_key"], row["in_parts"]) for row in rows]
        removed += await _remove(runtime, leftovers)
        after = leftovers[-1].upload_id
    return removed


async def _remove(runtime: Runtime, leftovers: Sequence[Leftover]) -> int:
    """The answer is how many are gone for good. Raises `StorageUnavailableError` where the store takes none of it."""
    stuck = await _abort_parts(runtime, leftovers)
    # Afterwards: what is no unfinished upload any more may have become an object in between.
    stuck |= set(await runtime.store.delete_objects([one.storage_key for one in leftovers]))
    if stuck:
        log.warning("the store does not let go of some files", count=len(stuck), one_of_them=min(stuck))
    gone = [one.upload_id for one in leftovers if one.storage_key not in stuck]
    return await repository.note_removed(runtime.database, gone, origin=_origin(runtime)) if gone else 0


async def _abort_parts(runtime: Runtime, leftovers: Sequence[Leftover]) -> set[str]:
    """Aborts the unfinished uploads; the answer is the keys that are still to be done, from the first failure on."""
    keys = [one.storage_key for one in leftovers if one.in_parts]
    for place, key in enumerate(keys):
        try:
            for multipart_id in await runtime.store.list_multipart_uploads(key):
                await runtime.store.abort_multipart_upload(key, multipart_id)
        except StorageUnavailableError as error:
            log.warning(
                "an unfinished upload could not be aborted", storage_key=key, cause=str(error.__cause__ or error)
            )
            return set(keys[place:])
    return set()


def _origin(runtime: Runtime) -> dict[str, Any]:
    return {"actor": ACTOR, "request_id": None, "now": runtime.clock.now()}
