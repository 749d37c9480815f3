"""Checks what the service needs to answer requests."""

import logging
from collections.abc import AsyncIterator

from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient
from pico_ioc import component
from pico_sqlalchemy.migrations import AlembicMigrator

from ..platform.auth.keys import IssuerKeys
from ..platform.database.migrations import LockedMigrator
from ..platform.database.revisions import SchemaState
from ..platform.errors import DatabaseUnavailableError
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
    ) -> None:
        assert isinstance(migrator, LockedMigrator)
        assert isinstance(keys, IssuerKeys)
        self._schema = schema
        self._migrator = migrator
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
        try:
            found = await self._schema.revisions()
            if self._migrator.state(found) not in WORKING:
                yield f"migrations ({self._migrator.description})"
            await self._schema.check_writable()
        except DatabaseUnavailableError:
            yield "database"
        if self._keys and not await self._keys.has_keys():
            yield "keys"
