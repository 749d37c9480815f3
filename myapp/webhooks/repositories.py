"""All queries for webhooks."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import Row, Select, delete, func, insert, select, update

from ..platform.database.queries import fetch_page
from ..platform.database.rows import changed_count
from ..platform.database.sessions import wait_for_row
from .models import Webhook, WebhookAttempt

ATTEMPTS = AppBase.metadata.tables[WebhookAttempt.__tablename__]
VISIBLE = Webhook.deleted_at.is_(None)
ENABLED = (VISIBLE, Webhook.enabled)
HAS_ENABLED = select(Webhook.id).where(*ENABLED).exists()


@repository(entity=Webhook)
class WebhookRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def save(self, webhook: Webhook) -> Webhook:
        session = get_session(self._manager)
        session.add(webhook)
        await session.flush()
        return webhook

    async def count(self) -> int:
        return int(await get_session(self._manager).scalar(select(func.count()).where(VISIBLE)) or 0)

    async def find_by_id(self, id: uuid.UUID) -> Webhook | None:
        return await self._first(select(Webhook).where(Webhook.id == id, VISIBLE))

    async def lock_by_id(self, id: uuid.UUID) -> Webhook | None:
        """Return the webhook and lock its row until the transaction ends."""
        await wait_for_row(self._manager, Webhook, id)
        return await self._first(select(Webhook).where(Webhook.id == id, VISIBLE).with_for_update())

    async def find_paged(self, page: PageRequest) -> Page[Webhook]:
        return await fetch_page(get_session(self._manager), Webhook, select(Webhook).where(VISIBLE), page)

    async def find_enabled(self, ids: Collection[uuid.UUID]) -> Sequence[Webhook]:
        """Return those of ``ids`` to which events are delivered."""
        statement = select(Webhook).where(Webhook.id.in_(ids), *ENABLED)
        return (await get_session(self._manager).scalars(statement)).all()

    async def find_subscriptions(self) -> Sequence[Row[uuid.UUID, list[str]]]:
        """Return id and event types of all webhooks to which events are delivered."""
        statement = select(Webhook.id, Webhook.event_types).where(*ENABLED).order_by(Webhook.created_at, Webhook.id)
        return (await get_session(self._manager).execute(statement)).all()

    async def set_failing_since(self, id: uuid.UUID, moment: datetime | None) -> None:
        """Set or clear ``failing_since``. It is no change that a client can see, so the version stays."""
        statement = update(Webhook).where(Webhook.id == id, Webhook.failing_since.is_distinct_from(moment))
        unseen = statement.values(failing_since=moment, updated_at=Webhook.updated_at)
        await get_session(self._manager).execute(unseen.execution_options(synchronize_session=False))

    async def find_deleted(self, before: datetime) -> Sequence[uuid.UUID]:
        """Return the webhooks that were deleted before ``before`` and are still stored."""
        statement = select(Webhook.id).where(Webhook.deleted_at < before)
        return (await get_session(self._manager).scalars(statement)).all()

    async def remove(self, id: uuid.UUID) -> None:
        await get_session(self._manager).execute(delete(Webhook).where(Webhook.id == id))

    async def add_attempt(self, **values: Any) -> None:
        await get_session(self._manager).execute(insert(ATTEMPTS), values)

    async def find_attempts(self, webhook_id: uuid.UUID, event_ids: Collection[int]) -> Sequence[WebhookAttempt]:
        """Return the attempts to deliver these events, oldest first."""
        statement = select(WebhookAttempt).where(
            WebhookAttempt.webhook_id == webhook_id, WebhookAttempt.event_id.in_(event_ids)
        )
        return (await get_session(self._manager).scalars(statement.order_by(WebhookAttempt.id))).all()

    async def delete_attempts_of(self, webhook_id: uuid.UUID, limit: int) -> int:
        """Delete up to ``limit`` attempts of a webhook. Return how many."""
        some = select(WebhookAttempt.id).where(WebhookAttempt.webhook_id == webhook_id)
        return await self._delete_attempts(some, limit)

    async def delete_attempts_before(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` attempts that were made before ``before``, oldest first. Return how many."""
        old = select(WebhookAttempt.id).where(WebhookAttempt.attempted_at < before)
        return await self._delete_attempts(old.order_by(WebhookAttempt.attempted_at), limit)

    async def _delete_attempts(self, some: Select[int], limit: int) -> int:
        statement = delete(WebhookAttempt).where(WebhookAttempt.id.in_(some.limit(limit)))
        result = await get_session(self._manager).execute(statement.execution_options(synchronize_session=False))
        return changed_count(result)

    async def _first(self, statement: Select[Webhook]) -> Webhook | None:
        return (await get_session(self._manager).scalars(statement)).first()
