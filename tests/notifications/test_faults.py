"""Faults of the mail server: the change behind the event is unaffected, and the mail is sent in the end."""

import logging

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.outbox.relay import EventRelay

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..platform.mail.server import DROP, MailServer
from .conftest import deliver, deliveries, settings_for
from .test_stock_alert import sell


async def test_a_mail_server_that_is_down_delays_the_mail_only(
    start: StartContainer, database_url: str, mail_server: MailServer, tokens: dict[str, str]
) -> None:
    patient = {"EVENTS__MAX_ATTEMPTS": "100", "EVENTS__MAX_BACKOFF": "0.05"}
    container = start({"DATABASE__URL": database_url, **settings_for(mail_server), **patient})
    mail_server.stop()
    try:
        async with client_of(container.get(FastAPI), tokens["product-manager"]) as manager:
            await sell(manager)
        await container.get(EventRelay).deliver_due()
        (delivery,) = await deliveries(container, "stock-alert")
        assert delivery.state == "pending"
        assert delivery.error.startswith("MailUnavailableError: The mail cannot be sent at the moment")
    finally:
        mail_server.start()
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.error) == ("delivered", None)
    assert len(mail_server.received) == 1


async def test_a_mail_that_may_have_arrived_is_sent_again_under_its_id(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    mail_server.answer = lambda command, argument: (
        DROP if command == "TAKEN" and len(mail_server.received) < 3 else None
    )
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    ids = [received.message["Message-ID"] for received in mail_server.received]
    assert len(ids) == 3
    assert len(set(ids)) == 1


async def test_two_events_have_two_ids(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    await sell(manager)
    await sell(manager)
    await deliver(container, "stock-alert")
    assert len({received.message["Message-ID"] for received in mail_server.received}) == 2


async def test_a_refusal_is_a_dead_letter_at_once_with_its_reason_and_stops_no_other(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.answer_always("DATA", "554 5.7.1 not this one")
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert delivery.error == (
        "MailRefusedError: refused for good by buyer@example.com, ada@example.com: "
        "the mail server refuses it: 554 5.7.1 not this one"
    )
    [line] = courier_lines(caplog)
    assert (line.levelname, line.exc_info) == ("ERROR", None)
    assert delivery.error in line.getMessage()
    mail_server.reset()
    await sell(manager)
    assert [delivery.state for delivery in await deliver(container, "stock-alert")] == ["dead", "delivered"]
    assert len(mail_server.received) == 1


def courier_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "myapp.platform.outbox.courier"]
