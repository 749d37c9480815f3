"""Mails, put together so that whatever text they tell cannot harm them."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from mimetypes import guess_type

from pico_ioc import component

from ..database.types import utc_now
from .addresses import SURROGATE, named_address, one_header_line
from .settings import MailSettings

MAX_SUBJECT = 200
SEVEN_BIT = SMTP.clone(cte_type="7bit")
"""For every mail server there is."""


@dataclass(frozen=True)
class Attachment:
    """The end of ``name`` tells what it is."""

    name: str
    content: bytes


@component
class Composer:
    def __init__(self, settings: MailSettings) -> None:
        self._sender = named_address(settings.sender)

    def compose(
        self, to: Sequence[Address], subject: str, text: str, reference: str, attachment: Attachment | None = None
    ) -> EmailMessage:
        """A mail from ``mail.sender``. ``reference`` makes its Message-ID: the same for the same mail, however often it
        is sent, so that whoever gets it twice can tell."""
        addresses = [self._sender, *to]
        message = EmailMessage(SEVEN_BIT if all(one.addr_spec.isascii() for one in addresses) else SMTPUTF8)
        message["From"] = self._sender
        message["To"] = list(to)
        message["Subject"] = one_header_line(subject)[:MAX_SUBJECT]
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = f"<{reference}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "out of office" answers, please
        message.set_content(SURROGATE.sub("\ufffd", text))
        if attachment:
            name = one_header_line(attachment.name)
            maintype, _, subtype = (guess_type(name)[0] or "application/octet-stream").partition("/")
            message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name)
        return message
