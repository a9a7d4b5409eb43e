"""How Alembic reaches the database: the URL is handed in by `lorekeeper.db.migrate`."""

import re

import sqlalchemy
from alembic import context

LOCK_TIMEOUT = "5s"
"""A migration that would have to wait longer for a lock gives up, rather than stop all traffic behind it."""

MIGRATION_LOCK = 0x10AE_0001
"""An arbitrary number of our own: two processes that migrate at once go one after the other."""


def run() -> None:
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", context.config.attributes["database_url"])
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
