"""Send mails to a mail server."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from ..errors import MailUnavailableError, StartupError
from ..text import error_summary
from .addresses import named_address
from .mailer import Mailer, MailRefusedError
from .settings import MailSettings

if TYPE_CHECKING:
    from aiosmtplib import SMTP

logger = logging.getLogger(__name__)

QUIT_TIMEOUT = 1.0
"""Seconds that the server may take to answer QUIT."""


class SmtpMailer(Mailer):
    """Opens one connection for each mail.

    With TLS, the server's certificate must be valid for its host name and trusted by this machine. ``SSL_CERT_FILE``
    names another file of trusted authorities. Raises StartupError if the password would be sent without TLS.
    """

    def __init__(self, settings: MailSettings) -> None:
        if settings.username and settings.tls == "none":
            raise StartupError("mail.tls (MAIL__TLS): with mail.username it must be starttls or implicit")
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        from aiosmtplib import SMTPException

        client = self._client()
        try:
            refused = await self._offer(client, message)
            for recipient, answer in refused.items():  # no retry: the others would get it twice
                logger.warning("%s was not sent to %s: %s", message["Message-ID"], recipient, answer)
            with suppress(SMTPException):  # the server has accepted the mail: errors of QUIT do not matter
                await client.quit(timeout=QUIT_TIMEOUT)
        finally:
            client.close()

    def _client(self) -> "SMTP":
        from aiosmtplib import SMTP

        settings = self._settings
        return SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            timeout=settings.timeout,
            local_hostname=named_address(
                settings.sender
            ).domain,  # avoids a DNS lookup of this machine, which may take long
        )

    async def _offer(self, client: "SMTP", message: EmailMessage) -> Mapping[str, Any]:
        """Submit ``message``. Return the server's answer for each refused recipient, if it accepted others."""
        from aiosmtplib import SMTPException

        content = await asyncio.to_thread(message.as_bytes)  # slow with a large attachment
        sender, *recipients = [one.addr_spec for name in ("From", "To") for one in message[name].addresses]
        options = [] if "".join([sender, *recipients]).isascii() else ["SMTPUTF8"]
        offered = False
        try:
            async with asyncio.timeout(self._settings.timeout):
                await client.connect()
                offered = True
                refused, _ = await client.sendmail(sender, recipients, content, mail_options=options)
                return refused
        except TimeoutError as error:
            raise MailUnavailableError(f"no answer within {self._settings.timeout:g} seconds") from error
        except (SMTPException, OSError) as error:
            if offered and is_permanent(error):
                raise MailRefusedError(f"the mail server refuses it: {reason(error)}") from error
            raise MailUnavailableError(reason(error)) from error


def is_permanent(error: Exception) -> bool:
    """Return whether the server has refused this mail for good, or can never accept it."""
    from aiosmtplib import SMTPHeloError, SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException

    match error:
        case SMTPRecipientsRefused():
            return all(refused.code >= 500 for refused in error.recipients)
        case SMTPHeloError():
            return False
        case SMTPResponseException():
            return error.code >= 500
    return isinstance(error, SMTPNotSupported)


def reason(error: Exception) -> str:
    from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

    match error:
        case SMTPRecipientsRefused():
            return "; ".join(reason(refused) for refused in error.recipients)
        case SMTPResponseException():
            return f"{error.code} {' '.join(error.message.split())}"
    return error_summary(error)
