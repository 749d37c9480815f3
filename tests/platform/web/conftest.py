"""An application with routes that fail, which allows requests from another origin."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from ...conftest import build
from ...issuer import Issuer

SHOP = "https://shop.example.com"


@pytest.fixture(scope="session")
async def faulty_app(shared_url: str, issuer: Issuer) -> AsyncIterator[FastAPI]:
    environment = {
        "DATABASE__URL": shared_url,
        "AUTH_CLIENT__ISSUER": issuer.url,
        "WEB__CORS_ORIGINS": f'["{SHOP}"]',
    }
    container = build(environment, modules=["tests.platform.web.faulty"])
    yield container.get(FastAPI)
    await container.ashutdown()
