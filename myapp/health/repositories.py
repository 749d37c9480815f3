"""The revision of the schema."""

from pico_sqlalchemy import SessionManager, get_session, repository, transactional
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

CURRENT_REVISION = text("SELECT version_num FROM alembic_version")


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
