"""The state of the schema."""

from pico_sqlalchemy import SessionManager, get_session, repository, transactional
from sqlalchemy import inspect, text


@repository
class SchemaRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @transactional(read_only=True)
    async def revision(self) -> str | None:
        """The migration that the database is at; None for one that was never migrated."""
        connection = await get_session(self._manager).connection()
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            return None
        return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
