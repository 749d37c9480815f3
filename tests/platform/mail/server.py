"""A mail server in a thread, whose answers and faults tests control."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ...databases import free_port

DROP = "drop"
"""An answer of ``MailServer``: it drops the connection."""
SILENCE = "silence"
"""An answer of ``MailServer``: it never answers."""
PASSWORD = "correct horse"

logging.getLogger("mail.log").setLevel(
    logging.WARNING
)  # its thread would log to a captured stream that is already closed


@dataclass(frozen=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    login: str | None

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body
        return str(body.get_content()).replace("\r\n", "\n")


class MailServer:
    """Accepts mails into ``received``.

    ``answer`` is called with each command and its argument, and returns the reply; None accepts the command. Commands
    are EHLO, MAIL, RCPT, QUIT, DATA (the content has arrived) and TAKEN (the mail is in ``received``).

    ``options`` are aiosmtpd's; ``certificate`` is for implicit TLS.
    """

    def __init__(self, certificate: ssl.SSLContext | None = None, **options: Any) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[str, str], str | None] = lambda command, argument: None
        self.port = free_port()
        self._certificate = certificate
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Accept connections."""
        self._run(self._start())

    def stop(self) -> None:
        """Drop all connections and refuse new ones."""
        self._run(self._stop())

    def reset(self) -> None:
        """Forget received mails and accept all commands again."""
        self.received.clear()
        self.answer = lambda command, argument: None

    def answer_always(self, command: str, answer: str) -> None:
        """Give ``answer`` to each ``command`` from now on."""
        self.answer = lambda sent, argument: answer if sent == command else None

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        options = {"hostname": "mail.test", "authenticator": login, "enable_SMTPUTF8": True, **self._options}
        self._server = await self._loop.create_server(
            lambda: SMTP(self, loop=self._loop, **options), "127.0.0.1", self.port, ssl=self._certificate
        )

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        sessions = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _ask(self, smtp: SMTP, command: str, argument: str) -> str | None:
        match answer := self.answer(command, argument):
            case "drop":
                assert isinstance(smtp.transport, asyncio.WriteTransport)
                smtp.transport.abort()
            case "silence":
                await asyncio.Event().wait()
        return answer

    async def handle_EHLO(
        self, smtp: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        answer = await self._ask(smtp, "EHLO", hostname)
        return [answer] if answer else responses

    async def handle_HELO(self, smtp: SMTP, session: Session, envelope: Envelope, hostname: str) -> str:
        session.host_name = hostname
        return await self._ask(smtp, "EHLO", hostname) or "250 mail.test"

    async def handle_QUIT(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        return await self._ask(smtp, "QUIT", "") or "221 Bye"

    async def handle_MAIL(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._ask(smtp, "MAIL", address):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._ask(smtp, "RCPT", address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        content = bytes(envelope.content or b"")
        message_id = str(message_from_bytes(content)["Message-ID"])
        if answer := await self._ask(smtp, "DATA", message_id):
            return answer
        sender, recipients = str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos))
        self.received.append(Received(sender, recipients, content, session.auth_data))
        return await self._ask(smtp, "TAKEN", message_id) or "250 OK"


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    if not isinstance(data, LoginPassword) or data.password != PASSWORD.encode():
        return AuthResult(success=False, handled=False)
    return AuthResult(success=True, auth_data=data.login.decode())
