"""Checks what the service needs to answer requests."""

import logging
from collections.abc import AsyncIterator

from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient
from pico_ioc import component
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator

from ..platform.auth.keys import IssuerKeys
from ..platform.database.migrations import LockedMigrator
from ..platform.database.preconditions import SqliteFile
from ..platform.database.revisions import SchemaState
from ..platform.database.rights import UNREADABLE
from ..platform.errors import DatabaseUnavailableError
from ..platform.text import error_summary
from .repositories import SchemaRepository

logger = logging.getLogger(__name__)

WORKING = (SchemaState.CURRENT, SchemaState.AHEAD)
"""States of a schema with which this release works: migrations only add to it."""


@component
class HealthService:
    def __init__(
        self,
        schema: SchemaRepository,
        migrator: AlembicMigrator,
        keys: JWKSClient,
        settings: AuthClientSettings,
        database: DatabaseSettings,
    ) -> None:
        assert isinstance(migrator, LockedMigrator)
        assert isinstance(keys, IssuerKeys)
        self._schema = schema
        self._migrator = migrator
        self._file = SqliteFile.of(database.url)
        self._logged: list[str] = []
        self._keys = keys if settings.enabled else None

    async def is_ready(self) -> bool:
        """Return whether the service can answer requests.

        What is missing is logged only, once until it changes; the caller is anonymous.
        """
        missing = [reason async for reason in self._missing()]
        if missing != self._logged:
            self._logged = missing
            if missing:
                logger.warning("not ready: %s", ", ".join(missing))
            else:
                logger.info("ready again")
        return not missing

    async def _missing(self) -> AsyncIterator[str]:
        if self._file and (fault := self._file.fault()):
            yield f"database ({fault})"  # no connection, which would create an empty file
        else:
            async for reason in self._missing_in_database():
                yield reason
        if self._keys and not await self._keys.has_keys():
            yield "keys"

    async def _missing_in_database(self) -> AsyncIterator[str]:
        try:
            missing, found = await self._schema.missing(), await self._schema.revisions()
            works = self._migrator.state(found) in WORKING
            if missing and (works or UNREADABLE in missing):
                yield f"database ({', '.join(missing)})"
            elif not works:
                yield f"migrations ({self._migrator.description})"
            else:
                await self._schema.check_writable()
        except DatabaseUnavailableError as error:
            yield f"database ({error_summary(error.__cause__ or error)})"
