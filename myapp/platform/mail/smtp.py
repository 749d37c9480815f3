"""Send mails to a mail server."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from email.message import EmailMessage
from typing import TYPE_CHECKING

from ..errors import MailUnavailableError, StartupError
from ..text import error_summary
from .addresses import named_address
from .composer import SEVEN_BIT
from .mailer import Mailer, MailRefusedError, Refusal, addresses_of, describe
from .settings import MailSettings

if TYPE_CHECKING:
    from aiosmtplib import SMTP

QUIT_TIMEOUT = 1.0
"""Seconds that the server may take to answer QUIT."""
LOGIN_FAULTS = {530, 534, 535, 538}
"""Answers that refuse the login, not the mail (RFC 4954). A retry can succeed: an operator corrects the settings."""
UNKNOWN_COMMAND = {500, 502}
"""Answers to EHLO of a server that knows HELO only (RFC 5321, section 4.2.4)."""
NO_UTF8 = "the mail server takes no addresses beyond ASCII"


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
        refusals = await self.offer(message, addresses_of(message))
        reasons = describe({one: refusal.reason for one, refusal in refusals.items()})
        if any(not refusal.is_permanent for refusal in refusals.values()):
            raise MailUnavailableError(reasons)
        if refusals:
            raise MailRefusedError(reasons)

    async def offer(self, message: EmailMessage, to: Sequence[str]) -> Mapping[str, Refusal]:
        from aiosmtplib import SMTPException

        client = self._client()
        try:
            refusals = await self._submit(client, message, to)
            with suppress(SMTPException):  # the server has accepted the mail: errors of QUIT do not matter
                await client.quit(timeout=QUIT_TIMEOUT)
            return refusals
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

    async def _submit(self, client: "SMTP", message: EmailMessage, to: Sequence[str]) -> Mapping[str, Refusal]:
        from aiosmtplib import SMTPException

        sender = message["From"].addresses[0].addr_spec
        connected = False
        try:
            async with asyncio.timeout(self._settings.timeout):
                await client.connect()
                connected = True
                unwritable = set() if await takes_utf8(client) else {one for one in to if not one.isascii()}
                refusals = {one: Refusal(NO_UTF8, is_permanent=True) for one in unwritable}
                if recipients := [one for one in to if one not in unwritable]:
                    content = await asyncio.to_thread(encode, message, unwritable)  # slow with a large attachment
                    options = [] if "".join([sender, *recipients]).isascii() else ["SMTPUTF8"]
                    refusals |= await submit(client, sender, recipients, content, options)
                return refusals
        except TimeoutError as error:
            raise MailUnavailableError(f"no answer within {self._settings.timeout:g} seconds") from error
        except (SMTPException, OSError, ValueError) as error:  # ValueError: an address that cannot be sent safely
            if connected and is_permanent(error):
                raise MailRefusedError(f"the mail server refuses it: {reason(error)}") from error
            raise MailUnavailableError(reason(error)) from error


async def takes_utf8(client: "SMTP") -> bool:
    """Return whether the server takes addresses beyond ASCII."""
    from aiosmtplib import SMTPHeloError

    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except SMTPHeloError as error:
            if error.code not in UNKNOWN_COMMAND:
                raise
    return client.supports_extension("smtputf8")


def encode(message: EmailMessage, unwritable: Collection[str]) -> bytes:
    """Return the bytes of ``message``. Its header does not name the recipients ``unwritable``."""
    if not unwritable:
        return message.as_bytes()
    rest = [one for one in message["To"].addresses if one.addr_spec not in unwritable]
    message = copy(message)
    del message["To"]
    message["To"] = rest
    return message.as_bytes(policy=SEVEN_BIT)


async def submit(
    client: "SMTP", sender: str, recipients: Sequence[str], content: bytes, options: Sequence[str]
) -> Mapping[str, Refusal]:
    """Send a mail. Return the refusals of single recipients."""
    from aiosmtplib import SMTPRecipientsRefused

    try:
        refused, _ = await client.sendmail(sender, recipients, content, mail_options=options)
        answers = [(one, answer.code, answer.message) for one, answer in refused.items()]
    except SMTPRecipientsRefused as error:
        answers = [(one.recipient, one.code, one.message) for one in error.recipients]
    return {one: Refusal(answer_text(code, words), code >= 500) for one, code, words in answers}


def is_permanent(error: Exception) -> bool:
    """Return whether the server has refused this mail for good, or can never accept it."""
    from aiosmtplib import SMTPHeloError, SMTPNotSupported, SMTPResponseException

    match error:
        case SMTPHeloError():
            return False
        case SMTPResponseException():
            return error.code >= 500 and error.code not in LOGIN_FAULTS
    return isinstance(error, SMTPNotSupported | ValueError)


def reason(error: Exception) -> str:
    from aiosmtplib import SMTPResponseException

    return answer_text(error.code, error.message) if isinstance(error, SMTPResponseException) else error_summary(error)


def answer_text(code: int, words: str) -> str:
    return f"{code} {' '.join(words.split())}"
