"""Checks what the service needs to answer requests."""

import logging

from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient
from pico_ioc import component
from pico_sqlalchemy.migrations import AlembicMigrator

from ..platform.auth.keys import IssuerKeys
from ..platform.database.migrations import LockedMigrator
from ..platform.errors import DatabaseUnavailableError
from .repositories import SchemaRepository

logger = logging.getLogger(__name__)


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
        self._head = migrator.head()
        self._keys = keys if settings.enabled else None

    async def is_ready(self) -> bool:
        """Return whether the service can answer requests. What is missing is logged only; the caller is anonymous."""
        missing = []
        try:
            if await self._schema.revision() != self._head:
                missing.append("migrations")
            await self._schema.check_writable()
        except DatabaseUnavailableError:
            missing.append("database")
        if self._keys and not await self._keys.has_keys():
            missing.append("keys")
        if missing:
            logger.warning("not ready: %s", ", ".join(missing))
        return not missing
