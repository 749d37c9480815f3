"""The mail to the owner of a webhook that the service has disabled."""

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager

from myapp.platform.events.publisher import EventPublisher
from myapp.webhooks.events import WebhookDisabled

from ..platform.mail.server import MailServer
from .conftest import deliver

ID = "2f0ad1c9-77a6-4a34-b1ab-3d4b0ad9e6c7"


async def disable(container: PicoContainer, reason: str, email: str | None) -> None:
    event = WebhookDisabled(aggregate_id=ID, version=2, url="https://a.example/hooks", reason=reason, email=email)
    async with container.get(SessionManager).transaction():
        await container.get(EventPublisher).publish(event)


@pytest.mark.parametrize(("reason", "words"), [("gone", "410 Gone"), ("failing", "last five days")])
async def test_tells_which_one_and_why(
    container: PicoContainer, mail_server: MailServer, reason: str, words: str
) -> None:
    await disable(container, reason, "ann@example.com")
    [delivery] = await deliver(container, "webhook-disabled-mail")
    assert delivery.state == "delivered"
    [mail] = mail_server.received
    text = mail.message.get_content()
    assert mail.message["To"] == "ann@example.com"
    assert mail.message["Subject"] == "Your webhook was disabled"
    for part in (ID, "https://a.example/hooks", words):
        assert part in " ".join(text.split())


async def test_is_not_sent_without_an_address(container: PicoContainer, mail_server: MailServer) -> None:
    await disable(container, "gone", None)
    [delivery] = await deliver(container, "webhook-disabled-mail")
    assert delivery.state == "delivered"
    assert mail_server.received == []
