"""The schema: its revision, its tables, and the rights of this role."""

from contextlib import suppress

from pico_sqlalchemy import AppBase, SessionManager, get_session, repository, transactional
from sqlalchemy import false, select
from sqlalchemy.exc import DBAPIError

from ..platform.database.revisions import REVISIONS
from ..platform.database.rights import missing_objects
from ..platform.errors import DatabaseUnavailableError


@repository
class SchemaRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._missing = missing_objects(AppBase.metadata, manager.engine.dialect.name)
        # Locks no row of any table, but PostgreSQL refuses it while it is read-only.
        self._lock = select(AppBase.metadata.sorted_tables[0]).where(false()).with_for_update()

    @transactional(read_only=True)
    async def revisions(self) -> tuple[str, ...]:
        """Return the revisions of the database; none if it was never migrated."""
        try:
            return tuple(await get_session(self._manager).scalars(REVISIONS))
        except DBAPIError:  # the table is missing; a database that does not answer raises DatabaseUnavailableError
            return ()

    @transactional(read_only=True)
    async def missing(self) -> list[str]:
        """Return the tables that are missing and, on PostgreSQL, the rights that this role lacks."""
        try:
            return list(await get_session(self._manager).scalars(self._missing))
        except DBAPIError as error:
            raise DatabaseUnavailableError from error.orig

    @transactional(read_only=True)
    async def check_writable(self) -> None:
        """Raise DatabaseUnavailableError if the server takes no writes, such as the old one after a failover."""
        with suppress(DBAPIError):  # the table is missing, or the role may not update it
            await get_session(self._manager).execute(self._lock)
