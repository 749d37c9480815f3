from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncEngine

from .config import DatabaseSettings

class AlembicMigrator:
    _pico_meta: ClassVar[dict[str, Any]]
    priority: int
    _settings: DatabaseSettings
    def __init__(self, settings: DatabaseSettings) -> None: ...
    def configure_database(self, engine: AsyncEngine) -> None: ...
