"""Fixtures of the application with a mail server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import select

from myapp.platform.outbox.models import EventDelivery
from myapp.platform.outbox.relay import EventRelay

from ..conftest import build
from ..issuer import Issuer
from ..platform.mail.server import MailServer

QUICK = {
    "EVENTS__BACKOFF": "0.01",
    "EVENTS__MAX_ATTEMPTS": "3",
    "MAIL__TIMEOUT": "1",
    "REPORTS__INLINE_ROWS": "0",
    "REPORTS__HEARTBEAT": "0.02",
}
BUYERS = ["buyer@example.com", "Ada <ada@example.com>"]


def settings_for(server: MailServer) -> dict[str, str]:
    return {
        "MAIL__TRANSPORT": "smtp",
        "MAIL__PORT": str(server.port),
        "MAIL__SENDER": "Shop <shop@example.com>",
        "MAIL__ALERTS_TO": '["buyer@example.com", "Ada <ada@example.com>"]',
        **QUICK,
    }


@pytest.fixture(scope="session")
def running_mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def mail_server(running_mail_server: MailServer) -> MailServer:
    """Return the mail server without the mails of other tests."""
    running_mail_server.reset()
    return running_mail_server


@pytest.fixture(scope="session")
async def shared_container(
    shared_url: str, issuer: Issuer, folders: dict[str, str], running_mail_server: MailServer
) -> AsyncIterator[PicoContainer]:
    environment = {"DATABASE__URL": shared_url, "AUTH_CLIENT__ISSUER": issuer.url, **folders}
    container = build({**environment, **settings_for(running_mail_server)})
    yield container
    await container.ashutdown()


Deliveries = Callable[..., Awaitable[Sequence[Any]]]


async def deliveries(container: PicoContainer, handler: str) -> Sequence[Any]:
    """Return the rows of the handler's deliveries, oldest first."""
    statement = select(EventDelivery.__table__).where(EventDelivery.handler == handler).order_by(EventDelivery.event_id)
    async with container.get(SessionManager).engine.connect() as connection:
        return (await connection.execute(statement)).all()


async def deliver(container: PicoContainer, handler: str) -> Sequence[Any]:
    """Deliver until no delivery of ``handler`` is pending. Return its deliveries."""
    async with asyncio.timeout(10):
        while any(delivery.state == "pending" for delivery in await deliveries(container, handler)):
            await container.get(EventRelay).deliver_due()
            await asyncio.sleep(0.01)
    return await deliveries(container, handler)
