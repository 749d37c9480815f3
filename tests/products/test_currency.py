"""The currency of the catalogue, which is shown with each product but not stored with it."""

import httpx
import pytest
from fastapi import FastAPI

from myapp.platform.errors import StartupError

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid

COLLECTION = "/api/v1/products/"


async def test_every_product_in_an_answer_has_it(start: StartContainer, database_url: str, issuer: Issuer) -> None:
    environment = {"CATALOGUE__CURRENCY": "JPY", "PRODUCTS__LIST_BATCH_SIZE": "1"}
    container = start({"DATABASE__URL": database_url, **environment})
    token = issuer.token("product-manager")
    async with client_of(container.get(FastAPI), token) as client:
        created = await client.post(COLLECTION, json={"name": "Lamp", "price": 9.5})
        await client.post(COLLECTION, json={"name": "Lampshade", "price": 5})
        path = created.headers["location"]
        single = [
            created,
            await client.get(path),
            await client.put(path, json={"price": 10}),
            await client.patch(path + "/deactivate"),
            await client.put(path, json={"active": True}),
        ]
        assert [response.json()["currency"] for response in single] == ["JPY"] * 5
        listed = (await client.get(COLLECTION)).json(), (await client.get(f"{COLLECTION}search?q=lamp")).json()
        for items in (*listed, (await client.get(f"{COLLECTION}paged")).json()["items"]):
            assert [item["currency"] for item in items] == ["JPY", "JPY"]
        history = (await client.get(path + "/history")).json()["items"]
        assert not any("currency" in item["before"] | item["after"] for item in history)


@pytest.mark.one_database
async def test_it_cannot_be_sent(manager: httpx.AsyncClient) -> None:
    body = {"name": "Lamp", "price": 9.5, "currency": "EUR"}
    assert_invalid(await manager.post(COLLECTION, json=body), "#/currency", "extra_forbidden")


@pytest.mark.one_database
@pytest.mark.parametrize("code", ["eur", "EURO", "ABC", "€", "978"])
def test_one_that_iso_4217_does_not_list_stops_the_start(start: StartContainer, code: str) -> None:
    with pytest.raises(StartupError, match=r"catalogue\.currency \(CATALOGUE__CURRENCY\): .* ISO 4217"):
        start({"CATALOGUE__CURRENCY": code})
