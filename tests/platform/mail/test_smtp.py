"""Mails to a mail server, with all its answers and faults."""

import os
import socket
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from myapp.platform.errors import MailUnavailableError, StartupError
from myapp.platform.mail.composer import Attachment
from myapp.platform.mail.mailer import MailRefusedError, Refusal
from myapp.platform.mail.settings import MailSettings
from myapp.platform.mail.smtp import SmtpMailer

from ...databases import free_port
from .certificates import Authority
from .conftest import compose, mailer_for
from .server import DROP, PASSWORD, SILENCE, MailServer

SHORT = 0.3
"""A timeout in seconds that is enough for a local server that answers."""


class TestDelivery:
    async def test_brings_a_mail_as_it_is(self, mail_server: MailServer) -> None:
        mail = compose("ada@example.com", subject="Grüße Привет 椅子", text="Καλημέρα\n.\n" + "long " * 300 + "\n")
        await mailer_for(mail_server).send(mail)
        (received,) = mail_server.received
        assert (received.sender, received.recipients) == ("shop@example.com", ("ada@example.com",))
        assert received.content.isascii()
        assert received.message["Subject"] == "Grüße Привет 椅子"
        assert received.message["From"] == "Shop <shop@example.com>"
        assert received.message["Message-ID"] == "<test.1@example.com>"
        assert received.message["Auto-Submitted"] == "auto-generated"
        assert abs(parsedate_to_datetime(received.message["Date"]) - datetime.now(UTC)) < timedelta(minutes=5)
        assert received.text == "Καλημέρα\n.\n" + "long " * 300 + "\n"

    @pytest.mark.parametrize(("name", "media_type"), [("größe.pdf", "application/pdf"), ("a.csv", "text/csv")])
    async def test_brings_an_attachment_byte_for_byte(
        self, mail_server: MailServer, name: str, media_type: str
    ) -> None:
        content = bytes(range(256)) * 100 + b"\r\n.\r\n\n.\n" + os.urandom(200_000)
        await mailer_for(mail_server).send(compose(attachment=Attachment(name, content)))
        (attachment,) = mail_server.received[0].message.iter_attachments()
        assert attachment.get_payload(decode=True) == content
        assert (attachment.get_filename(), attachment.get_content_type()) == (name, media_type)

    async def test_takes_one_connection_a_mail(self, mail_server: MailServer) -> None:
        mailer = mailer_for(mail_server)
        for number in range(3):
            await mailer.send(compose(reference=f"test.{number}"))
        assert [received.message["Message-ID"] for received in mail_server.received] == [
            f"<test.{number}@example.com>" for number in range(3)
        ]

    async def test_of_one_mail_to_many(self, mail_server: MailServer) -> None:
        await mailer_for(mail_server).send(compose("ada@example.com", "bob@example.com"))
        assert mail_server.received[0].recipients == ("ada@example.com", "bob@example.com")

    async def test_to_some_of_many_says_who_does_not_have_it(self, mail_server: MailServer) -> None:
        answers = {"bob@example.com": "450 4.2.2 full", "eve@example.com": "550-5.1.1 no\r\n550 such user"}
        mail_server.answer = lambda command, argument: answers.get(argument)
        mail = compose("ada@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
        refusals = await mailer_for(mail_server).offer(mail, ["ada@example.com", "bob@example.com", "eve@example.com"])
        assert refusals == {
            "bob@example.com": Refusal("450 4.2.2 full", is_permanent=False),
            "eve@example.com": Refusal("550 5.1.1 no such user", is_permanent=True),
        }
        (received,) = mail_server.received
        assert received.recipients == ("ada@example.com",)
        assert len(received.message["To"].addresses) == 4

    async def test_to_some_of_many_is_no_success(self, mail_server: MailServer) -> None:
        mail_server.answer = lambda command, argument: "450 full" if argument == "bob@example.com" else None
        with pytest.raises(MailUnavailableError, match=r"bob@example\.com: 450 full"):
            await mailer_for(mail_server).send(compose("ada@example.com", "bob@example.com"))

    async def test_to_an_address_beyond_ascii(self, mail_server: MailServer) -> None:
        await mailer_for(mail_server).send(compose("jörg@bücher.example"))
        assert mail_server.received[0].recipients == ("jörg@xn--bcher-kva.example",)
        assert "To: jörg@xn--bcher-kva.example\r\n".encode() in mail_server.received[0].content

    @pytest.mark.parametrize("answer", [DROP, SILENCE, "500 what?"])
    async def test_succeeds_once_the_mail_is_accepted(self, mail_server: MailServer, answer: str) -> None:
        """Faults of QUIT do not matter."""
        mail_server.answer_always("QUIT", answer)
        await mailer_for(mail_server, timeout=SHORT).send(compose())
        assert len(mail_server.received) == 1


class TestRefusal:
    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    async def test_for_good(self, mail_server: MailServer, command: str) -> None:
        mail_server.answer_always(command, "550-5.7.1 we do not\r\n550 want it")
        with pytest.raises(MailRefusedError, match=r"550 5[.]7[.]1 we do not want it"):
            await mailer_for(mail_server).send(compose())
        assert not mail_server.received

    @pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA"])
    async def test_for_now(self, mail_server: MailServer, command: str) -> None:
        mail_server.answer_always(command, "451 4.7.1 later")
        with pytest.raises(MailUnavailableError, match=r"451 4[.]7[.]1 later"):
            await mailer_for(mail_server).send(compose())

    async def test_of_the_connection_is_transient(self, mail_server: MailServer) -> None:
        mail_server.answer_always("EHLO", "554 5.3.2 closed")
        with pytest.raises(MailUnavailableError):
            await mailer_for(mail_server).send(compose())

    async def test_of_all_recipients_is_permanent_if_each_is(self, mail_server: MailServer) -> None:
        mail_server.answer = lambda command, argument: {"a@b.c": "550 no", "d@e.f": "450 later"}.get(argument)
        with pytest.raises(MailUnavailableError, match=r"a@b\.c: 550 no; d@e\.f: 450 later"):
            await mailer_for(mail_server).send(compose("a@b.c", "d@e.f"))
        mail_server.answer_always("RCPT", "550 no")
        with pytest.raises(MailRefusedError):
            await mailer_for(mail_server).send(compose("a@b.c", "d@e.f"))

    async def test_of_an_address_beyond_ascii(self) -> None:
        with MailServer(enable_SMTPUTF8=False) as server:
            with pytest.raises(MailRefusedError, match=r"jörg@example\.com: the mail server takes no addresses"):
                await mailer_for(server).send(compose("jörg@example.com"))
            await mailer_for(server).send(compose("ada@bücher.example"))

    async def test_of_an_address_beyond_ascii_beside_another(self) -> None:
        mail = compose("ada@example.com", "jörg@example.com", text="Größe")
        with MailServer(enable_SMTPUTF8=False) as server:
            refusals = await mailer_for(server).offer(mail, ["ada@example.com", "jörg@example.com"])
            (received,) = server.received
        assert {one: refusal.is_permanent for one, refusal in refusals.items()} == {"jörg@example.com": True}
        assert received.content.isascii()
        assert (received.recipients, received.text) == (("ada@example.com",), "Größe\n")
        assert str(received.message["To"]) == "ada@example.com"

    @pytest.mark.parametrize("answer", ["500 what?", "502 not here"])
    async def test_of_an_address_beyond_ascii_where_only_helo_is_known(
        self, mail_server: MailServer, answer: str
    ) -> None:
        mail_server.answer = lambda command, argument: answer if command == "EHLO" else None
        with pytest.raises(MailRefusedError):
            await mailer_for(mail_server).send(compose("jörg@example.com"))

    async def test_of_a_mail_that_is_too_large(self) -> None:
        with MailServer(data_size_limit=1000) as server:
            with pytest.raises(MailRefusedError, match="552"):
                await mailer_for(server).send(compose(text="long " * 1000))
            await mailer_for(server).send(compose())

    @pytest.mark.parametrize("code", [530, 534, 535, 538])
    async def test_for_want_of_a_login_is_for_the_operator_to_mend(self, mail_server: MailServer, code: int) -> None:
        mail_server.answer_always("MAIL", f"{code} 5.7.0 log in first")
        with pytest.raises(MailUnavailableError, match=str(code)):
            await mailer_for(mail_server).send(compose())


class TestFault:
    @pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA", "TAKEN"])
    @pytest.mark.parametrize("behaviour", [DROP, SILENCE])
    async def test_at_any_point_is_transient(self, mail_server: MailServer, command: str, behaviour: str) -> None:
        """This includes a server that accepted the mail but could not confirm it."""
        mail_server.answer_always(command, behaviour)
        with pytest.raises(MailUnavailableError):
            await mailer_for(mail_server, timeout=SHORT).send(compose())
        mail_server.reset()
        await mailer_for(mail_server).send(compose())
        assert len(mail_server.received) == 1

    async def test_nobody_listens(self) -> None:
        with pytest.raises(MailUnavailableError, match="cannot be sent at the moment"):
            await SmtpMailer(MailSettings(port=free_port())).send(compose())

    async def test_no_such_host(self) -> None:
        with pytest.raises(MailUnavailableError):
            await SmtpMailer(MailSettings(host="mail.invalid")).send(compose())

    async def test_nobody_says_hello(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            mailer = SmtpMailer(MailSettings(port=listener.getsockname()[1], timeout=SHORT))
            with pytest.raises(MailUnavailableError, match=r"within 0\.3 seconds"):
                await mailer.send(compose())


class TestTls:
    @pytest.fixture(autouse=True)
    def trusted(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_carries_a_mail_and_a_password(self, authority: Authority, tls: str) -> None:
        with server_of(tls, authority) as server:
            await mailer_for(server, tls=tls, username="ada", password=PASSWORD).send(compose())
            assert [received.login for received in server.received] == ["ada"]

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_a_wrong_password_is_for_the_operator_to_mend(self, authority: Authority, tls: str) -> None:
        with server_of(tls, authority) as server:
            with pytest.raises(MailUnavailableError, match="535") as error:
                await mailer_for(server, tls=tls, username="ada", password="wrong").send(compose())
            assert "wrong" not in str(error.value)
            assert not server.received

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_needs_the_name_of_the_host(self, authority: Authority, tls: str) -> None:
        with server_of(tls, authority, "elsewhere.example") as server:
            with pytest.raises(MailUnavailableError, match="certificate"):
                await mailer_for(server, tls=tls).send(compose())
            assert not server.received

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_needs_a_known_authority(
        self, authority: Authority, tls: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        with server_of(tls, authority) as server:
            with pytest.raises(MailUnavailableError, match="certificate"):
                await mailer_for(server, tls=tls).send(compose())
            assert not server.received

    async def test_no_mail_is_sent_without_starttls(self, mail_server: MailServer) -> None:
        """If the server offers no STARTTLS, or an attacker hides it, no mail is sent."""
        with pytest.raises(MailUnavailableError, match="STARTTLS"):
            await mailer_for(mail_server, tls="starttls").send(compose())
        assert not mail_server.received

    def test_no_password_in_the_clear(self) -> None:
        with pytest.raises(StartupError, match="MAIL__TLS"):
            SmtpMailer(MailSettings(username="ada", password=PASSWORD))


def server_of(tls: str, authority: Authority, name: str = "127.0.0.1") -> MailServer:
    certificate = authority.server_context(name)
    if tls == "implicit":
        return MailServer(certificate, auth_require_tls=False)  # aiosmtpd 1.4.6 does not notice implicit TLS
    return MailServer(tls_context=certificate, require_starttls=True)
