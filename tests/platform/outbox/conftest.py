"""An application with handlers whose behaviour tests control."""

from collections.abc import AsyncIterator

import pytest
from pico_ioc import PicoContainer

from tests.conftest import build
from tests.databases import Databases
from tests.issuer import Issuer

from .room import Room

SETTINGS = {
    "EVENTS__RELAY": "false",
    "EVENTS__POLL_INTERVAL": "0.05",
    "EVENTS__HANDLER_TIMEOUT": "0.2",
    "EVENTS__TRANSACTION_TIMEOUT": "1",
    "EVENTS__MAX_ATTEMPTS": "3",
    "EVENTS__STOP_TIMEOUT": "0.3",
}


@pytest.fixture(scope="session")
async def room_application(
    database_kind: str, databases: Databases, issuer: Issuer, folders: dict[str, str]
) -> AsyncIterator[PicoContainer]:
    environment = {"DATABASE__URL": databases.migrated(database_kind), "AUTH_CLIENT__ISSUER": issuer.url}
    container = build(environment | folders | SETTINGS, modules=["tests.platform.outbox.handlers"])
    yield container
    await container.ashutdown()


@pytest.fixture
async def room(room_application: PicoContainer) -> Room:
    """A room with empty tables and handlers that succeed."""
    room = Room(room_application)
    await room.clear()
    return room
