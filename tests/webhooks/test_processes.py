"""Delivery survives the death of the process that delivers."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pico_sqlalchemy import SessionManager
from sqlalchemy import update

from myapp.platform.database.types import utc_now
from myapp.platform.outbox.models import EventDelivery
from myapp.platform.outbox.relay import EventRelay

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..platform.mail.certificates import Authority
from ..platform.outbox.room import until
from ..processes import Process
from .receiver import Receiver, hanging

pytestmark = pytest.mark.slow


async def test_sigkill_in_the_middle_of_a_delivery(
    start: StartContainer,
    database_url: str,
    issuer: Issuer,
    folders: dict[str, str],
    certificates: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has the message, and nobody has recorded it. It gets the same message again, then the next one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
    receiver = await Receiver(certificates.server_context("localhost")).start()
    receiver.behaviours["/"] = hanging
    environment = folders | {
        "DATABASE__URL": database_url,
        "AUTH_CLIENT__ISSUER": issuer.url,
        "SSL_CERT_FILE": str(certificates.file),
        "WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8", "::1/128"]',
        "WEBHOOKS__TIMEOUT": "20",
        "EVENTS__RELAY": "false",
        "EVENTS__POLL_INTERVAL": "0.05",
    }
    container = start(environment)
    token = issuer.token(roles=["admin", "product-manager"])
    async with client_of(container.get(FastAPI), token) as client:
        body = {"url": receiver.url(host="localhost"), "event_types": ["product.*"]}
        webhook = (await client.post("/api/v1/webhooks/", json=body)).json()
        product = (await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})).json()
        await client.put(f"/api/v1/products/{product['id']}", json={"stock": 50})
        relay = Process([sys.executable, "-m", "myapp.cli", "relay"], environment, tmp_path / "output")
        try:
            await until(lambda: receiver.received)
        finally:
            await asyncio.to_thread(relay.kill)
        receiver.behaviours.clear()
        async with container.get(SessionManager).transaction() as session:  # the lease expires
            pending = update(EventDelivery).where(EventDelivery.state == "pending")
            await session.execute(pending.values(next_at=utc_now()))
        await container.get(EventRelay).deliver_due()
        versions = [one.verify(webhook["secret"])["data"]["version"] for one in receiver.received]
        assert versions == [1, 1, 2]
        ids = [one.headers["webhook-id"] for one in receiver.received]
        assert ids[0] == ids[1] != ids[2]
        assert await states(client, webhook["id"]) == ["delivered", "delivered"]
    await receiver.stop()
    assert "Traceback" not in relay.output


async def states(client: httpx.AsyncClient, webhook_id: str) -> list[str]:
    response = await client.get(f"/api/v1/webhooks/{webhook_id}/deliveries")
    return [delivery["state"] for delivery in response.json()["items"]]
