"""Buyers of the last pieces, through several server processes."""

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.issuer import Issuer
from tests.processes import serving

from .conftest import COLLECTION
from .test_history import whole_history
from .test_stock import ADJUSTMENTS

pytestmark = pytest.mark.slow

BUYERS = 100
STOCK = 50


async def buy(client: httpx.AsyncClient, lines: list[dict[str, int]]) -> httpx.Response:
    """Take one of each product. Repeat the request until it is answered, as a careful client does."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    while True:
        answer = await client.post(ADJUSTMENTS, json={"lines": lines, "reason": "sold"}, headers=key)
        if answer.status_code != 503 and answer.json().get("code") != "idempotency_in_progress":
            return answer
        await asyncio.sleep(0.1)  # as a client does before it sends the request again


async def test_fifty_of_a_hundred_buyers_get_the_last_fifty_pieces(
    database_url: str, issuer: Issuer, folders: dict[str, str], tmp_path: Path
) -> None:
    """Each buys two products, in the one order or the other. Of the second one there is enough for all."""
    environment = folders | {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url}
    headers = {"Authorization": f"Bearer {issuer.token('product-manager')}"}
    options = {"headers": headers, "timeout": 60, "trust_env": False}
    with serving(environment, tmp_path / "log1") as first, serving(environment, tmp_path / "log2") as second:
        async with (
            httpx.AsyncClient(base_url=first.url, **options) as one,  # type: ignore[arg-type]
            httpx.AsyncClient(base_url=second.url, **options) as other,  # type: ignore[arg-type]
        ):
            ids = []
            for stock in (STOCK, BUYERS):
                made = await one.post(COLLECTION, json={"name": "Lamp", "price": 1, "stock": stock})
                ids.append(made.json()["id"])
            lines = [{"product_id": id, "delta": -1} for id in ids]
            answers = await asyncio.gather(
                *(
                    buy(one if number % 2 else other, lines if number % 4 < 2 else lines[::-1])
                    for number in range(BUYERS)
                )
            )
            assert Counter(answer.status_code for answer in answers) == {200: STOCK, 409: BUYERS - STOCK}
            assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"insufficient_stock"}
            assert [(await other.get(f"{COLLECTION}{id}")).json()["stock"] for id in ids] == [0, BUYERS - STOCK]
            for id, before in zip(ids, (STOCK, BUYERS), strict=True):
                history = await whole_history(one, id)
                left = [change["after"]["stock"] for change in history]
                assert left == list(range(before, before - STOCK - 1, -1))
    for server in (first, second):
        assert "deadlock" not in server.output
        assert "Traceback" not in server.output
