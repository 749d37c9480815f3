"""The mail about low stock."""

import httpx
from fastapi import FastAPI
from pico_ioc import PicoContainer

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..platform.mail.server import MailServer
from .conftest import deliver, settings_for

PRODUCTS = "/api/v1/products/"


async def sell(client: httpx.AsyncClient, name: str = "Lamp <b> & Größe", left: int = 3) -> int:
    """Create a product and lower its stock to ``left``. Return its id."""
    created = await client.post(PRODUCTS, json={"name": name, "price": 9.5, "stock": 50})
    sold = await client.put(created.headers["location"], json={"stock": left})
    assert sold.status_code == 200, sold.text
    return int(sold.json()["id"])


async def test_comes_to_all_once(manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer) -> None:
    product_id = await sell(manager)
    await manager.put(f"{PRODUCTS}{product_id}", json={"stock": 2})
    (delivery,) = await deliver(container, "stock-alert")
    (mail,) = mail_server.received
    assert mail.recipients == ("buyer@example.com", "ada@example.com")
    assert mail.message["Subject"] == "Low stock: Lamp <b> & Größe"
    assert f"“Lamp <b> & Größe” (product {product_id}) is down to 3" in mail.text
    assert delivery.state == "delivered"


async def test_comes_to_nobody(
    start: StartContainer, database_url: str, mail_server: MailServer, tokens: dict[str, str]
) -> None:
    settings = {"DATABASE__URL": database_url, **settings_for(mail_server), "MAIL__ALERTS_TO": "[]"}
    container = start(settings)
    async with client_of(container.get(FastAPI), tokens["product-manager"]) as client:
        await sell(client)
    assert [delivery.state for delivery in await deliver(container, "stock-alert")] == ["delivered"]
    assert not mail_server.received
