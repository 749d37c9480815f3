"""The streamed list: sent batch by batch, and never a valid JSON answer that is incomplete."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from myapp.platform.database.types import utc_now
from myapp.platform.errors import DatabaseUnavailableError
from myapp.products.models import Product
from myapp.products.services import ProductService

from ..conftest import client_of, serving
from ..fixture_types import Fill, StartContainer
from ..platform.web.problems import assert_problem
from .conftest import COLLECTION

BATCH = 50


class EndlessCatalogue(ProductService):
    """Returns as many products as are requested; batch number ``fails_in`` raises ``error``."""

    def __init__(self, error: Exception | None = None, fails_in: int = -1) -> None:
        self.error = error
        self.fails_in = fails_in
        self.batches = 0

    async def list_active(
        self, after_id: int = 0, limit: int = 1000, *, include_inactive: bool = False
    ) -> list[Product]:
        self.batches += 1
        if self.error and self.batches == self.fails_in:
            raise self.error
        await asyncio.sleep(0)
        return [endless(after_id + number) for number in range(1, limit + 1)]


def endless(id: int) -> Product:
    now = utc_now()
    texts = {"name": "Lamp" * 25, "description": "x" * 500}
    return Product(
        id=id,
        **texts,
        price=Decimal(1),
        stock=0,
        active=True,
        tags=[],
        attributes={},
        version=1,
        created_at=now,
        updated_at=now,
    )


@pytest.fixture
def serve(start: StartContainer, database_url: str) -> Callable[[ProductService], FastAPI]:
    def build(service: ProductService) -> FastAPI:
        environment = {"DATABASE__URL": database_url, "PRODUCTS__LIST_BATCH_SIZE": str(BATCH)}
        app: FastAPI = start(environment, overrides={ProductService: service}).get(FastAPI)
        return app

    return build


@pytest.fixture
async def network(tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {tokens['viewer']}"}, trust_env=False) as client:
        yield client


async def read(response: httpx.Response, content: bytearray) -> None:
    async for chunk in response.aiter_raw():
        content += chunk


async def test_a_long_list_arrives_whole(
    app: FastAPI, network: httpx.AsyncClient, viewer: httpx.AsyncClient, fill: Fill
) -> None:
    await fill(3001)
    async with serving(app) as url, network.stream("GET", url + COLLECTION) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        content = [chunk async for chunk in response.aiter_raw()]
    assert len(content) > 2
    assert json.loads(b"".join(content)) == (await viewer.get(COLLECTION)).json()


@pytest.mark.parametrize("error", [RuntimeError("a secret"), DatabaseUnavailableError()], ids=["unexpected", "domain"])
async def test_an_error_in_mid_stream_breaks_the_connection_off(
    serve: Callable[[ProductService], FastAPI],
    network: httpx.AsyncClient,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = serve(EndlessCatalogue(error, fails_in=3))
    content = bytearray()
    async with serving(app) as url, network.stream("GET", url + COLLECTION) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await read(response, content)
    assert content.count(b'"id":') == 2 * BATCH
    with pytest.raises(json.JSONDecodeError):
        json.loads(content)
    assert b"secret" not in content
    failures = [record for record in caplog.records if record.getMessage() == "the request failed"]
    assert len(failures) == 1
    assert failures[0].request_id == response.headers["x-request-id"]  # type: ignore[attr-defined]


async def test_an_error_in_the_first_batch_is_an_answer(
    serve: Callable[[ProductService], FastAPI], tokens: dict[str, str]
) -> None:
    app = serve(EndlessCatalogue(DatabaseUnavailableError(), fails_in=1))
    async with client_of(app, tokens["viewer"]) as client:
        assert_problem(await client.get(COLLECTION), 503, "database_unavailable")


async def test_a_client_that_leaves_ends_the_reading(
    serve: Callable[[ProductService], FastAPI], network: httpx.AsyncClient
) -> None:
    catalogue = EndlessCatalogue()
    app = serve(catalogue)
    async with serving(app) as url:
        async with network.stream("GET", url + COLLECTION) as response:
            async for _ in response.aiter_raw():
                break
        await asyncio.sleep(0.1)
        before = catalogue.batches
        await asyncio.sleep(0.1)
        assert catalogue.batches == before


async def test_a_client_that_is_slow_makes_the_server_wait(
    serve: Callable[[ProductService], FastAPI], network: httpx.AsyncClient
) -> None:
    """Rows are read when they can be sent; they are not collected in memory."""
    catalogue = EndlessCatalogue()
    app = serve(catalogue)
    async with serving(app) as url, network.stream("GET", url + COLLECTION) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        async with asyncio.timeout(10):
            before: Any = None
            while catalogue.batches != before:  # until all buffers in between are full
                before = catalogue.batches
                await asyncio.sleep(0.05)
        await chunks.aclose()
