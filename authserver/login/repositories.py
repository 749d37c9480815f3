"""All queries for login attempts. Each is one statement, so concurrent calls cannot interfere."""

from datetime import datetime

from pico_sqlalchemy import SessionManager, get_session, repository
from sqlalchemy import case, delete, or_, select, tuple_

from myapp.platform.database.upsert import insert_into

from .models import LoginAttempts

KEY = (LoginAttempts.username_folded, LoginAttempts.address)


@repository(entity=LoginAttempts)
class LoginAttemptRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add_failure(
        self, username_folded: str, address: str, *, now: datetime, since: datetime, limit: int
    ) -> int | None:
        """Add a failure and return their number since ``since``. Return None, and add nothing, if ``limit`` is
        reached."""
        session = get_session(self._manager)
        expired = LoginAttempts.updated_at <= since
        statement = (
            insert_into(session, LoginAttempts)
            .values(username_folded=username_folded, address=address, failures=1, created_at=now, updated_at=now)
            .on_conflict_do_update(
                index_elements=KEY,
                set_={"failures": case((expired, 1), else_=LoginAttempts.failures + 1), "updated_at": now},
                where=or_(expired, LoginAttempts.failures < limit),
            )
            .returning(LoginAttempts.failures)
        )
        failures: int | None = await session.scalar(statement)
        return failures

    async def last_failure(self, username_folded: str, address: str) -> datetime | None:
        statement = select(LoginAttempts.updated_at).where(
            LoginAttempts.username_folded == username_folded, LoginAttempts.address == address
        )
        return await get_session(self._manager).scalar(statement)

    async def delete(self, username_folded: str, address: str) -> None:
        statement = delete(LoginAttempts).where(
            LoginAttempts.username_folded == username_folded, LoginAttempts.address == address
        )
        await get_session(self._manager).execute(statement)

    async def delete_until(self, moment: datetime) -> None:
        """Delete rows of ``moment`` or older. Rows that another transaction has locked are skipped."""
        old = select(*KEY).where(LoginAttempts.updated_at <= moment).with_for_update(skip_locked=True)
        await get_session(self._manager).execute(delete(LoginAttempts).where(tuple_(*KEY).in_(old)))
