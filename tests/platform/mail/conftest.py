"""Mail servers for tests, and mails to send to them."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from myapp.platform.mail.addresses import address
from myapp.platform.mail.composer import Composer
from myapp.platform.mail.settings import MailSettings
from myapp.platform.mail.smtp import SmtpMailer

from .certificates import Authority
from .server import MailServer


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def mailer_for(server: MailServer, **settings: Any) -> SmtpMailer:
    return SmtpMailer(MailSettings(**{"port": server.port, "timeout": 5.0, **settings}))


def compose(*to: str, subject: str = "Hello", text: str = "How are you?", **others: Any) -> EmailMessage:
    composer = Composer(MailSettings(sender="Shop <shop@example.com>"))
    addresses = [address(mailbox) for mailbox in to or ["ada@example.com"]]
    return composer.compose(addresses, subject, text, others.pop("reference", "test.1"), **others)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"
