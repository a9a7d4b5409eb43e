"""The texts of sources that are there already: each comes in as its source's new edition (docs/editions.md)."""

from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.kit.database import Session
from lorekeeper.lore import editions, repository
from lorekeeper.lore.bundles.comparing import Plan, Present
from lorekeeper.lore.bundles.repository import OvertakenError
from lorekeeper.lore.bundles.rows import Rows

_NOTED = 100


async def bring(ctx: Context, session: Session, rows: Rows, present: Present, plan: Plan, *, dry_run: bool) -> None:
    """Hold each text against the chunks that its source has, and write what differs unless this is a dry run.

    Raises `OvertakenError` where somebody edits those chunks meanwhile.
    """
    counts = plan.of[LoreKind.SOURCE_CHUNK].counts
    for source_id, (chunks, is_cut) in rows.texts.items():
        here = [row | {"id": UUID(row["id"])} for row in present.chunks_of.get(source_id, ())]
        new = [editions.new_chunk(chunk, is_cut=is_cut) for chunk in chunks]
        edition = await editions.compared(session, here, new)
        added, changed = len(edition.added_ids), len(edition.changed_ids)
        relabelled = len(edition.rows) - added - changed
        counts.created += added
        counts.updated += changed + relabelled
        counts.unchanged += len(new) - added - changed - relabelled
        counts.removed += len(edition.removed_ids)
        if dry_run or edition.changes_nothing:
            continue
        locked = await repository.lock_chunks(session, UUID(source_id))
        if locked != sorted((row["id"], row["edit"]) for row in here):
            raise OvertakenError
        ids = {name: [str(item) for item in items] for name, items in edition.ids(_NOTED).items()}
        await repository.write_edition(
            session,
            UUID(source_id),
            rows=edition.rows,
            removed_ids=edition.removed_ids,
            metadata=None,
            event=edition.counts() | ids,
            origin=ctx.origin,
        )
