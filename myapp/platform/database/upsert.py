"""INSERT with ON CONFLICT, which SQLAlchemy has for each database by itself."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def insert_into(session: AsyncSession, table: Any) -> postgresql.Insert | sqlite.Insert:
    """``on_conflict_do_nothing`` and ``on_conflict_do_update`` mean the same in both."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)
