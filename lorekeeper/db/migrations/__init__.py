"""Alembic's folder. Each revision is a Python file that names itself and a plain SQL file that does the work."""

from importlib import resources

import psycopg
from alembic import op


def run_sql(name: str) -> None:
    """Run a SQL file of `versions/` as it stands."""
    sql = resources.files(__name__).joinpath("versions", name).read_text(encoding="utf-8")
    # Past SQLAlchemy, which would read every % in it as a placeholder.
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - env.py connects with no other driver
    connection.execute(sql.encode())
