"""Compose mails safely: no text can break a mail or add a header to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from mimetypes import guess_type

from pico_ioc import component

from ..database.types import utc_now
from .addresses import SURROGATE, header_text, named_address
from .settings import MailSettings

MAX_SUBJECT = 200
SEVEN_BIT = SMTP.clone(cte_type="7bit")
"""A policy whose mails every mail server accepts."""


@dataclass(frozen=True)
class Attachment:
    """A file of a mail. Without ``media_type``, the type comes from the extension of ``name``."""

    name: str
    content: bytes
    media_type: str | None = None


@component
class Composer:
    def __init__(self, settings: MailSettings) -> None:
        self._sender = named_address(settings.sender)

    def compose(
        self, to: Sequence[Address], subject: str, text: str, reference: str, attachment: Attachment | None = None
    ) -> EmailMessage:
        """Return a mail from ``mail.sender``.

        ``reference`` becomes its Message-ID. Use the same one whenever the same mail is sent again, so that recipients
        can recognise a duplicate.
        """
        addresses = [self._sender, *to]
        message = EmailMessage(SEVEN_BIT if all(one.addr_spec.isascii() for one in addresses) else SMTPUTF8)
        message["From"] = self._sender
        message["To"] = list(to)
        message["Subject"] = header_text(subject)[:MAX_SUBJECT]
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = f"<{reference}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: this prevents "out of office" replies
        message.set_content(SURROGATE.sub("\ufffd", text))
        if attachment:
            name = header_text(attachment.name)
            maintype, _, subtype = (
                attachment.media_type or guess_type(name)[0] or "application/octet-stream"
            ).partition("/")
            message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name)
        return message
