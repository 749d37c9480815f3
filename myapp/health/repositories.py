"""The revision of the schema."""

from contextlib import suppress
from typing import Any

from pico_sqlalchemy import SessionManager, get_session, repository, transactional
from sqlalchemy import Select, false
from sqlalchemy.exc import DBAPIError

from ..platform.database.revisions import REVISIONS

WRITABLE: Select[tuple[Any]] = REVISIONS.where(false()).with_for_update()
"""Locks no row, but PostgreSQL refuses it while it is read-only."""


@repository
class SchemaRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @transactional(read_only=True)
    async def revisions(self) -> tuple[str, ...]:
        """Return the revisions of the database; none if it was never migrated."""
        try:
            return tuple(await get_session(self._manager).scalars(REVISIONS))
        except DBAPIError:  # the table is missing; a database that does not answer raises DatabaseUnavailableError
            return ()

    @transactional(read_only=True)
    async def check_writable(self) -> None:
        """Raise DatabaseUnavailableError if the server takes no writes, such as the old one after a failover."""
        with suppress(DBAPIError):  # the table is missing, or the role may not update it
            await get_session(self._manager).execute(WRITABLE)
