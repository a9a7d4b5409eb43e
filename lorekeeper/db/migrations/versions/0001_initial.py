"""The schema of the first version: lore, jobs, assets, provenance, access and events."""

from lorekeeper.db.migrations import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0001_initial.sql")
