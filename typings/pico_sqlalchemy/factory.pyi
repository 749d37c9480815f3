from typing import Any, ClassVar

from .config import DatabaseConfigurer, DatabaseSettings
from .session import SessionManager

class PicoSqlAlchemyLifecycle:
    _pico_meta: ClassVar[dict[str, Any]]
    def setup_database(self, session_manager: SessionManager, configurers: list[DatabaseConfigurer]) -> None: ...

class SqlAlchemyFactory:
    _pico_meta: ClassVar[dict[str, Any]]
    def create_session_manager(self, settings: DatabaseSettings) -> SessionManager: ...
