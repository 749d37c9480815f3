"""Keys for signatures that the database keeps: the same for all processes and hosts, without any configuration."""

import secrets

from pico_ioc import component
from pico_sqlalchemy import SessionManager, get_session, repository, transactional
from sqlalchemy import select

from ..signing import StoredKeys
from .models import SigningKey
from .upsert import insert_into


@repository
class SigningKeyRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @transactional(read_only=True)
    async def find(self, name: str) -> bytes | None:
        return await get_session(self._manager).scalar(select(SigningKey.key).where(SigningKey.name == name))

    @transactional
    async def add(self, name: str, key: bytes) -> None:
        """Insert a key, unless another process has inserted one of this name."""
        session = get_session(self._manager)
        await session.execute(insert_into(session, SigningKey).values(name=name, key=key).on_conflict_do_nothing())


@component
class DatabaseKeys(StoredKeys):
    """Reads each key once in the life of the process."""

    def __init__(self, repo: SigningKeyRepository) -> None:
        self._repo = repo
        self._known: dict[str, bytes] = {}

    async def key(self, name: str) -> bytes:
        if name not in self._known:
            key = await self._repo.find(name)
            if key is None:
                await self._repo.add(name, secrets.token_bytes(32))
                key = await self._repo.find(name)
            assert key
            self._known[name] = key
        return self._known[name]
