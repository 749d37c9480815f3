"""INSERT with ON CONFLICT. SQLAlchemy has one class for each database."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def insert_into(session: AsyncSession, table: Any) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of the session's database. The ``on_conflict_do_...`` methods are the same for both."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)
