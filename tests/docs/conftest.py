"""The service as `products-api demo` starts it, with the same users and sample products."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.outbox.relay import EventRelay
from myapp.products.sample import SampleCatalogue

from ..conftest import client_of
from ..issuer import Issuer
from .examples import Reader

USERS = {"VIEWER": "viewer", "MANAGER": "product-manager", "ADMIN": "admin"}
SUBJECTS = {
    "VIEWER": "3f1a5c0e-6c1f-4a57-9d0b-1f6f0f6f0a01",
    "MANAGER": "9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02",
    "ADMIN": "c7e4a1b2-0f98-4c6d-b3a1-5e6f7a8b9c03",
}


@pytest.fixture
def documented(start: Callable[..., PicoContainer], database_url: str, tmp_path: Path) -> PicoContainer:
    """Return the service of the examples. Its mail server is missing, and deliveries fail finally at the first attempt:
    docs/api.md shows such failures.
    """
    return start(
        {
            "DATABASE__URL": database_url,
            "STORAGE__URL": str(tmp_path / "files"),
            "MAIL__TRANSPORT": "smtp",
            "MAIL__PORT": "1",
            "MAIL__ALERTS_TO": '["stock@example.com"]',
            "EVENTS__MAX_ATTEMPTS": "1",
        }
    )


@pytest.fixture
async def reader(documented: PicoContainer, issuer: Issuer) -> AsyncIterator[Reader]:
    await documented.get(SampleCatalogue).load()
    await documented.get(EventRelay).deliver_due()
    variables = {"API": "http://127.0.0.1:8000/api/v1", "JSON": "Content-Type: application/json"}
    for name, role in USERS.items():
        user = name.lower()
        token = issuer.token(role, sub=SUBJECTS[name], email=f"{user}@example.com", name=f"Demo {user}")
        variables[name] = f"Authorization: Bearer {token}"
    async with client_of(documented.get(FastAPI), base_url="http://127.0.0.1:8000") as client:
        yield Reader(client, variables)
