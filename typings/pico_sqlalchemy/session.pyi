from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

class TransactionContext:
    session: AsyncSession
    def __init__(self, session: AsyncSession) -> None: ...

_tx_context: ContextVar[TransactionContext | None]

def _build_engine_kwargs(
    url: str, echo: bool, pool_size: int, pool_pre_ping: bool, pool_recycle: int
) -> dict[str, Any]: ...

class SessionManager:
    _engine: AsyncEngine
    # Upstream makes it with the synchronous sessionmaker(class_=AsyncSession), which is called the same way.
    _session_factory: async_sessionmaker[AsyncSession]
    def __init__(
        self, url: str, echo: bool = ..., pool_size: int = ..., pool_pre_ping: bool = ..., pool_recycle: int = ...
    ) -> None: ...
    @property
    def engine(self) -> AsyncEngine: ...
    def create_session(self) -> AsyncSession: ...
    def get_current_session(self) -> AsyncSession | None: ...
    def transaction(
        self,
        propagation: str = ...,
        read_only: bool = ...,
        isolation_level: str | None = ...,
        rollback_for: tuple[type[BaseException], ...] = ...,
        no_rollback_for: tuple[type[BaseException], ...] = ...,
    ) -> AbstractAsyncContextManager[AsyncSession]: ...

def get_session(manager: SessionManager) -> AsyncSession: ...
