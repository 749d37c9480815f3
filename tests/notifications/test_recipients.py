"""Mails to several recipients, some of whom the mail server refuses."""

from collections import Counter

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.outbox.relay import EventRelay
from myapp.platform.outbox.services import DeliveryService

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..platform.mail.server import MailServer
from .conftest import deliver, settings_for
from .test_faults import courier_lines
from .test_stock_alert import sell

BUYER, ADA = "buyer@example.com", "ada@example.com"


class Offers:
    """Counts the offers to each recipient. ``answers`` has the replies for each, in turn; then all are accepted."""

    def __init__(self, server: MailServer, **answers: list[str]) -> None:
        self.count: Counter[str] = Counter()
        self._answers = {f"{name}@example.com": list(replies) for name, replies in answers.items()}
        server.answer = self._answer

    def _answer(self, command: str, argument: str) -> str | None:
        if command != "RCPT":
            return None
        self.count[argument] += 1
        replies = self._answers.get(argument)
        return replies.pop(0) if replies else None


def accepted(server: MailServer) -> Counter[str]:
    """Return how many mails the server has accepted for each recipient. All must be the same mail."""
    assert len({received.message["Message-ID"] for received in server.received}) == 1
    return Counter(recipient for received in server.received for recipient in received.recipients)


async def test_one_who_is_refused_for_now_is_offered_it_again_and_nobody_else(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    offers = Offers(mail_server, ada=["451 4.7.1 later", "450 4.2.1 busy"])
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 3, None)
    first, second = courier_lines(caplog)
    assert first.getMessage().endswith(f"attempt 1: MailDelayedError: not sent yet to {ADA}: 451 4.7.1 later")
    assert (first.levelname, first.exc_info, second.levelname) == ("WARNING", None, "WARNING")
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}
    assert offers.count == {BUYER: 1, ADA: 3}


async def test_all_who_are_refused_for_now_get_it_later(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    """This is greylisting."""
    offers = Offers(mail_server, buyer=["451 greylisted"], ada=["451 greylisted"])
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}
    assert offers.count == {BUYER: 2, ADA: 2}


async def test_one_who_is_refused_for_good_is_named_and_not_offered_it_again(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    offers = Offers(mail_server, buyer=["550 5.1.1 no such user"], ada=["451 later"])
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    first, _ = courier_lines(caplog)
    assert first.getMessage().endswith(
        f"MailDelayedError: not sent yet to {ADA}: 451 later; refused for good by {BUYER}: 550 5.1.1 no such user"
    )
    assert (delivery.state, delivery.attempts) == ("dead", 2)
    assert delivery.error == f"MailRefusedError: refused for good by {BUYER}: 550 5.1.1 no such user"
    assert accepted(mail_server) == {ADA: 1}
    assert offers.count == {BUYER: 1, ADA: 2}


async def test_a_redelivery_is_for_those_who_do_not_have_it(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    offers = Offers(mail_server, buyer=["550 5.1.1 no such user"])
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    await container.get(DeliveryService).redeliver(delivery.event_id)
    (delivery,) = await deliver(container, "stock-alert")
    assert delivery.state == "delivered"
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}
    assert offers.count == {BUYER: 2, ADA: 1}


async def test_a_redelivery_goes_on_if_the_server_is_down_at_first(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    """The refusals before the redelivery count no more, whatever its first attempt comes to."""
    Offers(mail_server, buyer=["550 no such user"], ada=["550 no such user"])
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert delivery.state == "dead"
    answers = iter(["421 going down"])
    mail_server.answer = lambda command, _: next(answers, None) if command == "EHLO" else None
    await container.get(DeliveryService).redeliver(delivery.event_id)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}


async def test_one_who_is_refused_for_now_too_often_is_a_dead_letter_that_names_all(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    offers = Offers(mail_server, buyer=["550 no such user"], ada=["451 later"] * 3)
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("dead", 3)
    assert delivery.error == (
        f"MailDelayedError: not sent yet to {ADA}: 451 later; refused for good by {BUYER}: 550 no such user"
    )
    await container.get(DeliveryService).redeliver(delivery.event_id)
    (delivery,) = await deliver(container, "stock-alert")
    assert delivery.state == "delivered"
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}
    assert offers.count == {BUYER: 2, ADA: 4}


async def test_a_fault_of_the_server_between_two_attempts_repeats_nothing(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([None, None, "451 later", "421 going down"])  # EHLO, both recipients, EHLO
    mail_server.answer = lambda command, argument: next(answers, None) if command in ("EHLO", "RCPT") else None
    await sell(manager)
    (delivery,) = await deliver(container, "stock-alert")
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    assert [line.getMessage().partition(": ")[2] for line in courier_lines(caplog)] == [
        f"MailDelayedError: not sent yet to {ADA}: 451 later",
        f"MailDelayedError: not sent yet to {ADA}: The mail cannot be sent at the moment: 421 going down",
    ]
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}


async def test_another_process_goes_on_where_one_has_ended(
    start: StartContainer, database_url: str, mail_server: MailServer, tokens: dict[str, str]
) -> None:
    settings = {"DATABASE__URL": database_url, **settings_for(mail_server)}
    Offers(mail_server, ada=["451 later"])
    first = start({**settings, "EVENTS__BACKOFF": "3"})
    async with client_of(first.get(FastAPI), tokens["product-manager"]) as client:
        await sell(client)
    await first.get(EventRelay).deliver_due()
    (delivery,) = await deliver(start(settings), "stock-alert")
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert accepted(mail_server) == {BUYER: 1, ADA: 1}


async def test_a_recipient_who_is_named_twice_gets_one_mail(
    start: StartContainer, database_url: str, mail_server: MailServer, tokens: dict[str, str]
) -> None:
    twice = {"MAIL__ALERTS_TO": '["ada@example.com", "Ada <ada@example.com>"]'}
    container = start({"DATABASE__URL": database_url, **settings_for(mail_server), **twice})
    async with client_of(container.get(FastAPI), tokens["product-manager"]) as client:
        await sell(client)
    await deliver(container, "stock-alert")
    assert accepted(mail_server) == {ADA: 1}
