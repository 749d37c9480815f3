"""The revision of the schema."""

from contextlib import suppress
from typing import Any

from pico_sqlalchemy import SessionManager, get_session, repository, transactional
from sqlalchemy import Select, column, false, select, table, text
from sqlalchemy.exc import DBAPIError

CURRENT_REVISION = text("SELECT version_num FROM alembic_version")

REVISIONS = table("alembic_version", column("version_num"))

WRITABLE: Select[tuple[Any]] = select(REVISIONS.c.version_num).where(false()).with_for_update()
"""Locks no row, but PostgreSQL refuses it while it is read-only."""


@repository
class SchemaRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @transactional(read_only=True)
    async def revision(self) -> str | None:
        """Return the revision of the database; None if it was never migrated."""
        try:
            return str(await get_session(self._manager).scalar(CURRENT_REVISION))
        except DBAPIError:  # the table is missing; a database that does not answer raises DatabaseUnavailableError
            return None

    @transactional(read_only=True)
    async def check_writable(self) -> None:
        """Raise DatabaseUnavailableError if the server takes no writes, such as the old one after a failover."""
        with suppress(DBAPIError):  # the table is missing, or the role may not update it
            await get_session(self._manager).execute(WRITABLE)
