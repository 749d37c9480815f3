"""Fixtures for new callers and existing users."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import event

from myapp.platform.context.claims import Caller
from myapp.users.services import ProfileService

from ..conftest import client_of
from ..fixture_types import Connect, Register
from ..issuer import Issuer

ME = "/api/v1/me"
USERS = "/api/v1/users"
NOBODY = "00000000-0000-4000-8000-000000000000"


def new_subject() -> str:
    """Return an unused subject: the shared application may have cached the status of the others."""
    return f"subject-{uuid.uuid4().hex}"


@pytest.fixture
async def connect(app: FastAPI, issuer: Issuer) -> AsyncIterator[Connect]:
    """``await connect("admin", email="ann@example.com")`` returns the client of a caller with these claims."""
    async with AsyncExitStack() as clients:

        async def connect_one(role: str = "viewer", **claims: Any) -> httpx.AsyncClient:
            token = issuer.token(role, **{"sub": new_subject()} | claims)
            return await clients.enter_async_context(client_of(app, token))

        yield connect_one


@pytest.fixture
def register(container: PicoContainer) -> Register:
    """``await register(email="ann@example.com")`` creates a user by the service, as a first call does."""

    async def register_one(**claims: Any) -> dict[str, Any]:
        user = await container.get(ProfileService).get(Caller(**{"subject": new_subject()} | claims))
        return {"id": str(user.id), "subject": user.subject, "path": f"{USERS}/{user.id}"}

    return register_one


@contextmanager
def recorded_statements(container: PicoContainer) -> Iterator[list[str]]:
    """Collects the statements that the application sends to its database."""
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(arguments[2])

    engine = container.get(SessionManager).engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
