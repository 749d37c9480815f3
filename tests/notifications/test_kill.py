"""A process that dies after the mail server has accepted the mail, before this is recorded."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from fastapi import FastAPI

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..platform.mail.server import MailServer
from ..processes import Server
from .conftest import deliveries, settings_for
from .test_stock_alert import sell

SECONDS = 30


@pytest.mark.slow
async def test_sends_the_mail_again_under_its_id(
    start: StartContainer,
    database_url: str,
    folders: dict[str, str],
    mail_server: MailServer,
    tokens: dict[str, str],
    tmp_path: Path,
) -> None:
    settings = {
        "DATABASE__URL": database_url,
        **folders,
        **settings_for(mail_server),
        "EVENTS__HANDLER_TIMEOUT": "1",
        "EVENTS__TRANSACTION_TIMEOUT": "1",
        "EVENTS__LEASE": "2",
    }
    container = start(settings)
    async with client_of(container.get(FastAPI), tokens["product-manager"]) as client:
        await sell(client)

    def die(command: str, argument: str) -> None:
        if command == "TAKEN" and argument.startswith("<stock-alert.") and len(mail_server.received) == 1:
            os.kill(first.pid, signal.SIGKILL)

    mail_server.answer = die  # type: ignore[assignment]
    first = Server(settings, tmp_path / "first.log")
    assert first.wait(SECONDS) == -signal.SIGKILL
    assert [delivery.state for delivery in await deliveries(container, "stock-alert")] == ["pending"]
    second = Server(settings, tmp_path / "second.log")
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            (delivery,) = await deliveries(container, "stock-alert")
            if delivery.state == "delivered":
                break
            await asyncio.sleep(0.1)
    finally:
        second.kill()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    ids = [received.message["Message-ID"] for received in mail_server.received]
    assert len(ids) == 2
    assert len(set(ids)) == 1
