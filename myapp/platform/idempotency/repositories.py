"""All queries of idempotency keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, SessionManager, get_session, repository
from sqlalchemy import LargeBinary, bindparam, delete, select, text, update

from ..database.faults import LOCK_NOT_AVAILABLE, sqlstate_of
from ..database.rows import Record, changed_count
from ..database.session_settings import milliseconds
from ..database.types import UtcDateTime
from ..database.upsert import insert_into
from ..errors import DatabaseUnavailableError, IdempotencyInProgressError
from .models import IdempotencyKey

KEYS = AppBase.metadata.tables[IdempotencyKey.__tablename__]
BY_DIGEST = KEYS.c.digest == bindparam("a_digest")

CLAIM = text("""
    WITH lock_timeout AS (
      SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', :wait, true) AS now
    )
    INSERT INTO idempotency_keys (digest, fingerprint, created_at)
    SELECT :digest, :fingerprint, :created_at FROM lock_timeout
    ON CONFLICT DO NOTHING
    RETURNING set_config('lock_timeout', (SELECT before FROM lock_timeout), true)
""").bindparams(
    bindparam("digest", type_=LargeBinary()),
    bindparam("fingerprint", type_=LargeBinary()),
    bindparam("created_at", type_=UtcDateTime()),
)
"""PostgreSQL's claim. Its wait for another transaction has a limit of its own; later statements have theirs again."""

FIND = select(KEYS).where(BY_DIGEST)
STORE = (
    update(KEYS)
    .where(BY_DIGEST)
    .values(status=bindparam("status"), headers=bindparam("headers"), body=bindparam("body"))
)
RELEASE = delete(KEYS).where(BY_DIGEST)


@repository
class IdempotencyKeyRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._is_sqlite = manager.engine.dialect.name == "sqlite"

    async def claim(self, digest: bytes, fingerprint: bytes, now: datetime, seconds: float) -> bool:
        """Insert a new key, and return False if it is there already.

        Waits up to ``seconds`` for a transaction that is inserting the same key, then raises
        IdempotencyInProgressError. On SQLite there is none: this transaction is the only one that writes.
        """
        session = get_session(self._manager)
        values: dict[str, Any] = {"digest": digest, "fingerprint": fingerprint, "created_at": now}
        if self._is_sqlite:
            insert = insert_into(session, KEYS).values(values).on_conflict_do_nothing()
            return (await session.execute(insert.returning(KEYS.c.digest))).first() is not None
        try:
            return (await session.execute(CLAIM, values | {"wait": milliseconds(seconds)})).first() is not None
        except DatabaseUnavailableError as error:
            if sqlstate_of(error.__cause__) == LOCK_NOT_AVAILABLE:
                raise IdempotencyInProgressError from error
            raise

    async def find(self, digest: bytes) -> Record | None:
        return (await get_session(self._manager).execute(FIND, {"a_digest": digest})).first()

    async def store(self, digest: bytes, answer: Mapping[str, Any]) -> None:
        """Set ``status``, ``headers`` and ``body`` of a key."""
        await get_session(self._manager).execute(STORE, {"a_digest": digest, **answer})

    async def release(self, digest: bytes) -> None:
        await get_session(self._manager).execute(RELEASE, {"a_digest": digest})

    async def delete_older(self, than: datetime, limit: int) -> int:
        """Delete up to ``limit`` keys that were used before ``than``, oldest first. Return how many."""
        old = select(KEYS.c.digest).where(KEYS.c.created_at < than).order_by(KEYS.c.created_at).limit(limit)
        deleted = await get_session(self._manager).execute(delete(KEYS).where(KEYS.c.digest.in_(old)))
        return changed_count(deleted)
