"""Fixtures of webhooks: a receiver with TLS, a name server, and the application that may reach this machine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import update

from myapp.platform.database.types import utc_now
from myapp.platform.outbox.models import EventDelivery
from myapp.platform.outbox.relay import EventRelay
from myapp.webhooks.models import Webhook
from myapp.webhooks.resolving import Resolver

from ..conftest import build
from ..fixture_types import Json
from ..issuer import Issuer
from ..platform.mail.certificates import Authority
from .receiver import HOST, Names, Receiver

ALLOWED = '["127.0.0.0/8"]'

Hook = Callable[..., Awaitable[Json]]
Deliver = Callable[[], Awaitable[None]]
DeliveriesOf = Callable[[Json], Awaitable[list[Json]]]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
async def running_receiver(certificates: Authority) -> AsyncIterator[Receiver]:
    receiver = await Receiver(certificates.server_context(HOST)).start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    """Return the receiver without the messages of other tests."""
    running_receiver.reset()
    return running_receiver


@pytest.fixture(scope="session")
def name_server() -> Names:
    return Names()


@pytest.fixture
def names(name_server: Names) -> Names:
    name_server.reset()
    return name_server


@pytest.fixture(scope="session")
async def shared_container(
    shared_url: str, issuer: Issuer, folders: dict[str, str], certificates: Authority, name_server: Names
) -> AsyncIterator[PicoContainer]:
    environment = {
        "DATABASE__URL": shared_url,
        "AUTH_CLIENT__ISSUER": issuer.url,
        "WEBHOOKS__ALLOW_NETWORKS": ALLOWED,
        "WEBHOOKS__TIMEOUT": "1",
        **folders,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificates.file))
        container = build(environment, {Resolver: name_server})
        yield container
        await container.ashutdown()


@pytest.fixture
async def container(container: PicoContainer, names: Names) -> PicoContainer:
    return container


@pytest.fixture
def hook(admin: httpx.AsyncClient, receiver: Receiver) -> Hook:
    """Create a webhook and return it with its secret: ``await hook("/path", event_types=[...])``."""

    async def create_one(path: str = "/", **members: Any) -> Json:
        body = {"url": receiver.url(path), "event_types": ["product.*"], **members}
        response = await admin.post("/api/v1/webhooks/", json=body)
        assert response.status_code == 201, response.text
        made: Json = response.json()
        return made

    return create_one


@pytest.fixture
def deliver(container: PicoContainer) -> Deliver:
    """Deliver all that is due."""

    async def deliver_due() -> None:
        await container.get(EventRelay).deliver_due()

    return deliver_due


@pytest.fixture
def pass_time(container: PicoContainer) -> Deliver:
    """Make all pending deliveries due and deliver, as if their pauses had ended."""

    async def deliver_later() -> None:
        async with container.get(SessionManager).transaction() as session:
            pending = update(EventDelivery).where(EventDelivery.state == "pending")
            await session.execute(pending.values(next_at=utc_now() - timedelta(seconds=1)))
        await container.get(EventRelay).deliver_due()

    return deliver_later


@pytest.fixture
def deliveries_of(admin: httpx.AsyncClient) -> DeliveriesOf:
    """Return the deliveries of a webhook, oldest event first."""

    async def list_all(webhook: Json) -> list[Json]:
        response = await admin.get(f"/api/v1/webhooks/{webhook['id']}/deliveries", params={"page_size": "100"})
        assert response.status_code == 200, response.text
        items: list[Json] = response.json()["items"]
        return items[::-1]

    return list_all


async def set_webhooks(container: PicoContainer, **values: Any) -> None:
    async with container.get(SessionManager).transaction() as session:
        await session.execute(update(Webhook).values(**values, updated_at=Webhook.updated_at))
