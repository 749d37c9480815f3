"""The mail to a new user."""

import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from ..conftest import client_of
from ..issuer import Issuer
from ..platform.mail.server import MailServer
from .conftest import deliver

ME = "/api/v1/me"


async def register(app: FastAPI, issuer: Issuer, **claims: Any) -> httpx.Response:
    async with client_of(app, issuer.token("viewer", sub=uuid.uuid4().hex, **claims)) as client:
        await client.get(ME)
        return await client.get(ME)


async def test_comes_once(app: FastAPI, issuer: Issuer, container: PicoContainer, mail_server: MailServer) -> None:
    response = await register(app, issuer, email="jörg@bücher.example", name="Jörg Groß, Dr.")
    assert response.status_code == 200
    (delivery,) = await deliver(container, "welcome-mail")
    assert delivery.state == "delivered"
    (mail,) = mail_server.received
    assert (mail.sender, mail.recipients) == ("shop@example.com", ("jörg@xn--bcher-kva.example",))
    assert mail.message["Subject"] == "Welcome to Products API"
    assert mail.text.startswith("Hello Jörg Groß, Dr.,\n\n")
    assert mail.message["Message-ID"].startswith(f"<welcome-mail.{delivery.event_id}.")


@pytest.mark.parametrize("claims", [{}, {"email": None}, {"email": ""}, {"email": 7}])
async def test_does_not_come_without_an_address(
    app: FastAPI, issuer: Issuer, container: PicoContainer, mail_server: MailServer, claims: dict[str, Any]
) -> None:
    await register(app, issuer, name="Ada", **claims)
    assert [delivery.state for delivery in await deliver(container, "welcome-mail")] == ["delivered"]
    assert not mail_server.received


async def test_an_address_that_is_none_is_told_of(
    app: FastAPI, issuer: Issuer, container: PicoContainer, mail_server: MailServer
) -> None:
    assert (await register(app, issuer, email="ada at example.com")).status_code == 200
    (delivery,) = await deliver(container, "welcome-mail")
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert delivery.error == "MailRefusedError: 'ada at example.com' is not a mail address"
    assert not mail_server.received
